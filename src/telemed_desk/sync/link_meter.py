"""How large a segment and how full the line may be, from what the line did so far.

A cut costs what was on its way, so a line that breaks often gets small pieces. A steady line gets
pieces that take a few seconds each; two on the way keep it full while receipts come back.
"""

from typing import Final

SMALLEST_SEGMENT: Final = 8 * 1024
"""One second at 64 kbit/s."""
FIRST_SEGMENT: Final = 16 * 1024
LARGEST_SEGMENT: Final = 48 * 1024
"""Below what the server takes (64 KiB) by what packing may still add."""
SECONDS_PER_SEGMENT: Final = 3
FLAPPING_WINDOW: Final = 16 * 1024
STEADY_WINDOW: Final = 64 * 1024
FAST_WINDOW: Final = 256 * 1024
FAST_BYTES_PER_S: Final = 128 * 1024
_TELLING_BYTES: Final = 4 * 1024
"""Smaller segments measure the delay and not the rate."""
_CALM_SENDS: Final = 4
"""So many segments in a row without a cut make a line steady again."""


class LinkMeter:
    """Pure: times are handed in as durations, ms."""

    def __init__(self) -> None:
        self._bytes_per_s = 0.0
        self._limit = LARGEST_SEGMENT
        self._calm = _CALM_SENDS

    @property
    def segment_bytes(self) -> int:
        """How large the next segment should be on the wire."""
        wanted = FIRST_SEGMENT
        if self._bytes_per_s:
            wanted = int(self._bytes_per_s * SECONDS_PER_SEGMENT)
        return max(SMALLEST_SEGMENT, min(wanted, self._limit))

    @property
    def is_fast(self) -> bool:
        """Whether the line is steady and carries much: one small piece at a time would idle it."""
        return self.window_bytes == FAST_WINDOW

    @property
    def window_bytes(self) -> int:
        """How much may be on its way at once; urgent things are not counted."""
        if self._calm < _CALM_SENDS:
            return FLAPPING_WINDOW
        return FAST_WINDOW if self._bytes_per_s >= FAST_BYTES_PER_S else STEADY_WINDOW

    def carried(self, size: int, took_ms: int) -> None:
        """Take note of bytes that arrived and how long they took, answer included.

        A piece that shared the line counts with its share of the time.
        """
        if self._calm < _CALM_SENDS:
            self._calm += 1
        else:
            self._limit = min(LARGEST_SEGMENT, self._limit + self._limit // 2)
        if size >= _TELLING_BYTES:
            rate = size * 1000 / max(1, took_ms)
            self._bytes_per_s = (self._bytes_per_s + rate) / 2 if self._bytes_per_s else rate

    def cut(self) -> None:
        """Take note that the line broke while something was on its way."""
        self._calm = 0
        self._limit = max(SMALLEST_SEGMENT, self.segment_bytes // 2)
