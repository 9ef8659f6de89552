"""When to lock by itself. Pure: time is handed in."""

from dataclasses import dataclass
from typing import Final, Literal

DEFAULT_IDLE_S: Final = 300.0
SHORTEST_IDLE_S: Final = 60.0
LONGEST_IDLE_S: Final = 900.0
SLEPT_S: Final = 60.0
"""Looked at every second: when it was not for so long, the PC slept."""

Why = Literal["", "idle", "system-lock", "sleep"]


@dataclass(slots=True)
class AutoLock:
    """Locks when nobody used the desk for a while, when the system locks, and after sleep.

    A running call holds it off, and so does text that the disk has not taken yet: locking drops what
    was typed. What was asked for meanwhile is done right after.

    Times are seconds of a clock that goes on while the PC sleeps.
    """

    idle_s: float = DEFAULT_IDLE_S
    _last_use_s: float = 0.0
    _last_look_s: float | None = None
    _asked: Why = ""

    def used(self, now_s: float) -> None:
        """A key or the mouse was used, or the desk was unlocked."""
        self._last_use_s = now_s

    def unlocked(self, now_s: float) -> None:
        """Whatever asked for a lock before is done with."""
        self._asked = ""
        self._last_look_s = now_s
        self.used(now_s)

    def ask(self, why: Why) -> None:
        """The system locked its screen, or goes to sleep: lock as soon as may be."""
        self._asked = why

    def why_now(self, now_s: float, *, in_call: bool, unsaved: bool = False) -> Why:
        """Return why to lock now; empty = do not. Time in a call does not count as idle."""
        if self._last_look_s is not None and now_s - self._last_look_s >= SLEPT_S:
            self._asked = self._asked or "sleep"
        self._last_look_s = now_s
        if in_call:
            self._last_use_s = now_s
            return ""
        if unsaved:
            return ""
        if self._asked:
            return self._asked
        return "idle" if now_s - self._last_use_s >= self.idle_s else ""
