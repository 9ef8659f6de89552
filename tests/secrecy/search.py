"""Looks for planted words and keys in bytes, in every form in which software writes bytes down.

Forms: as they are, UTF-16 both ways, hexadecimal, base64 at each alignment and in both alphabets,
JSON's and a URL's escapes; inside zlib, gzip and Zstandard streams wherever one begins; and, on a
wire, below a WebSocket client's mask, whose four bytes cancel out between a byte and the fourth after.
"""

import base64
import gzip
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote

import numpy as np
import zstandard

from telemed_protocol.segment import COMPRESSION_DICTIONARY, _dictionary

_STEM: Final = 3
_MASK: Final = 4
_LEAST: Final = 8
"""A shorter form would be found by chance."""
_MOST_OUT: Final = 1024 * 1024
_STREAMS: Final = re.compile(rb"\x78[\x01\x5e\x9c\xda]|\x1f\x8b\x08|\x28\xb5\x2f\xfd")
_CHUNK: Final = 8 * 1024 * 1024
_DEPTH: Final = 2


@dataclass(frozen=True)
class Hit:
    """Something planted that was found: its name, its form, and where."""

    name: str
    form: str
    place: str


def forms_of(secret: bytes) -> dict[str, bytes]:
    """Return every form of a secret, by name; those too short to mean anything left out."""
    found = {
        "as it is": secret,
        "hex": secret.hex().encode(),
        "HEX": secret.hex().upper().encode(),
    }
    for offset in range(3):
        packed = base64.b64encode(bytes(offset) + secret)
        # The first and last letters also hold bits of what stands beside it.
        packed = packed[-(-offset * 8 // 6) if offset else 0 :].rstrip(b"=")
        inner = packed[: len(packed) - (0 if (offset + len(secret)) % 3 == 0 else 1)]
        found[f"base64+{offset}"] = inner
        found[f"base64url+{offset}"] = inner.translate(bytes.maketrans(b"+/", b"-_"))
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        text = ""
    if text:
        found["utf-16-le"] = text.encode("utf-16-le")
        found["utf-16-be"] = text.encode("utf-16-be")
        found["json"] = json.dumps(text)[1:-1].encode()
        found["url"] = quote(text).encode()
    return {form: data for form, data in found.items() if len(data) >= _LEAST}


class Searcher:
    """Finds any of many secrets in bytes; built once, used for many files."""

    def __init__(self, secrets: Mapping[str, bytes]) -> None:
        self._plain = _Table(
            (name, form, data)
            for name, secret in secrets.items()
            for form, data in forms_of(secret).items()
        )
        self._masked = _Table(
            (name, f"{form}, masked", _difference(data))
            for name, secret in secrets.items()
            for form, data in forms_of(secret).items()
            if len(data) >= _LEAST + _MASK and len(set(_difference(data))) > _LEAST // 2
        )

    def in_bytes(self, data: bytes, place: str, *, wire: bool = False, depth: int = 0) -> list[Hit]:
        """Return what is found; ``wire`` looks below masks, too."""
        hits = self._plain.search(data, place)
        if wire:
            hits += self._masked.search(_difference(data), place)
        if depth < _DEPTH:
            for kind, plain in streams_in(data):
                hits += self.in_bytes(plain, f"{place} ({kind})", depth=depth + 1)
        return hits

    def in_folder(self, folder: Path, place: str = "") -> list[Hit]:
        """Search every file below a folder, its name included."""
        hits = []
        for path in sorted(folder.rglob("*")):
            name = f"{place or folder.name}/{path.relative_to(folder)}"
            hits += self._plain.search(name.encode(), f"{name} (its name)")
            if path.is_file():
                hits += self.in_bytes(path.read_bytes(), name)
        return hits


class _Table:
    """Patterns by their first bytes, and a map of those that occur at all."""

    def __init__(self, patterns: Iterable[tuple[str, str, bytes]]) -> None:
        self._by_stem: dict[bytes, list[tuple[str, str, bytes]]] = {}
        self._map = np.zeros(1 << (8 * _STEM), np.bool_)
        for name, form, data in patterns:
            stem = data[:_STEM]
            self._by_stem.setdefault(stem, []).append((name, form, data))
            self._map[int.from_bytes(stem, "little")] = True

    def search(self, data: bytes, place: str) -> list[Hit]:
        hits: dict[tuple[str, str], Hit] = {}
        for begin in range(0, len(data), _CHUNK):
            piece = np.frombuffer(data[begin : begin + _CHUNK + _STEM - 1], np.uint8)
            if len(piece) < _STEM:
                continue
            wide = piece.astype(np.uint32)
            stems = wide[:-2] | wide[1:-1] << 8 | wide[2:] << 16
            for at in np.flatnonzero(self._map[stems]):
                start = begin + int(at)
                for name, form, pattern in self._by_stem[data[start : start + _STEM]]:
                    if (name, form) not in hits and data.startswith(pattern, start):
                        hits[name, form] = Hit(name, form, place)
        return list(hits.values())


def _difference(data: bytes) -> bytes:
    whole = np.frombuffer(data, np.uint8)
    return (whole[:-_MASK] ^ whole[_MASK:]).tobytes()


def streams_in(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield what every compressed stream in these bytes holds, up to a megabyte each."""
    for match in _STREAMS.finditer(data):
        rest = data[match.start() : match.start() + _MOST_OUT]
        yield from _opened(rest)


def _opened(data: bytes) -> Iterator[tuple[str, bytes]]:
    if data.startswith(b"\x28\xb5"):
        for words in (None, _dictionary(COMPRESSION_DICTIONARY)):
            unpacker = zstandard.ZstdDecompressor(dict_data=words).decompressobj()
            try:
                plain = unpacker.decompress(data)
            except zstandard.ZstdError:
                continue
            if plain:
                yield "zstd", plain[:_MOST_OUT]
        return
    kind, bits = ("gzip", 31) if data.startswith(b"\x1f\x8b") else ("zlib", 15)
    try:
        plain = zlib.decompressobj(bits).decompress(data, _MOST_OUT)
    except zlib.error:
        return
    if plain:
        yield kind, plain


def packed(secret: bytes) -> dict[str, bytes]:
    """Return a secret inside each kind of stream, for the control."""
    text = b"before " + secret + b" after" * 30
    words = zstandard.ZstdCompressor(dict_data=_dictionary(2), write_dict_id=False)
    return {
        "zlib": zlib.compress(text),
        "gzip": gzip.compress(text),
        "zstd": zstandard.ZstdCompressor().compress(text),
        "zstd with our dictionary": words.compress(text),
        "gzip in zlib": zlib.compress(gzip.compress(text)),
    }
