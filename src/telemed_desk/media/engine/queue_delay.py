"""How long is the queue on the way now? The least delay of late against the least for long.

Jitter lifts some packets; only a queue lifts all of them. So the least one-way delay of the last
moments, less the least of the last quarter of a minute, is what stands in the queue, whatever the
jitter. The difference of two unrelated clocks cancels out. Pure.
"""

from collections import deque
from typing import Final

_RECENT_MS: Final = 400.0
_BUCKET_MS: Final = 1000.0
_BUCKETS: Final = 40
_MOST_STEP_MS: Final = 100.0


class QueueDelay:
    """Feed it one-way delays; read :attr:`ms`."""

    def __init__(self) -> None:
        self._recent: deque[tuple[float, float]] = deque()
        self._buckets: deque[tuple[float, float]] = deque(maxlen=_BUCKETS)
        self._last: float | None = None
        self.jitter_ms = 0.0
        """How much two packets in a row differ, smoothed as in RFC 3550."""

    @property
    def ms(self) -> float:
        """The standing queue in milliseconds; 0 while nothing is known."""
        if not self._recent:
            return 0.0
        return self._recent[0][1] - min(least for _, least in self._buckets)

    def add(self, sent_ms: float, arrived_ms: float) -> None:
        """Take one packet that arrived."""
        delay = arrived_ms - sent_ms
        if self._last is not None:
            step = min(abs(delay - self._last), _MOST_STEP_MS)
            self.jitter_ms += (step - self.jitter_ms) / 32
        self._last = delay
        # a queue of falling minima: the head is always the least of the window
        while self._recent and self._recent[-1][1] >= delay:
            self._recent.pop()
        self._recent.append((arrived_ms, delay))
        while arrived_ms - self._recent[0][0] > _RECENT_MS:
            self._recent.popleft()
        if not self._buckets or arrived_ms - self._buckets[-1][0] > _BUCKET_MS:
            self._buckets.append((arrived_ms, delay))
        elif delay < self._buckets[-1][1]:
            self._buckets[-1] = (self._buckets[-1][0], delay)

    def restart(self) -> None:
        """The path changed: what was the least delay is so no more."""
        self._buckets.clear()
        if self._recent:
            self._buckets.append(self._recent[0])
