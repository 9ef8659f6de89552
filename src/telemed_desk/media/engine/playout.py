"""The voice playout buffer: packets in as they come, sound out by the speaker's clock.

The delay follows what the link needs (:mod:`.playout_delay`). Lost frames come back from copies (RED,
or the coarse one in the next packet, Opus FEC), else they are concealed. When too much is buffered,
speech is played a little faster, when too little, a little slower; so a standing delay after a
disturbance melts away, and a sender whose clock runs fast or slow is followed. Where the sender pauses
because nobody speaks (DTX), comfort noise is played, and the pause is used to set the delay right.

A pure function of what comes in, what is asked for, and the clock that is handed in.
"""

import threading
import time
from collections.abc import Callable, Iterable
from typing import Final

import numpy as np

from telemed_desk.media.codecs.opus import (
    DTX_BYTES,
    FRAME_SAMPLES,
    OpusDecoder,
    copy_samples,
    packet_samples,
)
from telemed_desk.media.ports import SAMPLE_RATE_HZ, SoundBlock
from telemed_desk.media.transport.sequence import Unwrapper

from .playout_decoder import PlayoutCounts, PlayoutDecoder, VoiceDecoder
from .playout_delay import MAX_TARGET_MS, DelayTarget
from .playout_frames import FrameStore, VoiceFrame
from .speaker_beat import SpeakerBeat
from .stretch import JOINT, join, lengthen, shorten

_PER_MS: Final = SAMPLE_RATE_HZ / 1000
_FAR: Final = 10 * SAMPLE_RATE_HZ
_BIT: Final = FRAME_SAMPLES // 2
"""10 ms, the grain in which made-up sound is made."""
_OPUS_STEP: Final = 120
"""2.5 ms: the grain in which Opus conceals."""
_LONG_HOLE: Final = 5 * FRAME_SAMPLES
_CONCEAL: Final = 6 * FRAME_SAMPLES
"""Made up for so long at most; then it fades, for nobody believes it any more."""
_FADE: Final = 2 * FRAME_SAMPLES
_JUDGED: Final = 3 * SAMPLE_RATE_HZ // 2
"""Emptiness that lasts longer is no mere gap, whatever comes later."""
_LONGEST_PAUSE: Final = 5 * SAMPLE_RATE_HZ // 2
"""A sender that pauses says so every 400 ms (libopus, Chromium); some of these may get lost."""
_FASTER_MS: Final = 12.0
_SLOWER_MS: Final = -6.0
_HURRY_MS: Final = 120.0
_SKIP_MS: Final = 700.0
_NOTHING: Final = np.zeros(0, dtype=np.int16)


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
        self.counts = PlayoutCounts()
        self._codec = PlayoutDecoder(decoder or OpusDecoder(), self.counts)
        self._lock = threading.Lock()
        self._beat = SpeakerBeat()
        self._ready = _NOTHING
        self._tail: SoundBlock | None = None
        self._begin_stream()

    def _begin_stream(self) -> None:
        self._frames = FrameStore()
        self._delay = DelayTarget()
        self._unwrap, self._unwrap_sequence = Unwrapper(32), Unwrapper(16)
        self._origin: int | None = None
        self._next = 0
        self._started = False
        self._decoded = _NOTHING
        self._heard = 0
        self._frame = FRAME_SAMPLES
        self._sequence: int | None = None
        self._highest: int | None = None
        self._paused = False
        self._filled = self._pending = self._waited = 0
        self._delay_ms: float | None = None

    # ---- in ---------------------------------------------------------------------------------

    def insert(
        self,
        timestamp: int,
        payload: bytes,
        now_ns: int,
        sequence: int | None = None,
        copies: Iterable[tuple[int, bytes]] = (),
    ) -> None:
        """Take a packet.

        Args:
            timestamp: Its 32-bit RTP time in samples.
            payload: One Opus packet; nothing happens for a damaged one.
            now_ns: When it came.
            sequence: Its 16-bit RTP number, which tells pauses from losses.
            copies: Of earlier frames: how many samples earlier, and the Opus packet.
        """
        samples = packet_samples(payload)
        with self._lock:
            at = self._unwrap.unwrap(timestamp)
            if self._origin is not None and abs(at - self._next) > _FAR:
                self._restart()
                at = self._unwrap.unwrap(timestamp)
            if self._origin is None:
                if not samples:
                    return
                self._origin = self._next = at
            elif not self._started and samples:
                self._origin = self._next = min(at, self._next)
            now_ms = now_ns / 1e6
            for back, copy in copies:
                self._insert_copy(at - back, copy, now_ms)
            if samples:
                number = None if sequence is None else self._unwrap_sequence.unwrap(sequence)
                self._insert_own(at, VoiceFrame(payload, samples, number), now_ms)

    def _insert_own(self, at: int, frame: VoiceFrame, now_ms: float) -> None:
        lag_ms = now_ms - at / _PER_MS
        fresh = not self._frames.seen(at)
        if fresh:
            self._delay.first(lag_ms, now_ms, playable=self._frames.first_time(at))
        number, highest = frame.sequence, self._highest
        if number is None or highest is None or number > highest + 1:
            back = copy_samples(frame.payload)
            before = at - back
            if back and before >= (self._origin or 0) and self._frames.first_time(before):
                self._delay.playable(lag_ms + back / _PER_MS, now_ms)
        if number is not None:
            self._highest = number if highest is None else max(number, highest)
        if at < self._next:
            self.counts.late_packets += fresh
            return
        self._frames.add(at, frame)

    def _insert_copy(self, at: int, payload: bytes, now_ms: float) -> None:
        samples = packet_samples(payload)
        if not samples or at < (self._origin or 0) or self._frames.seen(at):
            return
        if self._frames.first_time(at):
            self._delay.playable(now_ms - at / _PER_MS, now_ms)
        if at >= self._next:
            self._frames.add(at, VoiceFrame(payload, samples, None))

    def restart(self) -> None:
        """Forget the stream; another begins."""
        with self._lock:
            self._restart()

    def _restart(self) -> None:
        if self._decoded.size >= JOINT:
            self._tail = self._decoded[:JOINT]
        self._begin_stream()

    # ---- figures ----------------------------------------------------------------------------

    @property
    def target_ms(self) -> float:
        """The delay aimed at, over that of the fastest packets."""
        return self._delay.target_ms

    @property
    def delay_ms(self) -> float | None:
        """The delay now, smoothed; None before anything was played."""
        return self._delay_ms

    @property
    def lag_ms(self) -> float | None:
        """By how much what is played now lags its RTP time, in ms of our clock; None at first."""
        return None if self._delay_ms is None else self._delay.base_ms + self._delay_ms

    def wait_longer(self, extra_ms: float) -> None:
        """Wait beyond what the link needs, for pictures that come later. Any thread."""
        self._delay.extra_ms = extra_ms

    # ---- out --------------------------------------------------------------------------------

    def pull(self, samples: int) -> SoundBlock:
        """Return exactly this many samples."""
        with self._lock:
            now_ms = self._beat.due_ns(self._clock(), samples) / 1e6
            parts = [self._ready]
            have = self._ready.size
            while have < samples:
                self._ready = _NOTHING
                made = self._make(now_ms + have / _PER_MS)
                if self._tail is not None and made.size:
                    made, self._tail = join(self._tail, made), None
                parts.append(made)
                have += made.size
            whole = np.concatenate(parts)
            self._ready = whole[samples:]
            self.counts.played += samples
            return whole[:samples]

    def _make(self, play_ms: float) -> SoundBlock:
        """Make some more sound, to be played at this time; nothing when only the place has changed."""
        if self._decoded.size:
            return self._hand_out(play_ms)
        first = self._frames.first()
        if not self._started:
            if first is None or play_ms < self._due_ms(first):
                return np.zeros(_BIT, dtype=np.int16)
            self._started = True
            self._next = first
            self._tail = np.zeros(JOINT, dtype=np.int16)
        if first is None:
            return self._starve()
        if first < self._next:
            self._frames.drop_before(self._next)
            return _NOTHING
        if first > self._next:
            return self._bridge(first, play_ms)
        self._settle(0, 0)
        self._decode_frame()
        return self._hand_out(play_ms)

    def _due_ms(self, at: int) -> float:
        return at / _PER_MS + self._delay.base_ms + self._delay.target_ms

    def _decode_frame(self) -> None:
        """Decode the frame that is due, and more if that one is very short."""
        self._heard = self._next
        while self._decoded.size < FRAME_SAMPLES:
            frame = self._frames.take(self._next)
            if frame is None:
                return
            samples = frame.samples
            sound = self._codec.decode(frame.payload, samples)
            if sound is None:
                sound = self._codec.conceal(samples)
                self.counts.concealed += samples
            elif frame.sequence is None:
                self.counts.rebuilt += samples
            self._decoded = np.concatenate((self._decoded, sound))
            self._next += samples
            self._frame = samples
            if frame.sequence is not None:
                self._sequence = frame.sequence
            elif self._sequence is not None:
                self._sequence += 1
            self._paused = len(frame.payload) <= DTX_BYTES
            if self._paused:
                self.counts.paused += samples
                return

    def _hand_out(self, play_ms: float) -> SoundBlock:
        """Give 20 ms of what is decoded, a little more or less if the delay should change."""
        size = self._decoded.size
        size = FRAME_SAMPLES if size >= 2 * FRAME_SAMPLES - _BIT else size
        sound, self._decoded = self._decoded[:size], self._decoded[size:]
        delay = play_ms - self._heard / _PER_MS - self._delay.base_ms
        self._heard += size
        smooth = (
            delay if self._delay_ms is None else self._delay_ms + 0.2 * (delay - self._delay_ms)
        )
        excess = smooth - self._delay.target_ms
        if excess > _SKIP_MS and len(self._frames):
            self._leap(sound)
            sound = _NOTHING
        elif excess > _FASTER_MS:
            sound = shorten(sound, must=excess > _HURRY_MS)
        elif excess < _SLOWER_MS:
            sound = lengthen(sound)
        change = sound.size - size
        counts = self.counts
        if change < 0:
            counts.shortened -= change
            counts.faster += 1
        elif change > 0:
            counts.lengthened += change
            counts.slower += 1
        self._delay_ms = smooth + change / _PER_MS
        return sound

    def _leap(self, left_out: SoundBlock) -> None:
        """What comes next begins with what is left out now, faded over: no click."""
        if self._tail is None and left_out.size >= JOINT:
            self._tail = left_out[:JOINT]

    # ---- where there is nothing -------------------------------------------------------------

    def _lost(self, frame: VoiceFrame, gap: int) -> int:
        """Return how much of a gap before a frame was lost; the rest is a pause of the sender."""
        unknown = 0 if self._paused else gap
        if frame.sequence is None or self._sequence is None:
            return unknown
        missing = frame.sequence - self._sequence - 1
        return unknown if missing < 0 else min(gap, missing * max(self._frame, frame.samples))

    def _settle(self, gap: int, lost: int) -> None:
        """Something came after emptiness: judge what was made up meanwhile, and count it."""
        self.counts.concealed += max(0, self._pending - (gap - lost))
        self.counts.paused += min(self._pending, gap - lost)
        self._pending = self._filled = self._waited = 0

    def _bridge(self, first: int, play_ms: float) -> SoundBlock:
        """Get from here to the next frame that is there, over a pause or a loss."""
        gap = first - self._next
        frame = self._frames.get(first)
        lost = gap if frame is None else self._lost(frame, gap)
        if self._filled:
            # time that was filled while nothing was there is not filled twice
            step, pause = min(gap, self._filled), gap - lost
            self._settle(gap, lost)
            self._advance(step, max(0, step - pause))
            return _NOTHING
        if lost < gap or gap > _LONG_HOLE:
            return self._wait(first, lost if lost < gap else 0, play_ms, counts=lost == gap)
        return self._fill_hole(first, gap)

    def _advance(self, samples: int, lost: int) -> None:
        self._next += samples
        if self._sequence is not None:
            self._sequence += round(lost / self._frame)

    def _wait(self, first: int, lost: int, play_ms: float, *, counts: bool) -> SoundBlock:
        """Play comfort noise until it is time for what follows: in a pause delay costs nothing."""
        until = first - lost
        most = until - self._next + MAX_TARGET_MS * _PER_MS
        if play_ms + _BIT / _PER_MS / 2 < self._due_ms(until) and self._waited < most:
            self._waited += _BIT
            if counts:
                self.counts.concealed += _BIT
            else:
                self.counts.paused += _BIT
            return self._codec.conceal(_BIT)
        self._advance(until - self._next, until - self._next if counts else 0)
        self._waited = 0
        self._delay_ms = None
        return _NOTHING

    def _fill_hole(self, first: int, gap: int) -> SoundBlock:
        excess = (self._delay_ms or 0.0) - self._delay.target_ms
        if gap < _OPUS_STEP or excess > _HURRY_MS:  # we are behind anyway: leave it out
            self._leap(self._codec.conceal(JOINT))
            self.counts.shortened += gap
            self._delay_ms = (self._delay_ms or 0.0) - gap / _PER_MS
            self._advance(gap, gap)
            return _NOTHING
        following = self._frames.get(first)
        copy = 0 if following is None else copy_samples(following.payload)
        if following is not None and 0 < copy == gap:
            rebuilt = self._codec.rebuild(following.payload, gap)
            if rebuilt is not None:
                self.counts.rebuilt += gap
                self._decoded, self._heard = rebuilt, self._next
                self._advance(gap, gap)
                return _NOTHING
        size = min(gap - copy if gap > copy else gap, FRAME_SAMPLES)
        size = max(size - size % _OPUS_STEP, _OPUS_STEP)
        self.counts.concealed += size
        self._advance(size, size)
        return self._codec.conceal(size)

    def _starve(self) -> SoundBlock:
        """Nothing there: make something up, and keep the place in the stream."""
        self._filled += _BIT
        if self._paused:
            if self._filled <= _LONGEST_PAUSE:
                self.counts.paused += _BIT
                return self._codec.conceal(_BIT)
            self._paused = False
        if self._pending >= _JUDGED or self._filled > _JUDGED:
            self.counts.concealed += self._pending + _BIT
            self._pending = 0
        else:
            self._pending += _BIT
        if self._filled >= _CONCEAL + _FADE:
            self._tail = np.zeros(JOINT, dtype=np.int16)
            return np.zeros(_BIT, dtype=np.int16)
        made = self._codec.conceal(_BIT)
        if self._filled > _CONCEAL:
            left = 1 - (self._filled - _CONCEAL - _BIT + np.arange(_BIT)) / _FADE
            made = (made * np.clip(left, 0, 1)).astype(np.int16)
        return made
