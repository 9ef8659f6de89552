"""The headless patient walks the first visit against the real server and the real desk."""

from pathlib import Path

import pytest

from telemed_desk.media.control import Devices
from telemed_desk.practice import free_port
from telemed_desk.sync.guest_line import JoinRefused
from telemed_protocol.talk import Worse
from tests.end_to_end.headless_desk import new_vault, running_desk, running_server, until
from tests.end_to_end.headless_patient import IdentityRefused, headless_patient_at
from tests.end_to_end.steps import shown, visit
from tests.end_to_end.tapped_line import tapped_line

PHONE = Devices(camera="pattern:640x360@15", microphone="tone:660", speaker="null")
DOCTOR_HZ = 440.0


async def test_a_visit_with_picture_sound_and_photo_both_ways(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        vault = await new_vault(tmp_path / "a", server)
        async with running_desk(vault, server.origin) as desk:
            link = await desk.link()
            async with headless_patient_at(link.url, PHONE) as patient:
                await patient.join(1959)
                await until(lambda: desk.session.room.value.waiting, "the patient arrives")
                await until(lambda: desk.session.room.value.waiting[0].identity_ok, "the year fits")
                waiting = desk.session.room.value.waiting[0]
                desk.session.start_visit(waiting.seat)
                await patient.sees_the_doctor()
                await patient.hears_the_doctor()
                assert patient.call is not None
                # the doctor's tone, not the phone's own
                assert patient.call.senses.loudest_hz() == pytest.approx(DOCTOR_HZ, abs=15)
                await until(shown(desk), "the doctor sees the patient")
                await until(
                    lambda: (visit(desk).speaker_dbfs or -99) > -40, "the doctor hears the patient"
                )
                desk.session.take_photo()
                await patient.take_photo()
                await until(lambda: visit(desk).photos, "the photo is kept")
                assert visit(desk).photos[0].source == "camera"
                desk.session.end_visit(["Keep taking the medicine."])
                assert await patient.ended() == ["Keep taking the medicine."]
                assert patient.room.ignored == 0


async def test_a_patient_whose_line_was_cut_keeps_the_place_and_is_called(tmp_path: Path) -> None:
    port = free_port(0)
    async with (
        tapped_line(port) as line,
        running_server(tmp_path, port=port, also_reached_at=(line.origin,)) as server,
    ):
        vault = await new_vault(tmp_path / "a", server)
        async with running_desk(vault, line.origin) as desk:
            link = await desk.link()
            async with headless_patient_at(link.url, PHONE) as patient:
                await patient.join(1959)
                await until(lambda: desk.session.room.value.waiting, "the patient arrives")
                seat = desk.session.room.value.waiting[0].seat
                line.cut()
                await until(lambda: not patient.room.online, "the line is cut")
                await patient.room.say(Worse())  # kept, and sent when the line is back
                assert not patient.room.kept
                line.mend()
                await until(lambda: patient.room.kept, "the server keeps what was said")
                desk.session.sync_now()
                await until(lambda: desk.session.room.value.waiting[0].is_urgent, "the desk knows")
                assert desk.session.room.value.waiting[0].seat == seat
                desk.session.start_visit(seat)
                await patient.sees_the_doctor()


async def test_a_wrong_year_and_a_link_in_use_are_refused(tmp_path: Path) -> None:
    async with running_server(tmp_path) as server:
        vault = await new_vault(tmp_path / "a", server)
        async with running_desk(vault, server.origin, media=False) as desk:
            link = await desk.link()
            async with headless_patient_at(link.url, PHONE) as patient:
                with pytest.raises(IdentityRefused):
                    await patient.join(1990)
                async with headless_patient_at(link.url, PHONE) as other:
                    with pytest.raises(JoinRefused, match="link_in_use"):
                        await other.join(1959)
