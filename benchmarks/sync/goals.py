"""The goals of store and sync as numbers, and the one table of what was measured. Pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

MET, MISSED, NOT_MEASURED = "met", "**not met**", "not measured"


@dataclass(frozen=True)
class Goal:
    """One line of the table.

    Attributes:
        key: Of the figure.
        words: What it is.
        limit: The number to hold.
        sense: Whether more or less is better.
        unit: Behind the number.
    """

    key: str
    words: str
    limit: float
    sense: Literal["at least", "at most"]
    unit: str = ""

    def verdict(self, figure: float | None) -> str:
        """Say whether a figure holds the goal."""
        if figure is None or math.isnan(figure):
            return NOT_MEASURED
        met = figure >= self.limit if self.sense == "at least" else figure <= self.limit
        return MET if met else MISSED


GOALS: Final = (
    Goal("apply_ratio", "bulk apply, speed beside plain SQLite", 0.8, "at least", "x"),
    Goal("search_ratio", "search, speed beside plain SQLite", 0.8, "at least", "x"),
    Goal("save_ratio", "durable save of a note, time beside plain SQLite", 1.5, "at most", "x"),
    Goal("bytes_ratio", "bytes a note, beside PouchDB's replication", 0.25, "at most", "x"),
    Goal("unlock_s", "unlock to queue, 100,000 consultations", 1.5, "at most", "s"),
    Goal(
        "goodput", "notes up at 64 kbit/s, 600 ms: the link's share for payload", 0.85, "at least"
    ),
    Goal("cut_extra", "the same, cut every 10 s: extra bytes", 0.25, "at most"),
    Goal("lost", "the same: facts lost", 0, "at most"),
    Goal("doubled", "the same: facts doubled", 0, "at most"),
    Goal("urgent_p95_s", "queue change during that upload, 95th percentile", 2.5, "at most", "s"),
    Goal("new_pc_s", "new PC at 2 Mbit/s: newest 30 days", 20.0, "at most", "s"),
)


def number(value: float) -> str:
    """Write a figure with as many digits as say something."""
    return f"{value:.0f}" if value == int(value) else f"{value:.3g}"


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that ``share`` of all do not exceed; nan of none."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def table(figures: Mapping[str, float], remarks: Mapping[str, str]) -> list[str]:
    """Return the table, a line a goal."""
    lines = ["| what | goal | measured | | |", "|---|---|---|---|---|"]
    for goal in GOALS:
        figure = figures.get(goal.key)
        shown = "" if figure is None else f"{number(figure)} {goal.unit}".strip()
        limit = f"{goal.sense} {number(goal.limit)} {goal.unit}".strip()
        remark = remarks.get(goal.key, "")
        lines.append(f"| {goal.words} | {limit} | {shown} | {goal.verdict(figure)} | {remark} |")
    return lines
