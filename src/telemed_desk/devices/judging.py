"""How one value becomes a finding: compared with its limits, with cause, action and ceiling."""

from dataclasses import dataclass

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group, Outcome


@dataclass(frozen=True, slots=True)
class Limit:
    """How one check is judged.

    Attributes:
        check: Name in the table of checks.
        group: Its card.
        title: What is looked at, in words.
        unit: Of all numbers here.
        good: A value at least as good passes.
        usable: A value at least as good, but not good, warns; anything worse fails.
        higher_is_better: Which way is good.
        cause: Why it is not a pass.
        action: What to do.
        warn_rung: Ceiling of a warning.
        fail_rung: Ceiling of a failure.
        unknown_rung: Ceiling when it cannot be told.
    """

    check: str
    group: Group
    title: str
    unit: str
    good: float
    usable: float
    higher_is_better: bool
    cause: str
    action: str
    warn_rung: Rung = Rung.HD_VIDEO
    fail_rung: Rung = Rung.HD_VIDEO
    unknown_rung: Rung = Rung.HD_VIDEO

    def judge(self, value: float, *, cause: str = "", action: str = "") -> Finding:
        """Compare a value with the limits; cause and action replace the usual words."""
        sign = 1 if self.higher_is_better else -1
        if sign * value >= sign * self.good:
            return Finding(
                self.check, self.group, self.title, Outcome.PASS, value, self.unit, self.good
            )
        warns = sign * value >= sign * self.usable
        return Finding(
            self.check,
            self.group,
            self.title,
            Outcome.WARN if warns else Outcome.FAIL,
            value,
            self.unit,
            self.good if warns else self.usable,
            cause or self.cause,
            action or self.action,
            self.warn_rung if warns else self.fail_rung,
        )

    def passed(self) -> Finding:
        """Return a pass of a check without a number."""
        return Finding(self.check, self.group, self.title, Outcome.PASS)

    def failed(self, cause: str = "", action: str = "") -> Finding:
        """Return a failure of a check without a number."""
        return Finding(
            self.check,
            self.group,
            self.title,
            Outcome.FAIL,
            cause=cause or self.cause,
            action=action or self.action,
            ceiling=self.fail_rung,
        )

    def unknown(self, cause: str, action: str = "Check again.") -> Finding:
        """Return that this cannot be told, and why. Never green."""
        return Finding(
            self.check,
            self.group,
            self.title,
            Outcome.CANNOT_TELL,
            None,
            self.unit,
            self.good,
            cause,
            action,
            self.unknown_rung,
        )
