"""A ColorChecker as a perfect camera would see it, and then less perfect ones."""

from dataclasses import dataclass, replace
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.checks.camera_colour import COLORCHECKER, linear_from_lab

CARD = 0.012
"""Linear light of the black card."""
PATCH, GAP = 80, 13
FINER = 3
"""Drawn this much finer than a pixel, so that edges come out as a sensor integrates them."""


@dataclass(frozen=True)
class Shot:
    """How the chart is held, lit and seen.

    Attributes:
        degrees: How far it is tilted in the picture.
        size: Width of a patch with its gap, in pixels.
        cast: Gain of red, green and blue, in linear light.
        blur: Standard deviation of the lens's blur, pixels.
        noise: Standard deviation of the sensor's noise, 8-bit steps.
        lean: How far it is turned away, as a share of its width.
        light: Exposure; 1 shows white at its own lightness.
        wall: Linear light behind it.
        width, height: Of the picture.
    """

    degrees: float = 5.0
    size: float = 75.0
    cast: tuple[float, float, float] = (1.0, 1.0, 1.0)
    blur: float = 0.35
    noise: float = 2.0
    lean: float = 0.0
    light: float = 0.9
    wall: float = 0.2
    width: int = 1280
    height: int = 720
    seed: int = 0


def draw(shot: Shot) -> NDArray[np.uint8]:
    """Return the picture, sRGB."""
    curved = _seen(replace(shot, noise=0.0, seed=0))
    noise = np.random.default_rng(shot.seed).standard_normal(curved.shape, np.float32) * shot.noise
    return np.clip(np.rint(curved + noise), 0, 255).astype(np.uint8)


@lru_cache(maxsize=4)
def _seen(shot: Shot) -> NDArray[np.float32]:
    flat = _flat()
    height, width = flat.shape[:2]
    turn = np.radians(shot.degrees)
    scale = shot.size / (PATCH + GAP)
    spin = scale * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)], np.float64)
    lean = shot.lean * height / 2
    held = corners + np.array([(0, lean), (0, 0), (0, 0), (0, -lean)])
    target = (held - (width / 2, height / 2)) @ spin.T + (shot.width / 2, shot.height / 2)
    finer = (target + 0.5) * FINER - 0.5
    place = cv2.getPerspectiveTransform(corners.astype(np.float32), finer.astype(np.float32))
    wall = (shot.wall,) * 3
    seen = cv2.warpPerspective(
        flat,
        place,
        (shot.width * FINER, shot.height * FINER),
        flags=cv2.INTER_LINEAR,
        borderValue=wall,
    )
    light = cv2.resize(seen, (shot.width, shot.height), interpolation=cv2.INTER_AREA)
    if shot.blur:
        light = cv2.GaussianBlur(light, (0, 0), shot.blur)
    light = np.clip(light * np.float32(shot.cast) * np.float32(shot.light), 0, 1)
    curved = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055) * 255
    return curved.astype(np.float32)


def _flat() -> NDArray[np.float32]:
    colours = np.clip(linear_from_lab(COLORCHECKER), 0, 1)
    width, height = 6 * PATCH + 7 * GAP, 4 * PATCH + 5 * GAP
    card = np.full((height, width, 3), CARD, np.float32)
    for number, colour in enumerate(colours):
        row, column = divmod(number, 6)
        y, x = GAP + row * (PATCH + GAP), GAP + column * (PATCH + GAP)
        card[y : y + PATCH, x : x + PATCH] = colour
    return card
