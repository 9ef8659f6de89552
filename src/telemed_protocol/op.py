"""One recorded fact, as every desk of a clinic stores and exchanges it.

The server never sees an op: ops travel inside sealed segments. An unknown ``kind`` or a higher
``min_reader`` is kept verbatim and shown as "written by a newer version", never dropped.
"""

from typing import Final

import msgspec

from telemed_protocol.errors import UNREADABLE, FormatError

OP_VERSION: Final = 1
READER_VERSION: Final = 1
"""The op language this build understands; ops with a higher ``min_reader`` are kept, not applied."""
MAX_OP_BYTES: Final = 256 * 1024


class Lane:
    """Priority of travel; a lower number goes first."""

    QUEUE: Final = 0  # claims, states, call control, links
    NOTES: Final = 1  # notes and signatures
    PATIENTS: Final = 2  # patient fields, bookings, membership history
    PREVIEWS: Final = 3  # photo previews
    ORIGINALS: Final = 4
    ALL: Final = (QUEUE, NOTES, PATIENTS, PREVIEWS, ORIGINALS)


class OpId(msgspec.Struct, frozen=True, array_like=True, order=True):
    """Names an op for ever: the device that recorded it and that device's own count."""

    device: bytes
    number: int


class Op(msgspec.Struct, frozen=True, array_like=True):
    """A recorded fact.

    Attributes:
        version: Layout version of this struct.
        device: 16 bytes; the PC that recorded it.
        number: Counts 1, 2, 3... per device, without gaps.
        stamp: Hybrid logical time (:mod:`telemed_protocol.clock`).
        actor: 16 bytes; the clinician, or the device itself for housekeeping.
        kind: Dotted name such as ``note.revise``; see ``docs/formats.md`` for all kinds.
        min_reader: Lowest reader version that may apply it.
        entity: 16 bytes; what it is about (patient, consultation, note...).
        parents: Ops it builds on (revisions of a note).
        payload: msgpack map, by kind.
    """

    version: int
    device: bytes
    number: int
    stamp: int
    actor: bytes
    kind: str
    min_reader: int
    entity: bytes
    parents: tuple[OpId, ...]
    payload: bytes

    @property
    def op_id(self) -> OpId:
        """The op's name."""
        return OpId(self.device, self.number)


_encoder = msgspec.msgpack.Encoder()
_ops_decoder = msgspec.msgpack.Decoder(tuple[Op, ...])
_op_decoder = msgspec.msgpack.Decoder(Op)


def encode_op(op: Op) -> bytes:
    """Encode one op as msgpack."""
    return _encoder.encode(op)


def decode_op(data: bytes) -> Op:
    """Decode one op.

    Raises:
        FormatError: Not an op.
    """
    try:
        return _op_decoder.decode(data)
    except UNREADABLE as error:
        raise FormatError("op") from error


def encode_ops(ops: tuple[Op, ...]) -> bytes:
    """Encode a batch, in order."""
    return _encoder.encode(ops)


def decode_ops(data: bytes) -> tuple[Op, ...]:
    """Decode a batch.

    Raises:
        FormatError: Not a batch of ops.
    """
    try:
        return _ops_decoder.decode(data)
    except UNREADABLE as error:
        raise FormatError("ops") from error


def pack_payload(fields: dict[str, object]) -> bytes:
    """Encode an op's payload map."""
    return _encoder.encode(fields)


def unpack_payload(payload: bytes) -> dict[str, object]:
    """Decode an op's payload map.

    Raises:
        FormatError: Not a msgpack map with text keys.
    """
    try:
        return msgspec.msgpack.decode(payload, type=dict[str, object])
    except UNREADABLE as error:
        raise FormatError("payload") from error
