"""WebRTC's audio processing, as the livekit wheel ships it. The only module that imports livekit.

Each stage is a module of its own, so that suppression and gain can be bypassed while the canceller
keeps what it has learnt. That costs 0.02 ms a block over one module for all, and no delay: measured
0.14 ms a block for the canceller with its reference, 0.04 each for suppression and gain; 5 ms, 6 ms
and no delay (livekit 1.2.1). The native calls release the interpreter lock.

What this build does, measured: it works at 32 kHz inside, so that nothing above 13 kHz comes through;
its canceller always has a high-pass (-7 dB at 46 Hz, -1 dB at 70 Hz); gain lifts a voice of -60 dBFS
by 34 dB and leaves one of -21 dBFS alone.
"""

from types import ModuleType
from typing import Any

import numpy as np

from telemed_desk.devices.problems import SoundProcessingMissing
from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock

from .port import EchoCanceller, Filter

MOST_DELAY_MS = 500
"""The library refuses more as an error; it only takes it for a hint."""


class _Module:
    """One processing module and the memory in which it works. One thread."""

    def __init__(self, livekit: ModuleType, **features: bool) -> None:
        self._memory = np.zeros(BLOCK_SAMPLES, np.int16)
        # A writable view of bytes: the library works in place and copies nothing.
        self._frame: Any = livekit.AudioFrame(
            bytearray(self._memory.nbytes), SAMPLE_RATE_HZ, 1, BLOCK_SAMPLES
        )
        self._memory = np.frombuffer(self._frame.data, np.int16)
        self.module: Any = livekit.AudioProcessingModule(**features)

    def process(self, block: SoundBlock) -> SoundBlock:
        self._memory[:] = block
        self.module.process_stream(self._frame)
        return self._memory.copy()

    def reverse(self, block: SoundBlock) -> None:
        self._memory[:] = block
        self.module.process_reverse_stream(self._frame)


class _Canceller:
    def __init__(self, livekit: ModuleType) -> None:
        self._stage = _Module(livekit, echo_cancellation=True, high_pass_filter=True)
        self._delay_ms: int | None = None

    def played(self, block: SoundBlock) -> None:
        self._stage.reverse(block)

    def heard(self, block: SoundBlock, delay_ms: int) -> SoundBlock:
        delay_ms = min(max(delay_ms, 0), MOST_DELAY_MS)
        if delay_ms != self._delay_ms:
            self._delay_ms = delay_ms
            self._stage.module.set_stream_delay_ms(delay_ms)
        return self._stage.process(block)


class WebRtcProcessing:
    """Implements :class:`~.port.ProcessingLibrary`.

    Raises:
        SoundProcessingMissing: The library cannot be loaded here.
    """

    def __init__(self) -> None:
        self._livekit = _load()

    def echo_canceller(self) -> EchoCanceller:
        """See :class:`~.port.ProcessingLibrary`."""
        return _Canceller(self._livekit)

    def noise_suppressor(self) -> Filter:
        """See :class:`~.port.ProcessingLibrary`."""
        return _Module(self._livekit, noise_suppression=True).process

    def gain(self) -> Filter:
        """See :class:`~.port.ProcessingLibrary`."""
        return _Module(self._livekit, auto_gain_control=True).process


def _load() -> ModuleType:
    """Import the library: a third of a second the first time, and four threads that then sleep."""
    try:
        import livekit.rtc  # noqa: PLC0415 - 30 MB of native code, needed with a real microphone only

        # Loading the wheel's native library happens with the first module, and may fail there.
        livekit.rtc.AudioProcessingModule()
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        raise SoundProcessingMissing(type(error).__name__) from error
    return livekit.rtc
