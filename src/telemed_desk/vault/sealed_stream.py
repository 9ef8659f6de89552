"""A file that leaves this PC: sealed in chunks as it is written, so nothing of it is ever in clear.

Layout in ``docs/formats.md``, "Export". Chunks as in attachments (STREAM, Hoang et al. 2015).
"""

import secrets
import struct
from collections.abc import Iterator
from typing import IO, Final, Literal

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from telemed_desk.vault.keys import derive
from telemed_desk.vault.problems import ExportUnreadable
from telemed_desk.vault.slots import Argon2Cost
from telemed_protocol.errors import UNREADABLE

MAGIC: Final = b"TMXP"
EXPORT_VERSION: Final = 1
CHUNK_BYTES: Final = 64 * 1024
_TAG_BYTES: Final = 16
_MAX_HEADER_BYTES: Final = 1024
_MOST_MEMORY_KIB: Final = 1024 * 1024
_MOST_PASSES: Final = 16

SecretKind = Literal["passphrase", "code"]


class ExportHeader(msgspec.Struct, frozen=True, array_like=True):
    """How the key follows from what a person knows."""

    kind: SecretKind
    salt: bytes
    argon2: Argon2Cost


def _key(header: ExportHeader, secret: bytes) -> bytes:
    if header.kind == "code":
        return derive(secret, b"telemed/export/v1", salt=header.salt)
    cost = header.argon2
    stretched = Argon2id(
        salt=header.salt,
        length=32,
        iterations=cost.passes,
        lanes=cost.lanes,
        memory_cost=cost.memory_kib,
    ).derive(secret)
    return derive(stretched, b"telemed/export/v1", salt=header.salt)


def _nonce(index: int, *, last: bool) -> bytes:
    return struct.pack(">3xQB", index, last)


class SealedWriter:
    """Writes what :class:`zipfile.ZipFile` gives it; not seekable, which that class allows for.

    Args:
        file: Where to.
        secret: Passphrase or code, as bytes.
        kind: Which of the two.
        cost: Of a passphrase.
    """

    def __init__(
        self, file: IO[bytes], secret: bytes, kind: SecretKind, cost: Argon2Cost | None = None
    ) -> None:
        header = ExportHeader(
            kind,
            secrets.token_bytes(16),
            (cost or Argon2Cost()) if kind == "passphrase" else Argon2Cost(0, 0, 0),
        )
        packed = msgspec.msgpack.encode(header)
        self._head = MAGIC + bytes([EXPORT_VERSION]) + struct.pack(">H", len(packed)) + packed
        self._aead = ChaCha20Poly1305(_key(header, secret))
        self._file = file
        self._buffer = bytearray()
        self._index = 0
        self._file.write(self._head)

    def write(self, data: bytes) -> int:
        """Take bytes; whole chunks are sealed and written at once."""
        self._buffer += data
        while len(self._buffer) > CHUNK_BYTES:
            self._put(bytes(self._buffer[:CHUNK_BYTES]), last=False)
            del self._buffer[:CHUNK_BYTES]
        return len(data)

    def flush(self) -> None:
        """Part of being a file; chunks are written when they are full."""

    def finish(self) -> None:
        """Write the last chunk; without it the file does not open."""
        self._put(bytes(self._buffer), last=True)
        self._buffer.clear()

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._aead.encrypt(_nonce(self._index, last=last), piece, self._head))
        self._index += 1


def read_sealed(data: bytes, secret_of: "SecretOf") -> Iterator[bytes]:
    """Yield the plain chunks.

    Raises:
        ExportUnreadable: Wrong secret, cut short, or altered.
    """
    start = len(MAGIC) + 3
    if not data.startswith(MAGIC + bytes([EXPORT_VERSION])) or len(data) < start:
        raise ExportUnreadable("header")
    (length,) = struct.unpack_from(">H", data, len(MAGIC) + 1)
    head, body = data[: start + length], memoryview(data)[start + length :]
    try:
        header = msgspec.msgpack.decode(head[start:], type=ExportHeader)
    except UNREADABLE as error:
        raise ExportUnreadable("header") from error
    cost = header.argon2
    if (
        length > _MAX_HEADER_BYTES
        or cost.memory_kib > _MOST_MEMORY_KIB
        or cost.passes > _MOST_PASSES
    ):
        raise ExportUnreadable("header")
    try:
        aead = ChaCha20Poly1305(_key(header, secret_of(header.kind)))
    except ValueError as error:
        raise ExportUnreadable("header") from error
    step = CHUNK_BYTES + _TAG_BYTES
    count = max(1, -(-len(body) // step))
    for i in range(count):
        try:
            piece = bytes(body[i * step : (i + 1) * step])
            yield aead.decrypt(_nonce(i, last=i == count - 1), piece, head)
        except InvalidTag:
            raise ExportUnreadable(f"chunk {i}") from None


class SecretOf:
    """What a person typed, as the kind of secret that the file asks for."""

    def __init__(self, passphrase: bytes, code: bytes | None) -> None:
        self._passphrase = passphrase
        self._code = code

    def __call__(self, kind: SecretKind) -> bytes:
        """Return it.

        Raises:
            ExportUnreadable: What was typed is not of that kind.
        """
        if kind == "passphrase":
            return self._passphrase
        if self._code is None:
            raise ExportUnreadable("a code is needed")
        return self._code
