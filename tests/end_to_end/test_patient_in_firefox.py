"""The whole visit with Firefox on the patient's side: arrive, see and hear, photo, reload, end."""

from pathlib import Path

from telemed_desk.practice import free_port
from tests.end_to_end.headless_desk import new_vault, running_desk, running_server, until
from tests.end_to_end.patient import patient_at
from tests.end_to_end.steps import arrived, in_call, visit
from tests.end_to_end.tapped_line import tapped_line


async def test_a_visit_with_firefox_from_the_link_to_what_was_agreed(tmp_path: Path) -> None:
    port = free_port(0)
    async with (
        tapped_line(port) as line,
        running_server(tmp_path, port=port, also_reached_at=(line.origin,)) as server,
    ):
        vault = await new_vault(tmp_path / "a", server)
        async with running_desk(vault, line.origin) as desk:
            link = await desk.link()
            async with patient_at(link.url, browser="firefox") as patient:
                await in_call(desk, patient, await arrived(desk, patient))
                desk.session.take_photo()
                await patient.page.click("#take-photo")
                await until(lambda: visit(desk).photos, "the photo is kept")
                assert visit(desk).photos[0].source == "camera"
                await patient.page.wait_for(
                    "document.querySelector('.card')?.textContent === 'The photo was sent'"
                )
                before = visit(desk)
                await patient.page.reload()
                await until(lambda: visit(desk).call != before.call, "a fresh offer")
                await patient.sees_the_doctor()
                await until(
                    lambda: (
                        (stats := visit(desk).stats) is not None
                        and stats.call == visit(desk).call
                        and stats.shown_width > 0
                    ),
                    "pictures again",
                )
                after = visit(desk)
                assert after.waiting.consultation.entity == before.waiting.consultation.entity
                desk.session.end_visit(["Keep taking the medicine."])
                await patient.page.wait_for("document.body.innerText.includes('has ended')")
                await patient.page.wait_for("document.body.innerText.includes('the medicine')")
                assert patient.page.problems == []
