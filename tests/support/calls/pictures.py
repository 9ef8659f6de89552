"""What became of one side's pictures on the other side's screen.

Definitions: a picture is *new* when it was taken later than every one shown before it; *delay* is from
taken to shown, of new pictures; *frozen* is the time inside gaps between new pictures that are longer
than a limit. Delay knows only what was shown and so flatters who freezes; *age* does not: it is how old
the picture on the screen is, weighed by time, and grows while a picture stands.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tests.support.calls.recording import Pictures

FREEZE_MS = 200.0
FREEZES_MS = (200.0, 400.0, 1000.0)
_AGE_STEP_MS = 10.0
_FRESH_MS = 1500.0
"""After an outage, an older picture is what was on its way before it, not the picture come back."""


@dataclass(frozen=True)
class PictureReport:
    """One direction of a call.

    Attributes:
        recognised: New pictures whose counter was read, in the whole call.
        unreadable_share: Of all pictures shown, those without a readable counter.
        first_s: From the click to the first of them; None: there never was one.
        fps: New pictures a second, within the measured stretch, as the next ones.
        frozen_share: In gaps over 200 ms; 1.0 when nothing was ever shown.
        longest_gap_s: Between two new pictures.
        delay_p50_ms: None when nothing was shown.
        delay_p95_ms: As before.
        lines: Most frequent height.
        frozen_shares: In gaps over 200, 400 and 1000 ms.
        age_p50_ms: None when nothing was shown.
        age_p95_ms: As before.
    """

    recognised: int
    unreadable_share: float
    first_s: float | None
    fps: float
    frozen_share: float
    longest_gap_s: float
    delay_p50_ms: float | None
    delay_p95_ms: float | None
    lines: int | None
    frozen_shares: dict[float, float] = field(
        default_factory=lambda: dict.fromkeys(FREEZES_MS, 1.0)
    )
    age_p50_ms: float | None = None
    age_p95_ms: float | None = None


def compare_pictures(
    taken: Pictures, shown: Pictures, click_ms: float, from_ms: float, to_ms: float
) -> PictureReport:
    """Follow each counter from camera to screen; measure between two moments."""
    readable = shown[shown[:, 1] >= 0]
    unreadable = 1 - len(readable) / len(shown) if len(shown) else 0.0
    table = new_pictures(taken, readable)
    if not len(table):
        gap_s = (to_ms - from_ms) / 1000
        return PictureReport(0, unreadable, None, 0.0, 1.0, gap_s, None, None, None)
    inside = table[(table[:, 0] >= from_ms) & (table[:, 0] <= to_ms)]
    gaps = np.diff(np.concatenate([[from_ms], inside[:, 0], [to_ms]]))
    delays = inside[:, 0] - inside[:, 1]
    ages = _ages(table, from_ms, to_ms)
    frozen = {limit: float(gaps[gaps > limit].sum() / (to_ms - from_ms)) for limit in FREEZES_MS}
    heights, counts = np.unique(inside[:, 2], return_counts=True)
    return PictureReport(
        recognised=len(table),
        unreadable_share=unreadable,
        first_s=float(table[0, 0] - click_ms) / 1000,
        fps=len(inside) / ((to_ms - from_ms) / 1000),
        frozen_share=frozen[FREEZE_MS],
        longest_gap_s=float(gaps.max() / 1000),
        delay_p50_ms=_percentile(delays, 50),
        delay_p95_ms=_percentile(delays, 95),
        lines=int(heights[counts.argmax()]) if len(inside) else None,
        frozen_shares=frozen,
        age_p50_ms=_percentile(ages, 50),
        age_p95_ms=_percentile(ages, 95),
    )


def picture_back_ms(taken: Pictures, shown: Pictures, from_ms: float) -> float | None:
    """When the first new picture was shown that is younger than 1.5 s (Unix ms); None: never."""
    for shown_ms, taken_ms, _ in new_pictures(taken, shown[shown[:, 1] >= 0]):
        if shown_ms >= from_ms and taken_ms >= shown_ms - _FRESH_MS:
            return float(shown_ms)
    return None


def new_pictures(taken: Pictures, readable: Pictures) -> NDArray[np.float64]:
    """Rows of shown ms, taken ms, height, of new pictures."""
    taken_at: dict[int, list[float]] = {}
    for wall_ms, counter, *_ in taken:
        taken_at.setdefault(int(counter), []).append(wall_ms)
    fresh: list[tuple[float, float, float]] = []
    newest = -np.inf
    for wall_ms, counter, _, height in readable:
        # The film loops: it is the latest one taken before it was shown (5 ms for clocks' grain).
        candidates = [at for at in taken_at.get(int(counter), []) if at <= wall_ms + 5]
        if candidates and candidates[-1] > newest:
            newest = candidates[-1]
            fresh.append((wall_ms, newest, height))
    return np.array(fresh, np.float64).reshape(-1, 3)


def _ages(table: NDArray[np.float64], from_ms: float, to_ms: float) -> NDArray[np.float64]:
    """Age of the newest picture on the screen every 10 ms, from the first picture on."""
    moments = np.arange(max(from_ms, table[0, 0]), to_ms, _AGE_STEP_MS)
    newest = np.searchsorted(table[:, 0], moments, side="right") - 1
    return np.asarray(moments - table[np.maximum(newest, 0), 1])


def _percentile(values: NDArray[np.float64], percent: float) -> float | None:
    return float(np.percentile(values, percent)) if len(values) else None
