"""The voice playout buffer: packets in as they come, sound out by the speaker's clock.

The delay follows the jitter of the last seconds. Lost frames are rebuilt from the copy in the next
packet (Opus FEC), else concealed. When too much is buffered, speech is played a little faster, when
too little, a little slower; so a standing delay after a disturbance melts away.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from telemed_desk.media.codecs.opus import FRAME_SAMPLES, OpusDecoder, OpusFailure, packet_samples
from telemed_desk.media.ports import SAMPLE_RATE_HZ, SoundBlock
from telemed_desk.media.transport.sequence import Unwrapper

from .speaker_beat import SpeakerBeat
from .stretch import lengthen, shorten

MIN_TARGET_MS: Final = 20.0
MAX_TARGET_MS: Final = 500.0
_MARGIN_MS: Final = 15.0
_REPAIR_MS: Final = 20.0
_WINDOW: Final = 100
"""Packets (2 s) whose lateness decides on the delay."""
_QUANTILE: Final = 0.97
_BASE_NS: Final = 5_000_000_000
_FADE_FRAMES: Final = 6
_FAR: Final = 10 * SAMPLE_RATE_HZ
_MOST_PACKETS: Final = 200
_OPUS_STEP: Final = 120
"""2.5 ms: the grain in which Opus conceals."""
_FASTER_MS: Final = 12.0
_SLOWER_MS: Final = -12.0
_HURRY_MS: Final = 120.0
_SKIP_MS: Final = 700.0


class VoiceDecoder(Protocol):
    """What the buffer needs of a codec; see :class:`OpusDecoder`."""

    def decode(self, packet: bytes) -> SoundBlock:
        """Decode a packet."""
        ...

    def decode_fec(self, next_packet: bytes, samples: int) -> SoundBlock:
        """Rebuild the frame before a packet."""
        ...

    def conceal(self, samples: int) -> SoundBlock:
        """Make up a frame."""
        ...


@dataclass(slots=True)
class PlayoutCounts:
    """Totals in samples and packets. What a copy in the next packet brought back is not concealed."""

    played: int = 0
    concealed: int = 0
    rebuilt: int = 0
    late_packets: int = 0
    shortened: int = 0
    lengthened: int = 0


class PlayoutBuffer:
    """Buffer of one voice stream; implements :class:`~telemed_desk.media.ports.SoundFeed`.

    :meth:`insert` is called on the loop thread, :meth:`pull` on the sound thread; a lock is held for
    at most a decoded frame or two, under a millisecond.

    Args:
        clock: Nanoseconds, monotonic; the same that stamps arrivals.
        decoder: The codec; Opus if none is given.
    """

    def __init__(
        self,
        clock: Callable[[], int] = time.monotonic_ns,
        decoder: VoiceDecoder | None = None,
    ) -> None:
        self._clock = clock
        self._decoder = decoder or OpusDecoder()
        self._lock = threading.Lock()
        self._packets: dict[int, bytes] = {}
        self._unwrap = Unwrapper(32)
        self._next: int | None = None
        self._ready = np.zeros(0, dtype=np.int16)
        self._late_ms: deque[float] = deque(maxlen=_WINDOW)
        self._base = (0, 0.0, 0.0)
        self._target_ms = 40.0
        self._delay_ms: float | None = None
        self._beat = SpeakerBeat()
        self._started = False
        self._first_ns = 0
        self._credit = 0
        self._empty_frames = 0
        self._gaps: deque[bool] = deque(maxlen=200)
        self.counts = PlayoutCounts()

    # ---- in ---------------------------------------------------------------------------------

    def insert(self, timestamp: int, payload: bytes, now_ns: int) -> None:
        """Take a packet; ``timestamp`` is its 32-bit RTP time in samples."""
        if packet_samples(payload) == 0:
            return
        with self._lock:
            at = self._unwrap.unwrap(timestamp)
            if self._next is not None and abs(at - self._next) > _FAR:
                self._restart()
            self._measure(at, now_ns)
            if self._next is None:
                self._next = at
                self._first_ns = now_ns
            elif not self._started and at < self._next:
                self._next = at
            if at < self._next:
                self.counts.late_packets += 1
                return
            self._packets.setdefault(at, payload)
            if len(self._packets) > _MOST_PACKETS:
                for old in sorted(self._packets)[: _MOST_PACKETS // 2]:
                    del self._packets[old]

    def restart(self) -> None:
        """Forget the stream; another begins. What is already decoded is still played."""
        with self._lock:
            self._restart()

    def _restart(self) -> None:
        self._packets.clear()
        self._next = None
        self._started = False
        self._credit = 0
        self._base = (0, 0.0, 0.0)
        self._late_ms.clear()

    def _measure(self, at: int, now_ns: int) -> None:
        lag_ms = now_ns / 1e6 - at * 1000 / SAMPLE_RATE_HZ
        since, current, before = self._base
        if since == 0:
            since, current, before = now_ns, lag_ms, lag_ms
        elif now_ns - since > _BASE_NS:
            since, current, before = now_ns, lag_ms, current
        current = min(current, lag_ms)
        self._base = (since, current, before)
        self._late_ms.append(lag_ms - min(current, before))
        ordered = sorted(self._late_ms)
        late = ordered[min(int(len(ordered) * _QUANTILE), len(ordered) - 1)]
        repair = _REPAIR_MS if sum(self._gaps) > 1 else 0.0
        self._target_ms = min(max(late + _MARGIN_MS + repair, MIN_TARGET_MS), MAX_TARGET_MS)

    # ---- out --------------------------------------------------------------------------------

    @property
    def target_ms(self) -> float:
        """The delay aimed at, over that of the fastest packets."""
        return self._target_ms

    @property
    def delay_ms(self) -> float | None:
        """The delay now, smoothed; None before anything was played."""
        return self._delay_ms

    def pull(self, samples: int) -> SoundBlock:
        """Return exactly this many samples."""
        with self._lock:
            now_ns = self._beat.due_ns(self._clock(), samples)
            parts = [self._ready]
            have = self._ready.size
            while have < samples:
                self._ready = np.zeros(0, dtype=np.int16)
                made = self._make(now_ns, have)
                parts.append(made)
                have += made.size
            whole = np.concatenate(parts)
            self._ready = whole[samples:]
            self.counts.played += samples
            return whole[:samples]

    def _make(self, now_ns: int, ahead: int) -> SoundBlock:
        if self._next is None:
            return np.zeros(FRAME_SAMPLES // 2, dtype=np.int16)
        if not self._started:
            if (now_ns - self._first_ns) / 1e6 < self._target_ms or not self._packets:
                return np.zeros(FRAME_SAMPLES // 2, dtype=np.int16)
            self._started = True
            self._next = min(self._packets)
            self._credit = 0
        if self._next not in self._packets and self._packets:
            self._cross_gap()
        packet = self._packets.pop(self._next, None)
        if packet is not None:
            return self._play(packet, now_ns, ahead)
        if self._packets:
            return self._fill_hole()
        return self._starve()

    def _cross_gap(self) -> None:
        """Time that was already filled while the buffer was empty is not filled twice."""
        if self._next is None:
            return
        gap = min(self._packets) - self._next
        self._next += min(gap, self._credit)
        self._credit = 0
        if gap > 5 * FRAME_SAMPLES:
            self._next = max(self._next, min(self._packets) - FRAME_SAMPLES)

    def _play(self, packet: bytes, now_ns: int, ahead: int) -> SoundBlock:
        position = self._next or 0
        self._credit = 0
        self._empty_frames = 0
        self._gaps.append(False)
        try:
            sound = self._decoder.decode(packet)
        except OpusFailure:
            sound = self._decoder.conceal(FRAME_SAMPLES)
        self._next = position + sound.size
        base = min(self._base[1], self._base[2])
        delay = now_ns / 1e6 - (position - ahead) * 1000 / SAMPLE_RATE_HZ - base
        smooth = (
            delay if self._delay_ms is None else self._delay_ms + 0.2 * (delay - self._delay_ms)
        )
        excess = smooth - self._target_ms
        before = sound.size
        if excess > _SKIP_MS and self._packets:
            sound = sound[:0]
        elif excess > _FASTER_MS:
            sound = shorten(sound, must=excess > _HURRY_MS)
        elif excess < _SLOWER_MS:
            sound = lengthen(sound)
        change = sound.size - before
        if change < 0:
            self.counts.shortened -= change
        self.counts.lengthened += max(change, 0)
        self._delay_ms = smooth + change * 1000 / SAMPLE_RATE_HZ
        return sound

    def _fill_hole(self) -> SoundBlock:
        position = self._next or 0
        self._gaps.append(True)
        following = self._packets.get(position + FRAME_SAMPLES)
        size = min(FRAME_SAMPLES, max(min(self._packets) - position, _OPUS_STEP))
        size -= size % _OPUS_STEP
        self._next = position + size
        try:
            if following is not None and size == FRAME_SAMPLES:
                rebuilt = self._decoder.decode_fec(following, size)
                self.counts.rebuilt += size
                return rebuilt
            made_up = self._decoder.conceal(size)
        except OpusFailure:
            made_up = np.zeros(size, dtype=np.int16)
        self.counts.concealed += size
        return made_up

    def _starve(self) -> SoundBlock:
        """Nothing there: fade out, and keep the place in the stream."""
        self._credit += FRAME_SAMPLES
        self._empty_frames += 1
        self.counts.concealed += FRAME_SAMPLES
        if self._empty_frames > _FADE_FRAMES:
            return np.zeros(FRAME_SAMPLES, dtype=np.int16)
        if self._empty_frames == 1:
            self._gaps.append(True)
        return self._decoder.conceal(FRAME_SAMPLES)
