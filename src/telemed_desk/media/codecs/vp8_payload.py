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
        layer: Where it stands among temporal layers, None when there are none.
    """

    starts_frame: bool
    is_keyframe: bool
    picture_id: int | None
    data: bytes
    layer: "Layer | None" = None


@dataclass(frozen=True, slots=True)
class Layer:
    """Temporal layer of a frame.

    Attributes:
        temporal: 0 is the base, which every other frame builds on.
        base: Running number (8 bits) of the base frame that this one is or builds on.
        needs_base_only: Nothing but that base frame is needed to decode it.
    """

    temporal: int
    base: int
    needs_base_only: bool


def pack_vp8(
    frame: bytes, picture_id: int, limit: int = MAX_PAYLOAD_BYTES, layer: Layer | None = None
) -> list[bytes]:
    """Cut a frame into payloads of nearly equal size, each with a 15-bit picture id."""
    first = 0x90
    extension = b"\x80" + ((picture_id & 0x7FFF) | 0x8000).to_bytes(2, "big")
    if layer is not None:
        first |= 0x20 if layer.temporal else 0  # N: no other frame needs this one
        layering = layer.temporal << 6 | (0x20 if layer.needs_base_only else 0)
        extension = b"\xe0" + extension[1:] + bytes((layer.base & 0xFF, layering))
    room = limit - 1 - len(extension)
    count = max(1, -(-len(frame) // room))
    size = -(-len(frame) // count)
    return [
        bytes((first if index == 0 else first & ~0x10,)) + extension + frame[index * size :][:size]
        for index in range(count)
    ]


def unpack_vp8(payload: bytes) -> Vp8Payload:
    """Read one payload. Raises FormatError."""
    try:
        first = payload[0]
        position = 1
        picture_id: int | None = None
        layer: Layer | None = None
        if first & 0x80:
            extension = payload[1]
            position = 2
            if extension & 0x80:
                picture_id = payload[position]
                position += 1
                if picture_id & 0x80:
                    picture_id = (picture_id & 0x7F) << 8 | payload[position]
                    position += 1
            base: int | None = None
            if extension & 0x40:
                base = payload[position]
                position += 1
            if extension & 0x30:
                if extension & 0x20 and base is not None:
                    bits = payload[position]
                    layer = Layer(bits >> 6, base, bool(bits & 0x20))
                position += 1
        starts = bool(first & 0x10) and not first & 0x07
        keyframe = starts and not payload[position] & 0x01
    except IndexError as error:
        raise FormatError("vp8 payload") from error
    if len(payload) <= position:
        raise FormatError("vp8 payload")
    return Vp8Payload(starts, keyframe, picture_id, payload[position:], layer)


def keyframe_size(frame: bytes) -> tuple[int, int] | None:
    """Return (width, height) from a key frame's header (RFC 6386, 9.1), None for other frames."""
    if len(frame) < 10 or frame[0] & 0x01 or frame[3:6] != b"\x9d\x01\x2a":
        return None
    width = int.from_bytes(frame[6:8], "little") & 0x3FFF
    height = int.from_bytes(frame[8:10], "little") & 0x3FFF
    return width, height
