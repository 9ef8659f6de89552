"""Sealed batches of ops: the only form in which a record leaves a PC.

``wire = version ‖ u16 header length ‖ header ‖ u32 ciphertext length ‖ ciphertext ‖ signature``.
The signature covers the bytes as sent. ``clinic``, ``device`` and ``prev_hash`` are in the header:
30 bytes more than implied fields would cost, and a segment can be checked on its own.
"""

import functools
import hashlib
import struct
from importlib import resources
from typing import Final

import msgspec
import zstandard
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telemed_protocol.errors import UNREADABLE, BugError, ForgeryError, FormatError
from telemed_protocol.identity import DeviceIdentity, verify
from telemed_protocol.op import Op, decode_ops, encode_ops

SEGMENT_VERSION: Final = 1
COMPRESSION_ZSTD: Final = 1
"""zstd without a dictionary. Higher numbers name dictionaries."""
COMPRESSION_DICTIONARY: Final = 2
"""zstd with ``dictionaries/2.zdict``, trained on made-up notes."""
MAX_SEGMENT_BYTES: Final = 64 * 1024
MAX_PLAIN_BYTES: Final = 4 * 1024 * 1024
HASH_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64
MAX_NUMBER: Final = 2**63 - 1
"""Databases count in signed 64-bit integers; so do we."""
GENESIS_HASH: Final = bytes(HASH_BYTES)
_ZERO_NONCE: Final = bytes(12)  # safe: each segment key is used once, n is never used again


class SegmentHeader(msgspec.Struct, frozen=True, array_like=True):
    """What the server may know of a segment.

    Attributes:
        clinic: 16 bytes.
        device: 16 bytes; the PC that sealed it.
        lane: Priority, see :class:`telemed_protocol.op.Lane`.
        n: Counts 1, 2, 3... per device and lane; reserved on disk before sealing.
        prev_hash: Hash of segment n-1 of this device and lane; zeros for the first.
        epoch: Which clinic key seals it.
        compression: How the plain bytes are packed.
        ops: How many ops are inside.
        compartment: 0 = whole clinic. Others are kept for restricted records.
        seen_sseq: The newest server number this device had verified.
        seen_log_hash: The server log's hash at that number.
    """

    clinic: bytes
    device: bytes
    lane: int
    n: int
    prev_hash: bytes
    epoch: int
    compression: int
    ops: int
    compartment: int
    seen_sseq: int
    seen_log_hash: bytes


class SealedSegment(msgspec.Struct, frozen=True):
    """A parsed segment; ``wire`` are the bytes exactly as sent and hashed."""

    header: SegmentHeader
    header_bytes: bytes
    ciphertext: bytes
    signature: bytes
    wire: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 over the wire bytes."""
        return hashlib.sha256(self.wire).digest()


_LEVEL: Final = 9
_encoder = msgspec.msgpack.Encoder()
_header_decoder = msgspec.msgpack.Decoder(SegmentHeader)


def segment_key(epoch_key: bytes, header: SegmentHeader) -> bytes:
    """Derive the key of exactly one segment (HKDF-SHA256, RFC 5869)."""
    info = (
        b"telemed/seg/v1"
        + header.clinic
        + header.device
        + struct.pack(">BQ", header.lane, header.n)
    )
    return HKDF(SHA256(), 32, salt=None, info=info).derive(epoch_key)


@functools.cache
def _dictionary(number: int) -> zstandard.ZstdCompressionDict:
    data = resources.files("telemed_protocol").joinpath(f"dictionaries/{number}.zdict")
    return zstandard.ZstdCompressionDict(data.read_bytes())


def _compressor(compression: int) -> zstandard.ZstdCompressor:
    """A fresh one each time: they are not for two threads at once.

    The header names the dictionary, so the frame does not have to.
    """
    if compression == COMPRESSION_ZSTD:
        return zstandard.ZstdCompressor(level=_LEVEL)
    if compression == COMPRESSION_DICTIONARY:
        return zstandard.ZstdCompressor(
            level=_LEVEL, dict_data=_dictionary(compression), write_dict_id=False
        )
    raise BugError("a compression that this version does not write")


def _decompressor(compression: int) -> zstandard.ZstdDecompressor:
    if compression == COMPRESSION_ZSTD:
        return zstandard.ZstdDecompressor()
    if compression == COMPRESSION_DICTIONARY:
        return zstandard.ZstdDecompressor(dict_data=_dictionary(compression))
    raise FormatError("segment compression")


def _signed_bytes(header_bytes: bytes, ciphertext: bytes) -> bytes:
    return b"telemed/seg-sig/v1" + hashlib.sha256(header_bytes + ciphertext).digest()


def seal_segment(
    header: SegmentHeader, ops: tuple[Op, ...], epoch_key: bytes, identity: DeviceIdentity
) -> SealedSegment:
    """Compress, seal and sign a batch of ops.

    The caller has reserved ``header.n`` durably; sealing two different batches under one (lane, n)
    would use a key twice.
    """
    header_bytes = _encoder.encode(header)
    packed = _compressor(header.compression).compress(encode_ops(ops))
    ciphertext = ChaCha20Poly1305(segment_key(epoch_key, header)).encrypt(
        _ZERO_NONCE, packed, header_bytes
    )
    signature = identity.sign(_signed_bytes(header_bytes, ciphertext))
    wire = b"".join(
        (
            bytes([SEGMENT_VERSION]),
            struct.pack(">H", len(header_bytes)),
            header_bytes,
            struct.pack(">I", len(ciphertext)),
            ciphertext,
            signature,
        )
    )
    return SealedSegment(header, header_bytes, ciphertext, signature, wire)


def parse_segment(wire: bytes) -> SealedSegment:
    """Take a segment apart without trusting it.

    Raises:
        FormatError: Wrong version, lengths that do not add up, or a header of another shape.
    """
    if len(wire) > MAX_SEGMENT_BYTES:
        raise FormatError("segment too long")
    if len(wire) < 1 + 2 + 4 + SIGNATURE_BYTES or wire[0] != SEGMENT_VERSION:
        raise FormatError("segment version or length")
    (header_length,) = struct.unpack_from(">H", wire, 1)
    body = 3 + header_length
    if body + 4 + SIGNATURE_BYTES > len(wire):
        raise FormatError("segment header length")
    (ciphertext_length,) = struct.unpack_from(">I", wire, body)
    end = body + 4 + ciphertext_length
    if end + SIGNATURE_BYTES != len(wire):
        raise FormatError("segment length")
    try:
        header = _header_decoder.decode(wire[3:body])
    except UNREADABLE as error:
        raise FormatError("segment header") from error
    if len(header.clinic) != 16 or len(header.device) != 16 or len(header.prev_hash) != HASH_BYTES:
        raise FormatError("segment ids")
    if len(header.seen_log_hash) != HASH_BYTES:
        raise FormatError("segment ids")
    if not (
        1 <= header.n <= MAX_NUMBER
        and 0 <= header.lane <= 4
        and 0 <= header.epoch < 2**32
        and 1 <= header.ops <= MAX_NUMBER
        and 0 <= header.compression <= MAX_NUMBER
        and 0 <= header.compartment <= MAX_NUMBER
        and 0 <= header.seen_sseq <= MAX_NUMBER
    ):
        raise FormatError("segment numbers")
    return SealedSegment(header, wire[3:body], wire[body + 4 : end], wire[end:], wire)


def verify_segment(segment: SealedSegment, public_signing: bytes) -> None:
    """Check the signature of the device that claims to have sealed it.

    Raises:
        ForgeryError: It did not.
    """
    verify(
        public_signing,
        segment.signature,
        _signed_bytes(segment.header_bytes, segment.ciphertext),
    )


def open_segment(segment: SealedSegment, epoch_key: bytes) -> tuple[Op, ...]:
    """Unseal a segment whose signature was verified.

    Raises:
        ForgeryError: Not sealed with this epoch's key, or altered.
        FormatError: Sealed by us, but not a batch of ops, or absurdly large.
    """
    key = segment_key(epoch_key, segment.header)
    try:
        packed = ChaCha20Poly1305(key).decrypt(
            _ZERO_NONCE, segment.ciphertext, segment.header_bytes
        )
    except InvalidTag as error:
        raise ForgeryError("segment seal") from error
    try:
        # A frame that states its size is unpacked whole, whatever max_output_size says.
        if zstandard.frame_content_size(packed) > MAX_PLAIN_BYTES:
            raise FormatError("segment too large inside")
        unpacker = _decompressor(segment.header.compression)
        plain = unpacker.decompress(packed, max_output_size=MAX_PLAIN_BYTES, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise FormatError("segment packing") from error
    if len(plain) > MAX_PLAIN_BYTES:
        raise FormatError("segment too large inside")
    ops = decode_ops(plain)
    if len(ops) != segment.header.ops or any(op.device != segment.header.device for op in ops):
        raise ForgeryError("segment content")
    return ops


def next_log_hash(log_hash: bytes, segment_hash: bytes) -> bytes:
    """Extend the server log's hash by one segment; starts from :data:`GENESIS_HASH`."""
    return hashlib.sha256(b"telemed/log/v1" + log_hash + segment_hash).digest()
