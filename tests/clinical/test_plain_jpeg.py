"""What is kept and drawn is a plain JPEG: one baseline picture and nothing beside it."""

import struct

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.clinical.plain_jpeg import NotPlain, plain_jpeg_size
from telemed_desk.media.photo_encode import reencode

PIXELS = np.random.default_rng(3).integers(0, 255, (90, 120, 3)).astype(np.uint8)


def encoded(*parameters: int, kind: str = ".jpg", pixels: np.ndarray = PIXELS) -> bytes:
    return cv2.imencode(kind, pixels, list(parameters))[1].tobytes()


def segment(marker: int, body: bytes) -> bytes:
    return b"\xff" + bytes([marker]) + struct.pack(">H", len(body) + 2) + body


OURS = encoded(cv2.IMWRITE_JPEG_QUALITY, 84)


@pytest.mark.parametrize("quality", [30, 60, 84, 95])
def test_what_our_encoder_writes_is_plain(quality: int) -> None:
    assert plain_jpeg_size(encoded(cv2.IMWRITE_JPEG_QUALITY, quality)) == (120, 90)
    grey = np.ascontiguousarray(PIXELS[:, :, 0])
    assert plain_jpeg_size(encoded(cv2.IMWRITE_JPEG_QUALITY, quality, pixels=grey)) == (120, 90)


def test_photo_preview_and_thumbnail_of_the_media_process_are_plain() -> None:
    large = np.random.default_rng(5).integers(0, 255, (1500, 2000, 3)).astype(np.uint8)
    photo = reencode(encoded(cv2.IMWRITE_JPEG_PROGRESSIVE, 1, pixels=large))
    assert plain_jpeg_size(photo.jpeg) == (photo.width, photo.height)
    assert max(plain_jpeg_size(photo.preview_jpeg)) <= 1280
    assert max(plain_jpeg_size(photo.thumb_jpeg)) <= 160
    assert len(photo.thumb_jpeg) <= 6_000


@pytest.mark.parametrize(
    "data",
    [
        OURS[:2] + segment(0xE1, b"Exif\0\0" + bytes(40)) + OURS[2:],
        OURS[:2] + segment(0xFE, b"taken at home") + OURS[2:],
        OURS[:2] + segment(0xE2, b"ICC_PROFILE\0" + bytes(40)) + OURS[2:],
        OURS[:2] + segment(0xE0, b"JFXX\0\x10" + bytes(40)) + OURS[2:],
        OURS + b"hidden behind the end",
        OURS + OURS,
        OURS[:-2],
        OURS[:200],
        OURS[:-2] + segment(0xE1, b"Exif\0\0") + b"\xff\xd9",
        encoded(cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        encoded(kind=".png"),
        encoded(kind=".webp"),
        b"GIF89a" + bytes(50),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8",
        b"",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(NotPlain):
        plain_jpeg_size(data)


def test_a_size_that_would_fill_the_memory_is_refused() -> None:
    at = OURS.index(b"\xff\xc0") + 5
    with pytest.raises(NotPlain):
        plain_jpeg_size(OURS[:at] + b"\xff\xff\xff\xff" + OURS[at + 4 :])


@given(st.integers(0, len(OURS) - 1), st.integers(1, 255), st.integers(0, len(OURS)))
def test_whatever_is_changed_it_ends_with_a_size_or_a_refusal(at: int, by: int, cut: int) -> None:
    changed = bytearray(OURS)
    changed[at] ^= by
    for data in (bytes(changed), bytes(changed[:cut])):
        try:
            width, height = plain_jpeg_size(data)
        except NotPlain:
            continue
        assert 0 < width * height <= 64_000_000
