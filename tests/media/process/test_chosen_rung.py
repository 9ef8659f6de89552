"""How much picture the doctor wants: from the desk's message to what both sides send."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media import control
from tests.media.process.sides import Side, connect


@pytest.fixture
async def sides() -> AsyncIterator[tuple[Side, Side]]:
    doctor, patient = Side(), Side()
    await asyncio.gather(doctor.media.start(), patient.media.start())
    for side in (doctor, patient):
        side.media.send(control.Devices("pattern:640x360@15", "tone:500", "null"))
    yield doctor, patient
    await asyncio.gather(doctor.media.stop(), patient.media.stop())


async def sends(side: Side, call: str, rung: Rung, reason: str, *, picture: bool) -> None:
    """Wait until a side stands so, of several figures in a row."""

    def settled() -> bool:
        last = [s for s in side.desk.of(control.CallStats) if s.call == call][-2:]
        return len(last) == 2 and all(
            (s.rung, s.reason, s.sent_fps > 0) == (rung, reason, picture) for s in last
        )

    await side.desk.until(settled, f"{rung.name} because of {reason}")


async def test_a_choice_holds_both_ways_over_connections_and_ends_with_the_last(
    sides: tuple[Side, Side],
) -> None:
    doctor, patient = sides
    await connect(doctor, patient, "one")
    await asyncio.gather(doctor.picture("one"), patient.picture("one"))
    doctor.media.send(control.ChooseRung(int(Rung.AUDIO_PHOTOS)))
    await sends(doctor, "one", Rung.AUDIO_PHOTOS, "choice", picture=False)
    await sends(patient, "one", Rung.AUDIO_PHOTOS, "other-side", picture=False)

    await connect(doctor, patient, "two")  # takes the place of the first
    await sends(doctor, "two", Rung.AUDIO_PHOTOS, "choice", picture=False)
    await sends(patient, "two", Rung.AUDIO_PHOTOS, "other-side", picture=False)
    doctor.media.send(control.ChooseRung(int(Rung.LOW_VIDEO)))
    await sends(doctor, "two", Rung.LOW_VIDEO, "choice", picture=True)
    await sends(patient, "two", Rung.LOW_VIDEO, "other-side", picture=True)

    doctor.media.send(control.EndCall("two"))
    await doctor.phase("two", "ended")
    await connect(doctor, patient, "three")
    await asyncio.gather(doctor.picture("three"), patient.picture("three"))
    said = {s.reason for s in doctor.desk.of(control.CallStats) if s.call == "three"}
    assert "choice" not in said
