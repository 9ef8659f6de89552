"""What the loudspeaker played, laid beside what the microphone hears. Pure.

Speaker and microphone have clocks of their own, which differ by up to some hundred parts per million,
and their threads are woken at odd times. The canceller is told nothing of that: for each block of the
microphone it gets that piece of the speaker's sound which was handed to the device a fixed time
before, read at the microphone's speed. So the delay between reference and echo stays where it is for
hours, and nothing that anybody hears is ever resampled.
"""

import threading
from dataclasses import dataclass
from typing import Final

import numpy as np

from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock

from .device_clock import STOPPED_S, DeviceClock
from .resampling import BEFORE, POINTS, Sound, read_between

_RING: Final = 2 * SAMPLE_RATE_HZ
LEAST_LEAD_MS: Final = 10.0
"""An echo cannot come sooner after its sound was handed over: a block plays before it is heard."""
MOST_LEAD_MS: Final = 50.0
_LEAD_STEP_MS: Final = 10.0
_LATE_BLOCKS: Final = 10
_LATE_WINDOW_NS: Final = 5_000_000_000
_JUMP_MS: Final = 20.0
"""Farther off than this the reference is set anew, for sound was lost; nearer, it slides."""
_SLIDE_S: Final = 4.0
_MOST_SLIDE: Final = 500e-6
_SETTLING_NS: Final = 1_000_000_000
"""So long a device that was just opened is followed at once: its first blocks come at odd times."""


@dataclass(slots=True)
class ReferenceCounts:
    """What went other than smoothly."""

    missing_blocks: int = 0
    waited_blocks: int = 0
    jumps: int = 0


class FarReference:
    """Written by the speaker's thread, read by the microphone's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ring = np.zeros(_RING, np.float32)
        self._speaker = DeviceClock()
        self._microphone = DeviceClock()
        self._last_played_ns = 0
        self._settled_ns = 0
        self._place: float | None = None
        self._lead_ms = LEAST_LEAD_MS
        self._late_since_ns = 0
        self._late = 0
        self.counts = ReferenceCounts()

    @property
    def lead_ms(self) -> float:
        """How long before a block of the microphone its reference was handed to the speaker."""
        return self._lead_ms

    @property
    def drift_ppm(self) -> float:
        """How much faster the microphone's clock runs than the speaker's."""
        return self._speaker.ppm - self._microphone.ppm

    # ---- speaker's thread ---------------------------------------------------------------------

    def played(self, block: SoundBlock, now_ns: int) -> None:
        """These samples were handed to the device now."""
        with self._lock:
            at = self._speaker.count % _RING
            if not self._speaker.add(block.size, now_ns):
                self._settled_ns = now_ns + _SETTLING_NS
            self._last_played_ns = now_ns
            end = min(block.size, _RING - at)
            self._ring[at : at + end] = block[:end]
            self._ring[: block.size - end] = block[end:]

    def speaker_restarted(self) -> None:
        """The speaker was opened anew or ran dry: sound now comes later than before."""
        with self._lock:
            self._speaker.restart()

    # ---- microphone's thread ------------------------------------------------------------------

    def heard(self, samples: int, now_ns: int) -> float:
        """A block of the microphone came now; return the number of its first sample."""
        with self._lock:
            first = self._microphone.count
            if not self._microphone.add(samples, now_ns):
                self._settled_ns = now_ns + _SETTLING_NS
            return float(first)

    def microphone_restarted(self) -> None:
        """The microphone was opened anew or lost sound."""
        with self._lock:
            self._microphone.restart()

    def beside(self, first: float, now_ns: int, *, wait: bool) -> SoundBlock | None:
        """Return the reference of the block that begins with this sample of the microphone.

        Args:
            first: As :meth:`heard` returned it; each once, in order.
            now_ns: Now.
            wait: May the caller come back a little later?

        Returns:
            None when the speaker's thread is late and ``wait``; silence when nothing plays.
        """
        with self._lock:
            if now_ns - self._last_played_ns > STOPPED_S * 1e9 or self._speaker.count == 0:
                self._place = None
                return np.zeros(BLOCK_SAMPLES, np.int16)
            if now_ns < self._settled_ns:
                self._place = None
            place, step = self._aim(first)
            last = place + step * (BLOCK_SAMPLES - 1) + POINTS - BEFORE
            written = self._speaker.count
            before, self._place = self._place, place + step * BLOCK_SAMPLES
            if last > written:
                if wait:
                    self._place = before
                self._too_late(now_ns)  # may set the place anew
                if wait:
                    self.counts.waited_blocks += 1
                    return None
            if last > written or place - BEFORE < max(0, written - _RING):
                self.counts.missing_blocks += 1
                return np.zeros(BLOCK_SAMPLES, np.int16)
            start = int(place) - BEFORE
            sound = self._cut(start, int(last) + 2 - start)
        read = read_between(sound, place - start, step, BLOCK_SAMPLES)
        block: SoundBlock = np.clip(np.rint(read), -32768, 32767).astype(np.int16)
        return block

    def _aim(self, first: float) -> tuple[float, float]:
        wanted = self._speaker.count_at(self._microphone.due_ns(first) - self._lead_ms * 1e6)
        speed = (1 + self._microphone.speed) / (1 + self._speaker.speed)
        if self._place is None:
            return wanted, speed
        off = wanted - self._place
        if abs(off) > _JUMP_MS * SAMPLE_RATE_HZ / 1000:
            self.counts.jumps += 1
            return wanted, speed
        slide = off / (_SLIDE_S * SAMPLE_RATE_HZ)
        return self._place, speed + min(max(slide, -_MOST_SLIDE), _MOST_SLIDE)

    def _too_late(self, now_ns: int) -> None:
        """Lead more when the speaker's thread is often late: its device then buffers as much."""
        if now_ns - self._late_since_ns > _LATE_WINDOW_NS:
            self._late_since_ns, self._late = now_ns, 0
        self._late += 1
        if self._late > _LATE_BLOCKS and self._lead_ms < MOST_LEAD_MS:
            self._late = 0
            self._lead_ms += _LEAD_STEP_MS
            self._place = None

    def _cut(self, start: int, size: int) -> Sound:
        at = start % _RING
        end = min(size, _RING - at)
        return np.concatenate((self._ring[at : at + end], self._ring[: size - end]))
