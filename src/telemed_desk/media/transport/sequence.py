"""Sequence numbers and timestamps that wrap, made to count on."""


class Unwrapper:
    """Turns wrapping numbers of ``bits`` bits into ever-growing ones, tolerant of reordering."""

    def __init__(self, bits: int) -> None:
        self._span = 1 << bits
        self._last: int | None = None

    def unwrap(self, value: int) -> int:
        """Return the number next to the last one seen that has these low bits."""
        if self._last is None:
            self._last = value + self._span  # room below for what was sent before the first seen
            return self._last
        distance = (value - self._last) % self._span
        if distance >= self._span // 2:
            distance -= self._span
        result = self._last + distance
        self._last = max(self._last, result)
        return result


class StrayGuard:
    """Keeps one wild packet from moving the stream (RFC 3550, appendix A.1).

    A number far from the others would make everything before it "late" for as long as the numbers need
    to get there. Two wild ones in a row are a jump and are believed.
    """

    _MOST_AHEAD = 3000
    _MOST_BEHIND = 1500
    _SPAN = 1 << 16

    def __init__(self) -> None:
        self._highest: int | None = None
        self._stray: int | None = None

    def fits(self, sequence: int, *, repeated: bool = False) -> bool:
        """Say whether a packet belongs here. A repeat never moves anything."""
        if self._highest is None:
            if not repeated:
                self._highest = sequence
            return True
        ahead = (sequence - self._highest) % self._SPAN
        if ahead <= self._MOST_AHEAD or ahead >= self._SPAN - self._MOST_BEHIND:
            if not repeated and 0 < ahead <= self._MOST_AHEAD:
                self._highest = sequence
            return True  # a repeat too: its original may have been the newest, and lost
        if repeated:
            return False
        follows = self._stray is not None and 0 < (sequence - self._stray) % self._SPAN <= 2
        self._stray = sequence
        if follows:
            self._highest, self._stray = sequence, None
        return follows
