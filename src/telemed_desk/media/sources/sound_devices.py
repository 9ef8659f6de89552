"""Real microphones and speakers through PortAudio.

PortAudio freezes its list at start and, on Linux, knows ALSA's definitions only. A PulseAudio device
is therefore opened as ALSA's ``pulse`` with ``PULSE_SOURCE``/``PULSE_SINK`` in the environment, read
by libpulse when it connects.

A stream whose device was pulled out may go quiet without any error, or the sound server may move it to
another device: a headset's sound to the loudspeaker, where the waiting room hears it. So the stream is
closed as soon as the device is no longer listed; a microphone goes over to the default if that was asked
for, a speaker stays silent until its device is back or another one is chosen.
"""

import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from telemed_desk.devices.listing import PULSE_PREFIX, ListedDevice, find_sound, list_sound
from telemed_desk.devices.problems import (
    DeviceProblem,
    MicrophoneFailed,
    MicrophoneMissing,
    MicrophoneMuted,
    SpeakerAway,
    SpeakerFailed,
    SpeakerMissing,
    SpeakerMuted,
    SpeakerUnplugged,
)
from telemed_desk.devices.sound_permission import microphone_refused
from telemed_desk.devices.sound_watch import SoundWatch
from telemed_desk.devices.specs import DeviceKind, UseListed
from telemed_desk.devices.system_volume import system_volume
from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock
from telemed_desk.media.sources.newest import RealTime, StateListener
from telemed_desk.media.sources.sound_hub import BLOCK_S, BlockCutter, Listener, SoundHub
from telemed_desk.media.sources.sound_latency import SteadyLatency

REOPEN_S = 0.5
QUIET_CALLBACKS_S = 2.0
"""A stream that has not called back for this long is dead, whatever it says of itself."""
LOOK_S = 0.25
MOST_LATENCY_S = 1.0

_opening = threading.Lock()
"""PortAudio's open and the environment it reads are not thread-safe."""
_watch = SoundWatch()
_latencies: dict[str, SteadyLatency] = {}
"""What each device needed so far, by kind and id, while this process lives."""


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


def open_stream(
    kind: DeviceKind,
    device: ListedDevice,
    callback: Callable[..., None],
    latency_s: float = 0.0,
    channels: int = 1,
) -> Any:
    """Open and start a PortAudio stream: int16, 48 kHz, 10 ms.

    Args:
        kind: Microphone or speaker.
        device: As listed.
        callback: As sounddevice documents it; runs on PortAudio's thread.
        latency_s: How much it should buffer; 0 for the device's own idea of low.
        channels: Calls are mono; a check listens to both sides.

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
    stream_class = sounddevice.InputStream if microphone else sounddevice.OutputStream
    options = {
        "samplerate": SAMPLE_RATE_HZ,
        "channels": channels,
        "dtype": "int16",
        "blocksize": BLOCK_SAMPLES,
        "latency": latency_s or "low",
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


def _is_it(device: ListedDevice, chosen: UseListed) -> bool:
    return find_sound([device], chosen.stable_id, chosen.name) is not None


class _OpenAgain(Exception):
    """The stream should be opened anew at once: with another buffer, or on a device that came back."""


class _Supervised(ABC):
    """Keeps one PortAudio stream open: re-opens after failure, notices silence of callbacks.

    Attributes:
        on_break: Called on a thread of the sound when sound was lost or the device opened anew
            (True): what follows does not join on to what was before.
        device: What is open now, or was last; None before the first.
        latency_ms: From the air to the callback, or back, as the device says; smoothed.
    """

    def __init__(self, kind: DeviceKind, chosen: UseListed | None, on_state: StateListener) -> None:
        self._kind = kind
        self._chosen = chosen
        self._on_state = on_state
        self._closing = threading.Event()
        self._wake = threading.Event()
        self._state: str | None = None
        self._last_callback = 0.0
        self._wanted: UseListed | None = chosen
        self._steady = SteadyLatency()
        self._grow = False
        self.device: ListedDevice | None = None
        self.on_break: Callable[[bool], None] = lambda _reopened: None
        self.latency_ms = 0.0
        self._thread = threading.Thread(target=self._run, name=kind.value, daemon=True)

    @property
    def is_wanted(self) -> bool:
        """Whether the device that is open is the one that was chosen, and not one in its place."""
        device, wanted = self.device, self._chosen
        return device is None or wanted is None or _is_it(device, wanted)

    @property
    def losses(self) -> int:
        """Under- and overruns of the device so far."""
        return self._steady.losses

    def adopt(self, chosen: UseListed) -> bool:
        """Go on with this choice without opening anything, if its device is open already."""
        device = self.device
        if self._state or device is None or not _is_it(device, chosen):
            return False
        self._chosen = self._wanted = chosen
        return True

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def close(self) -> None:
        """Stop and give the device back."""
        self._closing.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(3.0)

    def _run(self) -> None:
        unsubscribe = _watch.subscribe(self._wake.set)
        try:
            while not self._closing.is_set():
                try:
                    self._stream_until_problem()
                except DeviceProblem as problem:
                    truer = microphone_refused(problem)
                    self._say(truer.code, truer.detail)
                    self._while_away(REOPEN_S)
                except _OpenAgain:
                    continue
        finally:
            unsubscribe()

    def _find(self) -> ListedDevice:
        """Return the device to open. A default stays the same device once it was opened."""
        listed = list_sound(self._kind)
        microphone = self._kind is DeviceKind.MICROPHONE
        if not listed:
            raise (MicrophoneMissing if microphone else SpeakerMissing)("not listed")
        wanted = self._among(listed)
        if wanted is not None:
            return wanted
        if self._wanted is None or (microphone and not (self._chosen and self._chosen.firm)):
            return listed[0]
        if microphone:
            raise MicrophoneMissing("not listed")
        if self.device is not None:
            raise SpeakerUnplugged("not listed")
        raise (SpeakerMissing if self._wanted.firm else SpeakerAway)("not listed")

    def _among(self, listed: list[ListedDevice]) -> ListedDevice | None:
        if self._wanted is None:
            return None
        return find_sound(listed, self._wanted.stable_id, self._wanted.name)

    def _stream_until_problem(self) -> None:
        self._wake.clear()
        device = self._find()
        self._wanted = self._wanted or UseListed(device.stable_id, device.name)
        self._steady = _latencies.setdefault(f"{self._kind}/{device.stable_id}", SteadyLatency())
        self._steady.opened(time.monotonic_ns())
        self._grow = False
        stream = open_stream(self._kind, device, self._guarded, self._steady.latency_s)
        try:
            self.device = device
            self.latency_ms = 1000 * float(stream.latency)
            self._last_callback = time.monotonic()
            self.on_break(True)
            self._say(self._held_back(device), "")
            self._watch_over(device)
        finally:
            stream.close(ignore_errors=True)

    def _held_back(self, device: ListedDevice) -> str:
        """Return the code of why an open device is silent, as far as the system tells."""
        muted = MicrophoneMuted if self._kind is DeviceKind.MICROPHONE else SpeakerMuted
        return muted.code if system_volume(self._kind, device) == 0 else ""

    def _watch_over(self, device: ListedDevice) -> None:
        microphone = self._kind is DeviceKind.MICROPHONE
        while not self._closing.is_set():
            changed = self._wake.wait(LOOK_S)
            self._wake.clear()
            if self._closing.is_set():
                return
            if self._grow:
                raise _OpenAgain
            if changed:
                listed = list_sound(self._kind)
                if device not in listed:
                    self._find()  # raises what is wrong
                    raise _OpenAgain
                wanted = self._among(listed)
                if wanted is not None and wanted != device:
                    raise _OpenAgain
                self._say(self._held_back(device), "")
            if time.monotonic() - self._last_callback > QUIET_CALLBACKS_S:
                raise (MicrophoneFailed if microphone else SpeakerFailed)("no callbacks")

    def _say(self, code: str, detail: str) -> None:
        if code != self._state and not self._closing.is_set():
            self._state = code
            self._on_state(code, detail)

    def _guarded(self, data: Any, frames: int, times: Any, status: Any) -> None:
        """Run on PortAudio's thread: keep the books, then the sound."""
        now_ns = time.monotonic_ns()
        self._last_callback = now_ns / 1e9
        if status and (status.input_overflow or status.output_underflow):
            self._grow = self._steady.lost(now_ns) or self._grow
            self.on_break(False)
            if self._grow:
                self._wake.set()
        latency_s = self._latency_s(times)
        if 0 < latency_s < MOST_LATENCY_S:
            self.latency_ms += 0.02 * (1000 * latency_s - self.latency_ms)
        self._callback(data, frames, now_ns)

    @abstractmethod
    def _latency_s(self, times: Any) -> float: ...

    @abstractmethod
    def _callback(self, data: Any, frames: int, now_ns: int) -> None: ...

    @abstractmethod
    def _while_away(self, seconds: float) -> None: ...

    def _pace(self, seconds: float) -> Iterator[None]:
        """Tick each 10 ms for so long, or until devices come or go."""
        pace = RealTime(BLOCK_S, self._closing)
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self._wake.is_set() and pace.next():
            yield


class DeviceMicrophone(_Supervised):
    """A microphone; silence at the right pace while it is away."""

    def __init__(self, chosen: UseListed | None, on_state: StateListener) -> None:
        super().__init__(DeviceKind.MICROPHONE, chosen, on_state)
        self._hub = SoundHub()
        self._cutter = BlockCutter()

    def subscribe(self, on_block: Listener) -> Callable[[], None]:
        """See :class:`telemed_desk.media.ports.SoundSource`."""
        return self._hub.subscribe(on_block)

    def _latency_s(self, times: Any) -> float:
        return float(times.currentTime - times.inputBufferAdcTime)

    def _callback(self, data: Any, frames: int, now_ns: int) -> None:
        taken_ns = now_ns - int(frames / SAMPLE_RATE_HZ * 1e9)
        samples: SoundBlock = np.array(data[:, 0], np.int16)
        for index, block in enumerate(self._cutter.feed(samples)):
            self._hub.publish(block, taken_ns + index * int(BLOCK_S * 1e9))

    def _while_away(self, seconds: float) -> None:
        silence = np.zeros(BLOCK_SAMPLES, np.int16)
        for _ in self._pace(seconds):
            self._hub.publish(silence, time.monotonic_ns())


class DeviceSpeaker(_Supervised):
    """A speaker; while it is away the sound is pulled and dropped, so that nothing piles up.

    Attributes:
        on_played: Called with the samples handed to the device and when, on its thread.
    """

    def __init__(
        self,
        chosen: UseListed | None,
        pull: Callable[[int], SoundBlock],
        on_state: StateListener,
    ) -> None:
        super().__init__(DeviceKind.SPEAKER, chosen, on_state)
        self._pull = pull
        self.on_played: Callable[[SoundBlock, int], None] = lambda _block, _now_ns: None

    def _latency_s(self, times: Any) -> float:
        return float(times.outputBufferDacTime - times.currentTime)

    def _callback(self, data: Any, frames: int, now_ns: int) -> None:
        block = self._pull(frames)
        data[:, 0] = block
        self.on_played(block, now_ns)

    def _while_away(self, seconds: float) -> None:
        for _ in self._pace(seconds):
            self._pull(BLOCK_SAMPLES)
