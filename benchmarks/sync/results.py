"""What a part measured, as a small file, and the figures that the table is made of."""

from collections.abc import Iterable
from statistics import median

import msgspec

from benchmarks.sync.goals import percentile

WORST = frozenset({"lost", "doubled", "cut_lost", "cut_doubled"})
"""Of these the worst round counts, not the middle one."""


class PartResult(msgspec.Struct):
    """One part in one round.

    Attributes:
        part: Which.
        round: From 1; also the seed.
        full: Whether in full length.
        began: ISO 8601.
        source: The commit.
        load: Average before it began.
        figures: By name.
        lists: Single values, by name.
        words: What to say beside the figure.
        kept: Always: nothing is thrown away.
    """

    part: str
    round: int
    full: bool
    began: str
    source: str
    load: float
    figures: dict[str, float] = {}
    lists: dict[str, list[float]] = {}
    words: str = ""
    kept: bool = True


def name_of(result: PartResult) -> str:
    """Return a result's file name."""
    return f"{result.part}-{'full' if result.full else 'quick'}-{result.round:02}"


def figures_of(results: Iterable[PartResult]) -> dict[str, float]:
    """Return medians over rounds; of losses the worst; of queue changes the pooled percentile."""
    every: dict[str, list[float]] = {}
    changes: list[float] = []
    for result in results:
        for name, value in result.figures.items():
            every.setdefault(name, []).append(value)
        changes += result.lists.get("urgent_s", [])
    figures = {n: max(v) if n in WORST else median(v) for n, v in every.items()}
    if changes:
        figures["urgent_p95_s"] = percentile(changes, 0.95)
    for name in ("lost", "doubled"):
        seen = [figures[key] for key in (name, f"cut_{name}") if key in figures]
        if seen:
            figures[name] = max(seen)
    return figures


def remarks_of(results: Iterable[PartResult]) -> dict[str, str]:
    """Return what the last round of each part said, by goal."""
    goals = {
        "store": ("apply_ratio",),
        "unlock": ("unlock_s",),
        "bytes": ("bytes_ratio",),
        "new-pc": ("new_pc_s",),
        "thin": ("goodput",),
        "cut": ("cut_extra",),
        "urgent": ("urgent_p95_s",),
    }
    return {goal: result.words for result in results for goal in goals[result.part]}
