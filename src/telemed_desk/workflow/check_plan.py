"""How far a check goes, and what it may cost. Data."""

from dataclasses import dataclass
from enum import StrEnum

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group, Outcome
from telemed_desk.devices.limits import GUIDED_CHECKS, LIMITS


class CheckMode(StrEnum):
    """How far a check goes."""

    QUICK = "quick"
    STANDARD = "standard"
    THOROUGH = "thorough"
    """Asked for by a person who was told what it costs; never by the program."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What a check may cost.

    Attributes:
        seconds: The verdict is there by then, whatever is missing.
        slow_link_seconds: The same on a link below one megabit per second, or half a second away.
        most_bytes: Over the network, both ways together.
    """

    seconds: float
    slow_link_seconds: float
    most_bytes: int


BUDGETS: dict[CheckMode, Budget] = {
    CheckMode.QUICK: Budget(6.0, 6.0, 500_000),
    CheckMode.STANDARD: Budget(15.0, 25.0, 3_000_000),
    CheckMode.THOROUGH: Budget(60.0, 60.0, 60_000_000),
}
SLOW_LINK_BPS = 1_000_000
LOOP_MOST_BPS = 600_000
"""What the test call sends at most: four seconds of it fit the standard budget beside the rate."""
AUTO_FRESH_MS = 30 * 60_000
"""The program does not check again by itself what was checked so shortly before."""
TRUSTED_MS = 12 * 3600_000
"""An older verdict says nothing about the next call."""
BEFORE_VISIT_MS = 10 * 60_000
START_WITHOUT_VERDICT = Rung.VIDEO

ESSENTIAL = frozenset({"C1", "C2", "M1", "M3", "S1", "P1", "N1", "N8.down", "N8.up"})
"""Checks whose absence is said; what else is missing follows from these."""


def checks_of(groups: frozenset[Group]) -> tuple[str, ...]:
    """Return the checks of some cards that need no person, in the order of the table."""
    return tuple(
        check
        for check, limit in LIMITS.items()
        if limit.group in groups and check not in GUIDED_CHECKS
    )


def allowed_s(mode: CheckMode, *, far: bool) -> float:
    """Return how long the link may be measured before its rate is known.

    Of a near link nobody knows yet whether it is slow. A far one may take longer whatever its rate: a
    dozen round trips pass before the first packet of a train, and each step of it takes another.
    """
    return BUDGETS[mode].slow_link_seconds if far else BUDGETS[mode].seconds


def is_slow(findings: tuple[Finding, ...]) -> bool:
    """Return whether the link measured so far is one that the longer limit is for.

    A far link that was not filled in time is not: it is only not known to be faster.
    """
    rates = [
        finding.value * 1000
        for finding in findings
        if finding.check in {"N8.up", "N8.down"}
        and finding.value
        and finding.outcome is not Outcome.CANNOT_TELL
    ]
    return any(rate < SLOW_LINK_BPS for rate in rates)
