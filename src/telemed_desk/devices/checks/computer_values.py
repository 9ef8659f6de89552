"""What the systems say of a computer, in one form for all of them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Since boot, in any unit: how long processors were busy, and how long there were."""

    busy: float
    total: float

    def busy_percent_since(self, earlier: "CpuTimes") -> float | None:
        """Return the share of time busy since then; None if no time has passed."""
        passed = self.total - earlier.total
        return 100 * (self.busy - earlier.busy) / passed if passed > 0 else None


@dataclass(frozen=True, slots=True)
class Battery:
    """Where the power comes from; a PC without a battery is on mains."""

    on_mains: bool
    percent: float


@dataclass(frozen=True, slots=True)
class Heat:
    """How warm the processor is.

    Attributes:
        celsius: None = the system does not say.
        slowed: How often, or whether, the processor was slowed down for it; compared over time.
    """

    celsius: float | None = None
    slowed: int = 0
