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
