"""Photos from outside: the pixels kept, everything else dropped."""

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.media.photo_encode import (
    MAX_PHOTO_BYTES,
    MAX_PREVIEW_BYTES,
    PhotoUnreadable,
    picture_size,
    reencode,
)

GPS_SECRET = b"-1.2864,36.8172 Samsung"


def jpeg(width: int, height: int, noise: int = 0) -> bytes:
    """A picture whose top left quarter is red, so that turning it can be seen."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[: height // 2, : width // 2] = (0, 0, 220)
    if noise:
        pixels = (
            (pixels.astype(int) + np.random.default_rng(1).integers(-noise, noise, pixels.shape))
            .clip(0, 255)
            .astype(np.uint8)
        )
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()


def with_exif(data: bytes, orientation: int) -> bytes:
    """Insert an APP1 segment: orientation, and a maker's words that must not survive."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    make = struct.pack(">HHII", 0x010F, 2, len(GPS_SECRET), 38)
    tiff = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 2) + make + entry + bytes(4)
    body = b"Exif\0\0" + tiff + GPS_SECRET
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def red_corner(data: bytes) -> str:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    height, width = pixels.shape[:2]
    corners = {"top left": (8, 8), "top right": (8, width - 9), "bottom left": (height - 9, 8)}
    return next(name for name, (y, x) in corners.items() if pixels[y, x, 2] > 150)


# ---- encoding ------------------------------------------------------------------------------------


def test_metadata_does_not_survive_and_the_photo_stands_upright() -> None:
    source = with_exif(jpeg(640, 480), 6)  # 6: the camera was turned, show it a quarter right
    assert GPS_SECRET in source
    photo = reencode(source)
    assert (photo.width, photo.height) == (480, 640)
    assert red_corner(photo.jpeg) == "top right"
    for data in (photo.jpeg, photo.preview_jpeg):
        assert GPS_SECRET not in data
        assert b"Exif" not in data
        assert data.startswith(b"\xff\xd8")


def test_a_large_noisy_photo_fits_its_limits() -> None:
    photo = reencode(jpeg(3000, 2000, noise=60))
    assert len(photo.jpeg) <= MAX_PHOTO_BYTES
    assert len(photo.preview_jpeg) <= MAX_PREVIEW_BYTES
    assert max(picture_size(photo.preview_jpeg)) <= 1280
    assert picture_size(photo.jpeg) == (photo.width, photo.height)


def test_a_small_clean_photo_keeps_its_size() -> None:
    photo = reencode(jpeg(1600, 1200))
    assert (photo.width, photo.height) == (1600, 1200)


def test_png_is_accepted() -> None:
    data = cv2.imencode(".png", np.full((64, 80, 3), 100, np.uint8))[1].tobytes()
    assert (reencode(data).width, reencode(data).height) == (80, 64)


def bomb() -> bytes:
    data = bytearray(jpeg(64, 64))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65000, 65000)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(50),
        b"\xff\xd8",
        b"\xff\xd8\xff\xe1\xff\xff",
        jpeg(64, 64)[:200],
        bomb(),
    ],
    ids=["empty", "gif", "head only", "endless segment", "cut short", "bomb"],
)
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoUnreadable):
        reencode(data)


@given(st.binary(max_size=400))
def test_any_bytes_after_a_jpeg_start_are_measured_or_refused(rest: bytes) -> None:
    try:
        width, height = picture_size(b"\xff\xd8" + rest)
    except PhotoUnreadable:
        return
    assert 0 <= width < 65536
    assert 0 <= height < 65536
