"""How much shown pictures still look like the ones that the camera saw.

SSIM (Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004) of
the brightness at 640x360, without the strip that carries the counter, against the film's picture of
that number. 1 is the same picture. A frozen picture that was sharp scores well: read it beside the
freezes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tests.support.calls.recording import Sample

WIDTH, HEIGHT = 640, 360
_STRIP = HEIGHT * 48 // 720 + 4
_WINDOW, _SIGMA = (11, 11), 1.5
_C1, _C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2

Luma = NDArray[np.uint8]


class FilmLuma:
    """The brightness of a film's pictures at 640x360."""

    def __init__(self, path: Path) -> None:
        raw = np.memmap(path, np.uint8, "r")
        head = bytes(raw[:200]).split(b"\n", 1)[0].decode()
        words = {word[0]: word[1:] for word in head.split()[1:]}
        self._width, self._height = int(words["W"]), int(words["H"])
        size = self._width * self._height * 3 // 2
        self._pictures = raw[len(head) + 1 :].reshape(-1, size + len(b"FRAME\n"))[:, 6:]

    def picture(self, number: int) -> Luma:
        """Return picture ``number`` of the loop."""
        plane = self._pictures[number % len(self._pictures), : self._width * self._height]
        return at_common_size(np.array(plane).reshape(self._height, self._width))


def at_common_size(luma: Luma) -> Luma:
    """Scale to 640x360: down by areas, up by cubic interpolation, as a screen does."""
    if luma.shape == (HEIGHT, WIDTH):
        return luma
    larger = luma.shape[1] > WIDTH
    way = cv2.INTER_AREA if larger else cv2.INTER_CUBIC
    scaled: Luma = np.asarray(cv2.resize(luma, (WIDTH, HEIGHT), interpolation=way), np.uint8)
    return scaled


def likeness(shown: Luma, original: Luma) -> float:
    """Mean SSIM of two pictures of the same size."""
    a, b = shown.astype(np.float32), original.astype(np.float32)

    def smooth(picture: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(cv2.GaussianBlur(picture, _WINDOW, _SIGMA), np.float32)

    mean_a, mean_b = smooth(a), smooth(b)
    var_a, var_b = smooth(a * a) - mean_a**2, smooth(b * b) - mean_b**2
    both = smooth(a * b) - mean_a * mean_b
    top = (2 * mean_a * mean_b + _C1) * (2 * both + _C2)
    bottom = (mean_a**2 + mean_b**2 + _C1) * (var_a + var_b + _C2)
    return float((top / bottom).mean())


@dataclass(frozen=True)
class QualityReport:
    """Of the sampled pictures of a stretch of a call.

    Attributes:
        sampled: How many pictures were compared.
        mean: Mean SSIM; None without pictures.
        worst_tenth: The SSIM that nine of ten reach; None without pictures.
    """

    sampled: int
    mean: float | None
    worst_tenth: float | None


def compare_samples(
    samples: Sequence[Sample], film: FilmLuma, from_ms: float, to_ms: float
) -> QualityReport:
    """Compare the pictures that were sampled between two moments with the film's."""
    scores = [
        likeness(at_common_size(sample.luma)[_STRIP:], film.picture(sample.counter)[_STRIP:])
        for sample in samples
        if from_ms <= sample.shown_ms <= to_ms
    ]
    if not scores:
        return QualityReport(0, None, None)
    return QualityReport(len(scores), float(np.mean(scores)), float(np.percentile(scores, 10)))
