"""Real microphones and speakers through PortAudio.

PortAudio freezes its list at start and, on Linux, knows ALSA's definitions only. A PulseAudio device
is therefore opened as ALSA's ``pulse`` with ``PULSE_SOURCE``/``PULSE_SINK`` in the environment, read
by libpulse when it connects. A stream whose device was pulled out may go quiet without any error, so
a watchdog re-opens it.
"""

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from telemed_desk.devices.listing import PULSE_PREFIX, find_listed
from telemed_desk.devices.problems import (
    DeviceProblem,
    MicrophoneFailed,
    MicrophoneMissing,
    SpeakerFailed,
    SpeakerMissing,
)
from telemed_desk.devices.specs import DeviceKind
from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock
from telemed_desk.media.sources.newest import RealTime, StateListener
from telemed_desk.media.sources.sound_hub import BLOCK_S, BlockCutter, Listener, SoundHub

REOPEN_S = 1.0
QUIET_CALLBACKS_S = 2.0
"""A stream that has not called back for this long is dead, whatever it says of itself."""

_opening = threading.Lock()
"""PortAudio's open and the environment it reads are not thread-safe."""


@contextmanager
def _pulse_device(kind: DeviceKind, name: str) -> Iterator[None]:
    variable = "PULSE_SOURCE" if kind is DeviceKind.MICROPHONE else "PULSE_SINK"
    before = os.environ.get(variable)
    os.environ[variable] = name
    try:
        yield
    finally:
        if before is None:
            del os.environ[variable]
        else:
            os.environ[variable] = before


def open_stream(kind: DeviceKind, stable_id: str | None, callback: Callable[..., None]) -> Any:
    """Open and start a PortAudio stream: int16, mono, 48 kHz, 10 ms.

    Args:
        kind: Microphone or speaker.
        stable_id: As listed; None takes the system's default.
        callback: As sounddevice documents it; runs on PortAudio's thread.

    Raises:
        DeviceProblem: The class of this kind for missing or failed.
    """
    microphone = kind is DeviceKind.MICROPHONE
    missing = MicrophoneMissing if microphone else SpeakerMissing
    failed = MicrophoneFailed if microphone else SpeakerFailed
    try:
        import sounddevice  # noqa: PLC0415 - raises OSError where PortAudio is absent
    except OSError as error:
        raise missing("PortAudio is not installed") from error
    device = find_listed(kind, stable_id)
    if device is None:
        raise missing("not listed")
    stream_class = sounddevice.InputStream if microphone else sounddevice.OutputStream
    options = {
        "samplerate": SAMPLE_RATE_HZ,
        "channels": 1,
        "dtype": "int16",
        "blocksize": BLOCK_SAMPLES,
        "latency": "low",
        "callback": callback,
    }
    with _opening:
        try:
            if device.stable_id.startswith(PULSE_PREFIX):
                with _pulse_device(kind, device.address):
                    stream = stream_class(device="pulse", **options)
            else:
                stream = stream_class(device=int(device.address), **options)
            stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            raise failed(type(error).__name__) from error
    return stream


class _Supervised(ABC):
    """Keeps one PortAudio stream open: re-opens after failure, notices silence of callbacks."""

    def __init__(self, kind: DeviceKind, stable_id: str | None, on_state: StateListener) -> None:
        self._kind = kind
        self._stable_id = stable_id
        self._on_state = on_state
        self._closing = threading.Event()
        self._state: str | None = None
        self._last_callback = 0.0
        self._thread = threading.Thread(target=self._run, name=kind.value, daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Stop and give the device back."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(3.0)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._stream_until_problem()
            except DeviceProblem as problem:
                self._say(problem.code, problem.detail)
                self._while_away(REOPEN_S)

    def _stream_until_problem(self) -> None:
        stream = open_stream(self._kind, self._stable_id, self._callback)
        try:
            self._last_callback = time.monotonic()
            self._say("", "")
            while not self._closing.wait(0.25):
                if time.monotonic() - self._last_callback > QUIET_CALLBACKS_S:
                    microphone = self._kind is DeviceKind.MICROPHONE
                    raise (MicrophoneFailed if microphone else SpeakerFailed)("no callbacks")
        finally:
            stream.close(ignore_errors=True)

    def _say(self, code: str, detail: str) -> None:
        if code != self._state and not self._closing.is_set():
            self._state = code
            self._on_state(code, detail)

    @abstractmethod
    def _callback(self, data: Any, frames: int, _times: Any, _status: Any) -> None: ...

    @abstractmethod
    def _while_away(self, seconds: float) -> None: ...


class DeviceMicrophone(_Supervised):
    """A microphone; silence at the right pace while it is away."""

    def __init__(self, stable_id: str | None, on_state: StateListener) -> None:
        super().__init__(DeviceKind.MICROPHONE, stable_id, on_state)
        self._hub = SoundHub()
        self._cutter = BlockCutter()

    def subscribe(self, on_block: Listener) -> Callable[[], None]:
        """See :class:`telemed_desk.media.ports.SoundSource`."""
        return self._hub.subscribe(on_block)

    def _callback(self, data: Any, frames: int, _times: Any, _status: Any) -> None:
        self._last_callback = time.monotonic()
        taken_ns = time.monotonic_ns() - int(frames / SAMPLE_RATE_HZ * 1e9)
        samples: SoundBlock = np.array(data[:, 0], np.int16)
        for index, block in enumerate(self._cutter.feed(samples)):
            self._hub.publish(block, taken_ns + index * int(BLOCK_S * 1e9))

    def _while_away(self, seconds: float) -> None:
        pace = RealTime(BLOCK_S, self._closing)
        silence = np.zeros(BLOCK_SAMPLES, np.int16)
        until = time.monotonic() + seconds
        while time.monotonic() < until and pace.next():
            self._hub.publish(silence, time.monotonic_ns())


class DeviceSpeaker(_Supervised):
    """A speaker; while it is away the sound is pulled and dropped, so that nothing piles up."""

    def __init__(
        self,
        stable_id: str | None,
        pull: Callable[[int], SoundBlock],
        on_state: StateListener,
    ) -> None:
        super().__init__(DeviceKind.SPEAKER, stable_id, on_state)
        self._pull = pull

    def _callback(self, data: Any, frames: int, _times: Any, _status: Any) -> None:
        self._last_callback = time.monotonic()
        data[:, 0] = self._pull(frames)

    def _while_away(self, seconds: float) -> None:
        pace = RealTime(BLOCK_S, self._closing)
        until = time.monotonic() + seconds
        while time.monotonic() < until and pace.next():
            self._pull(BLOCK_SAMPLES)
