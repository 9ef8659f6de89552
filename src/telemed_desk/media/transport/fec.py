"""Forward error correction of pictures as browsers speak it: ULPFEC (RFC 5109) inside RED (RFC 2198).

A parity packet travels in the stream it protects, with a number of its own, and gives back any one lost
packet of those that it covers: sooner than a repeat, which takes a round trip. Chromium sends it where
the round trip is long and packets are lost, if the other side offers to take it. Pure.
"""

from dataclasses import dataclass
from typing import Final

from telemed_protocol.errors import FormatError

from .sequence import Unwrapper

_KEPT_PACKETS: Final = 256
_KEPT_PARITIES: Final = 64
_FIXED: Final = 8
"""Two header bytes, timestamp and length stand before the rest of a packet when it is summed up."""
_MOST_BYTES: Final = 1600
_MASK_BITS: Final = (16, 48)
_ONE_BYTE_FORM: Final = b"\xbe\xde"
"""Header extensions with one byte of id and length (RFC 8285, 4.2)."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """A packet that was lost and came back out of a parity packet."""

    sequence: int
    timestamp: int
    marker: int
    payload_type: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class _Parity:
    numbers: tuple[int, ...]
    sums: bytes
    covered: int


def unwrap_red(payload: bytes) -> tuple[int, bytes]:
    """Return payload type and content of a RED payload with one block. Raises FormatError."""
    if len(payload) < 1 or payload[0] & 0x80:
        raise FormatError("red")  # several blocks are for sound
    return payload[0] & 0x7F, payload[1:]


def wrap_red(payload_type: int, payload: bytes) -> bytes:
    """Return the payload inside RED."""
    return bytes((payload_type & 0x7F,)) + payload


def summand(first: int, second: int, timestamp: int, rest: bytes) -> bytes:
    """Lay a media packet out as parity sums it up.

    Args:
        first: The packet's first byte: padding, extension, sources.
        second: Marker and payload type.
        timestamp: RTP time.
        rest: All that follows the twelve bytes of the fixed header, RED taken off.
    """
    head = bytes((first & 0x3F, second)) + timestamp.to_bytes(4, "big")
    return head + len(rest).to_bytes(2, "big") + rest


def stilled(rest: bytes, moving: frozenset[int]) -> bytes:
    """Set to zero what changes on the way out, as every sender and receiver of parity does.

    Args:
        rest: What follows the fixed header of a packet without sources, extensions first.
        moving: Ids of the header extensions that are stamped when a packet leaves.
    """
    if rest[:2] != _ONE_BYTE_FORM or len(rest) < 4:
        return rest
    end = min(4 + 4 * int.from_bytes(rest[2:4], "big"), len(rest))
    out = bytearray(rest)
    position = 4
    while position < end:
        if not rest[position]:  # padding between extensions
            position += 1
            continue
        size = (rest[position] & 0x0F) + 1
        if rest[position] >> 4 in moving:
            stop = min(position + 1 + size, end)
            out[position + 1 : stop] = bytes(stop - position - 1)
        position += 1 + size
    return bytes(out)


def exclusive_or(parts: list[bytes], size: int) -> bytes:
    """Return the sum without carry of the parts, each cut or filled with zeros to ``size``."""
    total = 0
    for part in parts:
        total ^= int.from_bytes(part[:size].ljust(size, b"\0"), "big")
    return total.to_bytes(size, "big")


def make_parity(packets: list[tuple[int, bytes]]) -> bytes:
    """Return the payload of a parity packet.

    Args:
        packets: Number and content as :func:`summand` lays it out, in order, within 48 numbers.
    """
    base, last = packets[0][0], packets[-1][0]
    bits = _MASK_BITS[last - base >= _MASK_BITS[0]]
    mask = sum(1 << (bits - 1 - (number - base)) for number, _ in packets)
    covered = max(len(content) for _, content in packets) - _FIXED
    total = exclusive_or([content for _, content in packets], _FIXED + covered)
    first = total[0] & 0x3F | (0x40 if bits == _MASK_BITS[1] else 0)
    return (
        bytes((first, total[1]))
        + (base & 0xFFFF).to_bytes(2, "big")
        + total[2:_FIXED]
        + covered.to_bytes(2, "big")
        + mask.to_bytes(bits // 8, "big")
        + total[_FIXED:]
    )


class FecReceiver:
    """Gives back lost packets of one stream."""

    def __init__(self) -> None:
        self._unwrap = Unwrapper(16)
        self._media: dict[int, bytes | None] = {}
        self._parities: list[_Parity] = []
        self.parities = 0
        self.recovered = 0

    def add_media(self, sequence: int, content: bytes) -> list[Recovered]:
        """Take a media packet as :func:`summand` lays it out; return what it gives back."""
        number = self._unwrap.unwrap(sequence)
        self._keep(number, content)
        if not self._parities:
            return []
        return self._solve()

    def add_repeat(self, sequence: int) -> None:
        """Note that a packet came as a repeat.

        Its header extensions need not be those of the first time, so that it cannot be summed up:
        parity worked out with one gave back packets of nonsense (seen with Chromium's).
        """
        self._keep(self._unwrap.unwrap(sequence), None)

    def add_parity(self, payload: bytes) -> list[Recovered]:
        """Take a parity packet's payload; return what it gives back. Raises FormatError."""
        parity = self._read(payload)
        self.parities += 1
        self._parities.append(parity)
        del self._parities[:-_KEPT_PARITIES]
        return self._solve()

    def _read(self, payload: bytes) -> _Parity:
        if len(payload) < 14 or payload[0] & 0x80:
            raise FormatError("ulpfec")
        bits = _MASK_BITS[bool(payload[0] & 0x40)]
        start = 12 + bits // 8
        covered = int.from_bytes(payload[10:12], "big")
        if len(payload) < start + covered or covered > _MOST_BYTES:
            raise FormatError("ulpfec")
        mask = int.from_bytes(payload[12:start], "big")
        base = self._unwrap.unwrap(int.from_bytes(payload[2:4], "big"))
        numbers = tuple(base + i for i in range(bits) if mask >> (bits - 1 - i) & 1)
        head = bytes((payload[0] & 0x3F,)) + payload[1:2] + payload[4:10]
        return _Parity(numbers, head + payload[start : start + covered], covered)

    def _keep(self, number: int, content: bytes | None) -> None:
        self._media.setdefault(number, content)
        if len(self._media) > 2 * _KEPT_PACKETS:
            limit = max(self._media) - _KEPT_PACKETS
            self._media = {n: c for n, c in self._media.items() if n > limit}
            self._parities = [p for p in self._parities if p.numbers and p.numbers[-1] > limit]

    def _solve(self) -> list[Recovered]:
        """Use each parity packet that lacks one packet; what comes back may help another."""
        found: list[Recovered] = []
        again = True
        while again:
            again = False
            left: list[_Parity] = []
            for parity in self._parities:
                missing = [n for n in parity.numbers if n not in self._media]
                if len(missing) > 1:
                    left.append(parity)
                elif missing and (packet := self._restore(parity, missing[0])) is not None:
                    found.append(packet)
                    again = True
            self._parities = left
        return found

    def _restore(self, parity: _Parity, number: int) -> Recovered | None:
        parts = [p for n in parity.numbers if n != number and (p := self._media[n]) is not None]
        if len(parts) < len(parity.numbers) - 1:
            return None
        total = exclusive_or([parity.sums, *parts], _FIXED + parity.covered)
        length = int.from_bytes(total[6:8], "big")
        if length > parity.covered:
            return None  # only a part of it is protected
        rest = total[_FIXED : _FIXED + length]
        payload = _payload_of(total[0], rest)
        if payload is None:
            return None
        self._keep(number, total[: _FIXED + length])
        self.recovered += 1
        return Recovered(
            number & 0xFFFF,
            int.from_bytes(total[2:6], "big"),
            total[1] >> 7,
            total[1] & 0x7F,
            payload,
        )


def _payload_of(first: int, rest: bytes) -> bytes | None:
    """Take sources, extensions and padding off; None when the lengths make no sense."""
    start = 4 * (first & 0x0F)
    if first & 0x10:
        if len(rest) < start + 4:
            return None
        start += 4 + 4 * int.from_bytes(rest[start + 2 : start + 4], "big")
    end = len(rest)
    if first & 0x20:
        end -= rest[-1] if rest else 0
    return rest[start:end] if start <= end else None
