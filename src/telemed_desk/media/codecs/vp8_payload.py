"""RTP payload format for VP8 (RFC 7741): cut a frame into payloads, read a payload's descriptor."""

from dataclasses import dataclass
from typing import Final

from telemed_protocol.errors import FormatError

MAX_PAYLOAD_BYTES: Final = 1150
"""With RTP, extensions, SRTP, UDP and IP this stays under 1280 bytes, which every path carries."""


@dataclass(frozen=True, slots=True)
class Vp8Payload:
    """One payload, taken apart.

    Attributes:
        starts_frame: First packet of a frame (S bit, partition 0).
        is_keyframe: Known from a frame's first packet only.
        picture_id: 7 or 15 bits, None when not sent.
        data: What belongs into the frame.
    """

    starts_frame: bool
    is_keyframe: bool
    picture_id: int | None
    data: bytes


def pack_vp8(frame: bytes, picture_id: int, limit: int = MAX_PAYLOAD_BYTES) -> list[bytes]:
    """Cut a frame into payloads of nearly equal size, each with a 15-bit picture id."""
    identity = ((picture_id & 0x7FFF) | 0x8000).to_bytes(2, "big")
    room = limit - 4
    count = max(1, -(-len(frame) // room))
    size = -(-len(frame) // count)
    return [
        bytes((0x90 if index == 0 else 0x80, 0x80)) + identity + frame[index * size :][:size]
        for index in range(count)
    ]


def unpack_vp8(payload: bytes) -> Vp8Payload:
    """Read one payload. Raises FormatError."""
    try:
        first = payload[0]
        position = 1
        picture_id: int | None = None
        if first & 0x80:
            extension = payload[1]
            position = 2
            if extension & 0x80:
                picture_id = payload[position]
                position += 1
                if picture_id & 0x80:
                    picture_id = (picture_id & 0x7F) << 8 | payload[position]
                    position += 1
            if extension & 0x40:
                position += 1
            if extension & 0x30:
                position += 1
        starts = bool(first & 0x10) and not first & 0x07
        keyframe = starts and not payload[position] & 0x01
    except IndexError as error:
        raise FormatError("vp8 payload") from error
    if len(payload) <= position:
        raise FormatError("vp8 payload")
    return Vp8Payload(starts, keyframe, picture_id, payload[position:])


def keyframe_size(frame: bytes) -> tuple[int, int] | None:
    """Return (width, height) from a key frame's header (RFC 6386, 9.1), None for other frames."""
    if len(frame) < 10 or frame[0] & 0x01 or frame[3:6] != b"\x9d\x01\x2a":
        return None
    width = int.from_bytes(frame[6:8], "little") & 0x3FFF
    height = int.from_bytes(frame[8:10], "little") & 0x3FFF
    return width, height
