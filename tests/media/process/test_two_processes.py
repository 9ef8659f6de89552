"""Two media processes call each other: pictures, sound, mute, devices changed, a kill, an end."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telemed_desk.media import control
from tests.media.process.sides import Side, connect, loudest_hz
from tests.support.waiting import until


@pytest.fixture
async def sides(tmp_path: Path) -> AsyncIterator[tuple[Side, Side]]:
    a, b = Side(), Side()
    await asyncio.gather(a.media.start(), b.media.start())
    a.media.send(control.Devices("pattern:320x180@15", "tone:500", f"file:{tmp_path}/a.wav"))
    b.media.send(control.Devices("pattern:320x180@15", "tone:900", f"file:{tmp_path}/b.wav"))
    yield a, b
    await asyncio.gather(a.media.stop(), b.media.stop())


async def test_both_see_and_hear_each_other(sides: tuple[Side, Side], tmp_path: Path) -> None:
    a, b = sides
    await connect(a, b, "c1")
    await asyncio.gather(a.picture("c1"), b.picture("c1"))
    await until(lambda: abs(loudest_hz(tmp_path / "b.wav") - 500) < 5, "b hears 500 Hz", 45)
    await until(lambda: abs(loudest_hz(tmp_path / "a.wav") - 900) < 5, "a hears 900 Hz", 45)
    stats = await a.desk.first(control.CallStats, lambda s: s.receive_bps > 0 and s.shown_fps > 0)
    assert stats.call == "c1"
    assert stats.shown_width > 0

    a.media.send(control.Mute(microphone=True, camera=False))
    await until(lambda: loudest_hz(tmp_path / "b.wav") == 0, "b hears nothing", 45)
    hint = await a.desk.first(control.Level, lambda level: level.speaking_while_muted)
    assert hint.microphone_dbfs > -20

    a.media.send(control.Mute(microphone=False, camera=False))
    a.media.send(control.Devices("pattern:320x240@15", "tone:700", f"file:{tmp_path}/a2.wav"))
    await until(lambda: abs(loudest_hz(tmp_path / "b.wav") - 700) < 5, "the new microphone", 45)
    await until(lambda: abs(loudest_hz(tmp_path / "a2.wav") - 900) < 5, "the new speaker", 45)

    a.media.send(control.EndCall("c1"))
    assert (await a.phase("c1", "ended")).reason == ""
    remote = next(s for s in a.desk.of(control.VideoStream) if s.stream == "remote")
    await until(lambda: not (Path("/dev/shm") / remote.memory).exists(), "memory is freed", 45)


async def test_killed_in_a_call_the_desk_may_offer_again(sides: tuple[Side, Side]) -> None:
    a, b = sides
    await connect(a, b, "c1")
    await b.picture("c1")
    assert a.media.pid is not None
    os.kill(a.media.pid, signal.SIGKILL)
    await a.desk.until(lambda: len(a.desk.of(control.Ready)) == 2, "a second Ready")
    assert a.desk.deaths == 1
    await connect(a, b, "c2")  # b still holds the dead connection c1, which is replaced
    await asyncio.gather(a.picture("c2"), b.picture("c2"))
    assert (await b.phase("c1", "ended")).reason == "replaced"


async def test_an_sdp_that_is_rubbish_ends_nothing_but_itself(sides: tuple[Side, Side]) -> None:
    a, b = sides
    a.media.send(control.StartCall("bad", offer=False))
    a.media.send(control.RemoteDescription("bad", "offer", "v=0\r\nrubbish"))
    await a.desk.first(control.Fault)
    a.media.send(control.RemoteCandidate("bad", "candidate:rubbish", "0", 0))
    await connect(a, b, "good")
    await b.picture("good")
