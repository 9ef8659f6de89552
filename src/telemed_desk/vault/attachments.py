"""Photos on disk: one file each, sealed in chunks under a key of its own.

Layout in ``docs/formats.md``, "Attachments". The key travels in the ``photo.add`` op, so deleting
that op's content would make the file unreadable wherever it lies.
"""

import hashlib
import os
import secrets
import struct
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from telemed_desk.vault.atomic import fsync_directory
from telemed_desk.vault.problems import PhotoDamaged, PhotoForged, UnknownRecord

MAGIC: Final = b"TMAT"
ATTACHMENT_VERSION: Final = 1
CHUNK_BYTES: Final = 64 * 1024
TAG_BYTES: Final = 16
KEY_BYTES: Final = 32
_HEADER: Final = MAGIC + bytes([ATTACHMENT_VERSION])


def _nonce(index: int, *, last: bool) -> bytes:
    return struct.pack(">3xQB", index, last)


def seal_chunks(key: bytes, entity: bytes, plain: bytes) -> bytes:
    """Seal: header, then chunks whose nonce says which and whether the last (STREAM, 2015/189)."""
    aead = ChaCha20Poly1305(key)
    count = max(1, -(-len(plain) // CHUNK_BYTES))
    parts = [_HEADER]
    for i in range(count):
        piece = plain[i * CHUNK_BYTES : (i + 1) * CHUNK_BYTES]
        parts.append(aead.encrypt(_nonce(i, last=i == count - 1), piece, _HEADER + entity))
    return b"".join(parts)


def open_chunks(key: bytes, entity: bytes, sealed: bytes) -> bytes:
    """Open.

    Raises:
        PhotoDamaged: Cut short, altered, another file's, or another key's.
    """
    if not sealed.startswith(_HEADER) or len(key) != KEY_BYTES:
        raise PhotoDamaged("header")
    body = memoryview(sealed)[len(_HEADER) :]
    step = CHUNK_BYTES + TAG_BYTES
    count = max(1, -(-len(body) // step))
    aead = ChaCha20Poly1305(key)
    plain = []
    for i in range(count):
        try:
            piece = bytes(body[i * step : (i + 1) * step])
            plain.append(aead.decrypt(_nonce(i, last=i == count - 1), piece, _HEADER + entity))
        except InvalidTag:
            raise PhotoDamaged(f"chunk {i}") from None
    return b"".join(plain)


class AttachmentFolder:
    """``att/<2 hex>/<32 hex>``, named by the photo's id. Any thread."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def path_of(self, entity: bytes) -> Path:
        """Where a photo's file is or would be."""
        name = entity.hex()
        return self._path / name[:2] / name

    def put(self, entity: bytes, plain: bytes) -> bytes:
        """Seal, write durably, read back and compare; return the key.

        Raises:
            PhotoDamaged: The disk did not give back what it was given.
            OSError: It could not be written; nothing is left behind.
        """
        key = secrets.token_bytes(KEY_BYTES)
        self._write(entity, key, seal_chunks(key, entity, plain), plain)
        return key

    def keep(self, entity: bytes, key: bytes, sha256: bytes, sealed: bytes) -> None:
        """Write what another PC sealed, as it sealed it, if it is what the record says.

        Raises:
            PhotoForged: It is not; nothing was written.
            PhotoDamaged: The disk did not give back what it was given.
            OSError: It could not be written; nothing is left behind.
        """
        try:
            plain = open_chunks(key, entity, sealed)
        except PhotoDamaged as error:
            raise PhotoForged(error.detail) from error
        if hashlib.sha256(plain).digest() != sha256:
            raise PhotoForged("content")
        self._write(entity, key, sealed, plain)

    def _write(self, entity: bytes, key: bytes, sealed: bytes, plain: bytes) -> None:
        path = self.path_of(entity)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = path.with_name(path.name + ".part")
        try:
            with part.open("wb") as file:
                file.write(sealed)
                file.flush()
                os.fsync(file.fileno())
            if open_chunks(key, entity, part.read_bytes()) != plain:
                raise PhotoDamaged("read back")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        fsync_directory(path.parent)
        fsync_directory(self._path)

    def get(self, entity: bytes, key: bytes, sha256: bytes) -> bytes:
        """Read, open and check.

        Raises:
            UnknownRecord: The file is not on this PC.
            PhotoDamaged: It is, and is not what the record says.
        """
        sealed = self.sealed(entity)
        plain = open_chunks(key, entity, sealed)
        if hashlib.sha256(plain).digest() != sha256:
            raise PhotoDamaged("content")
        return plain

    def sealed(self, entity: bytes, start: int = 0, length: int = -1) -> bytes:
        """Return the file as it lies on the disk, or a piece of it.

        Raises:
            UnknownRecord: The file is not on this PC.
        """
        try:
            with self.path_of(entity).open("rb") as file:
                file.seek(start)
                return file.read(length)
        except FileNotFoundError:
            raise UnknownRecord("photo file") from None

    def size_of(self, entity: bytes) -> int | None:
        """Return how large the sealed file is; None when it is not on this PC."""
        try:
            return self.path_of(entity).stat().st_size
        except FileNotFoundError:
            return None

    def has(self, entity: bytes) -> bool:
        """Whether the file is on this PC."""
        return self.path_of(entity).exists()

    def discard(self, entity: bytes) -> None:
        """Remove a file whose op was never committed: nobody holds its key."""
        self.path_of(entity).unlink(missing_ok=True)
