"""How fine a detail survives: MTF50 from a slanted edge (check C10).

ISO 12233, edge-based spatial frequency response: a slightly tilted edge crosses the rows at every
fraction of a pixel, so that its profile can be put together four times finer than the pixels are. Its
derivative is the spread of a line, and the transform of that is the contrast which each fineness keeps.
A camera that sharpens its picture shows more than its lens gives.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FINER = 4
LEAST_ROWS = 12
LEAST_CONTRAST = 0.15
"""Of full scale, linear light; below it noise draws the edge."""
LEAST_SLANT, MOST_SLANT = 0.03, 0.4
"""Pixels across for each row: less than about 2 degrees leaves gaps, more is another edge."""


def mtf50(edge: Floats) -> float | None:
    """Return at how many cycles a pixel half of the contrast is left; None = cannot be told.

    Args:
        edge: Linear light, 0 to 1, with one near-vertical edge through all rows.
    """
    rows, columns = edge.shape
    if rows < LEAST_ROWS or columns < 8:
        return None
    sides = abs(float(edge[:, -3:].mean() - edge[:, :3].mean()))
    line = _edge_line(edge) if sides >= LEAST_CONTRAST else None
    if line is None or not LEAST_SLANT <= abs(line[0]) <= MOST_SLANT:
        return None
    profile = _fine_profile(edge, *line)
    return None if profile is None else _half_contrast(np.diff(profile))


def _fine_profile(edge: Floats, slant: float, start: float) -> Floats | None:
    """Return the brightness across the edge, four times finer than the pixels."""
    rows, columns = edge.shape
    y, x = np.mgrid[0:rows, 0:columns]
    # Distance at a right angle to the edge, in quarters of a pixel.
    distance = (x - (start + slant * y)) / np.hypot(1.0, slant)
    reach = float(min(start + min(0.0, slant * rows), columns - 1 - start - max(0.0, slant * rows)))
    if reach < 3:
        return None
    bins = np.rint(distance * FINER).astype(np.int64)
    half = int(reach * FINER)
    inside = np.abs(bins) <= half
    places = bins[inside] + half
    weights = np.bincount(places, minlength=2 * half + 1)
    if (weights == 0).any():
        return None
    profile: Floats = np.bincount(places, edge[inside], minlength=2 * half + 1) / weights
    return profile


def _edge_line(edge: Floats) -> tuple[float, float] | None:
    """Return slant (columns a row) and column in row 0 of the edge, fitted to all rows."""
    steps = np.abs(np.diff(edge, axis=1))
    columns = np.arange(steps.shape[1]) + 0.5
    rows = np.arange(steps.shape[0])
    weights = steps**2  # noise counts little, the edge much
    centres = (weights * columns).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-12)
    for _ in range(3):
        slant, start = np.polyfit(rows, centres, 1)
        near = np.exp(-(((columns - (start + slant * rows)[:, None]) / 4.0) ** 2))
        total = (weights * near).sum(axis=1)
        if (total <= 0).any():
            return None
        centres = (weights * near * columns).sum(axis=1) / total
    slant, start = np.polyfit(rows, centres, 1)
    apart = float(np.abs(centres - (start + slant * rows)).mean())
    return (float(slant), float(start)) if apart < 1.0 else None


def _half_contrast(spread: Floats) -> float | None:
    window = np.hamming(len(spread))
    response = np.abs(np.fft.rfft(spread * window, n=4096))
    if response[0] <= 0:
        return None
    response = response / response[0]
    frequency = np.arange(len(response)) * FINER / 4096
    # The derivative over two samples blurs by itself; that is taken out (ISO 12233, annex D).
    response = response / np.maximum(np.sinc(frequency / FINER), 0.1)
    below = np.flatnonzero(response < 0.5)
    if not len(below):
        return None
    at = int(below[0])
    before, after = response[at - 1], response[at]
    return float(frequency[at - 1] + (before - 0.5) / (before - after) * frequency[1])
