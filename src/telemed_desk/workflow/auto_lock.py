"""When to lock by itself. Pure: time is handed in."""

from dataclasses import dataclass

DEFAULT_IDLE_S = 300.0
SHORTEST_IDLE_S = 120.0
LONGEST_IDLE_S = 900.0


@dataclass(slots=True)
class AutoLock:
    """Counts idle time; a running call holds the lock off.

    Times are monotonic seconds.
    """

    idle_s: float = DEFAULT_IDLE_S
    _last_use_s: float = 0.0

    def used(self, now_s: float) -> None:
        """A key or the mouse was used."""
        self._last_use_s = now_s

    def is_due(self, now_s: float, *, in_call: bool) -> bool:
        """Whether to lock now. Time in a call does not count as idle."""
        if in_call:
            self._last_use_s = now_s
            return False
        return now_s - self._last_use_s >= self.idle_s
