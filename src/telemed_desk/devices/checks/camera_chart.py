"""Finds a ColorChecker Classic in a picture and measures its patches.

The chart's 24 patches are bright squares on a black card, so they are looked for as squares, put into a
grid, and the grid is laid over the picture; which way round it is follows from the colours themselves.
OpenCV's own detector was tried first: of sixteen rendered charts it found two
(docs/adr/0017-cameras.md).
"""

from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.checks.camera_colour import COLORCHECKER, Floats, lab_from_linear, linear

ROWS, COLUMNS = 4, 6
SEARCH_WIDTH = 960
LEAST_SQUARES = 12
PATCH_SHARE = 0.86
"""Side of a patch, as a share of the distance between two."""
SAMPLED_SHARE = 0.5
"""Of a patch's side: its border belongs to the lens."""
LEAST_LIKENESS = 0.7
"""Correlation of lightness and both colour axes with the chart's; a cast shifts them, but keeps it."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart that was found.

    Attributes:
        place: Homography from the grid (column 0 to 5, row 0 to 3, at patch centres) to pixels.
        patches: Mean sRGB of each patch, 0 to 1, row by row from dark skin.
        spread: Standard deviation within each patch, the worst channel.
        pitch: Pixels from one patch to the next.
    """

    place: Floats
    patches: Floats
    spread: Floats
    pitch: float

    def at(self, points: Floats) -> Floats:
        """Return the pixels of points of the grid, shape (n, 2)."""
        return _mapped(self.place, points)

    @property
    def corners(self) -> Floats:
        """Pixels of the card's corners, clockwise from the dark skin patch."""
        edge = 0.6
        right, bottom = COLUMNS - 1 + edge, ROWS - 1 + edge
        return self.at(np.array([(-edge, -edge), (right, -edge), (right, bottom), (-edge, bottom)]))


def find_chart(rgb: Picture) -> Chart | None:
    """Return the chart in a picture, None when there is none. Takes some tens of milliseconds.

    Args:
        rgb: sRGB, uint8, shape (height, width, 3).
    """
    width = rgb.shape[1]
    scale = min(1.0, SEARCH_WIDTH / width)
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    squares = _squares(np.asarray(grey, np.uint8))
    if len(squares) < LEAST_SQUARES:
        return None
    cells = _grid(squares)
    if len(cells) < LEAST_SQUARES:
        return None
    return _best_way_round(cells, squares[:, :2] / scale, rgb)


def _squares(grey: Picture) -> Floats:
    """Return what looks like a patch: centre x, y, and the two side vectors; shape (n, 6)."""
    width = grey.shape[1]
    found: list[Floats] = []
    soft = cv2.GaussianBlur(grey, (0, 0), 1.0)
    for share in (24, 14, 8):
        block = max(11, width // share) | 1
        for offset in (3, 8):
            marked = cv2.adaptiveThreshold(
                soft, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, block, offset
            )
            outlines, _ = cv2.findContours(marked, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
            for outline in outlines:
                square = _as_square(np.asarray(outline, np.int32), width)
                if square is not None and all(_apart(square, other) for other in found):
                    found.append(square)
    return np.array(found).reshape(-1, 6)


def _as_square(outline: NDArray[np.int32], width: int) -> Floats | None:
    area = cv2.contourArea(outline)
    if not (width / 80) ** 2 <= area <= (width / 6) ** 2:
        return None
    corners = cv2.approxPolyDP(outline, 0.09 * cv2.arcLength(outline, True), True)
    if len(corners) != 4 or not cv2.isContourConvex(corners):
        return None
    points = corners.reshape(4, 2).astype(np.float64)
    sides = np.roll(points, -1, axis=0) - points
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    if lengths.min() < 0.6 * lengths.max() or area < 0.75 * lengths.min() ** 2:
        return None
    one, other = (sides[0] - sides[2]) / 2, (sides[1] - sides[3]) / 2
    # "Across" is the side that lies flatter, pointing right; "down" points down.
    across, down = (one, other) if abs(one[0]) >= abs(other[0]) else (other, one)
    across, down = across * np.sign(across[0] or 1), down * np.sign(down[1] or 1)
    return np.concatenate([points.mean(axis=0), across, down])


def _apart(one: Floats, other: Floats) -> bool:
    return float(np.hypot(*(one[:2] - other[:2]))) > 0.4 * float(np.hypot(*one[2:4]))


def _grid(squares: Floats) -> dict[int, tuple[int, int]]:
    """Return the largest set of squares that lie in one grid: index to (column, row)."""
    best: dict[int, tuple[int, int]] = {}
    for seed in range(len(squares)):
        if seed not in best:
            cells = _grown(squares, seed)
            if len(cells) > len(best):
                best = cells
    return best


def _grown(squares: Floats, seed: int) -> dict[int, tuple[int, int]]:
    cells = {seed: (0, 0)}
    waiting = [seed]
    side = float(np.hypot(*squares[seed, 2:4]))
    sizes = np.hypot(squares[:, 2], squares[:, 3])
    alike = (sizes > 0.7 * side) & (sizes < 1.4 * side)
    while waiting:
        here = waiting.pop()
        centre = squares[here, :2]
        across, down = squares[here, 2:4] / PATCH_SHARE, squares[here, 4:6] / PATCH_SHARE
        for column, row in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            distance = np.hypot(*(squares[:, :2] - (centre + column * across + row * down)).T)
            near = int(np.where(alike, distance, np.inf).argmin())
            if distance[near] < 0.25 * side and alike[near] and near not in cells:
                cells[near] = (cells[here][0] + column, cells[here][1] + row)
                waiting.append(near)
    return cells


_TURNS: Final = tuple(
    np.array(turn, np.float64)
    for turn in (((1, 0), (0, 1)), ((-1, 0), (0, -1)), ((0, 1), (-1, 0)), ((0, -1), (1, 0)))
)


def _best_way_round(
    cells: dict[int, tuple[int, int]], centres: Floats, rgb: Picture
) -> Chart | None:
    """Try all ways in which the squares can lie on a chart; the colours decide."""
    places = np.array(list(cells.values()), np.float64)
    pixels = centres[list(cells)]
    best: tuple[float, Chart] | None = None
    for turn in _TURNS:
        turned = places @ turn.T
        turned -= turned.min(axis=0)
        columns, rows = turned.max(axis=0) + 1
        if columns > COLUMNS or rows > ROWS:
            continue
        for right, down in product(range(int(COLUMNS - columns) + 1), range(int(ROWS - rows) + 1)):
            chart = _laid(turned + np.array([right, down]), pixels, rgb)
            if chart is None:
                continue
            likeness = _likeness(chart)
            if best is None or likeness > best[0]:
                best = likeness, chart
    return best[1] if best is not None and best[0] >= LEAST_LIKENESS else None


def _laid(places: Floats, pixels: Floats, rgb: Picture) -> Chart | None:
    fitted: Any = cv2.findHomography(places, pixels, cv2.RANSAC, 4.0)[0]
    if fitted is None:  # the stubs do not know that it may fail
        return None
    place: Floats = np.asarray(fitted, np.float64)
    height, width = rgb.shape[:2]
    grid = np.array([(column, row) for row in range(ROWS) for column in range(COLUMNS)], np.float64)
    inner = np.linspace(-0.5, 0.5, 13) * PATCH_SHARE * SAMPLED_SHARE
    around = np.array(list(product(inner, inner)))
    points = _mapped(place, (grid[:, None] + around).reshape(-1, 2))
    x, y = np.rint(points).astype(np.int64).T
    if x.min() < 0 or y.min() < 0 or x.max() >= width or y.max() >= height:
        return None
    colours = (rgb[y, x].astype(np.float64) / 255).reshape(len(grid), -1, 3)
    corners = _mapped(place, np.array([(0.0, 0.0), (COLUMNS - 1.0, 0.0)]))
    pitch = float(np.hypot(*(corners[1] - corners[0]))) / (COLUMNS - 1)
    return Chart(place, colours.mean(axis=1), colours.std(axis=1).max(axis=1), pitch)


def _likeness(chart: Chart) -> float:
    """Return the worst correlation of the three axes of CIELAB with the chart's own."""
    lab = lab_from_linear(linear(chart.patches))
    with np.errstate(invalid="ignore", divide="ignore"):
        each = [float(np.corrcoef(lab[:, axis], COLORCHECKER[:, axis])[0, 1]) for axis in range(3)]
    return min(each) if np.isfinite(each).all() else -1.0


def _mapped(place: Floats, points: Floats) -> Floats:
    whole = np.hstack([points, np.ones((len(points), 1))]) @ place.T
    flat: Floats = whole[:, :2] / whole[:, 2:]
    return flat
