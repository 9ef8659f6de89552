"""The path that a doctor and a patient walk, every part real but the windows."""

import asyncio
import base64
from pathlib import Path

from telemed_desk.clinical.call_record import summarise
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.notes import Section
from telemed_desk.practice import free_port
from tests.end_to_end.headless_desk import new_vault, running_desk, running_server, until
from tests.end_to_end.patient import patient_at
from tests.end_to_end.steps import arrived, in_call, saved, sign, signed_text, visit
from tests.end_to_end.tapped_line import tapped_line

WORDS = "Kizunguzungu tangu Jumanne, anapata nafuu"
CANARIES = ("Kizunguzungu", "Jumanne", "Nyambura", "Mfano", "Wairimu", "Odera", "penicillin")


async def test_a_note_of_a_call_is_read_on_a_second_desk_and_by_nobody_between(
    tmp_path: Path,
) -> None:
    port = free_port(0)
    async with (
        tapped_line(port) as line,
        running_server(tmp_path, port=port, also_reached_at=(line.origin,)) as server,
    ):
        vault = await new_vault(tmp_path / "a", server)
        async with running_desk(vault, line.origin) as desk:
            link = await desk.link()
            async with patient_at(link.url) as patient:
                waiting = await arrived(desk, patient)
                await in_call(desk, patient, waiting)
                desk.session.edit(Section.SUBJECTIVE, WORDS)
                await until(saved(desk), "the note is on disk")
                desk.session.take_photo()
                await patient.page.click("#take-photo")
                await until(lambda: visit(desk).photos, "the photo is kept")
                desk.session.end_visit(["Keep taking the medicine."])
                await patient.page.wait_for("document.body.innerText.includes('has ended')")
                await patient.page.wait_for("document.body.innerText.includes('the medicine')")
            await sign(desk)
            await until(lambda: vault.outbox().count == 0, "everything has a receipt")
            desks = desk.session.desks
            invited = await asyncio.wrap_future(desk.core.submit(desks.granting.invite()))
            joining = asyncio.create_task(
                new_vault(tmp_path / "b", server, code=invited.text, name="Nurse Mercy Jaribio")
            )
            await until(lambda: desks.state.value.asking, "the second PC asks")
            desks.grant(desks.state.value.asking[0].key)
            second = await joining
            async with running_desk(second, line.origin, media=False):
                consultation = waiting.consultation.entity
                await until(lambda: signed_text(second, consultation) == WORDS, "it is read there")
                photos = second.photos_of(consultation)
                assert photos
                assert photos[0].preview.startswith(b"\xff\xd8")
                await until(lambda: second.call_traces_of(consultation), "the call's figures too")
                figures = summarise(second.call_traces_of(consultation))
                assert figures.seconds >= 1
                assert max(figures.by_rung) >= Rung.LOW_VIDEO
                assert not figures.relayed
        stored = b"".join(
            path.read_bytes()
            for path in [*(tmp_path / "server").rglob("*"), tmp_path / "server.log"]
            if path.is_file()
        )
        assert len(stored) > 10_000
        assert_no_canary("what the server stores and logs", stored)
        assert_no_canary("the bytes on the wire", bytes(line.heard))


def assert_no_canary(where: str, data: bytes) -> None:
    for word in CANARIES:
        for form in (word.encode(), word.encode("utf-16-le"), base64.b64encode(word.encode())):
            assert form not in data, f"{word} in {where}"


async def test_the_search_for_words_finds_one_that_is_there(tmp_path: Path) -> None:
    leaky = tmp_path / "leak"
    leaky.write_bytes(b"\x00\x01" + WORDS.encode() + b"\x02")
    try:
        assert_no_canary("a leak", leaky.read_bytes())
    except AssertionError:
        return
    raise AssertionError("the search is blind")
