"""Mix-minus on two clocks, without devices: tones tell who is heard."""

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from telemed_desk.media.bridge.sound import SoundBridge
from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock
from tests.support.waiting import until

DOCTOR, A, B, C = 440.0, 700.0, 1000.0, 1300.0
LEVEL = 8_000


class Voice:
    """A remote voice: an endless tone, pulled; counts what was pulled."""

    def __init__(self, hz: float) -> None:
        self._hz = hz
        self.pulled = 0

    def pull(self, samples: int) -> SoundBlock:
        at = (np.arange(samples) + self.pulled) / SAMPLE_RATE_HZ
        self.pulled += samples
        return (LEVEL * np.sin(2 * np.pi * self._hz * at)).astype(np.int16)


class Microphone(Voice):
    """The doctor, published by hand."""

    def __init__(self) -> None:
        super().__init__(DOCTOR)
        self.listeners: list[Callable[[SoundBlock, int], None]] = []

    def subscribe(self, on_block: Callable[[SoundBlock, int], None]) -> Callable[[], None]:
        self.listeners.append(on_block)
        return lambda: self.listeners.remove(on_block)

    def say(self) -> None:
        block = self.pull(BLOCK_SAMPLES)
        for listener in list(self.listeners):
            listener(block, self.pulled)


class Room:
    """A bridge with a microphone and a speaker that tick in turn."""

    def __init__(self, *, microphone: bool = True) -> None:
        self.bridge = SoundBridge()
        self.microphone = Microphone()
        if microphone:
            self.bridge.listen_to(self.microphone)
        self.speaker: list[SoundBlock] = []
        self.sent: dict[str, list[SoundBlock]] = {}
        self.voices: dict[str, Voice] = {}

    def join(self, name: str, hz: float) -> None:
        source = self.bridge.join(name)
        heard = self.sent.setdefault(name, [])
        source.subscribe(lambda block, _taken_ns: heard.append(block))
        self.voices[name] = Voice(hz)
        self.bridge.hear(name, self.voices[name])

    def run(self, blocks: int) -> None:
        for _ in range(blocks):
            self.speaker.append(self.bridge.pull(BLOCK_SAMPLES))
            self.microphone.say()


@pytest.fixture
def make_room() -> Iterator[Callable[..., Room]]:
    rooms: list[Room] = []

    def make(*, microphone: bool = True) -> Room:
        rooms.append(Room(microphone=microphone))
        return rooms[-1]

    yield make
    for room in rooms:
        for name in room.voices:
            room.bridge.leave(name)


def tones(blocks: list[SoundBlock]) -> set[float]:
    """Which of the four are in the last half second."""
    sound = np.concatenate(blocks[-50:]).astype(float)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
    resolution = SAMPLE_RATE_HZ / sound.size
    loud = {hz: spectrum[round(hz / resolution)] for hz in (DOCTOR, A, B, C)}
    return {hz for hz, level in loud.items() if level > LEVEL * sound.size / 4 / 50}


def test_everybody_hears_all_others_and_nobody_themself(make_room: Callable[..., Room]) -> None:
    room = make_room()
    room.join("a", A)
    room.join("b", B)
    room.join("c", C)
    room.run(100)
    assert tones(room.speaker) == {A, B, C}
    assert tones(room.sent["a"]) == {DOCTOR, B, C}
    assert tones(room.sent["b"]) == {DOCTOR, A, C}
    assert tones(room.sent["c"]) == {DOCTOR, A, B}
    assert {voice.pulled for voice in room.voices.values()} == {100 * BLOCK_SAMPLES}


def test_a_muted_doctor_keeps_nobody_from_hearing_the_others(
    make_room: Callable[..., Room],
) -> None:
    room = make_room()
    room.join("a", A)
    room.join("b", B)
    room.bridge.muted = True
    room.run(100)
    assert tones(room.sent["a"]) == {B}
    assert tones(room.sent["b"]) == {A}


def test_who_joins_and_leaves_makes_no_click_and_no_delay_for_the_rest(
    make_room: Callable[..., Room],
) -> None:
    room = make_room()
    room.join("a", A)
    room.run(50)
    room.join("b", B)
    room.run(103)
    room.bridge.leave("b")
    room.run(100)
    for heard in (room.sent["a"], room.speaker):
        sound = np.concatenate(heard)
        # two tones together are never steeper than this; a cut of one would be
        steepest = 2 * np.pi * (max(A, DOCTOR) + B) / SAMPLE_RATE_HZ * LEVEL
        assert np.abs(np.diff(sound.astype(float))).max() < steepest * 1.05
    assert len(room.sent["a"]) == 253
    # A hears the doctor sample by sample as if there had never been a B
    doctor = Voice(DOCTOR).pull(253 * BLOCK_SAMPLES)
    heard_by_a = np.concatenate(room.sent["a"])
    assert (heard_by_a[: 50 * BLOCK_SAMPLES] == doctor[: 50 * BLOCK_SAMPLES]).all()
    assert (heard_by_a[-90 * BLOCK_SAMPLES :] == doctor[-90 * BLOCK_SAMPLES :]).all()
    # and the doctor hears A so
    a = Voice(A).pull(253 * BLOCK_SAMPLES)
    assert (np.concatenate(room.speaker)[-90 * BLOCK_SAMPLES :] == a[-90 * BLOCK_SAMPLES :]).all()


def test_without_a_microphone_the_others_still_hear_each_other(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(microphone=False)
    room.join("a", A)
    room.join("b", B)
    room.run(100)
    assert tones(room.sent["a"]) == {B}
    assert tones(room.sent["b"]) == {A}


async def test_without_a_speaker_a_beat_of_our_own_pulls_and_stops_with_the_second(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(microphone=False)
    room.join("a", A)
    room.join("b", B)
    await until(lambda: len(room.sent["a"]) > 60, "the beat carries", 20)
    assert tones(room.sent["a"]) == {B}
    room.bridge.leave("b")
    assert "bridge-beat" not in {thread.name for thread in threading.enumerate()}


async def test_a_speaker_that_hangs_is_replaced_by_the_beat_and_taken_back(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(microphone=False)
    room.join("a", A)
    room.join("b", B)
    room.run(10)
    await until(lambda: len(room.sent["a"]) > 20, "the beat takes over", 20)
    started = time.monotonic()
    pulled = 0
    while time.monotonic() - started < 0.5:
        room.bridge.pull(BLOCK_SAMPLES)
        pulled += 1
        threading.Event().wait(0.01)
    before = room.voices["a"].pulled
    room.bridge.pull(BLOCK_SAMPLES)
    assert room.voices["a"].pulled == before + BLOCK_SAMPLES
    assert pulled > 5
    room.bridge.leave("b")
