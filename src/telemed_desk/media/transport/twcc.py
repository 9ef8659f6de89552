"""Transport-wide feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01): when what arrived.

:class:`ArrivalLog` notes arrivals and writes feedback packets, :func:`parse_feedback` reads them.
"""

import struct
from dataclasses import dataclass
from typing import Final

from telemed_protocol.errors import FormatError

from .sequence import Unwrapper

TWCC_URI: Final = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
PACKET_TYPE: Final = 205
FORMAT: Final = 15
TICK_NS: Final = 250_000
REFERENCE_NS: Final = 64_000_000
_MOST_PER_FEEDBACK: Final = 400
_NONE, _SMALL, _LARGE = 0, 1, 2


_FEEDBACK_BITS: Final = 800
_FEEDBACK_SHARE: Final = 0.05
_FEEDBACK_S: Final = (0.05, 0.5)


def feedback_wait_s(target_bps: float) -> float:
    """Return how long to wait between two feedback packets.

    As often as useful, yet at most some five per cent of what our own way carries: on a link of
    24 kbit/s feedback each 50 ms would take the place of the voice.
    """
    wait_s = _FEEDBACK_BITS / max(_FEEDBACK_SHARE * target_bps, 1.0)
    return min(max(wait_s, _FEEDBACK_S[0]), _FEEDBACK_S[1])


@dataclass(frozen=True, slots=True)
class Feedback:
    """One feedback packet, read.

    Attributes:
        arrivals: (16-bit sequence number, receiver's time in ns or None when not arrived).
        number: The feedback's own counter, 8 bits.
    """

    arrivals: list[tuple[int, int | None]]
    number: int


class ArrivalLog:
    """Collects arrivals between two feedback packets."""

    def __init__(self) -> None:
        self._unwrap = Unwrapper(16)
        self._arrived: dict[int, int] = {}
        self._next: int | None = None
        self._count = 0

    def add(self, sequence: int, now_ns: int) -> None:
        """Note the arrival of a packet."""
        number = self._unwrap.unwrap(sequence)
        if len(self._arrived) < 4 * _MOST_PER_FEEDBACK:
            self._arrived.setdefault(number, now_ns)

    def take(self, sender_ssrc: int, media_ssrc: int) -> list[bytes]:
        """Return RTCP packets on all that arrived since the last call."""
        packets: list[bytes] = []
        while self._arrived:
            first = min(self._arrived)
            if self._next is not None and self._next < first < self._next + _MOST_PER_FEEDBACK:
                first = self._next
            last = min(max(self._arrived), first + _MOST_PER_FEEDBACK - 1)
            span = [(n, self._arrived.pop(n, None)) for n in range(first, last + 1)]
            packets.append(self._write(span, sender_ssrc, media_ssrc))
            self._next = max(self._next or 0, last + 1)
        return packets

    def _write(
        self, span: list[tuple[int, int | None]], sender_ssrc: int, media_ssrc: int
    ) -> bytes:
        earliest = next(at for _, at in span if at is not None)
        reference = earliest // REFERENCE_NS
        clock = reference * REFERENCE_NS // TICK_NS
        symbols: list[int] = []
        deltas = bytearray()
        for _, at in span:
            if at is None:
                symbols.append(_NONE)
                continue
            delta = at // TICK_NS - clock
            if not -32768 <= delta <= 32767:
                symbols.append(_NONE)  # eight seconds apart: of no use to anybody
                continue
            clock += delta
            if 0 <= delta <= 255:
                symbols.append(_SMALL)
                deltas.append(delta)
            else:
                symbols.append(_LARGE)
                deltas += struct.pack("!h", delta)
        body = struct.pack(
            "!LLHHL",
            sender_ssrc,
            media_ssrc,
            span[0][0] & 0xFFFF,
            len(span),
            (reference & 0xFFFFFF) << 8 | self._count & 0xFF,
        )
        self._count += 1
        body += _chunks(symbols) + bytes(deltas)
        body += b"\0" * (-len(body) % 4)
        return struct.pack("!BBH", 0x80 | FORMAT, PACKET_TYPE, len(body) // 4) + body


def _chunks(symbols: list[int]) -> bytes:
    out = bytearray()
    position = 0
    while position < len(symbols):
        run = position
        while run < len(symbols) and symbols[run] == symbols[position] and run - position < 8191:
            run += 1
        if run - position > 7:
            out += struct.pack("!H", symbols[position] << 13 | (run - position))
            position = run
            continue
        chunk = 0xC000
        for index, symbol in enumerate(symbols[position : position + 7]):
            chunk |= symbol << (12 - 2 * index)
        out += struct.pack("!H", chunk)
        position += 7
    return bytes(out)


def parse_feedback(packet: bytes) -> Feedback:
    """Read a whole RTCP feedback packet, header included. Raises FormatError."""
    try:
        base, count, tail = struct.unpack_from("!HHL", packet, 12)
        symbols: list[int] = []
        position = 20
        while len(symbols) < count:
            (chunk,) = struct.unpack_from("!H", packet, position)
            position += 2
            symbols += _symbols_of(chunk, count - len(symbols))
        reference = tail >> 8
        if reference & 0x800000:
            reference -= 1 << 24
        clock = reference * REFERENCE_NS
        arrivals: list[tuple[int, int | None]] = []
        for index, symbol in enumerate(symbols):
            at: int | None = None
            if symbol == _SMALL:
                clock += packet[position] * TICK_NS
                position, at = position + 1, clock
            elif symbol == _LARGE:
                clock += struct.unpack_from("!h", packet, position)[0] * TICK_NS
                position, at = position + 2, clock
            arrivals.append(((base + index) & 0xFFFF, at))
    except (struct.error, IndexError) as error:
        raise FormatError("transport feedback") from error
    return Feedback(arrivals, tail & 0xFF)


def _symbols_of(chunk: int, most: int) -> list[int]:
    if not chunk & 0x8000:
        return [chunk >> 13 & 3] * min(chunk & 0x1FFF, most) or _no_progress()
    if chunk & 0x4000:
        return [chunk >> (12 - 2 * i) & 3 for i in range(min(7, most))]
    return [chunk >> (13 - i) & 1 for i in range(min(14, most))]


def _no_progress() -> list[int]:
    raise FormatError("empty run in transport feedback")
