"""When to show a decoded picture: late enough that most repaired ones are in time.

Shown the moment it is whole, a picture that lost a packet comes a round trip late, and the screen stands
still and then jumps. Held back by what the late ones of the last seconds needed, all come evenly. On a
link without loss nothing is held back. Pure: clocks are handed in.
"""

from collections import deque
from typing import Final

from telemed_desk.media.transport.sequence import Unwrapper

_CLOCK_PER_MS: Final = 90
_WINDOW: Final = 150
_QUANTILE: Final = 0.93
_BASE_MS: Final = 5000.0
_WORTH_MS: Final = 40.0
_MOST_MS: Final = 500.0
_FORGET: Final = 0.99


class RenderPace:
    """Decides for one stream. One thread."""

    def __init__(self) -> None:
        self._unwrap = Unwrapper(32)
        self._late_ms: deque[float] = deque(maxlen=_WINDOW)
        self._base: tuple[float, float, float] | None = None
        self._hold_ms = 0.0

    @property
    def hold_ms(self) -> float:
        """By how much the fastest pictures are held back."""
        return self._hold_ms

    def due_ns(self, timestamp: int, whole_ns: int, rtt_ms: float) -> int:
        """Return when to show the picture with this RTP time, whole since ``whole_ns``."""
        whole_ms = whole_ns / 1e6
        at_ms = self._unwrap.unwrap(timestamp) / _CLOCK_PER_MS
        lag = whole_ms - at_ms
        since, current, before = self._base or (whole_ms, lag, lag)
        if whole_ms - since > _BASE_MS:
            since, current, before = whole_ms, lag, current
        current = min(current, lag)
        self._base = (since, current, before)
        base = min(current, before)
        late = lag - base
        if late > 4 * _MOST_MS:  # another count, or the end of an outage: begin anew
            self._base = (whole_ms, lag, lag)
            self._late_ms.clear()
            return whole_ns
        self._late_ms.append(late)
        ordered = sorted(self._late_ms)
        wanted = ordered[min(int(len(ordered) * _QUANTILE), len(ordered) - 1)]
        # a repair takes a round trip; waiting for the second repair is not worth the delay
        wanted = min(wanted, _MOST_MS, 1.1 * rtt_ms + 60)
        if wanted < _WORTH_MS:
            wanted = 0.0
        self._hold_ms = max(wanted, self._hold_ms * _FORGET if wanted else self._hold_ms * 0.9)
        if self._hold_ms < _WORTH_MS / 2:
            self._hold_ms = 0.0
        return max(whole_ns, int((at_ms + base + self._hold_ms) * 1e6))
