"""Which rung a call found by itself: decided from what its ladder said, second by second. Pure."""

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from telemed_desk.clinical.ladder import Rung

SETTLE_S = 30.0
"""Not counted of a call: it looks for its rung, and a rung above is tried for so long."""
SHORT_S = 60.0
"""Shorter calls are for trying the harness out: half of them is not counted."""


@dataclass(frozen=True, slots=True)
class Moment:
    """What one end's ladder said; it holds until the next one.

    Attributes:
        at_s: Since the click.
        rung: Of what it sends.
        reason: Why not higher.
    """

    at_s: float
    rung: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """Where one end stood.

    Attributes:
        rung: For most of the time.
        share: Of the time that counts.
        reason: What kept it from the next rung, most often.
    """

    rung: Rung
    share: float
    reason: str = ""


def settle_s(seconds: float) -> float:
    """Return how much of a call of this length is not counted."""
    return SETTLE_S if seconds >= SHORT_S else seconds / 2


def held(
    trace: Sequence[Moment],
    *,
    begin_s: float,
    end_s: float,
    connected_s: float | None,
    given_up_s: float | None = None,
) -> Held:
    """Return the rung that one end held for most of the time; of two held equally long, the lower.

    Args:
        trace: Of that end, in order.
        begin_s: From here on it counts,
        end_s: to here.
        connected_s: When the call first connected; before that there was no call, whatever the
            ladder hoped for. None: it never did.
        given_up_s: When an end gave the call up; from then on only the telephone is left.
    """
    spans: defaultdict[Rung, float] = defaultdict(float)
    reasons: defaultdict[tuple[Rung, str], float] = defaultdict(float)

    def count(rung: Rung, reason: str, since_s: float, until_s: float) -> None:
        passed_s = min(until_s, end_s) - max(since_s, begin_s)
        if passed_s > 0:
            spans[rung] += passed_s
            reasons[rung, reason] += passed_s

    up_s = end_s if connected_s is None else connected_s
    over_s = end_s if given_up_s is None else max(up_s, given_up_s)
    ends = [*(moment.at_s for moment in trace[1:]), over_s] if trace else []
    for moment, until_s in zip(trace, ends, strict=True):
        rung = Rung(max(Rung.PHONE, min(moment.rung, Rung.HD_VIDEO)))
        count(rung, moment.reason, max(moment.at_s, up_s), min(until_s, over_s))
    first_s = max(up_s, trace[0].at_s) if trace else end_s
    for since_s, until_s in ((begin_s, min(first_s, end_s)), (over_s, end_s)):
        count(Rung.PHONE, "no call", since_s, until_s)
    if not spans:
        return Held(Rung.PHONE, 0.0, "no call")
    rung = min(spans, key=lambda one: (-spans[one], one))
    why = {reason: passed for (one, reason), passed in reasons.items() if one is rung}
    return Held(rung, spans[rung] / sum(spans.values()), max(why, key=lambda r: why[r]))


def lower(up: Held, down: Held) -> Held:
    """Return what a call allows both: the check has one verdict for both ways."""
    return min(up, down, key=lambda one: one.rung)


def changes(trace: Sequence[Moment], begin_s: float) -> int:
    """Return how often the rung changed in what counts."""
    counted = [moment.rung for moment in trace if moment.at_s >= begin_s]
    return sum(one != other for one, other in itertools.pairwise(counted))
