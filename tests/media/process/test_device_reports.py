"""What watches the plugs ends when it is told to, at whatever moment: else its process never ends."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemed_desk.media import control
from telemed_desk.media.camera_report import CameraReport
from telemed_desk.media.sound_report import SoundReport
from telemed_desk.media.station import Station
from tests.support.devices.private_pulse import PrivatePulse

TURNS = 8
LIMIT_S = 30.0

Report = Callable[[Station, Callable[[control.FromMedia], object]], SoundReport | CameraReport]


@pytest.fixture
def pulse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A sound server: without one PortAudio would be asked, which looks around once for good, and
    every later test of this process would find the devices of that moment.
    """
    server = PrivatePulse(tmp_path)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield
    server.close()


@pytest.mark.usefixtures("pulse")
@pytest.mark.parametrize("report", [SoundReport, CameraReport])
async def test_a_watch_that_is_ended_while_something_is_plugged_ends(report: Report) -> None:
    for turns in range(TURNS):  # of the loop, between the plug and the end
        told = asyncio.Event()
        watch = report(Station(lambda _message: None), lambda _message, told=told: told.set())
        task = asyncio.create_task(watch.run())
        async with asyncio.timeout(LIMIT_S):
            await told.wait()
        await asyncio.sleep(0)
        watch._changed.set()
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait([task], timeout=LIMIT_S)
        with contextlib.suppress(asyncio.CancelledError):
            assert done, f"goes on, {turns} turns after the plug"
            await task
