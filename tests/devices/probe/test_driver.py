"""A call wins: a measurement that is cancelled sends nothing more."""

import asyncio

import pytest

from telemed_desk.devices.probe.plan import STANDARD
from telemed_desk.devices.probe.session import ProbeSession
from telemed_desk.media.check_runs import CheckRuns
from telemed_desk.media.control import ChecksDone, Devices, Fault, FromMedia, RunLinkProbe
from telemed_desk.media.probe.driver import SessionDriver
from telemed_desk.media.station import Station


async def test_cancelled_it_is_silent_at_once() -> None:
    sent: list[bytes] = []
    enough = asyncio.Event()

    def send(data: bytes) -> None:
        sent.append(data)
        if len(sent) >= 3:
            enough.set()

    driver = SessionDriver(ProbeSession(b"session1", b"k" * 32, STANDARD), send)
    running = asyncio.create_task(driver.run())
    await asyncio.wait_for(enough.wait(), 30)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    before = len(sent)
    driver.received(b"late")
    await asyncio.sleep(0.4)  # longer than its pause between two hellos
    assert len(sent) == before


async def test_beside_a_call_none_begins() -> None:
    said: list[FromMedia] = []
    station = Station(lambda _message: None)
    await station.choose(Devices("none", "none", "null"))
    runs = CheckRuns(station, said.append)
    runs.start(RunLinkProbe("r", "quick", b"session1", b"k" * 32, "127.0.0.1", 9), in_call=True)
    assert said == [Fault("checks-in-call", "r"), ChecksDone("r")]
    await runs.close()
