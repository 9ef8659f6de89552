"""Redundant audio (RED, RFC 2198): earlier frames ride along in later packets. Pure."""

import struct
from typing import Final

MOST_COPIES: Final = 8
MOST_BACK: Final = (1 << 14) - 1
"""Samples: the header has 14 bits for how much earlier a copy is."""
MOST_BYTES: Final = (1 << 10) - 1
_HEAD: Final = struct.Struct("!I")


class Damaged(ValueError):
    """Not a RED payload of ours or of a browser."""


def pack(payload_type: int, primary: bytes, copies: list[tuple[int, bytes]]) -> bytes:
    """Return a RED payload.

    Args:
        payload_type: Of the frames inside.
        primary: The newest frame.
        copies: Of earlier frames, the earliest first: how many samples earlier, and the frame.
            What does not fit the header's fields is left out.
    """
    fitting = [
        (back, copy)
        for back, copy in copies[-MOST_COPIES:]
        if 0 < back <= MOST_BACK and 0 < len(copy) <= MOST_BYTES
    ]
    heads = (
        _HEAD.pack(0x8000_0000 | payload_type << 24 | back << 10 | len(copy))
        for back, copy in fitting
    )
    return b"".join((*heads, bytes([payload_type]), *(copy for _, copy in fitting), primary))


def unpack(payload: bytes) -> tuple[bytes, list[tuple[int, bytes]]]:
    """Return the newest frame, and copies with how many samples earlier they are.

    Frames of another payload type than the newest one's are left out. Raises Damaged.
    """
    heads: list[tuple[int, int, int]] = []
    at = 0
    while True:
        if at >= len(payload):
            raise Damaged("header")
        if not payload[at] & 0x80:
            break
        if at + _HEAD.size > len(payload) or len(heads) == MOST_COPIES:
            raise Damaged("headers")
        (word,) = _HEAD.unpack_from(payload, at)
        heads.append((word >> 24 & 0x7F, word >> 10 & MOST_BACK, word & MOST_BYTES))
        at += _HEAD.size
    newest_type = payload[at]
    at += 1
    copies: list[tuple[int, bytes]] = []
    for kind, back, size in heads:
        if at + size > len(payload):
            raise Damaged("block")
        if size and back and kind == newest_type:
            copies.append((back, payload[at : at + size]))
        at += size
    return payload[at:], copies
