"""What the camera double shows: a desk with a person at it, and the same with one thing wrong.

Each film is a few pictures long and repeats without a seam; at 30 pictures a second a lamp at 100 Hz
comes round after three.
"""

import struct
from collections.abc import Callable, Collection, Sequence
from enum import IntEnum
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.specs import UsePattern
from telemed_desk.media.ports import Picture
from telemed_desk.media.sources.pattern import PatternCamera
from tests.support.devices.drawn_chart import Shot, draw

PICTURES = 6
PATTERN_PICTURES = 12
FPS = 30
Colours = NDArray[np.float32]
"""Height, width, blue-green-red; sRGB, 0 to 255."""


class Film(IntEnum):
    """What is before the lens, or wrong with it."""

    PATTERN = 0
    DESK = 1
    DARK = 2
    BLURRED = 3
    FLICKER = 4
    CAST = 5
    BLACK = 6
    BRIGHT = 7
    CHART = 8
    CHART_CAST = 9
    CHART_BLURRED = 10


def paint(folder: Path, films: Collection[Film]) -> None:
    """Write films, and the pattern always, once more for a camera that does not compress."""
    pattern = PatternCamera(UsePattern(1280, 720, FPS), _ignore)
    drawn = [_bgr(pattern.draw(count)) for count in range(PATTERN_PICTURES)]
    _write(folder, Film.PATTERN, drawn)
    small = PatternCamera(UsePattern(640, 480, FPS), _ignore)
    raws = [_yuyv(small.draw(count)) for count in range(PATTERN_PICTURES)]
    (folder / "640x480.yuyv").write_bytes(b"".join(raws))
    _write(folder, Film.BLACK, [np.zeros((720, 1280, 3), np.uint8)])
    desk = _desk()
    random = np.random.default_rng(5)
    grain = (1.5 * random.standard_normal((PICTURES, 720, 1280, 1), np.float32)).astype(np.float32)
    for film in films:
        if film in _CHANGES:
            change = _CHANGES[film]
            _write(folder, film, [change(desk, n / FPS) + grain[n] for n in range(PICTURES)])
        elif film in _SHOTS:
            chart = draw(_SHOTS[film])[:, :, ::-1].astype(np.float32)
            _write(folder, film, [chart + grain[n] for n in range(3)])


def _desk() -> Colours:
    """A wall with texture, shelves, and somebody in front of them."""
    random = np.random.default_rng(2)
    texture = cv2.GaussianBlur(random.normal(0, 1, (720, 1280)), (0, 0), 2.5)
    picture = np.repeat((118 + 20 * texture / texture.std())[:, :, None], 3, axis=2)
    for left in range(40, 1280, 110):
        cv2.rectangle(picture, (left, 60), (left + 46, 260), (92.0, 84.0, 78.0), -1)
        cv2.line(picture, (left + 60, 60), (left + 60, 260), (190.0, 192.0, 188.0), 3)
    cv2.ellipse(picture, (640, 640), (330, 240), 0, 180, 360, (140.0, 120.0, 105.0), -1)
    cv2.ellipse(picture, (640, 340), (120, 160), 0, 0, 360, (110.0, 135.0, 180.0), -1)
    for x in (600, 680):
        cv2.circle(picture, (x, 310), 12, (40.0, 42.0, 45.0), -1)
    cv2.line(picture, (600, 420), (680, 420), (80.0, 80.0, 150.0), 6)
    return np.clip(picture, 20, 235).astype(np.float32)


def _tubes(picture: Colours, at_s: float) -> Colours:
    rows = at_s + np.arange(720)[:, None, None] / 720 * 0.028
    return picture * (1 + 0.07 * np.cos(2 * np.pi * 100 * rows)).astype(np.float32)


_CHANGES: dict[Film, Callable[[Colours, float], Colours]] = {
    Film.DESK: lambda picture, _at: picture,
    Film.DARK: lambda picture, _at: picture * 0.3,
    Film.BLURRED: lambda picture, _at: np.asarray(cv2.GaussianBlur(picture, (0, 0), 9), np.float32),
    Film.FLICKER: _tubes,
    Film.CAST: lambda picture, _at: picture * np.float32([0.6, 0.95, 1.25]),
    Film.BRIGHT: lambda picture, _at: picture * 0.6 + 128,
}
_SHOTS = {
    Film.CHART: Shot(),
    Film.CHART_CAST: Shot(cast=(1.5, 1.0, 0.6), light=0.6),
    Film.CHART_BLURRED: Shot(blur=2.5),
}


def _write(folder: Path, film: Film, pictures: Sequence[NDArray[Any]]) -> None:
    framed = b""
    for picture in pictures:
        whole = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        done, data = cv2.imencode(".jpg", whole, [cv2.IMWRITE_JPEG_QUALITY, 92])
        assert done
        framed += struct.pack("<I", len(data)) + bytes(data)
    (folder / f"film{film.value}.mjpgs").write_bytes(framed)


def _ignore(_code: str, _detail: str) -> None:
    return


def _bgr(picture: Picture) -> NDArray[np.uint8]:
    planes = (picture.y.reshape(-1), picture.u.reshape(-1), picture.v.reshape(-1))
    i420 = np.concatenate(planes).reshape(picture.height * 3 // 2, picture.width)
    return np.asarray(cv2.cvtColor(i420, cv2.COLOR_YUV2BGR_I420), np.uint8)


def _yuyv(picture: Picture) -> bytes:
    packed: NDArray[np.uint8] = np.empty((picture.height, picture.width * 2), np.uint8)
    packed[:, 0::2] = picture.y
    packed[:, 1::4] = picture.u.repeat(2, axis=0)
    packed[:, 3::4] = picture.v.repeat(2, axis=0)
    return packed.tobytes()
