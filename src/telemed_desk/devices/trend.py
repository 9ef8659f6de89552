"""Worse than usual? One run's figures against this PC's own week (T1). Pure.

A figure is compared with the median of its last seven days, and the distance counted in median
absolute deviations (MAD): both shrug off the one bad morning that a mean and a standard deviation
would remember for a week. A link that never varies has a MAD near nought, so that the least step would
count as an event; a twentieth of the median is therefore the smallest unit.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from telemed_desk.devices.findings import Finding, Group
from telemed_desk.devices.judging import Limit
from telemed_desk.devices.limits import LIMITS

WEEK_MS = 7 * 86_400_000
MONTH_MS = 30 * 86_400_000
LEAST_RUNS = 5
"""Fewer figures than that have no usual."""
LEAST_SPREAD = 0.05
TREND = Limit(
    "T1",
    Group.NETWORK,
    "Compared with this week",
    "MAD",
    3,
    6,
    False,
    "This is worse than usual here.",
    "Stop uploads and downloads, close other programs, and check again.",
)
"""It explains a verdict and never changes it: what matters to a call is judged by the ladder."""
TRENDED = (
    "N8.up", "N8.down", "N9", "N7.loss", "N7.rtt", "N7.jitter", "loop.rtt", "P1", "C4.fps", "M4",
)  # fmt: skip
"""Figures whose change matters to a call. Those about people and light are not among them."""


def mads_worse(
    values: Sequence[float], now: float, *, higher_is_better: bool, least: float = 0.0
) -> float | None:
    """Return how many MADs a figure is worse than usual, 0 when it is not.

    Args:
        values: What was measured before.
        now: What was measured now.
        higher_is_better: Which way is good.
        least: Smallest distance that counts as one, in the unit of the values.

    Returns:
        None when there are too few values to speak of a usual.
    """
    if len(values) < LEAST_RUNS:
        return None
    usual = statistics.median(values)
    spread = statistics.median(abs(value - usual) for value in values)
    unit = max(spread, LEAST_SPREAD * abs(usual), least)
    worse = usual - now if higher_is_better else now - usual
    if worse <= 0:
        return 0.0
    return worse / unit if unit else float("inf")


_LEAST: dict[str, float] = {
    "N9": 10.0,
    "N7.rtt": 10.0,
    "loop.rtt": 10.0,
    "N7.jitter": 5.0,
    "N7.loss": 0.5,
    "M4": 2.0,
}
"""Milliseconds, per cent and decibels below which nobody hears a difference."""


def trend_finding(
    findings: Iterable[Finding], before: Mapping[str, Sequence[float]]
) -> Finding | None:
    """Return how this run compares with the week before it; None when there is no usual yet.

    Args:
        findings: Of this run.
        before: Figures of the last seven days at this place, by check.
    """
    worst: tuple[float, Finding] | None = None
    for finding in findings:
        judged = LIMITS.get(finding.check)
        if finding.check not in TRENDED or finding.value is None or judged is None:
            continue
        mads = mads_worse(
            before.get(finding.check, ()),
            finding.value,
            higher_is_better=judged.higher_is_better,
            least=_LEAST.get(finding.check, 0.0),
        )
        if mads is not None and (worst is None or mads > worst[0]):
            worst = (mads, finding)
    if worst is None:
        return None
    mads, finding = worst
    usual = statistics.median(before[finding.check])
    found = TREND.judge(
        round(min(mads, 99.0), 1),
        cause=f"{finding.title}: {finding.value:g} {finding.unit} today, "
        f"usually {usual:g} {finding.unit}.",
    )
    return replace(found, group=finding.group)
