"""How fast a photo may come, so that the voice beside it never waits: credit by measured delay.

Each part carries the page's clock. How much later than the quickest one it arrives is the queue in
front of it, and the voice stands in the same queue. The window of bytes under way follows that delay
as LEDBAT does (RFC 6817: a scavenger that keeps a small standing queue, and yields to everything
else), with LEDBAT++'s multiplicative way down. Pure: times are handed in.
"""

from collections import deque
from typing import Final

TARGET_MS: Final = 25.0
"""Queue that the photo may cause. A playout buffer takes 30 ms of jitter in its stride."""
FIRST_WINDOW: Final = 640
_GROWTH: Final = 1 / 3
"""Of what arrives, while the link's rate is unknown: the queue tells a round trip late, and by then
the window may be too large by this share of what the link holds, not by twice."""
LARGEST_WINDOW: Final = 256 * 1024
PART_MS: Final = 40.0
"""One part may hold the link for so long: a voice packet behind it waits as long at most."""
SMALLEST_PART: Final = 320
"""Below this the headers of UDP, DTLS and SCTP (about 100 bytes) outweigh the gain."""
LARGEST_PART: Final = 1100
"""Fits one packet."""
_OWN_SHARE: Final = 0.8
_FAIR_NS: Final = 100_000_000
_BASE_NS: Final = 10_000_000_000
_BASES: Final = 6
_RECENT_NS: Final = 150_000_000
_RATE_NS: Final = 1_000_000_000
_WRAP: Final = 1 << 32
_LOSS_HOLD_NS: Final = 2_000_000_000
LOSS_ABOVE: Final = 0.03
"""Voice loss that is blamed on the photo if it was not there before."""


class PhotoPace:
    """The window of one photo. Call :meth:`on_part` for each part, :meth:`on_voice_loss` each second."""

    def __init__(self) -> None:
        self.window = float(FIRST_WINDOW)
        self._slow_start = True
        self._bases: deque[tuple[int, float]] = deque()
        self._recent: deque[tuple[int, float]] = deque()
        self._arrivals: deque[tuple[int, int]] = deque()
        self._last_cut_ns: int | None = None
        self._credits: deque[tuple[int, int]] = deque()
        self._rtt_ns = 0
        self._usual_loss: float | None = None

    @property
    def smallest(self) -> int:
        """One part under way: the least that still gets on."""
        return self.part

    def _rate(self) -> float | None:
        """Bytes a millisecond; None before it is known."""
        arrivals = self._arrivals
        if len(arrivals) < 4 or arrivals[-1][0] - arrivals[0][0] < _RATE_NS // 5:
            return None
        spent_ms = (arrivals[-1][0] - arrivals[0][0]) / 1e6
        return (sum(size for _, size in arrivals) - arrivals[0][1]) / spent_ms

    @property
    def _part_ms(self) -> float:
        rate = self._rate()
        return 0.0 if not rate else min(PART_MS, SMALLEST_PART / rate)

    @property
    def part(self) -> int:
        """Bytes of a part, by the rate of the last second."""
        rate = self._rate()
        if rate is None:
            return SMALLEST_PART
        return int(min(LARGEST_PART, max(SMALLEST_PART, rate * PART_MS)))

    def queue_ms(self) -> float:
        """The delay that the link's queue causes now."""
        if not self._recent or not self._bases:
            return 0.0
        return min(delay for _, delay in self._recent) - min(base for _, base in self._bases)

    @property
    def target_ms(self) -> float:
        """Queue to aim at: on a thin link one part in front of another is more than the usual."""
        return max(TARGET_MS, _OWN_SHARE * self._part_ms)

    def on_credit(self, now_ns: int, upto: int) -> None:
        """Note that the page was allowed to send up to this offset."""
        self._credits.append((upto, now_ns))

    def on_part(self, now_ns: int, sent_ms: int, size: int, received: int) -> None:
        """Note a part.

        Args:
            now_ns: When it arrived, on our monotonic clock.
            sent_ms: When it was sent, on the page's clock, modulo 2^32.
            size: Its bytes.
            received: Bytes of the photo that are here now.
        """
        self._note(now_ns, self._delay_ms(now_ns, sent_ms), size)
        self._round_trip(now_ns, received)
        queue, target = self.queue_ms(), self.target_ms
        if queue > target:
            self._cut(now_ns, max(0.5, 1.0 - (queue - target) / (2 * target)))
        elif self._slow_start:
            self.window += size * _GROWTH
            if queue > target / 2:
                self._slow_start = False
        else:
            # one part a round trip, and on a long way as much as on a short one
            gain = max(1.0, self._rtt_ns / _FAIR_NS)
            self.window += gain * (1.0 - queue / target) * size * self.part / self.window
        self.window = min(LARGEST_WINDOW, max(float(self.smallest), self.window))

    def on_voice_loss(self, now_ns: int, ratio: float | None) -> None:
        """Heed the voice on links that drop rather than queue.

        Args:
            now_ns: Now.
            ratio: Share of the other side's packets lost in the last second; None = not known.
        """
        if ratio is None:
            return
        if self._usual_loss is None:
            self._usual_loss = ratio
        if ratio > self._usual_loss + LOSS_ABOVE:
            if self._last_cut_ns is None or now_ns - self._last_cut_ns >= _LOSS_HOLD_NS:
                self._cut(now_ns, 0.5)
                self.window = max(float(self.smallest), self.window)
        else:
            self._usual_loss += 0.1 * (ratio - self._usual_loss)

    def _round_trip(self, now_ns: int, received: int) -> None:
        """From a credit to the first part that it allowed; the quickest of late."""
        before = self._credits[0] if self._credits else None
        while len(self._credits) > 1 and self._credits[0][0] < received:
            before = self._credits.popleft()
        if before is not None and self._credits and before is not self._credits[0]:
            sample = now_ns - self._credits[0][1]
            self._rtt_ns = min(sample, self._rtt_ns + sample // 16) if self._rtt_ns else sample

    def _cut(self, now_ns: int, share: float) -> None:
        self._slow_start = False
        gap_ns = max(2 * _RECENT_NS, self._rtt_ns)
        if self._last_cut_ns is not None and now_ns - self._last_cut_ns < gap_ns:
            return  # what is on its way was sent before the last cut
        self._last_cut_ns = now_ns
        self.window *= share

    def _delay_ms(self, now_ns: int, sent_ms: int) -> float:
        """The clocks' difference and the delay together; only differences of it mean something."""
        now_ms = now_ns / 1e6
        behind = (now_ms - sent_ms) % _WRAP
        if self._bases and behind - self._bases[-1][1] > _WRAP / 2:
            behind -= _WRAP
        elif self._bases and self._bases[-1][1] - behind > _WRAP / 2:
            behind += _WRAP
        return behind

    def _note(self, now_ns: int, delay: float, size: int) -> None:
        bases = self._bases
        if not bases or now_ns - bases[-1][0] >= _BASE_NS:
            bases.append((now_ns, delay))
            if len(bases) > _BASES:
                bases.popleft()
        elif delay < bases[-1][1]:
            bases[-1] = (bases[-1][0], delay)
        recent = self._recent
        recent.append((now_ns, delay))
        while now_ns - recent[0][0] > _RECENT_NS:
            recent.popleft()
        self._arrivals.append((now_ns, size))
        while now_ns - self._arrivals[0][0] > _RATE_NS:
            self._arrivals.popleft()
