"""What one picture says of light, lens and colour (C6, C8, C9 and the tint)."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.limits_camera import (
    BLACK_MEAN,
    BLACK_SPREAD,
    BURNT_LUMA,
    CRUSHED_LUMA,
    LOOK_WIDTH,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """One picture as it looked.

    Attributes:
        luma: Full range, 0 to 255, at most :data:`LOOK_WIDTH` wide.
        tint: How far the picture as a whole is from grey: distance of its median chroma from neutral,
            in steps of 8 bits.
    """

    luma: NDArray[np.uint8]
    tint: float


def shown(y: NDArray[np.uint8], u: NDArray[np.uint8], v: NDArray[np.uint8]) -> Shown:
    """Reduce an I420 picture (BT.601, limited range) to what is judged of it."""
    height, width = y.shape
    if width > LOOK_WIDTH:
        # Areas are averaged: leaving pixels out would turn a sensor's noise into detail.
        size = (LOOK_WIDTH, max(1, round(height * LOOK_WIDTH / width)))
        y = np.asarray(cv2.resize(y, size, interpolation=cv2.INTER_AREA), np.uint8)
    full = np.clip((y.astype(np.float32) - 16) * (255 / 219), 0, 255).astype(np.uint8)
    tint = float(np.hypot(np.median(u) - 128.0, np.median(v) - 128.0))
    return Shown(full, tint)


def is_black(luma: NDArray[np.uint8]) -> bool:
    """Tell a covered lens from a dark room: dark, and without any structure."""
    return float(luma.mean()) < BLACK_MEAN and float(luma.std()) < BLACK_SPREAD


def light_findings(picture: Shown) -> list[Finding]:
    """Judge exposure in the middle of the picture, where the face is, and the colour of the light."""
    height, width = picture.luma.shape
    centre = picture.luma[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4]
    mean = round(float(centre.mean()), 0)
    dark, bright = LIMITS["C8.dark"].judge(mean), LIMITS["C8.bright"].judge(mean)
    found = [dark, bright]
    # A dark room is dark everywhere: said once.
    if bright.outcome is Outcome.PASS:
        found.append(LIMITS["C8.burnt"].judge(_percent(centre > BURNT_LUMA)))
    if dark.outcome is Outcome.PASS:
        found.append(LIMITS["C8.crushed"].judge(_percent(centre < CRUSHED_LUMA)))
    found.append(LIMITS["C12.tint"].judge(round(picture.tint, 1)))
    return found


def _percent(marked: NDArray[np.bool_]) -> float:
    return round(100 * float(marked.mean()), 1)


def sharpness(luma: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian, as a share of the picture's own variance.

    Low when nothing has an edge (Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy",
    ICPR 2000). The share, because the same picture in less light has less of both.
    """
    grey = luma.astype(np.float32)
    contrast = float(grey.var())
    if contrast < 1.0:
        return 0.0
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(laplacian.var()) / contrast
