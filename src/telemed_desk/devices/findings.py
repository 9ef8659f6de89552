"""What the self-check found: one finding a check, and the verdict over all of them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from telemed_desk.clinical.ladder import Rung


class Outcome(StrEnum):
    """*Cannot tell* is a result of its own and never green."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    WARN = "warn"
    FAIL = "fail"
    CANNOT_TELL = "cannot-tell"


class Group(StrEnum):
    """Which card of the screen a check belongs to."""

    CAMERA = "camera"
    MICROPHONE = "microphone"
    SPEAKER = "speaker"
    NETWORK = "network"
    COMPUTER = "computer"


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's result.

    Attributes:
        check: Name as in the table of checks, such as ``C2``.
        group: Its card.
        title: What was looked at, in words.
        outcome: Pass, warn, fail or cannot tell.
        value: The number measured, None when there is none.
        unit: Of value and limit.
        limit: The limit that decided.
        cause: Why it is not a pass; empty on a pass.
        action: What to do about it; empty on a pass.
        ceiling: The highest rung this finding allows.
    """

    check: str
    group: Group
    title: str
    outcome: Outcome
    value: float | None = None
    unit: str = ""
    limit: float | None = None
    cause: str = ""
    action: str = ""
    ceiling: Rung = Rung.HD_VIDEO


@dataclass(frozen=True, slots=True)
class Verdict:
    """What kind of call will work, and the finding that decides."""

    rung: Rung
    sentence: str
    decided_by: tuple[str, ...]
    at_ms: int


def verdict_rung(findings: Iterable[Finding]) -> tuple[Rung, tuple[str, ...]]:
    """Return the highest rung that every finding allows, and the checks that hold it there."""
    lowest = Rung.HD_VIDEO
    deciding: list[str] = []
    for finding in findings:
        if finding.ceiling < lowest:
            lowest, deciding = finding.ceiling, [finding.check]
        elif finding.ceiling == lowest and lowest < Rung.HD_VIDEO:
            deciding.append(finding.check)
    return lowest, tuple(deciding)
