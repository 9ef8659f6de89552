"""Sealed files that travel beside the log, in parts: what desk and server must agree on.

A file is sealed by the desk that made it (``docs/formats.md``, "Attachments"), and its key travels in
an op. The server sees a name, a size, a SHA-256 of sealed bytes and the parts.

==================================  ========================================  =====================
``PUT`` /v1/attachments/<id>        :class:`Announce` → AttachmentState        409, 413, 422
``GET`` /v1/attachments/<id>        → AttachmentState                         404
``PUT`` /v1/attachments/<id>/<part> the part's bytes → AttachmentState        404, 409, 413, 422
``GET`` /v1/attachments/<id>/<part> → the part's bytes                        404, 409 not whole
==================================  ========================================  =====================

``<id>`` is the op's entity, base64url without padding.
"""

from typing import Final

import msgspec

from telemed_protocol.errors import FormatError
from telemed_protocol.ids import ID_BYTES

PART_BYTES: Final = 32 * 1024
"""Four seconds at 64 kbit/s: the most that a cut line can cost."""
MAX_ATTACHMENT_BYTES: Final = 16 * 1024 * 1024
_HASH_BYTES: Final = 32


class Announce(msgspec.Struct, frozen=True):
    """What will come: size and SHA-256 of the sealed file. Said again, it asks for the state."""

    size: int
    sha256: bytes


class AttachmentState(msgspec.Struct, frozen=True):
    """What the server has durably.

    Attributes:
        size: Of the whole sealed file.
        sha256: Of the same.
        held: One bit a part, part 0 is the lowest bit of byte 0.
        whole: All parts are there and together have the announced hash.
    """

    size: int
    sha256: bytes
    held: bytes
    whole: bool


def part_count(size: int) -> int:
    """Return how many parts a file has; an empty one has none."""
    return -(-size // PART_BYTES)


def part_length(size: int, part: int) -> int:
    """Return how long a part is; 0 when there is no such part."""
    return max(0, min(PART_BYTES, size - part * PART_BYTES)) if part >= 0 else 0


def pack_held(parts: set[int] | frozenset[int], size: int) -> bytes:
    """Write which parts are held as bits."""
    bits = bytearray(-(-part_count(size) // 8))
    for part in parts:
        bits[part // 8] |= 1 << part % 8
    return bytes(bits)


def unpack_held(state: AttachmentState) -> frozenset[int]:
    """Read which parts are held.

    Raises:
        FormatError: Impossible sizes, or bits for parts that do not exist.
    """
    if not 0 < state.size <= MAX_ATTACHMENT_BYTES or len(state.sha256) != _HASH_BYTES:
        raise FormatError("attachment size")
    count = part_count(state.size)
    bits = int.from_bytes(state.held, "little")
    if len(state.held) != -(-count // 8) or bits >> count:
        raise FormatError("attachment bits")
    return frozenset(part for part in range(count) if bits >> part & 1)


def check_announced(attachment: bytes, announced: Announce) -> None:
    """Check that a file may be announced at all.

    Raises:
        FormatError: Odd id, size or hash.
    """
    if len(attachment) != ID_BYTES or len(announced.sha256) != _HASH_BYTES:
        raise FormatError("attachment id or hash")
    if announced.size <= 0:
        raise FormatError("attachment size")
