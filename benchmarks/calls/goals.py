"""The goals, as data: what our engine must reach in absolute numbers, per link.

Source: a study that measured Chromium and stock aiortc beforehand; each figure was chosen to be better
than what Chromium did there. All are medians. Beside each stands Chromium of the same run.
"""

import math
from dataclasses import dataclass
from typing import Literal

from benchmarks.calls.figures import DirectionFigures
from benchmarks.calls.tables import Value

Kind = Literal["ratio", "points"]


@dataclass(frozen=True)
class Goal:
    """One primary metric on one link.

    Attributes:
        condition: The link.
        what: The metric, with its unit.
        value: Takes it out of a direction's figures.
        limit: To be reached.
        more_is_better: Else less is.
        form: How to write it.
        kind: How it is compared with Chromium's: as a ratio, or, for shares that may be zero, in
            percentage points.
    """

    condition: str
    what: str
    value: Value
    limit: float
    more_is_better: bool = False
    form: str = ".2f"
    kind: Kind = "ratio"

    @property
    def never(self) -> float:
        """What stands for a value that is not there, because nothing came: the worst there is."""
        return 0.0 if self.more_is_better else math.inf

    def reached(self, value: float) -> bool:
        """Whether a value is good enough."""
        return value >= self.limit if self.more_is_better else value <= self.limit


def _quality(condition: str, limit: float) -> Goal:
    return Goal(condition, "PESQ", lambda d: d.quality, limit, more_is_better=True)


def _ear(condition: str, limit_ms: float) -> Goal:
    return Goal(condition, "mouth to ear p50 ms", lambda d: d.ear_p50_ms, limit_ms, form=".0f")


def _frozen(condition: str, limit_percent: float) -> Goal:
    name = "frozen >200 ms %"
    return Goal(
        condition, name, lambda d: 100 * d.frozen_200, limit_percent, form=".1f", kind="points"
    )


def _first_picture(condition: str, limit_s: float) -> Goal:
    return Goal(condition, "first picture s", lambda d: d.first_picture_s, limit_s)


def our_cores(figures: DirectionFigures) -> float:
    """Processor use of our end; where there is none of ours, of the sender."""
    ours_receives = figures.receiver == "o" and figures.sender != "o"
    return figures.receiver_cores if ours_receives else figures.sender_cores


GOALS = [
    _first_picture("clean", 0.25),
    _quality("clean", 4.0),
    _ear("clean", 80),
    Goal("clean", "picture delay p50 ms", lambda d: d.picture_p50_ms, 60, form=".0f"),
    _frozen("clean", 0.05),
    Goal("clean", "cores of one end", our_cores, 0.55),
    _quality("rural", 3.4),
    _ear("rural", 300),
    _frozen("rural", 1),
    _first_picture("rural", 0.8),
    _quality("burst", 3.0),
    _frozen("burst", 3),
    _quality("bad", 3.0),
    _frozen("bad", 5),
    _quality("vbad", 2.5),
    Goal("vbad", "first sound s", lambda d: d.first_sound_s, 3.0),
    _quality("drop", 3.2),
    Goal("drop", "mouth to ear p95 ms", lambda d: d.ear_p95_ms, 400, form=".0f"),
    _frozen("drop", 8),
    Goal("outage", "sound back s", lambda d: d.sound_back_s, 0.5),
    Goal("outage", "picture back s", lambda d: d.picture_back_s, 1.0),
    Goal("ipchange", "sound back s", lambda d: d.sound_back_s, 4.0),
    _quality("thin64", 2.5),
    Goal("thin24", "heard %", lambda d: 100 * d.heard_share, 80, more_is_better=True, form=".0f"),
]
