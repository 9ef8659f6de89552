"""When the program checks by itself: before a visit, and after another PC of the site. Pure."""

import random
from dataclasses import dataclass, field
from typing import Final

from telemed_desk.devices.findings import Finding
from telemed_desk.workflow.check_plan import AUTO_FRESH_MS, BEFORE_VISIT_MS
from telemed_desk.workflow.self_check import OTHER_PC

SPREAD_S: Final = 20.0
"""Visits begin at the full hour on every PC of a site: each waits a while of its own first."""
OTHER_PC_S: Final = 15.0
"""About what a measurement takes; after it, and a while of its own, a PC that waited tries again."""
MOST_TRIES: Final = 3


@dataclass(slots=True)
class CheckTiming:
    """Decides for one PC.

    Attributes:
        chance: Spreads the PCs of a site; keeps no secret.
    """

    chance: random.Random = field(default_factory=random.Random)
    _visit_ms: int | None = None
    _late_ms: int = 0
    _checked_for_ms: int | None = None
    _tries: int = 0

    def visit_is_due(
        self, booked_ms: int | None, now_ms: int, *, checked_ms: int | None, running: bool
    ) -> bool:
        """Return whether to check now for the next visit; true once for each.

        Args:
            booked_ms: When it is, Unix milliseconds.
            now_ms: Now, as well.
            checked_ms: When the last verdict was reached.
            running: A check runs.
        """
        if booked_ms is None:
            return False
        if booked_ms != self._visit_ms:
            self._visit_ms, self._late_ms = booked_ms, self._own_ms()
        if not 0 <= booked_ms - now_ms <= BEFORE_VISIT_MS - self._late_ms:
            return False
        fresh = checked_ms is not None and booked_ms - checked_ms <= AUTO_FRESH_MS
        if running or fresh or booked_ms == self._checked_for_ms:
            return False
        self._checked_for_ms = booked_ms
        return True

    def again_in_s(self, findings: tuple[Finding, ...]) -> float | None:
        """Return after how long to look at the link again, because another PC had it; None = no need.

        Args:
            findings: Of the check that just ended.
        """
        if not any(finding.cause == OTHER_PC for finding in findings):
            self._tries = 0
            return None
        self._tries += 1
        if self._tries > MOST_TRIES:
            return None
        return OTHER_PC_S + self._own_ms() / 1000

    def _own_ms(self) -> int:
        return self.chance.randrange(round(SPREAD_S * 1000))
