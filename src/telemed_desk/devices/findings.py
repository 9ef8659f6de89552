"""What the self-check found: one finding a check, and what is concluded from all of them."""

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
    """What kind of call will work, and the findings that decide.

    Attributes:
        rung: The highest that everything allows.
        sentence: That rung in words.
        decided_by: Checks that hold it there; empty when nothing does.
        at_ms: When, Unix milliseconds.
        unproven: Those of ``decided_by`` that could not be told: better may be possible, but it
            was not seen, so it is not promised.
        quarter_hour_bytes: What a call on this rung moves in 15 minutes at most, both ways.
    """

    rung: Rung
    sentence: str
    decided_by: tuple[str, ...]
    at_ms: int
    unproven: tuple[str, ...] = ()
    quarter_hour_bytes: int = 0
