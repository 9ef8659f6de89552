"""A call is never lost for want of an echo canceller; what is done to the sound is said."""

import threading

import numpy as np
import pytest

from telemed_desk.devices.problems import SoundProcessingMissing
from telemed_desk.media.ports import SoundBlock
from telemed_desk.media.processing import webrtc
from telemed_desk.media.processing.port import EchoCanceller, Filter, ProcessingLibrary
from telemed_desk.media.processing.voice_path import ProcessingState, VoicePath
from telemed_desk.media.sources.sound_hub import SoundHub

WAIT_S = 30.0
BLOCK: SoundBlock = np.arange(480, dtype=np.int16)


class Told:
    def __init__(self) -> None:
        self.states: list[ProcessingState] = []
        self._changed = threading.Event()

    def __call__(self, state: ProcessingState) -> None:
        self.states.append(state)
        self._changed.set()

    def wait(self) -> ProcessingState:
        assert self._changed.wait(WAIT_S)
        self._changed.clear()
        return self.states[-1]


class Breaks:
    """A library of which the canceller breaks in the call, as a native one may."""

    def echo_canceller(self) -> EchoCanceller:
        return self

    def noise_suppressor(self) -> Filter:
        return lambda block: block

    def gain(self) -> Filter:
        return lambda block: block

    def played(self, block: SoundBlock) -> None:
        pass

    def heard(self, block: SoundBlock, delay_ms: int) -> SoundBlock:
        raise RuntimeError(f"native, {block.size} samples, {delay_ms} ms")


def heard_by(path: VoicePath) -> list[SoundBlock]:
    blocks: list[SoundBlock] = []
    path.subscribe(lambda block, _taken_ns: blocks.append(block))
    return blocks


def test_without_the_library_the_sound_goes_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "livekit.rtc", None)  # as if not installed
    told, microphone = Told(), SoundHub()
    path = VoicePath(webrtc.WebRtcProcessing, told)
    blocks = heard_by(path)
    path.listen_to(microphone, processed=True)
    assert told.wait() == ProcessingState(active=False, problem=SoundProcessingMissing.code)
    microphone.publish(BLOCK, 5)
    assert np.array_equal(blocks[0], BLOCK)
    assert path.read_levels()[0] > -60


def test_a_library_that_breaks_in_the_call_is_left_out_from_then_on() -> None:
    told, microphone = Told(), SoundHub()

    def load() -> ProcessingLibrary:
        return Breaks()

    path = VoicePath(load, told)
    blocks = heard_by(path)
    path.listen_to(microphone, processed=True)
    assert told.wait().active
    for n in range(3):
        microphone.publish(BLOCK, n)
    assert told.wait().problem == SoundProcessingMissing.code
    assert len(blocks) == 3
    assert len(told.states) == 2


def test_a_stand_in_for_a_microphone_is_left_alone() -> None:
    def load() -> ProcessingLibrary:
        raise AssertionError("not asked for")

    told, microphone = Told(), SoundHub()
    path = VoicePath(load, told)
    blocks = heard_by(path)
    path.listen_to(microphone, processed=False)
    microphone.publish(BLOCK, 5)
    other = SoundHub()
    path.listen_to(other, processed=False)
    microphone.publish(BLOCK, 6)  # nobody listens to it any more
    other.publish(BLOCK, 7)
    assert len(blocks) == 2
    assert told.states == []
