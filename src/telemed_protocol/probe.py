"""Datagrams that measure a link between a desk and the responder beside the server.

Who may, how much and for how long is said by a :class:`telemed_protocol.api.ProbeGrant`, given over
HTTPS. All numbers are big-endian; every datagram begins with its kind (1 byte) and the grant's session
(8 bytes). What begins or orders something carries a mac under the grant's key, and the address is
proven first, so that nobody can have the responder send to somebody else:

======  =========  ==============================================================  ==============
 kind    from       after the session                                              size
======  =========  ==============================================================  ==============
 1 HELLO   desk      mac                                                           128, filled up
 2 COOKIE  server    cookie (16), bound to the address that said hello              25
 3 PROVE   desk      cookie, mac                                                    128, filled up
 4 WELCOME server                                                                  9
 5 PING    desk      number (4), sent at (8), filling                              at least 64
 6 PONG    server    number, sent at, received at (8), pings so far (4), which of   as the ping's
                     the 64 before this one came (8), filling
 7 DATA    both      train (1), stage (2), number (4), sent at (8), a report at     64 to 1200
                     most every ... ms (2), filling
 8 REPORT  server    train, stage, number, sent at, received at: of the newest      52
                     packet; packets (4) of the train, bytes (8) of all that came;
                     of its unbroken stretches microseconds (4) and bytes (4)
 9 ORDER   desk      number, train, stage, rate in bit/s (4), packet size (2),      48
                     bytes it may send in all (8), good for ms (2), mac
10 BYE     desk      mac                                                            25
======  =========  ==============================================================  ==============

Times are microseconds of the writer's own clock, from any start. Sizes and rates count
``OVERHEAD_BYTES`` for IP and UDP. The contents of a datagram are nobody's: filling is random.
"""

import hmac
import struct
from typing import Final, NamedTuple

from telemed_protocol.errors import FormatError

OVERHEAD_BYTES: Final = 28
"""IPv4 and UDP headers; IPv6's 20 more are left out, so that rates compare."""
MAX_DATAGRAM: Final = 1200
MIN_DATA: Final = 64
HANDSHAKE_BYTES: Final = 128
SESSION_BYTES: Final = 8
KEY_BYTES: Final = 32
COOKIE_BYTES: Final = 16
_MAC_BYTES: Final = 16
HELLO, COOKIE, PROVE, WELCOME, PING, PONG, DATA, REPORT, ORDER, BYE = range(1, 11)

_HEAD: Final = struct.Struct("!B8s")
_PING: Final = struct.Struct("!B8sIQ")
_PONG: Final = struct.Struct("!B8sIQQIQ")
_DATA: Final = struct.Struct("!B8sBHIQH")
_U32: Final = 0xFFFFFFFF
_REPORT: Final = struct.Struct("!B8sBHIQQIQII")
_REPORT_BEFORE: Final = struct.Struct("!B8sBHIQQIQ")
REPORT_BYTES: Final = _REPORT.size
_ORDER: Final = struct.Struct("!B8sIBHIHQH")


class Ping(NamedTuple):
    """A small packet that comes back: round trip, loss and jitter of each way."""

    number: int
    sent_us: int


class Pong(NamedTuple):
    """Its answer. Bit n of ``came`` says that ping ``number - 1 - n`` had come."""

    number: int
    sent_us: int
    received_us: int
    pings: int
    came: int


class Data(NamedTuple):
    """A packet of a train."""

    train: int
    stage: int
    number: int
    sent_us: int
    report_ms: int = 0


class Report(NamedTuple):
    """What has arrived of a train: its newest packet, and how much so far.

    Attributes:
        packets: Of the train.
        size: Bytes with overhead, also of orders and pings that came since it began.
        unbroken_us, unbroken_size: See :class:`Unbroken`; 0 from a server that does not count it.
    """

    train: int
    stage: int
    number: int
    sent_us: int
    received_us: int
    packets: int
    size: int
    unbroken_us: int = 0
    unbroken_size: int = 0


class Unbroken:
    """Time and bytes of a train's unbroken stretches, as its receiver counts them.

    A packet that comes right behind the one sent before it took, behind a queue, exactly its own time
    at the narrow place. What got lost, there or elsewhere, is in neither sum: chance in how much got
    lost does not blur a rate that is read from the two.
    """

    def __init__(self) -> None:
        self.us = self.size = 0
        self._number = -2
        self._at_us = 0
        self._beside = 0

    def take(self, number: int, arrived_us: int, size: int) -> None:
        """Count a packet of the train; ``size`` with overhead."""
        if number <= self._number:
            return
        if number == self._number + 1 and arrived_us >= self._at_us:
            self.us = (self.us + arrived_us - self._at_us) & _U32
            self.size = (self.size + size + self._beside) & _U32
        self._number, self._at_us, self._beside = number, arrived_us, 0

    def also(self, size: int) -> None:
        """Count what came beside the train: it took its time there as well."""
        self._beside += size


class Order(NamedTuple):
    """How the responder shall send; the newest number holds, and silence ends it.

    Attributes:
        number: Rises with every order.
        train, stage: What to write into the packets.
        rate_bps: With :data:`OVERHEAD_BYTES`; 0 = nothing.
        packet_bytes: Of a datagram, without overhead.
        allow_bytes: It may send so many in this session, with overhead, orders before included.
        good_ms: Without another order it stops after this.
    """

    number: int
    train: int
    stage: int
    rate_bps: int
    packet_bytes: int
    allow_bytes: int
    good_ms: int


def kind_and_session(data: bytes) -> tuple[int, bytes]:
    """Return what a datagram is and whose.

    Raises:
        FormatError: Too short.
    """
    if len(data) < _HEAD.size:
        raise FormatError("probe datagram")
    kind, session = _HEAD.unpack_from(data)
    return kind, session


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, b"telemed/probe/v1" + data, "sha256")[:_MAC_BYTES]


def _filled(data: bytes, size: int, filling: bytes) -> bytes:
    """Bring a datagram to its size; never shorter than what it says."""
    return data + filling[: max(0, min(size, MAX_DATAGRAM) - len(data))]


def hello(session: bytes, key: bytes) -> bytes:
    """Ask to be heard."""
    head = _HEAD.pack(HELLO, session)
    return (head + _mac(key, head)).ljust(HANDSHAKE_BYTES, b"\0")


def cookie(session: bytes, value: bytes) -> bytes:
    """Answer a hello: who can repeat this has the address."""
    return _HEAD.pack(COOKIE, session) + value


def prove(session: bytes, key: bytes, value: bytes) -> bytes:
    """Repeat the cookie."""
    head = _HEAD.pack(PROVE, session) + value
    return (head + _mac(key, head)).ljust(HANDSHAKE_BYTES, b"\0")


def welcome(session: bytes) -> bytes:
    """Take an address in."""
    return _HEAD.pack(WELCOME, session)


def bye(session: bytes, key: bytes) -> bytes:
    """End a session."""
    head = _HEAD.pack(BYE, session)
    return head + _mac(key, head)


def check_mac(data: bytes, key: bytes, length: int = _HEAD.size) -> bool:
    """Tell whether the mac after the first ``length`` bytes is right."""
    return hmac.compare_digest(data[length : length + _MAC_BYTES], _mac(key, data[:length]))


def read_cookie(data: bytes) -> bytes:
    """Return the cookie of a COOKIE or PROVE.

    Raises:
        FormatError: Too short.
    """
    value = data[_HEAD.size : _HEAD.size + COOKIE_BYTES]
    if len(value) != COOKIE_BYTES:
        raise FormatError("probe cookie")
    return value


PROVEN_BYTES: Final = _HEAD.size + COOKIE_BYTES
"""What the mac of a PROVE covers."""


def write_ping(session: bytes, ping: Ping, size: int, filling: bytes) -> bytes:
    """Return a ping of ``size`` bytes."""
    return _filled(_PING.pack(PING, session, *ping), max(size, MIN_DATA), filling)


def read_ping(data: bytes) -> Ping:
    """Read a ping; it must be long enough for its answer.

    Raises:
        FormatError: It is not.
    """
    if len(data) < MIN_DATA:
        raise FormatError("probe ping")
    return Ping(*_PING.unpack_from(data)[2:])


def write_pong(session: bytes, pong: Pong, size: int, filling: bytes) -> bytes:
    """Return a pong of ``size`` bytes."""
    return _filled(_PONG.pack(PONG, session, *pong), size, filling)


def read_pong(data: bytes) -> Pong:
    """Read a pong.

    Raises:
        FormatError: Too short.
    """
    return Pong(*_fields(_PONG, data))


def write_data(session: bytes, packet: Data, size: int, filling: bytes) -> bytes:
    """Return a train's packet of ``size`` bytes."""
    return _filled(_DATA.pack(DATA, session, *packet), max(size, MIN_DATA), filling)


def read_data(data: bytes) -> Data:
    """Read a train's packet.

    Raises:
        FormatError: Too short.
    """
    return Data(*_fields(_DATA, data))


def write_report(session: bytes, report: Report) -> bytes:
    """Return a report."""
    return _REPORT.pack(REPORT, session, *report)


def read_report(data: bytes) -> Report:
    """Read a report; a server of before sends 44 bytes.

    Raises:
        FormatError: Too short.
    """
    return Report(*_fields(_REPORT if len(data) >= _REPORT.size else _REPORT_BEFORE, data))


def write_order(session: bytes, key: bytes, order: Order) -> bytes:
    """Return an order."""
    head = _ORDER.pack(ORDER, session, *order)
    return head + _mac(key, head)


def read_order(data: bytes, key: bytes) -> Order | None:
    """Read an order; None when its mac is wrong.

    Raises:
        FormatError: Too short.
    """
    fields = _fields(_ORDER, data)
    return Order(*fields) if check_mac(data, key, _ORDER.size) else None


def _fields(layout: struct.Struct, data: bytes) -> tuple[int, ...]:
    if len(data) < layout.size:
        raise FormatError("probe datagram")
    fields: tuple[int, ...] = layout.unpack_from(data)[2:]
    return fields
