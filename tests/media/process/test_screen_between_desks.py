"""Screens that are shared between desks: each way, on to the others, and to nobody themself."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from telemed_desk.media import control
from telemed_desk.media.frames import Frame
from tests.media.process.sides import Side, connect, counter
from tests.support.devices.media_desk import next_frame

SIZE = (960, 540)
"""No camera here is so large: a picture of this size is a screen's."""
SHARED = f"pattern:{SIZE[0]}x{SIZE[1]}@5"


@pytest.fixture
async def three() -> AsyncIterator[tuple[Side, Side, Side]]:
    doctor, patient, guest = Side(), Side(), Side()
    sides = (doctor, patient, guest)
    await asyncio.gather(*(side.media.start() for side in sides))
    for side in sides:
        side.media.send(control.Devices("pattern:320x180@10", "tone:500", "null"))
    yield sides
    await asyncio.gather(*(side.media.stop() for side in sides))


def screens(side: Side, call: str) -> list[str]:
    """The memories that were announced for shared screens of a call; empty = no longer."""
    said = side.desk.of(control.VideoStream)
    return [stream.memory for stream in said if (stream.stream, stream.call) == ("screen", call)]


async def sees_screen(side: Side, call: str, times: int = 1) -> None:
    """Wait until a screen is announced for the so-many-th time, and its pictures count on."""
    await side.desk.until(
        lambda: (
            len([m for m in screens(side, call) if m]) >= times and bool(screens(side, call)[-1])
        ),
        f"a screen in {call}",
    )
    seen: set[int] = set()

    def counts_on(frame: Frame) -> bool:
        shown = counter(frame)
        if shown is not None and (frame.width, frame.height) == SIZE:
            seen.add(shown)
        return len(seen) > 3

    await next_frame(screens(side, call)[-1], counts_on)


async def no_screen(side: Side, call: str) -> None:
    await side.desk.until(lambda: screens(side, call)[-1:] == [""], f"no screen in {call}")


async def test_a_joined_desk_shares_its_screen_with_everybody_and_sees_the_others(
    three: tuple[Side, Side, Side],
) -> None:
    doctor, patient, guest = three
    await connect(doctor, patient, "p1")
    await connect(doctor, guest, "g1", leg="guest")
    guest.media.send(control.ShareScreen(on=True, source=SHARED))
    await guest.desk.first(control.ScreenState, lambda state: state.on)
    await asyncio.gather(sees_screen(doctor, "g1"), sees_screen(patient, "p1"))
    assert screens(guest, "g1") == []  # nobody is shown their own

    guest.media.send(control.ShareScreen(on=False))
    await asyncio.gather(no_screen(doctor, "g1"), no_screen(patient, "p1"))

    doctor.media.send(control.ShareScreen(on=True, source=SHARED))
    await asyncio.gather(sees_screen(guest, "g1"), sees_screen(patient, "p1", times=2))
    # A colleague who is called anew sees it at once.
    await connect(doctor, guest, "g2", leg="guest")
    await sees_screen(guest, "g2")

    doctor.media.send(control.EndCall("g2"))
    await asyncio.gather(no_screen(guest, "g2"))
    assert screens(patient, "p1")[-1]  # for the patient it goes on


async def test_sharing_outlives_a_connection_on_the_side_that_answers(
    three: tuple[Side, Side, Side],
) -> None:
    doctor, _, guest = three
    await connect(doctor, guest, "g1", leg="guest")
    guest.media.send(control.ShareScreen(on=True, source=SHARED))
    await sees_screen(doctor, "g1")
    await connect(doctor, guest, "g2", leg="guest")
    await sees_screen(doctor, "g2")


async def test_a_patient_shares_no_screen_with_anybody(three: tuple[Side, Side, Side]) -> None:
    doctor, patient, guest = three
    await connect(doctor, patient, "p1")
    await connect(doctor, guest, "g1", leg="guest")
    patient.media.send(control.ShareScreen(on=True, source=SHARED))
    await patient.desk.first(control.ScreenState, lambda state: state.on)
    guest.media.send(control.ShareScreen(on=True, source=SHARED))
    await sees_screen(doctor, "g1")  # by now the patient's would be there as well
    assert screens(doctor, "p1") == []
