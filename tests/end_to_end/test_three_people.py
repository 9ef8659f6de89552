"""A consultation of three: the doctor's desk, the patient, and a colleague's desk elsewhere."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from telemed_desk.clinical.queue import Role
from telemed_desk.media.control import Devices
from telemed_desk.workflow.booking import make_link
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.joining import JoinedState
from telemed_desk.workflow.people import PeopleState
from tests.end_to_end.headless_desk import (
    HeadlessDesk,
    new_vault,
    running_desk,
    running_server,
    until,
)
from tests.end_to_end.headless_patient import HeadlessPatient, headless_patient_at
from tests.end_to_end.steps import shown, visit
from tests.media.process.sides import tones_in

DOCTOR, PATIENT, COLLEAGUE = 500, 900, 700
TONES = (DOCTOR, PATIENT, COLLEAGUE)


def devices(hz: int, speaker: Path) -> Devices:
    return Devices("pattern:640x360@15", f"tone:{hz}", f"file:{speaker}")


@dataclass
class Three:
    """All three in the call."""

    folder: Path
    desk: HeadlessDesk
    colleague: HeadlessDesk
    patient: HeadlessPatient
    seat: str

    def heard(self, who: str) -> set[int]:
        return tones_in(self.folder / f"{who}.wav", TONES)

    async def another_second(self) -> None:
        """Wait until those who stayed have heard a second more."""
        files = [self.folder / f"{who}.wav" for who in ("doctor", "patient")]
        sizes = {file: file.stat().st_size for file in files}
        for file, size in sizes.items():
            await until(lambda f=file, s=size: f.stat().st_size > s + 120_000, f"{file.stem} plays")

    async def hear(self, doctor: set[int], patient: set[int], colleague: set[int]) -> None:
        for who, tones in (("doctor", doctor), ("patient", patient), ("colleague", colleague)):
            await until(lambda w=who, t=tones: self.heard(w) == t, f"{who} hears {tones}")

    @property
    def people(self) -> PeopleState:
        return self.desk.session.people.state.value


def joined(desk: HeadlessDesk) -> JoinedState:
    state = desk.session.people.joined.value
    assert state is not None
    return state


async def invite(desk: HeadlessDesk, role: Role) -> str:
    consultation = visit(desk).waiting.consultation

    async def make() -> str:
        link = await make_link(desk.vault, desk.session.client, consultation, wall_ms(), role)
        return link.url

    return await asyncio.wrap_future(desk.core.submit(make()))


@asynccontextmanager
async def three_in_a_call(folder: Path) -> AsyncIterator[Three]:
    async with running_server(folder) as server:
        vault = await new_vault(folder / "a", server)
        elsewhere = await new_vault(folder / "b", server, name="Dr Amani Kielelezo")
        async with (
            running_desk(vault, server.origin, devices(DOCTOR, folder / "doctor.wav")) as desk,
            running_desk(
                elsewhere, server.origin, devices(COLLEAGUE, folder / "colleague.wav")
            ) as colleague,
        ):
            link = await desk.link()
            phone = devices(PATIENT, folder / "patient.wav")
            async with headless_patient_at(link.url, phone) as patient:
                await patient.join(1959)
                await until(lambda: desk.session.room.value.waiting, "the patient arrives")
                desk.session.start_visit(desk.session.room.value.waiting[0].seat)
                await patient.sees_the_doctor()
                url = await invite(desk, Role.COLLEAGUE)
                colleague.session.people.join(url)
                state = desk.session.people.state
                await until(lambda: state.value.waiting, "the colleague waits to be let in")
                guest = state.value.waiting[0]
                assert (guest.role, guest.name) == (Role.COLLEAGUE, "Dr Amani Kielelezo")
                desk.session.people.admit(guest.seat)
                await until(lambda: state.value.there, "the colleague is let in")
                yield Three(folder, desk, colleague, patient, guest.seat)


async def test_three_hear_see_and_are_told_of_each_other(tmp_path: Path) -> None:
    async with three_in_a_call(tmp_path) as three:
        await three.hear({PATIENT, COLLEAGUE}, {DOCTOR, COLLEAGUE}, {DOCTOR, PATIENT})
        await until(shown(three.desk), "the doctor sees the patient")
        await until(lambda: three.people.there[0].memory, "the doctor sees the colleague")
        await until(lambda: joined(three.colleague).remote_memory, "the colleague sees")
        await until(lambda: three.patient.people, "the patient is told who is there")
        assert [(p.name, p.role) for p in three.patient.people] == [
            ("Dr Amani Kielelezo", "colleague")
        ]
        assert [(p.role) for p in joined(three.colleague).people] == ["patient"]
        before = visit(three.desk).call

        three.desk.session.people.remove(three.seat)
        await until(lambda: joined(three.colleague).phase == "ended", "the colleague is let go")
        await until(lambda: three.heard("doctor") == {PATIENT}, "the doctor hears the patient only")
        await until(lambda: three.heard("patient") == {DOCTOR}, "the patient hears the doctor only")
        await until(lambda: not three.patient.people, "the patient is told")
        assert (visit(three.desk).call, visit(three.desk).phase) == (before, "connected")


async def test_a_colleague_who_leaves_or_dies_is_nothing_to_the_patient(tmp_path: Path) -> None:
    async with three_in_a_call(tmp_path) as three:
        await three.hear({PATIENT, COLLEAGUE}, {DOCTOR, COLLEAGUE}, {DOCTOR, PATIENT})
        before = visit(three.desk).call
        pid = three.colleague.hub.process.pid
        assert pid is not None
        leg = three.people.there[0].call
        os.kill(pid, signal.SIGKILL)
        await until(
            lambda: (
                three.people.there[0].call != leg and three.people.there[0].phase == "connected"
            ),
            "the colleague is called anew",
        )
        await until(lambda: joined(three.colleague).phase == "connected", "the colleague is back")
        await three.another_second()
        await three.hear({PATIENT, COLLEAGUE}, {DOCTOR, COLLEAGUE}, {DOCTOR, PATIENT})
        three.colleague.session.people.leave_joined()
        await until(lambda: not three.people.there, "the colleague has left")
        await until(lambda: three.heard("patient") == {DOCTOR}, "two again")
        assert (visit(three.desk).call, visit(three.desk).phase) == (before, "connected")
        assert three.patient.call is not None
        assert three.patient.call.id == before
