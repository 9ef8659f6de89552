"""What became of one side's pictures on the other side's screen.

Definitions: a picture is *new* when it was taken later than every one shown before it; *delay* is from
taken to shown; *frozen* is the time inside gaps longer than 200 ms between new pictures.
"""

from dataclasses import dataclass

import numpy as np

from tests.support.calls.recording import Pictures

FREEZE_MS = 200.0


@dataclass(frozen=True)
class PictureReport:
    """One direction of a call.

    Attributes:
        recognised: New pictures whose counter was read, in the whole call.
        unreadable_share: Of all pictures shown, those without a readable counter.
        first_s: From the click to the first of them; None: there never was one.
        fps: New pictures a second, within the measured stretch, as the next ones.
        frozen_share: 1.0 when nothing was ever shown.
        longest_gap_s: Between two new pictures.
        delay_p50_ms: None when nothing was shown.
        delay_p95_ms: As before.
        lines: Most frequent height.
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


def compare_pictures(
    taken: Pictures, shown: Pictures, click_ms: float, from_ms: float, to_ms: float
) -> PictureReport:
    """Follow each counter from camera to screen; measure between two moments."""
    readable = shown[shown[:, 1] >= 0]
    unreadable = 1 - len(readable) / len(shown) if len(shown) else 0.0
    fresh = _new_pictures(taken, readable)
    if not fresh:
        gap_s = (to_ms - from_ms) / 1000
        return PictureReport(0, unreadable, None, 0.0, 1.0, gap_s, None, None, None)
    table = np.array(fresh)
    inside = table[(table[:, 0] >= from_ms) & (table[:, 0] <= to_ms)]
    gaps = np.diff(np.concatenate([[from_ms], inside[:, 0], [to_ms]]))
    delays = inside[:, 0] - inside[:, 1]
    heights, counts = np.unique(table[:, 2], return_counts=True)
    return PictureReport(
        recognised=len(fresh),
        unreadable_share=unreadable,
        first_s=float(table[0, 0] - click_ms) / 1000,
        fps=len(inside) / ((to_ms - from_ms) / 1000),
        frozen_share=float(gaps[gaps > FREEZE_MS].sum() / (to_ms - from_ms)),
        longest_gap_s=float(gaps.max() / 1000),
        delay_p50_ms=float(np.percentile(delays, 50)) if len(delays) else None,
        delay_p95_ms=float(np.percentile(delays, 95)) if len(delays) else None,
        lines=int(heights[counts.argmax()]),
    )


def _new_pictures(taken: Pictures, readable: Pictures) -> list[tuple[float, float, float]]:
    """Rows of shown ms, taken ms, height."""
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
    return fresh
