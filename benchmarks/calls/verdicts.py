"""The goals' table: ours beside Chromium's and stock aiortc's, met or missed, per direction."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.calls.figures import CallFigures
from benchmarks.calls.goals import GOALS, Goal
from benchmarks.calls.intervals import Middle, middle
from benchmarks.calls.tables import per_call, write

Standing = Literal["better", "level", "worse"]
OURS = ("o→c", "c→o", "o→o")
CHROMIUM = "c→c"
STOCK = {"o→c": "a→c", "c→o": "c→a", "o→o": "a→c"}
"""With whom each direction of ours is compared; between two desks, with what stock aiortc sends."""
_HEADS = (
    "link",
    "metric",
    "goal",
    "direction",
    "calls",
    "ours",
    "Chromium",
    "ours / Chromium",
    "stock",
    "goal met?",
    "beside Chromium",
    "better than stock?",
)


@dataclass(frozen=True)
class Verdict:
    """One goal in one direction. None = not measured.

    Attributes:
        ours, chromium, stock: Medians over calls.
        beside: Ours to Chromium's in the same round: ratio, or difference in points.
        met: Whether our median reaches the goal.
        standing: Whether the whole interval of ``beside`` is better or worse than Chromium; where it
            reaches both, ours is level.
        better_than_stock: Whether our median is.
    """

    goal: Goal
    arrow: str
    ours: Middle | None
    chromium: Middle | None
    stock: Middle | None
    beside: Middle | None
    met: bool | None
    standing: Standing | None
    better_than_stock: bool | None


def judge(goal: Goal, arrow: str, calls: Sequence[CallFigures]) -> Verdict:
    """Judge one goal in one direction on the calls of its link and one film."""
    ours = per_call(calls, arrow, goal.value, goal.never)
    chromium = per_call(calls, CHROMIUM, goal.value, goal.never)
    stock = per_call(calls, STOCK[arrow], goal.value, goal.never)
    pairs = [_beside(goal, ours[n], chromium[n]) for n in sorted(ours.keys() & chromium.keys())]
    our_middle, stock_middle = _middle(ours), _middle(stock)
    beside = middle(pairs) if pairs else None
    better = None
    if our_middle is not None and stock_middle is not None:
        better = (
            our_middle.value > stock_middle.value
            if goal.more_is_better
            else our_middle.value < stock_middle.value
        )
    return Verdict(
        goal,
        arrow,
        our_middle,
        _middle(chromium),
        stock_middle,
        beside,
        None if our_middle is None else goal.reached(our_middle.value),
        None if beside is None else _standing(goal, beside),
        better,
    )


def verdicts(calls: Sequence[CallFigures], film: int) -> list[Verdict]:
    """All goals in all directions of ours, for one film."""
    by_link: dict[str, list[CallFigures]] = {}
    for call in calls:
        if call.kept and call.film == film:
            by_link.setdefault(call.condition, []).append(call)
    return [judge(goal, arrow, by_link.get(goal.condition, [])) for goal in GOALS for arrow in OURS]


def goal_table(found: Sequence[Verdict]) -> list[str]:
    """Markdown lines of the table, and what it sums up to."""
    lines = ["| " + " | ".join(_HEADS) + " |", "|" + "---|" * len(_HEADS)]
    measured = {verdict.goal.condition for verdict in found if verdict.ours is not None}
    for verdict in found:
        goal = verdict.goal
        if goal.condition not in measured:
            continue
        sign = ">=" if goal.more_is_better else "<="
        beside_form = ".2f" if goal.kind == "ratio" else "+.1f"
        cells = [
            goal.condition,
            goal.what,
            f"{sign} {goal.limit:g}",
            verdict.arrow,
            str(verdict.ours.count if verdict.ours else 0),
            write(verdict.ours, goal.form),
            write(verdict.chromium, goal.form),
            write(verdict.beside, beside_form),
            write(verdict.stock, goal.form),
            _word(verdict.ours, ("met", "missed"), answer=verdict.met),
            _unsure(verdict.standing or "not measured", verdict.beside),
            _word(verdict.ours, ("yes", "no"), answer=verdict.better_than_stock),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    counts: Mapping[str, int] = {
        "met": sum(v.met is True for v in found),
        "missed": sum(v.met is False for v in found),
        "not measured": sum(v.met is None for v in found),
    }
    missing = sorted({verdict.goal.condition for verdict in found} - measured)
    if missing:
        lines += ["", "Not measured: " + ", ".join(missing) + "."]
    lines += ["", "Goals: " + ", ".join(f"{count} {word}" for word, count in counts.items()) + "."]
    return lines


def _beside(goal: Goal, ours: float, chromium: float) -> float:
    if goal.kind == "points":
        return ours - chromium
    if ours == chromium:  # both never, or both zero
        return 1.0
    return math.inf if chromium == 0 else ours / chromium


def _standing(goal: Goal, beside: Middle) -> Standing:
    equal = 0.0 if goal.kind == "points" else 1.0
    above, below = beside.low > equal, beside.high < equal
    if not above and not below:
        return "level"
    return "better" if above == goal.more_is_better else "worse"


def _middle(values: Mapping[int, float]) -> Middle | None:
    return middle(list(values.values())) if values else None


def _word(on: Middle | None, words: tuple[str, str], *, answer: bool | None) -> str:
    if answer is None:
        return "not measured"
    return _unsure(words[0 if answer else 1], on)


def _unsure(word: str, on: Middle | None) -> str:
    return word if on is None or on.sure else f"{word} (too few calls)"
