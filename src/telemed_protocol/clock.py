"""Hybrid logical time: orders ops across PCs whose clocks disagree.

48 bits of milliseconds since 1970 and a 16-bit counter in one integer
(Kulkarni et al., "Logical Physical Clocks", 2014).
"""

COUNTER_BITS = 16
COUNTER_MAX = (1 << COUNTER_BITS) - 1
MAX_AHEAD_MS = 5 * 60 * 1000
"""A remote stamp further ahead than this is clamped; order then falls to the server's number."""


class HybridClock:
    """Issues strictly increasing stamps that never run behind what was seen.

    Not thread-safe: the vault's writer thread owns it. The wall clock is handed in.
    """

    def __init__(self, last: int = 0) -> None:
        self._last = last

    @property
    def last(self) -> int:
        """The newest stamp issued or observed."""
        return self._last

    def now(self, wall_ms: int) -> int:
        """Return a stamp later than all before it."""
        candidate = wall_ms << COUNTER_BITS
        self._last = candidate if candidate > self._last else self._last + 1
        return self._last

    def observe(self, remote: int, wall_ms: int) -> bool:
        """Take note of a stamp from another PC; return False if it was too far ahead and ignored."""
        if remote >> COUNTER_BITS > wall_ms + MAX_AHEAD_MS:
            return False
        self._last = max(self._last, remote)
        return True


def wall_ms_of(stamp: int) -> int:
    """Return the milliseconds since 1970 inside a stamp."""
    return stamp >> COUNTER_BITS
