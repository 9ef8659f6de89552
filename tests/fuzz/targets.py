"""All that reads bytes somebody else may have chosen: from the wire, from the disk, from a person.

A target takes any bytes. It may refuse with a known error; anything else that escapes is a finding.
"""

import contextlib
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgspec
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from telemed_desk.media.control import decode_from_media, decode_to_media
from telemed_desk.sync.server_client import _read
from telemed_desk.vault import sqlite_pages
from telemed_desk.vault.attachments import open_chunks, seal_chunks
from telemed_desk.vault.fold import fold
from telemed_desk.vault.journal_frames import OpsFrame, Root, SegmentFrame, scan, seal_frame
from telemed_desk.vault.recovery import from_text, to_text
from telemed_desk.vault.sealed_stream import SecretOf, read_sealed
from telemed_desk.vault.slots import _HASH_CONTEXT, decode_slot_file
from telemed_protocol import api, probe
from telemed_protocol.attachments import Announce, AttachmentState, check_announced, unpack_held
from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import FormatError, KnownError
from telemed_protocol.membership import SignedRecord
from telemed_protocol.op import decode_ops, encode_ops, pack_payload
from telemed_protocol.segment import SealedSegment, open_segment, segment_key
from tests.protocol.make_vectors import EPOCH_KEY, sample_op
from tests.protocol.test_format_properties import DECODERS, SEEDS, SEGMENT

KEY: Final = bytes(range(32))
ENTITY: Final = b"e" * 16
ANSWERS: Final[tuple[Any, ...]] = (
    api.PulledSegments, api.Receipt, api.EnrolStatus, api.Held, api.Challenge, api.Token,
    api.Problem, api.Enrolled, api.ProbeGrant, list[SignedRecord], list[api.WrappedKey],
    list[api.PendingDesk],
)  # fmt: skip


def _sealed(packed: bytes) -> SealedSegment:
    cipher = ChaCha20Poly1305(segment_key(EPOCH_KEY, SEGMENT.header)).encrypt(
        bytes(12), packed, SEGMENT.header_bytes
    )
    return msgspec.structs.replace(SEGMENT, ciphertext=cipher)


def _packing(data: bytes) -> None:
    """What a member sealed, whatever it is: compression first."""
    open_segment(_sealed(data), EPOCH_KEY)


def _inside(data: bytes) -> None:
    """What a member sealed and packed in order."""
    open_segment(_sealed(zstandard.ZstdCompressor(level=1).compress(data)), EPOCH_KEY)


def _fold(data: bytes) -> None:
    """Facts that a member recorded, of any kind and with any fields."""
    ops = decode_ops(data)
    for entity in {op.entity for op in ops}:
        fold(entity, [op for op in ops if op.entity == entity])


def _payloads(data: bytes) -> None:
    """Any fields under every kind of fact."""
    kind, _, payload = data.partition(b"\0")
    op = msgspec.structs.replace(
        sample_op(), kind=kind.decode("latin-1"), payload=payload, entity=ENTITY
    )
    fold(ENTITY, [op])


def _journal_frame(data: bytes) -> None:
    """A frame that verifies, with anything inside."""
    start = b"TMJ\x01"
    sealed = bytes(12) + ChaCha20Poly1305(KEY).encrypt(bytes(12), data, start)
    body = start + struct.pack(">I", len(sealed)) + sealed
    scan(KEY, body + zlib.crc32(body).to_bytes(4, "big"))


def _slots(data: bytes) -> None:
    """A slot file whose digest fits."""
    import hashlib  # noqa: PLC0415 - only here

    body = b"TMVS\x01" + data
    decode_slot_file(body + hashlib.sha256(_HASH_CONTEXT + body).digest())


def _row(data: bytes) -> None:
    """A row on a damaged page; its reader passes over these four."""
    with contextlib.suppress(sqlite_pages.BadCell, IndexError, struct.error, UnicodeDecodeError):
        sqlite_pages._record(data)


def _announced(data: bytes) -> None:
    check_announced(ENTITY, _read(data, Announce))


def _export(data: bytes) -> None:
    for _ in read_sealed(data, SecretOf(b"", KEY)):
        pass


def _probe(data: bytes) -> None:
    """A datagram from the net."""
    probe.kind_and_session(data)
    for read in (
        probe.read_ping, probe.read_pong, probe.read_data, probe.read_report, probe.read_cookie,
        lambda bytes_: probe.read_order(bytes_, KEY),
    ):  # fmt: skip
        try:
            read(data)
        except FormatError:
            continue


def _answer(kind: Any) -> Callable[[bytes], object]:
    return lambda data: _read(data, kind)


def _name(kind: Any) -> str:
    inner = getattr(kind, "__args__", None)
    return f"list-{inner[0].__name__}" if inner else str(kind.__name__)


TARGETS: Final[dict[str, Callable[[bytes], object]]] = {
    **DECODERS,
    **{f"answer-{_name(kind)}": _answer(kind) for kind in ANSWERS},
    "answer-AttachmentState": lambda data: unpack_held(_read(data, AttachmentState)),
    "announced": _announced,
    "packing": _packing,
    "inside": _inside,
    "fold": _fold,
    "payloads": _payloads,
    "journal": lambda data: scan(KEY, data),
    "journal-frame": _journal_frame,
    "slots": decode_slot_file,
    "slots-inside": _slots,
    "photo": lambda data: open_chunks(KEY, ENTITY, data),
    "export": _export,
    "damaged-row": _row,
    "damaged-log": sqlite_pages._committed_frames,
    "probe": _probe,
    "recovery-code": lambda data: from_text(data.decode("latin-1")),
    "enrolment-code": lambda data: EnrolCode.parse(data.decode("latin-1")),
    "from-media": decode_from_media,
    "to-media": decode_to_media,
}


def feed(name: str, data: bytes) -> None:
    """Give a target some bytes; a clear refusal is well."""
    try:
        TARGETS[name](data)
    except KnownError:
        return


def seeds() -> Iterator[tuple[str, bytes]]:
    """Yield something sound for each target, to begin from."""
    for name in TARGETS:
        for data in SEEDS:
            if len(data) < 1000:
                yield name, data
    frames = (OpsFrame(((1, b"x"),)), SegmentFrame(SEGMENT.wire, (1,)))
    root = Root(1, b"i", b"c" * 16, ((0, KEY),), ((b"r", b"s"),), 4, ((0, 1, KEY),), b"s" * 16)
    yield "journal", b"".join(seal_frame(KEY, frame) for frame in (root, *frames))
    for frame in (root, *frames):
        yield "journal-frame", msgspec.msgpack.encode(frame)
    yield "photo", seal_chunks(KEY, ENTITY, b"jpeg" * 50)
    ops = encode_ops((sample_op(), sample_op()))
    yield "packing", zstandard.ZstdCompressor().compress(ops)
    for name in ("inside", "fold"):
        yield name, ops
    for kind in ("note.revise", "note.sign", "patient.set", "consult.state", "photo.add"):
        yield "payloads", kind.encode() + b"\0" + sample_op().payload
        yield "payloads", kind.encode() + b"\0" + pack_payload({"consultation": ENTITY, "at_ms": 1})
    yield "recovery-code", to_text(bytes(16)).encode()
    yield "enrolment-code", EnrolCode("TMC", bytes(15)).text.encode()
    yield "damaged-row", b"\x05\x00\x01\x08\x13\x07abc"
    yield "answer-Receipt", msgspec.msgpack.encode(api.Receipt(1, KEY, 2.0))
    page = api.PulledSegments([api.PulledSegment(1, KEY, SEGMENT.wire)], 1)
    yield "answer-PulledSegments", msgspec.msgpack.encode(page)
    state = AttachmentState(100_000, KEY, b"\x03", whole=False)
    yield "answer-AttachmentState", msgspec.msgpack.encode(state)
