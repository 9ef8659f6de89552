"""A photo from outside becomes one of ours: decoded, turned upright, re-encoded, nothing else kept.

What the patient's page sends is a stranger's bytes. Its size is read from the header before anything
is decoded, and no metadata (place, device, thumbnail) survives, because only pixels do.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.media.ports import Picture
from telemed_protocol.errors import KnownError

MAX_PIXELS = 64_000_000
"""Phones take 12 to 50 megapixels; decoded, this is 192 MB for a moment."""
MAX_PHOTO_BYTES = 1_500_000
MAX_PREVIEW_BYTES = 40_000
MAX_PREVIEW_SIDE = 1280
MAX_THUMB_BYTES = 6_000
MAX_THUMB_SIDE = 160
MIN_SIDE = 16
_QUALITIES = (95, 92, 88, 84, 80, 75)
_PREVIEW_QUALITIES = (80, 70, 60, 50, 40, 30)
_SHRINK = 0.8
_FAR_TOO_LARGE = 3
_QUALITY_GIVES = 1.4
"""JPEGs at quality 84 have about half the bytes of 95, so the sides may stay this much longer."""

Pixels = NDArray[np.uint8]


class PhotoUnreadable(KnownError):
    """The bytes are not a photo that we accept."""

    code = "TD-PHO-001"
    sentence = "The photo arrived, but it cannot be read."
    next_step = "Ask the patient to take it once more."


@dataclass(frozen=True, slots=True)
class EncodedPhoto:
    """JPEGs without metadata; width and height are the photo's, upright."""

    jpeg: bytes
    preview_jpeg: bytes
    width: int
    height: int
    thumb_jpeg: bytes


def reencode(data: bytes) -> EncodedPhoto:
    """Decode a JPEG or PNG, turn it as its EXIF says, encode anew. Tenths of a second; own thread.

    Raises:
        PhotoUnreadable: Not a photo, damaged, or absurdly large.
    """
    width, height = picture_size(data)
    if min(width, height) < MIN_SIDE or width * height > MAX_PIXELS:
        raise PhotoUnreadable(f"{width}x{height}")
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise PhotoUnreadable("decoder") from error
    if pixels is None:
        raise PhotoUnreadable("decoder")
    return _encode(np.asarray(pixels, np.uint8))


def encode_picture(picture: Picture) -> EncodedPhoto:
    """Encode a frame of the call."""
    i420 = np.concatenate((picture.y.reshape(-1), picture.u.reshape(-1), picture.v.reshape(-1)))
    packed = i420.reshape(picture.height * 3 // 2, picture.width)
    return _encode(np.asarray(cv2.cvtColor(packed, cv2.COLOR_YUV2BGR_I420), np.uint8))


def _encode(pixels: Pixels) -> EncodedPhoto:
    jpeg, kept = _fit(pixels, _QUALITIES, MAX_PHOTO_BYTES)
    height, width = kept.shape[:2]
    scale = min(1.0, MAX_PREVIEW_SIDE / max(width, height))
    small = _scaled(kept, scale) if scale < 1 else kept
    preview, _ = _fit(small, _PREVIEW_QUALITIES, MAX_PREVIEW_BYTES)
    tiny = _scaled(kept, min(1.0, MAX_THUMB_SIDE / max(width, height)))
    thumb, _ = _fit(tiny, _PREVIEW_QUALITIES, MAX_THUMB_BYTES)
    return EncodedPhoto(jpeg, preview, width, height, thumb)


def _fit(pixels: Pixels, qualities: tuple[int, ...], max_bytes: int) -> tuple[bytes, Pixels]:
    """Encode as well as fits: first with less quality, then smaller."""
    while True:
        data = b""
        for quality in qualities:
            data = _jpeg(pixels, quality)
            if len(data) <= max_bytes:
                return data, pixels
            if len(data) > _FAR_TOO_LARGE * max_bytes:
                break  # less quality alone will not do; do not spend a second finding that out
        # Straight to about the size that fits: bytes go with the area, and quality gives the rest.
        rest = _QUALITY_GIVES if len(data) > _FAR_TOO_LARGE * max_bytes else 0.95
        pixels = _scaled(pixels, min(_SHRINK, math.sqrt(max_bytes / len(data)) * rest))


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    if not done:
        raise PhotoUnreadable("encoder")
    return bytes(data)


def _scaled(pixels: Pixels, scale: float) -> Pixels:
    height, width = pixels.shape[:2]
    size = (max(MIN_SIDE, round(width * scale)), max(MIN_SIDE, round(height * scale)))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


_PNG = b"\x89PNG\r\n\x1a\n"
_SOF = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}


def picture_size(data: bytes) -> tuple[int, int]:
    """Read width and height from a JPEG's frame header or a PNG's IHDR. Raises PhotoUnreadable.

    JPEG: ITU-T T.81, annex B.
    """
    if data.startswith(_PNG) and len(data) >= 24 and data[12:16] == b"IHDR":
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    if not data.startswith(b"\xff\xd8"):
        raise PhotoUnreadable("neither JPEG nor PNG")
    at = 2
    while at + 9 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in _WITHOUT_LENGTH:
            at += 2
        elif marker in _SOF:
            height = int.from_bytes(data[at + 5 : at + 7], "big")
            return int.from_bytes(data[at + 7 : at + 9], "big"), height
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    raise PhotoUnreadable("no frame header")
