"""Three media processes in one call, one of them in the middle."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from telemed_desk.media import control
from telemed_desk.media.frames import Frame
from telemed_desk.media.sources.barcode import read_count
from tests.media.process.sides import Side, connect, counter, tones_in
from tests.support.devices.media_desk import next_frame
from tests.support.waiting import until

DOCTOR, PATIENT, GUEST = 500, 900, 700
GAP_MS = 400.0
"""A busy PC keeps the sound waiting for a tenth of a second; a voice that is begun anew, or waits for
another's call, is gone for longer. On a quiet one nothing is missing (ADR 13)."""


@dataclass
class Three:
    """The doctor in the middle, the patient, and a guest; each speaker writes a file."""

    folder: Path
    doctor: Side
    patient: Side
    guest: Side

    def heard(self, who: str) -> set[int]:
        """Which of the three tones were played to somebody within the last second."""
        return tones_in(self.folder / f"{who}.wav", (DOCTOR, PATIENT, GUEST))


@pytest.fixture
async def three(tmp_path: Path) -> AsyncIterator[Three]:
    doctor, patient, guest = Side(), Side(), Side()
    sides = {"doctor": (doctor, DOCTOR), "patient": (patient, PATIENT), "guest": (guest, GUEST)}
    await asyncio.gather(*(side.media.start() for side, _ in sides.values()))
    for name, (side, hz) in sides.items():
        speaker = f"file:{tmp_path}/{name}.wav"
        side.media.send(control.Devices("pattern:640x360@15", f"tone:{hz}", speaker))
    yield Three(tmp_path, doctor, patient, guest)
    await asyncio.gather(*(side.media.stop() for side, _ in sides.values()))


def in_corner(frame: Frame) -> int | None:
    """Read the counter of the picture that is drawn into the corner."""
    rows = np.frombuffer(frame.data, np.uint8).reshape(frame.height, frame.stride)
    luma = rows[:, 1 : frame.width * 3 : 3]
    height, width = luma.shape
    gap = max(2, int(min(width, height) * 0.02) & ~1)
    inner_w, inner_h = int(width * 0.3) & ~1, int(height * 0.3) & ~1
    left, top = (width - gap - inner_w) & ~1, (height - gap - inner_h) & ~1
    inner = np.ascontiguousarray(luma[top : top + inner_h, left : left + inner_w])
    return read_count(inner)


async def hears(three: Three, who: str, tones: set[int]) -> None:
    await until(lambda: three.heard(who) == tones, f"{who} hears {sorted(tones)}", 45)


async def sees_two(side: Side, call: str) -> None:
    """The large picture and the one in its corner both count on."""
    stream = await side.desk.first(
        control.VideoStream, lambda s: s.stream == "remote" and s.call == call
    )
    seen: list[tuple[int, int]] = []

    def both(frame: Frame) -> bool:
        large, small = counter(frame), in_corner(frame)
        if large is not None and small is not None:
            seen.append((large, small))
        return len({a for a, _ in seen}) > 3 and len({b for _, b in seen}) > 3

    await next_frame(stream.memory, both)


async def test_all_hear_and_see_each_other_and_nobody_themself(three: Three) -> None:
    await connect(three.doctor, three.patient, "p1")
    await hears(three, "patient", {DOCTOR})
    await connect(three.doctor, three.guest, "g1", leg="guest")
    await hears(three, "doctor", {PATIENT, GUEST})
    await hears(three, "patient", {DOCTOR, GUEST})
    await hears(three, "guest", {DOCTOR, PATIENT})
    await sees_two(three.patient, "p1")
    await sees_two(three.guest, "g1")
    await asyncio.gather(three.doctor.picture("p1"), three.doctor.picture("g1"))

    three.doctor.media.send(control.Mute(microphone=True, camera=True))
    await hears(three, "patient", {GUEST})
    await hears(three, "guest", {PATIENT})
    three.doctor.media.send(control.Mute(microphone=False, camera=False))
    await hears(three, "patient", {DOCTOR, GUEST})

    three.doctor.media.send(control.EndCall("g1"))
    await hears(three, "patient", {DOCTOR})
    await hears(three, "doctor", {PATIENT})
    assert (await three.doctor.phase("g1", "ended")).reason == ""
    assert not [s for s in three.doctor.desk.of(control.CallState) if s.call == "p1" and s.reason]


async def test_a_guest_killed_and_back_is_nothing_to_the_others(three: Three) -> None:
    await connect(three.doctor, three.patient, "p1")
    await connect(three.doctor, three.guest, "g1", leg="guest")
    await hears(three, "patient", {DOCTOR, GUEST})
    gaps = SoundOf(three.folder / "patient.wav", DOCTOR)
    assert three.guest.media.pid is not None
    os.kill(three.guest.media.pid, signal.SIGKILL)
    await hears(three, "patient", {DOCTOR})
    await three.guest.desk.until(
        lambda: len(three.guest.desk.of(control.Ready)) == 2, "a second Ready"
    )
    await connect(three.doctor, three.guest, "g2", leg="guest")  # the dead one is replaced
    await hears(three, "patient", {DOCTOR, GUEST})
    assert (await three.doctor.phase("g1", "ended")).reason == "replaced"
    phases = [s.phase for s in three.doctor.desk.of(control.CallState) if s.call == "p1"]
    assert phases == ["connecting", "connected"]
    assert gaps.longest_ms() < GAP_MS
    stats = [s for s in three.patient.desk.of(control.CallStats) if s.shown_fps > 0]
    assert stats[-1].frozen_s - stats[0].frozen_s < 5.0


class SoundOf:
    """One tone in what a file speaker plays from now on."""

    def __init__(self, path: Path, hz: int) -> None:
        self._path = path
        self._hz = hz
        self._from = path.stat().st_size

    def longest_ms(self) -> float:
        """How long the tone was missing at most, in steps of 10 ms over windows of 20 ms."""
        sound = np.frombuffer(self._path.read_bytes()[self._from & ~1 :], "<i2").astype(float)
        at = np.arange(960) / 48_000
        wave = np.exp(-2j * np.pi * self._hz * at) * np.hanning(960)
        levels = np.array(
            [abs(np.dot(sound[i : i + 960], wave)) for i in range(0, sound.size - 960, 480)]
        )
        missing = levels < np.median(levels) / 4
        longest = run = 0
        for quiet in missing:
            run = run + 1 if quiet else 0
            longest = max(longest, run)
        return longest * 10.0
