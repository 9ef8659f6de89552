"""Does the queue on the way grow? Slope of the one-way delay over the last packet groups.

The delay-based half of Google congestion control (draft-ietf-rmcat-gcc-02, with the trendline
filter of libwebrtc). Pure.
"""

from collections import deque
from typing import Final, Literal

Usage = Literal["normal", "over", "under"]

_GROUP_MS: Final = 5.0
_WINDOW: Final = 20
_SMOOTHING: Final = 0.9
_GAIN: Final = 4.0
_MOST_DELTAS: Final = 60
_START_THRESHOLD: Final = 12.5
_K_UP, _K_DOWN = 0.0087, 0.039
_OVERUSE_MS: Final = 10.0
_OUTLIER: Final = 15.0
_RESET_MS: Final = 3000.0


class DelayTrend:
    """Feed it packets in order of sending; read :attr:`usage`."""

    def __init__(self) -> None:
        self.usage: Usage = "normal"
        self._group: tuple[float, float, float] | None = None
        self._before: tuple[float, float, float] | None = None
        self._points: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._sum = self._smooth = 0.0
        self._deltas = 0
        self._threshold = _START_THRESHOLD
        self._threshold_at: float | None = None
        self._over_ms = -1.0
        self._over_count = 0
        self._trend_before = 0.0

    def reset(self) -> None:
        """Forget everything: the path changed or was silent."""
        self.__init__()  # type: ignore[misc]

    def add(self, sent_ms: float, arrived_ms: float) -> None:
        """Take one packet that arrived; clocks may differ."""
        group = self._group
        if group is None:
            self._group = (sent_ms, sent_ms, arrived_ms)
            return
        first, last, arrived = group
        if sent_ms < first:
            return  # came out of order
        if sent_ms - first <= _GROUP_MS:
            self._group = (first, max(last, sent_ms), max(arrived, arrived_ms))
            return
        if self._before is not None:
            sent_delta = last - self._before[1]
            arrived_delta = arrived - self._before[2]
            if abs(arrived_delta - sent_delta) > _RESET_MS:
                self.reset()
                self._group = (sent_ms, sent_ms, arrived_ms)
                return
            self._update(sent_delta, arrived_delta, arrived)
        self._before = group
        self._group = (sent_ms, sent_ms, arrived_ms)

    def _update(self, sent_delta: float, arrived_delta: float, now_ms: float) -> None:
        self._deltas += 1
        self._sum += arrived_delta - sent_delta
        self._smooth = _SMOOTHING * self._smooth + (1 - _SMOOTHING) * self._sum
        self._points.append((now_ms, self._smooth))
        trend = self._slope() if len(self._points) == _WINDOW else 0.0
        self._judge(trend * min(self._deltas, _MOST_DELTAS) * _GAIN, sent_delta, now_ms)

    def _slope(self) -> float:
        count = len(self._points)
        mean_x = sum(x for x, _ in self._points) / count
        mean_y = sum(y for _, y in self._points) / count
        above = sum((x - mean_x) * (y - mean_y) for x, y in self._points)
        below = sum((x - mean_x) ** 2 for x, _ in self._points)
        return above / below if below else 0.0

    def _judge(self, trend: float, sent_delta: float, now_ms: float) -> None:
        if trend > self._threshold:
            self._over_ms = sent_delta / 2 if self._over_ms < 0 else self._over_ms + sent_delta
            self._over_count += 1
            if self._over_ms > _OVERUSE_MS and self._over_count > 1 and trend >= self._trend_before:
                self._over_ms, self._over_count = 0.0, 0
                self.usage = "over"
        else:
            self._over_ms, self._over_count = -1.0, 0
            self.usage = "under" if trend < -self._threshold else "normal"
        self._trend_before = trend
        size = abs(trend)
        if self._threshold_at is not None and size <= self._threshold + _OUTLIER:
            gain = _K_DOWN if size < self._threshold else _K_UP
            elapsed = min(now_ms - self._threshold_at, 100.0)
            self._threshold += gain * (size - self._threshold) * elapsed
            self._threshold = min(max(self._threshold, 6.0), 600.0)
        self._threshold_at = now_ms
