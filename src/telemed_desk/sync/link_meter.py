"""How large a segment and how full the line may be, from what the line did so far.

A cut costs half a segment, since segments take turns (``send_buffers``); small ones pack badly. With
notes, of what a line of 64 kbit/s carries in nine seconds (50 KB):

======  ===============  ==============  ====
size    packs worse by   a cut wastes    both
======  ===============  ==============  ====
4 KB    55 %             4 %             59 %
8 KB    17 %             8 %             25 %
12 KB   8 %              12 %            20 %
16 KB   3 %              16 %            19 %
20 KB   0 %              20 %            20 %
======  ===============  ==============  ====

So a segment is at most a quarter of what the line carries between two cuts.
"""

from typing import Final

SMALLEST_SEGMENT: Final = 8 * 1024
"""One second at 64 kbit/s."""
FIRST_SEGMENT: Final = 16 * 1024
LARGEST_SEGMENT: Final = 48 * 1024
"""Below what the server takes (64 KiB) by what packing may still add."""
SECONDS_PER_SEGMENT: Final = 3
SEGMENTS_BETWEEN_CUTS: Final = 4
STEADY_WINDOW: Final = 64 * 1024
FAST_WINDOW: Final = 256 * 1024
FAST_BYTES_PER_S: Final = 128 * 1024
_TELLING_BYTES: Final = 4 * 1024
"""Smaller segments measure the delay and not the rate."""
_CALM_SENDS: Final = 4
"""So many segments in a row without a cut make a line steady again."""


class LinkMeter:
    """Pure: times are handed in, ms."""

    def __init__(self) -> None:
        self._bytes_per_s = 0.0
        self._limit = LARGEST_SEGMENT
        self._since_cut = 0
        self._calm = _CALM_SENDS
        self._came_ms = 0

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
        return self._calm >= _CALM_SENDS and self._bytes_per_s >= FAST_BYTES_PER_S

    @property
    def window_bytes(self) -> int:
        """How much may be on its way at once; urgent things are not counted."""
        return FAST_WINDOW if self.is_fast else STEADY_WINDOW

    def arrived(self, size: int, left_ms: int, now_ms: int, sharing: int) -> None:
        """Take note of a segment's receipt; ``sharing`` = how many were on their way with it.

        They take turns: since the last one came, the line carried this one alone. Receipts that come
        together must not make the line look fast.
        """
        since_ms = max(left_ms, min(self._came_ms, now_ms))
        self.carried(size, max(now_ms - since_ms, (now_ms - left_ms) // max(1, sharing)))
        self._came_ms = now_ms

    def carried(self, size: int, took_ms: int) -> None:
        """Take note of bytes that arrived and how long they took, answer included.

        A piece that shared the line counts with its share of the time.
        """
        self._calm = min(self._calm + 1, _CALM_SENDS)
        self._since_cut += size
        held = self._since_cut // SEGMENTS_BETWEEN_CUTS
        self._limit = min(LARGEST_SEGMENT, max(self._limit, held))
        if size >= _TELLING_BYTES:
            rate = size * 1000 / max(1, took_ms)
            self._bytes_per_s = (self._bytes_per_s + rate) / 2 if self._bytes_per_s else rate

    def cut(self) -> None:
        """Take note that the line broke while something was on its way."""
        held = self._since_cut // SEGMENTS_BETWEEN_CUTS or self.segment_bytes // 2
        self._limit = max(SMALLEST_SEGMENT, min(LARGEST_SEGMENT, held))
        self._since_cut = self._calm = 0
