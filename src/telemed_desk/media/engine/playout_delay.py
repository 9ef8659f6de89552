"""How long voice has to wait so that it comes through whole: the delay that the link needs. Pure.

What counts is when a *frame* can first be played: when its packet came, or, if that was lost, when the
packet came that carries its copy. So the delay for repair is there where repair is needed, and only
there. One disturbance is an accident and is forgotten within seconds; two of them, apart from each
other, are the link's habit and are provided for.
"""

from collections import deque
from typing import Final

MIN_TARGET_MS: Final = 20.0
MAX_TARGET_MS: Final = 500.0
_MARGIN_MS: Final = 16.0
"""The speaker takes 10 ms at a time, and the delay may stand 6 ms below its target before it is
stretched (``_SLOWER_MS``): with less, frames no later than was measured are missed again and again."""
_BASE_MS: Final = 2_500.0
_SHORT_MS: Final = 1_500.0
_SHORT_MOST: Final = 200
_QUANTILE: Final = 0.97
_BUCKET_MS: Final = 500.0
_BUCKETS: Final = 20
_APART: Final = 4
"""Buckets (2 s) about the worst moment that count as one with it."""
_FORGIVEN: Final = 1
"""So many separate bad moments in the whole window are let go."""
_ACCIDENT_MS: Final = 100.0


class DelayTarget:
    """Measures lateness and says how much delay absorbs it.

    All times are milliseconds; a *lag* is the time of arrival less the time in the stream, from any
    origin.
    """

    def __init__(self) -> None:
        self._window: tuple[float, float, float] | None = None
        self._short: deque[tuple[float, float]] = deque(maxlen=_SHORT_MOST)
        self._buckets: deque[tuple[int, float]] = deque(maxlen=_BUCKETS)
        self.target_ms = 40.0
        self.extra_ms = 0.0
        """Waited beyond what the link needs, for pictures that come later (lip sync)."""

    @property
    def base_ms(self) -> float:
        """Lag of the fastest packets of the last seconds."""
        return 0.0 if self._window is None else min(self._window[1], self._window[2])

    def first(self, lag_ms: float, now_ms: float, *, playable: bool = True) -> None:
        """Take the lag of a packet as it came; ``playable``: nothing brought its frame earlier."""
        if self._window is None:
            self._window = (now_ms, lag_ms, lag_ms)
        since, current, before = self._window
        if now_ms - since > _BASE_MS:
            since, current, before = now_ms, lag_ms, current
        self._window = (since, min(current, lag_ms), before)
        if playable:
            self.playable(lag_ms, now_ms)

    def playable(self, lag_ms: float, now_ms: float) -> None:
        """Take the lag with which a frame can be played: its own packet's, or its copy's."""
        self._short.append((now_ms, lag_ms))
        bucket = int(now_ms / _BUCKET_MS)
        if self._buckets and self._buckets[-1][0] == bucket:
            self._buckets[-1] = (bucket, max(lag_ms, self._buckets[-1][1]))
        else:
            self._buckets.append((bucket, lag_ms))
        self.target_ms = self._judge(now_ms)

    def _judge(self, now_ms: float) -> float:
        while self._short and now_ms - self._short[0][0] > _SHORT_MS:
            self._short.popleft()
        lately = sorted(lag for _, lag in self._short)
        short = lately[min(int(len(lately) * _QUANTILE), len(lately) - 1)] - self.base_ms
        habit = max(self._habit(int(now_ms / _BUCKET_MS)), 0.0)
        late = max(habit, min(short, habit + _ACCIDENT_MS))
        return min(max(late + _MARGIN_MS, MIN_TARGET_MS) + self.extra_ms, MAX_TARGET_MS)

    def _habit(self, newest: int) -> float:
        """Return the lateness of the worst moment, the very worst ones apart."""
        rest = [(lag, at) for at, lag in self._buckets if newest - at < _BUCKETS]
        for _ in range(_FORGIVEN):
            if not rest:
                return 0.0
            worst = max(rest)[1]
            rest = [one for one in rest if abs(one[1] - worst) > _APART]
        return max(rest)[0] - self.base_ms if rest else 0.0
