"""Tone and wav file instead of a microphone; wav file and nothing instead of a speaker."""

import threading
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from telemed_desk.devices.problems import MicrophoneMissing, SpeakerFailed
from telemed_desk.devices.specs import UseTone
from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock
from telemed_desk.media.sources.newest import RealTime, StateListener
from telemed_desk.media.sources.sound_hub import BLOCK_S, PacedMicrophone

TONE_PEAK = 8000
"""About -12 dBFS: as loud as close speech."""
Pull = Callable[[int], SoundBlock]


class ToneMicrophone(PacedMicrophone):
    """A steady sine."""

    def __init__(self, spec: UseTone, on_state: StateListener) -> None:
        super().__init__("tone-microphone", on_state)
        self._step = 2 * np.pi * spec.hz / SAMPLE_RATE_HZ

    def _block(self, count: int) -> SoundBlock:
        at = np.arange(count * BLOCK_SAMPLES, (count + 1) * BLOCK_SAMPLES)
        tone: SoundBlock = (TONE_PEAK * np.sin(self._step * at)).astype(np.int16)
        return tone


class FileMicrophone(PacedMicrophone):
    """A wav file (16 bit), looped in real time. A file that cannot be read is a missing device."""

    def __init__(self, path: Path, on_state: StateListener) -> None:
        super().__init__("file-microphone", on_state)
        self._path = path
        self._sound: SoundBlock = np.zeros(BLOCK_SAMPLES, np.int16)

    def _run(self) -> None:
        try:
            self._sound = read_wav(self._path)
        except (OSError, EOFError, wave.Error, ValueError) as error:
            self._on_state(MicrophoneMissing.code, type(error).__name__)
            return
        super()._run()

    def _block(self, count: int) -> SoundBlock:
        at = np.arange(count * BLOCK_SAMPLES, (count + 1) * BLOCK_SAMPLES) % self._sound.size
        return self._sound[at]


def read_wav(path: Path) -> SoundBlock:
    """Read a 16-bit wav as mono at 48 kHz (linear interpolation). Raises wave.Error, ValueError."""
    with wave.open(str(path), "rb") as file:
        if file.getsampwidth() != 2:
            raise ValueError("not 16 bit")
        channels, rate = file.getnchannels(), file.getframerate()
        raw = np.frombuffer(file.readframes(file.getnframes()), "<i2")
    mono = raw.reshape(-1, channels).mean(axis=1)
    if mono.size == 0:
        raise ValueError("empty")
    if rate != SAMPLE_RATE_HZ:
        length = max(1, round(mono.size * SAMPLE_RATE_HZ / rate))
        mono = np.interp(np.linspace(0, mono.size - 1, length), np.arange(mono.size), mono)
    sound: SoundBlock = mono.astype(np.int16)
    return sound


class NullSpeaker:
    """Pulls 10 ms each 10 ms, as a sound card would, and drops them."""

    def __init__(self, pull: Pull, on_state: StateListener) -> None:
        self._pull = pull
        self._on_state = on_state
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="null-speaker", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _run(self) -> None:
        pace = RealTime(BLOCK_S, self._closing)
        self._on_state("", "")
        while pace.next():
            self._play(self._pull(BLOCK_SAMPLES))

    def _play(self, block: SoundBlock) -> None:
        """A null speaker plays nothing."""


class FileSpeaker(NullSpeaker):
    """Writes what a speaker would have played to a wav file: 48 kHz, mono, 16 bit.

    The header is brought up to date each second, so that a killed process leaves a readable file.
    """

    def __init__(self, path: Path, pull: Pull, on_state: StateListener) -> None:
        super().__init__(pull, on_state)
        self._path = path
        self._file: wave.Wave_write | None = None
        self._since_header = 0

    def _run(self) -> None:
        try:
            with self._path.open("wb") as raw, wave.open(raw, "wb") as file:
                file.setnchannels(1)
                file.setsampwidth(2)
                file.setframerate(SAMPLE_RATE_HZ)
                self._file = file
                super()._run()
        except OSError as error:
            self._on_state(SpeakerFailed.code, type(error).__name__)

    def _play(self, block: SoundBlock) -> None:
        if self._file is None:
            return
        self._since_header += 1
        if self._since_header >= 100:
            self._since_header = 0
            self._file.writeframes(block.astype("<i2").tobytes())
        else:
            self._file.writeframesraw(block.astype("<i2").tobytes())
