"""Reading a damaged SQLCipher file page by page, without SQLite.

SQLite refuses a whole file for one bad page, and the whole of a table for a bad page in the middle
of its tree. Here each page is checked and opened alone, and rows are read from the leaves.

Formats: SQLCipher 4 (zetetic.net/sqlcipher/design: AES-256-CBC, HMAC-SHA512 over ciphertext, IV and
page number) and the SQLite file format (sqlite.org/fileformat2.html, sections 1.6 and 2.1).
"""

import hashlib
import hmac
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

PAGE_BYTES: Final = 4096
_IV_BYTES: Final = 16
_MAC_BYTES: Final = 64
_RESERVED: Final = _IV_BYTES + _MAC_BYTES
USABLE_BYTES: Final = PAGE_BYTES - _RESERVED
_SALT_BYTES: Final = 16
_MAC_SALT_MASK: Final = 0x3A
_MAC_KEY_ROUNDS: Final = 2
_WAL_HEADER_BYTES: Final = 32
_FRAME_HEADER_BYTES: Final = 24
_LEAF_TABLE: Final = 0x0D
_LEAF_INDEX: Final = 0x0A
_FILE_HEADER_BYTES: Final = 100
_FIXED_SIZES: Final = (0, 1, 2, 3, 4, 6, 8, 8, 0, 0)

Value = int | float | str | bytes | None


class BadCell(Exception):
    """A cell that cannot be followed to its end."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row as stored; ``rowid`` is None in tables without one."""

    rowid: int | None
    values: tuple[Value, ...]


class Pages:
    """The newest version of every page that verifies, the write-ahead log included.

    Args:
        database: The file; its log is looked for beside it.
        key: SQLCipher's raw key.
        salt: The file's first bytes as noted elsewhere, tried when those in the file do not fit.
    """

    def __init__(self, database: Path, key: bytes, salt: bytes = b"") -> None:
        data = database.read_bytes()
        self._key = key
        self._mac_keys = [_mac_key(key, s) for s in (data[:_SALT_BYTES], salt) if s]
        self.count = -(-len(data) // PAGE_BYTES)
        self._pages: dict[int, bytes] = {}
        self.bad: set[int] = set()
        for number in range(1, self.count + 1):
            self._take(number, data[(number - 1) * PAGE_BYTES : number * PAGE_BYTES])
        wal = database.with_name(database.name + "-wal")
        if wal.exists():
            for number, page in _committed_frames(wal.read_bytes()):
                self._take(number, page)
                self.count = max(self.count, number)

    def rows(self) -> Iterator[Row]:
        """Yield the rows of every leaf, of whatever table; a cell that is cut off is left out."""
        for number in sorted(self._pages):
            page = self._pages[number]
            start = _FILE_HEADER_BYTES if number == 1 else 0
            if page[start] not in {_LEAF_TABLE, _LEAF_INDEX}:
                continue
            is_table = page[start] == _LEAF_TABLE
            (cells,) = struct.unpack_from(">H", page, start + 3)
            for i in range(min(cells, USABLE_BYTES // 2)):
                try:
                    (at,) = struct.unpack_from(">H", page, start + 8 + 2 * i)
                    yield self._cell(page, at, is_table=is_table)
                except (BadCell, IndexError, struct.error, UnicodeDecodeError):
                    continue

    def _take(self, number: int, sealed: bytes) -> None:
        plain = self._open(number, sealed)
        if plain is None:
            self.bad.add(number)
        else:
            self.bad.discard(number)
            self._pages[number] = plain

    def _open(self, number: int, sealed: bytes) -> bytes | None:
        if len(sealed) != PAGE_BYTES:
            return None
        start = _SALT_BYTES if number == 1 else 0
        checked = sealed[start : PAGE_BYTES - _MAC_BYTES] + struct.pack("<I", number)
        mac = sealed[-_MAC_BYTES:]
        for mac_key in self._mac_keys:
            if hmac.compare_digest(hmac.digest(mac_key, checked, "sha512"), mac):
                break
        else:
            return None
        iv = sealed[USABLE_BYTES : USABLE_BYTES + _IV_BYTES]
        opener = Cipher(algorithms.AES(self._key), modes.CBC(iv)).decryptor()
        return bytes(start) + opener.update(sealed[start:USABLE_BYTES]) + opener.finalize()

    def _cell(self, page: bytes, at: int, *, is_table: bool) -> Row:
        size, at = _varint(page, at)
        rowid: int | None = None
        if is_table:
            rowid, at = _varint(page, at)
            if rowid >= 2**63:
                rowid -= 2**64
        most = USABLE_BYTES - 35 if is_table else (USABLE_BYTES - 12) * 64 // 255 - 23
        here = size
        if size > most:
            least = (USABLE_BYTES - 12) * 32 // 255 - 23
            fit = least + (size - least) % (USABLE_BYTES - 4)
            here = fit if fit <= most else least
        payload = page[at : at + here]
        if here < size:
            payload += self._overflow(struct.unpack_from(">I", page, at + here)[0], size - here)
        if len(payload) != size:
            raise BadCell
        return Row(rowid, _record(payload))

    def _overflow(self, number: int, size: int) -> bytes:
        parts = []
        seen: set[int] = set()
        while size > 0:
            page = self._pages.get(number)
            if page is None or number in seen:
                raise BadCell
            seen.add(number)
            (number,) = struct.unpack_from(">I", page, 0)
            part = page[4 : 4 + min(size, USABLE_BYTES - 4)]
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _mac_key(key: bytes, salt: bytes) -> bytes:
    mac_salt = bytes(byte ^ _MAC_SALT_MASK for byte in salt)
    return hashlib.pbkdf2_hmac("sha512", key, mac_salt, _MAC_KEY_ROUNDS, 32)


def _committed_frames(wal: bytes) -> list[tuple[int, bytes]]:
    """Return page number and page of each frame up to the last commit of the log's present run."""
    salts = wal[16:24]
    frames: list[tuple[int, bytes]] = []
    committed = 0
    step = _FRAME_HEADER_BYTES + PAGE_BYTES
    for at in range(_WAL_HEADER_BYTES, len(wal) - step + 1, step):
        number, pages_after_commit = struct.unpack_from(">II", wal, at)
        if wal[at + 8 : at + 16] != salts:
            break
        frames.append((number, wal[at + _FRAME_HEADER_BYTES : at + step]))
        if pages_after_commit:
            committed = len(frames)
    return frames[:committed]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for i in range(8):
        byte = data[at + i]
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            return value, at + i + 1
    return value << 8 | data[at + 8], at + 9


def _record(payload: bytes) -> tuple[Value, ...]:
    header_size, at = _varint(payload, 0)
    kinds = []
    while at < header_size:
        kind, at = _varint(payload, at)
        kinds.append(kind)
    at = header_size
    values: list[Value] = []
    for kind in kinds:
        size = _FIXED_SIZES[kind] if kind < len(_FIXED_SIZES) else (kind - 12) // 2
        piece = payload[at : at + size]
        if len(piece) != size:
            raise BadCell
        at += size
        values.append(_value(kind, piece))
    return tuple(values)


def _value(kind: int, piece: bytes) -> Value:
    if kind == 0:
        return None
    if kind in {8, 9}:
        return kind - 8
    if kind == 7:
        return float(struct.unpack(">d", piece)[0])
    if kind < 7:
        return int.from_bytes(piece, "big", signed=True)
    if kind < 12:
        raise BadCell
    return piece.decode() if kind % 2 else piece
