"""What a JPEG of ours may hold: one baseline picture, and nothing that could name a place or a phone.

The media process decodes what strangers send and encodes it anew. Its bytes are looked at once more,
without decoding, before they are kept or drawn: a decoder in the process that holds the keys then
sees the simplest kind of JPEG only, and no EXIF, comment, profile or hidden thumbnail is ever kept.
Markers: ITU-T T.81, table B.1.
"""

import re
from typing import Final

MAX_PIXELS: Final = 64_000_000
_START: Final = b"\xff\xd8"
_END: Final = b"\xff\xd9"
_SOF0, _DHT, _SOS, _DQT, _DRI, _APP0 = 0xC0, 0xC4, 0xDA, 0xDB, 0xDD, 0xE0
_TABLES: Final = frozenset({_DHT, _DQT, _DRI})
_JFIF_BYTES: Final = 16
"""Length of the JFIF segment without a thumbnail."""
_MARKER: Final = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
"""In coded data only stuffed zeros and restarts follow an 0xFF; anything else ends it."""


class NotPlain(ValueError):
    """Bytes that our encoder does not write."""


def plain_jpeg_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a JPEG as our encoder writes it.

    Raises:
        NotPlain: Progressive, with metadata, cut short, with something behind it, or no JPEG at all.
    """
    if not data.startswith(_START):
        raise NotPlain("start")
    at = len(_START)
    size: tuple[int, int] | None = None
    while True:
        if at + 4 > len(data) or data[at] != 0xFF:
            raise NotPlain("marker")
        marker = data[at + 1]
        length = int.from_bytes(data[at + 2 : at + 4], "big")
        body = data[at + 4 : at + 2 + length]
        if length < 2 or len(body) != length - 2:
            raise NotPlain("length")
        at += 2 + length
        if marker == _SOS:
            break
        if marker == _SOF0 and size is None:
            size = _frame(body)
        elif marker == _APP0:
            if length != _JFIF_BYTES or not body.startswith(b"JFIF\0"):
                raise NotPlain("not JFIF")
        elif marker not in _TABLES:
            raise NotPlain(f"marker {marker:02x}")
    end = _MARKER.search(data, at)
    if size is None or end is None or data[end.start() :] != _END:
        raise NotPlain("coded data")
    return size


def _frame(body: bytes) -> tuple[int, int]:
    """Read a frame header: 8 bits, grey or three colours."""
    if len(body) < 6 or body[0] != 8 or body[5] not in {1, 3} or len(body) != 6 + 3 * body[5]:
        raise NotPlain("frame")
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    if not 0 < width * height <= MAX_PIXELS:
        raise NotPlain("size")
    return width, height
