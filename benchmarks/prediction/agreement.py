"""Prediction against truth, and the goals. Pure: from the files of a run alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.prediction.links import LINKS, Link
from benchmarks.prediction.results import CheckResult, LinkResult
from telemed_desk.clinical.ladder import Rung
from telemed_desk.workflow.check_plan import BUDGETS, CheckMode

AGREE_SHARE = 0.95
TOO_HIGH = 2
CAPACITY_ERROR = 0.05
FIRST_VERDICT_S = 6.0
LEAST_LINKS = 40
LITTLE_LOSS_PERCENT = 3.0
"""Up to here chance hardly blurs a rate that is measured in two seconds."""


def step(result: LinkResult, mode: str) -> int | None:
    """Return by how many rungs a check was too high; negative = too low, None = not measured.

    Without a link there is no call, and the telephone is what is left: both are one.
    """
    check = result.check(mode)
    if check is None or result.call is None:
        return None
    return max(check.seen.rung, int(Rung.PHONE)) - result.call.rung


@dataclass(frozen=True)
class Agreement:
    """How a mode's verdicts and the calls agree.

    Attributes:
        count: Links times rounds.
        agreed: In how many the rung was the same.
        too_high: In how many it was two rungs too high, or more.
        high, low: In how many it was too high or too low by any.
    """

    count: int
    agreed: int
    too_high: int
    high: int
    low: int

    @property
    def share(self) -> float:
        """Of those that agree."""
        return self.agreed / self.count if self.count else 0.0


def agreement(results: Sequence[LinkResult], mode: str) -> Agreement:
    """Count how verdicts of a mode and calls agree."""
    steps = [one for one in (step(result, mode) for result in results) if one is not None]
    return Agreement(
        count=len(steps),
        agreed=steps.count(0),
        too_high=sum(one >= TOO_HIGH for one in steps),
        high=sum(one > 0 for one in steps),
        low=sum(one < 0 for one in steps),
    )


@dataclass(frozen=True)
class Rate:
    """What a check said of one direction's rate.

    Attributes:
        way: ``up`` or ``down``.
        measured_kbps: By the train, else by HTTPS. None: it could not tell.
        exact: By the train.
        at_least: The link was not filled: it may be faster.
        true_kbps: The emulator's.
    """

    link: Link
    way: str
    measured_kbps: float | None
    exact: bool
    at_least: bool
    true_kbps: float

    @property
    def error(self) -> float | None:
        """Relative; None where there is none, because only a lower bound was told, or nothing.

        A lower bound above the truth is an error like any other.
        """
        if self.measured_kbps is None:
            return None
        error = self.measured_kbps / self.true_kbps - 1
        return None if self.at_least and error <= CAPACITY_ERROR else error


def rates(result: LinkResult, mode: str) -> Iterator[Rate]:
    """Yield both directions of a check."""
    check = result.check(mode)
    if check is None:
        return
    link, seen = LINKS[result.link], check.seen
    figures = seen.figures
    for way, true_kbps in (("up", link.up_kbps), ("down", link.down_kbps)):
        if figures is not None and figures.outcome == "measured":
            train = figures.up if way == "up" else figures.down
            narrowest = min(link.up_kbps, link.down_kbps)
            true = narrowest if figures.path.startswith("loop") else true_kbps
            bps = train.capacity_bps
            kbps = None if bps is None else bps / 1000
            yield Rate(link, way, kbps, True, train.at_least, true)
        else:
            value = next((f.value for f in seen.findings if f.check == f"N8.{way}"), None)
            yield Rate(link, way, value, False, _capped(value), true_kbps)


def _capped(kbps: float | None) -> bool:
    """Whether an estimate over HTTPS is what it tells of any faster link (``RATE_CAP_BPS``)."""
    return kbps is not None and kbps >= 8000


@dataclass(frozen=True)
class Errors:
    """Of capacities: how many, the median and the worst of their sizes, how many within the goal."""

    count: int
    median: float
    worst: float
    within: int


def errors(values: Sequence[float]) -> Errors | None:
    """Sum relative errors up; None for none."""
    sizes = [abs(value) for value in values]
    if not sizes:
        return None
    within = sum(size <= CAPACITY_ERROR for size in sizes)
    return Errors(len(sizes), median(sizes), max(sizes), within)


def capacity_errors(
    results: Sequence[LinkResult], mode: str, *, exact: bool = True, most_loss: float = 100.0
) -> list[float]:
    """Return the errors of a mode's capacities, of links that lose no more than this."""
    found = (rate for result in results for rate in rates(result, mode))
    return [
        rate.error
        for rate in found
        if rate.exact == exact and rate.error is not None and rate.link.loss_percent <= most_loss
    ]


def flow_errors(
    results: Sequence[LinkResult], yardstick: str, most_loss: float = 100.0
) -> list[float]:
    """Return the errors of a yardstick (``tcp`` or ``data``), payload against the link's rate."""
    found = []
    for result in results:
        link = LINKS[result.link]
        flow = result.tcp if yardstick == "tcp" else result.data
        if flow is None or link.loss_percent > most_loss:
            continue
        for kbps, true in ((flow.up_kbps, link.up_kbps), (flow.down_kbps, link.down_kbps)):
            if kbps is not None:
                found.append(kbps / true - 1)
    return found


def over_budget(result: LinkResult, check: CheckResult) -> list[str]:
    """Say in words which budget a check did not keep."""
    budget = BUDGETS[CheckMode(check.seen.mode)]
    seconds = budget.slow_link_seconds if LINKS[result.link].slow else budget.seconds
    said = []
    if check.seen.seconds > seconds:
        said.append(f"{check.seen.seconds:.1f} s of {seconds:.0f}")
    if check.wire_bytes > budget.most_bytes:
        said.append(f"{check.wire_bytes / 1e6:.2f} MB of {budget.most_bytes / 1e6:.1f}")
    return said


@dataclass(frozen=True)
class GoalSeen:
    """A goal, and what was reached. ``met`` is None where nothing was measured."""

    what: str
    reached: str
    met: bool | None


def goals(results: Sequence[LinkResult]) -> list[GoalSeen]:
    """Hold the kept results against all goals."""
    mode = CheckMode.STANDARD.value
    agreed = agreement(results, mode)
    some = agreed.count > 0
    links = {result.link for result in results if step(result, mode) is not None}
    seen = [
        GoalSeen(f"{LEAST_LINKS} links or more", f"{len(links)}", len(links) >= LEAST_LINKS),
        GoalSeen(
            f"standard check and call on the same rung in {AGREE_SHARE:.0%} or more",
            f"{agreed.agreed} of {agreed.count} ({agreed.share:.0%})",
            agreed.share >= AGREE_SHARE if some else None,
        ),
        GoalSeen(
            "never two rungs too high",
            f"{agreed.too_high} of {agreed.count}",
            agreed.too_high == 0 if some else None,
        ),
    ]
    sums = errors(capacity_errors(results, mode))
    seen.append(
        GoalSeen(
            f"capacity within {CAPACITY_ERROR:.0%} up and down",
            "-" if sums is None else f"{sums.within} of {sums.count}, worst {sums.worst:.1%}",
            None if sums is None else sums.within == sums.count,
        )
    )
    checks = [(result, check) for result in results for check in result.checks]
    broken = [words for result, check in checks for words in over_budget(result, check)]
    for unit, what in (("s", "time"), ("MB", "data")):
        these = [words for words in broken if words.split()[1] == unit]
        seen.append(
            GoalSeen(
                f"every check keeps its budget of {what}",
                f"{len(checks) - len(these)} of {len(checks)}",
                not these if checks else None,
            )
        )
    first = [
        check.seen.seconds
        for result, check in checks
        if check.seen.mode == CheckMode.QUICK.value and LINKS[result.link].clean
    ]
    seen.append(
        GoalSeen(
            f"first verdict below {FIRST_VERDICT_S:.0f} s on a clean link (quick check)",
            f"worst {max(first):.1f} s of {len(first)}" if first else "-",
            max(first) < FIRST_VERDICT_S if first else None,
        )
    )
    return seen
