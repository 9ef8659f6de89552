"""Frames of the outbox journal: sealed, checked, and findable again behind a damaged one.

Layout in ``docs/formats.md``, "Outbox journal". Pure: bytes in, values out.
"""

import secrets
import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from telemed_protocol.errors import UNREADABLE

MAGIC: Final = b"TMJ"
FRAME_VERSION: Final = 1
_START: Final = MAGIC + bytes([FRAME_VERSION])
_LENGTH: Final = struct.Struct(">I")
_HEAD_BYTES: Final = len(_START) + _LENGTH.size
_NONCE_BYTES: Final = 12
_CRC_BYTES: Final = 4
MAX_FRAME_BYTES: Final = 64 * 1024 * 1024


class Root(msgspec.Struct, frozen=True, array_like=True, tag=0):
    """Who this PC is and how far its numbers went; first in every journal, and again when it changes.

    With it a lost database can be made anew as the same PC, and no number is ever used twice.

    Attributes:
        at_ms: When it was written.
        identity: The PC's keys, packed.
        clinic: The clinic, empty before enrolment.
        epoch_keys: Clinic keys by epoch.
        members: The member chain: record, signature.
        last_number: Number of the newest op of this PC.
        heads: Lane, n and hash of the newest sealed segment of each lane.
        salt: First 16 bytes of the database file: what its page checks were derived from.
    """

    at_ms: int
    identity: bytes
    clinic: bytes
    epoch_keys: tuple[tuple[int, bytes], ...]
    members: tuple[tuple[bytes, bytes], ...]
    last_number: int
    heads: tuple[tuple[int, int, bytes], ...]
    salt: bytes

    def __repr__(self) -> str:
        """Never show a key."""
        return "Root(…)"


class OpsFrame(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """The ops of one transaction: lane and op, as encoded."""

    ops: tuple[tuple[int, bytes], ...]

    def __repr__(self) -> str:
        """Never show what was recorded."""
        return f"OpsFrame({len(self.ops)})"


class SegmentFrame(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A sealed segment without a receipt, and the numbers of the ops inside."""

    wire: bytes
    numbers: tuple[int, ...]


Frame = Root | OpsFrame | SegmentFrame
_decoder: Final = msgspec.msgpack.Decoder(Frame)


@dataclass(frozen=True, slots=True)
class Scan:
    """What a journal holds.

    Attributes:
        frames: Those that verify, in order.
        end: Where the last of them ends: writing goes on there.
        torn: Bytes behind it do not make a frame: a write that the power cut ended.
        damaged: A frame before the last one does not verify.
    """

    frames: list[Frame] = field(default_factory=list)
    end: int = 0
    torn: bool = False
    damaged: bool = False

    @property
    def root(self) -> Root | None:
        """The newest root."""
        return next((f for f in reversed(self.frames) if isinstance(f, Root)), None)

    @property
    def is_whole(self) -> bool:
        """Whether it tells every number that this PC has used: from a root on without a gap."""
        return not self.damaged and bool(self.frames) and isinstance(self.frames[0], Root)


def seal_frame(key: bytes, frame: Frame) -> bytes:
    """Seal one frame; a fresh nonce each time."""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    sealed = ChaCha20Poly1305(key).encrypt(nonce, msgspec.msgpack.encode(frame), _START)
    body = _START + _LENGTH.pack(len(nonce) + len(sealed)) + nonce + sealed
    return body + zlib.crc32(body).to_bytes(_CRC_BYTES, "big")


def _frame_at(key: bytes, data: bytes, at: int) -> tuple[Frame, int] | None:
    head = data[at : at + _HEAD_BYTES]
    if len(head) < _HEAD_BYTES or not head.startswith(_START):
        return None
    (length,) = _LENGTH.unpack(head[len(_START) :])
    end = at + _HEAD_BYTES + length
    if not _NONCE_BYTES < length <= MAX_FRAME_BYTES or end + _CRC_BYTES > len(data):
        return None
    if zlib.crc32(data[at:end]) != int.from_bytes(data[end : end + _CRC_BYTES], "big"):
        return None
    begin = at + _HEAD_BYTES
    nonce, sealed = data[begin : begin + _NONCE_BYTES], data[begin + _NONCE_BYTES : end]
    try:
        plain = ChaCha20Poly1305(key).decrypt(nonce, sealed, _START)
        return _decoder.decode(plain), end + _CRC_BYTES
    except (InvalidTag, *UNREADABLE):
        return None


def scan(key: bytes, data: bytes) -> Scan:
    """Read every frame that verifies, also those behind a damaged one."""
    frames: list[Frame] = []
    at = end = 0
    damaged = False
    while at < len(data):
        found = _frame_at(key, data, at)
        if found is not None:
            damaged = damaged or at != end
            frames.append(found[0])
            at = end = found[1]
            continue
        at = data.find(_START, at + 1)
        if at < 0:
            break
    return Scan(frames, end, torn=end < len(data), damaged=damaged)
