"""Real sound devices through PortAudio and a private PulseAudio; and a PC that has none."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from telemed_desk.devices.listing import list_sound
from telemed_desk.devices.problems import MicrophoneMissing, MicrophoneMuted, SpeakerMissing
from telemed_desk.devices.specs import DeviceKind
from telemed_desk.devices.system_volume import system_volume
from telemed_desk.media.ports import SAMPLE_RATE_HZ, SoundBlock
from telemed_desk.media.sources.opening import open_microphone, open_speaker
from tests.support.devices.camera_double import CameraDouble
from tests.support.devices.private_pulse import PrivatePulse

WAIT_S = 40.0


@pytest.fixture(scope="module")
def pulse_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrivatePulse]:
    server = PrivatePulse(tmp_path_factory.mktemp("pulse"))
    yield server
    server.close()


@pytest.fixture
def pulse(pulse_server: PrivatePulse, monkeypatch: pytest.MonkeyPatch) -> PrivatePulse:
    for name, value in pulse_server.environment.items():
        monkeypatch.setenv(name, value)
    return pulse_server


class States:
    """Device states, and a way to wait for one."""

    def __init__(self) -> None:
        self.codes: list[str] = []
        self._changed = threading.Condition()

    def __call__(self, code: str, _detail: str) -> None:
        with self._changed:
            self.codes.append(code)
            self._changed.notify_all()

    def wait_for(self, code: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: code in self.codes, WAIT_S), self.codes

    def wait_for_last(self, code: str) -> None:
        with self._changed:
            assert self._changed.wait_for(lambda: self.codes[-1:] == [code], WAIT_S), self.codes


class Heard:
    """Collects blocks until there is enough of what is wanted."""

    def __init__(self) -> None:
        self._blocks: list[SoundBlock] = []
        self._lock = threading.Lock()

    def __call__(self, block: SoundBlock, _taken_ns: int) -> None:
        with self._lock:
            self._blocks.append(block)

    def strongest_hz(self) -> float:
        """Of the last half second; 0 for silence or too little."""
        with self._lock:
            sound = np.concatenate(self._blocks[-50:]) if self._blocks else np.zeros(0, np.int16)
        if sound.size < SAMPLE_RATE_HZ // 2 or np.abs(sound.astype(int)).max() < 200:
            return 0.0
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(sound.size)))
        return float(np.argmax(spectrum)) * SAMPLE_RATE_HZ / sound.size

    def wait_for_hz(self, hz: float) -> None:
        deadline = time.monotonic() + WAIT_S
        while abs(self.strongest_hz() - hz) > 5:
            assert time.monotonic() < deadline, f"heard {self.strongest_hz()} Hz"
            threading.Event().wait(0.05)


class ToneFeed:
    """What a call's playout buffer is to a speaker: pulled for any number of samples."""

    def __init__(self, hz: float) -> None:
        self._hz = hz
        self._at = 0

    def __call__(self, samples: int) -> SoundBlock:
        at = np.arange(self._at, self._at + samples)
        self._at += samples
        return (8000 * np.sin(2 * np.pi * self._hz * at / SAMPLE_RATE_HZ)).astype(np.int16)


def test_devices_are_listed_by_the_names_people_know(pulse: PrivatePulse) -> None:
    microphones = list_sound(DeviceKind.MICROPHONE)
    assert [(m.name, m.stable_id) for m in microphones] == [("ClinicMic", "pulse:clinic_mic")]
    speakers = list_sound(DeviceKind.SPEAKER)
    assert (speakers[0].name, speakers[0].stable_id) == ("ClinicSpeaker", "pulse:clinic_spk")


def test_what_the_speaker_plays_the_microphone_hears(pulse: PrivatePulse) -> None:
    states, heard = States(), Heard()
    microphone = open_microphone("id:pulse:clinic_mic", states)
    speaker = open_speaker("id:pulse:micfeed", ToneFeed(600), states)
    assert microphone is not None
    assert speaker is not None
    try:
        microphone.subscribe(heard)
        heard.wait_for_hz(600)
        assert states.codes == ["", ""]
        pulse.control("set-source-mute", "clinic_mic", "1")
        listed = list_sound(DeviceKind.MICROPHONE)[0]
        assert system_volume(DeviceKind.MICROPHONE, listed) == 0
        states.wait_for(MicrophoneMuted.code)
        pulse.control("set-source-mute", "clinic_mic", "0")
        states.wait_for_last("")
        assert system_volume(DeviceKind.MICROPHONE, listed) == pytest.approx(1.0, abs=0.01)
    finally:
        speaker.close()
        microphone.close()


def test_a_microphone_that_is_plugged_in_later_comes_by_itself(pulse: PrivatePulse) -> None:
    states, heard = States(), Heard()
    microphone = open_microphone("id:pulse:headset", states)
    assert microphone is not None
    module = ""
    try:
        microphone.subscribe(heard)
        states.wait_for(MicrophoneMissing.code)
        module = pulse.control(
            "load-module", "module-remap-source", "source_name=headset", "master=micfeed.monitor"
        )
        states.wait_for("")
        speaker = open_speaker("id:pulse:micfeed", ToneFeed(800), States())
        assert speaker is not None
        heard.wait_for_hz(800)
        speaker.close()
    finally:
        microphone.close()
        if module:
            pulse.control("unload-module", module)


def test_without_any_sound_it_says_so_and_goes_on(tmp_path: Path) -> None:
    """In a process of its own: PortAudio keeps what it found at its first start."""
    code = """
import sys, threading, time
from telemed_desk.media.sources.opening import open_microphone, open_speaker
codes, blocks, pulled = [], [], []
speaker = open_speaker("default", lambda n: (pulled.append(n), __import__("numpy").zeros(n, "int16"))[1],
                       lambda code, _: codes.append(code))
microphone = open_microphone("default", lambda code, _: codes.append(code))
microphone.subscribe(lambda block, _: blocks.append(int(abs(block).max())))
until = time.monotonic() + 30
while (len(blocks) < 20 or len(pulled) < 20 or len(codes) < 2) and time.monotonic() < until:
    time.sleep(0.05)
print(sorted(codes), len(blocks) >= 20, max(blocks), len(pulled) >= 20)
microphone.close(); speaker.close()
"""
    double = CameraDouble(tmp_path)
    without_devices = double.command(["-c", code])
    double.close()
    environment = os.environ | {
        "PULSE_SERVER": f"unix:{tmp_path}/nothing",
        "XDG_RUNTIME_DIR": str(tmp_path),
    }
    done = subprocess.run(
        without_devices,  # a /dev of its own: else a developer's sound card would be found
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=90,
    )
    expected = sorted([MicrophoneMissing.code, SpeakerMissing.code])
    # The call's clock goes on: silence from the microphone, and the speaker's sound is taken.
    assert done.stdout.strip() == f"{expected} True 0 True"
