"""Scales I420 pictures for the encoder. OpenCV lets go of the interpreter while it works."""

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.media.ports import Picture


def _scale(plane: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    how = cv2.INTER_AREA if width < plane.shape[1] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(plane, (width, height), interpolation=how), dtype=np.uint8)


def scale_picture(picture: Picture, width: int, height: int) -> Picture:
    """Return the picture at another size (even pixels); the same object when nothing changes."""
    if (picture.width, picture.height) == (width, height):
        return picture
    return Picture(
        _scale(picture.y, width, height),
        _scale(picture.u, width // 2, height // 2),
        _scale(picture.v, width // 2, height // 2),
        picture.taken_ns,
    )


def fit(width: int, height: int, most_width: int, most_height: int) -> tuple[int, int]:
    """Return the largest even size of the same shape within the limits, never enlarged."""
    ratio = min(1.0, most_width / width, most_height / height)
    if height > width:  # a camera held upright: the limits turn with it
        ratio = min(1.0, most_height / width, most_width / height)
    return max(2, int(width * ratio) & ~1), max(2, int(height * ratio) & ~1)
