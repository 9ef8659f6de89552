"""What the measuring responder answers, without a socket: datagrams in, datagrams out.

It never sends to an address that has not repeated its cookie (so nobody can point it at a third
one), before that always less than it was sent, and after that no more bytes, no faster and no longer
than the grant says. Who has no grant gets no answer at all. Times are seconds of one clock.
"""

import hmac
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from telemed_protocol import probe
from telemed_protocol.errors import FormatError

Address = tuple[Any, ...]
"""As the socket gives it: host, port, and more with IPv6."""
Outgoing = list[tuple[bytes, Address]]

REPORT_EVERY_S: Final = 0.02
BURST_S: Final = 0.02
"""A pacer that woke later than this does not make up for it: a burst would measure our own delay."""
MOST_AT_ONCE: Final = 32
LONGEST_ORDER_S: Final = 3.0
_COOKIE_LIFE_S: Final = 30.0
_US: Final = 1_000_000
_CAME_MASK: Final = (1 << 64) - 1


@dataclass(slots=True)
class Grant:
    """What one desk may do.

    Attributes:
        session, key: As given to it.
        ends_at: On the responder's clock.
        in_bytes, out_bytes: It may still send us, and we it, overhead counted.
        max_bps: The fastest that we send.
        spend: Told of every byte of either way, for the clinic's account.
    """

    session: bytes
    key: bytes
    ends_at: float
    in_bytes: int
    out_bytes: int
    max_bps: int
    spend: Callable[[int], None] = lambda _size: None


@dataclass(slots=True)
class _Pings:
    highest: int = -1
    count: int = 0
    came: int = 0

    def take(self, number: int) -> int:
        """Note one; return which of the 64 before it came."""
        self.count += 1
        ahead = number - self.highest
        if ahead > 0:
            was_first = self.highest < 0
            self.came = 0 if was_first else ((self.came << 1 | 1) << (ahead - 1)) & _CAME_MASK
            self.highest = number
            return self.came
        if -64 <= ahead < 0:  # overtaken on the way
            self.came |= 1 << (-ahead - 1)
        return self.came >> -ahead if ahead > -64 else 0


@dataclass(slots=True)
class _Train:
    """One that arrives."""

    number: int = -1
    packets: int = 0
    size: int = 0
    reported_at: float = 0.0
    unbroken: probe.Unbroken = field(default_factory=probe.Unbroken)

    def take(self, number: int, arrived_us: int, size: int) -> None:
        """Count one of its packets."""
        self.packets += 1
        self.size += size
        self.unbroken.take(number, arrived_us, size)

    def also(self, size: int) -> None:
        """Count what came beside it."""
        self.size += size
        self.unbroken.also(size)


@dataclass(slots=True)
class _Session:
    grant: Grant
    address: Address | None = None
    pings: _Pings = field(default_factory=_Pings)
    train: _Train = field(default_factory=_Train)
    order: probe.Order | None = None
    order_ends_at: float = 0.0
    said_bytes: int = 0
    next_number: int = 0
    next_at: float = 0.0

    def sends(self, now: float) -> bool:
        """Tell whether the order of the moment lets another packet out."""
        order = self.order
        if order is None or self.address is None or order.rate_bps <= 0:
            return False
        size = order.packet_bytes + probe.OVERHEAD_BYTES
        return (
            now < min(self.order_ends_at, self.grant.ends_at)
            and self.said_bytes + size <= order.allow_bytes
            and size <= self.grant.out_bytes
        )


class Responder:
    """All sessions of one server. Used from one thread."""

    def __init__(self) -> None:
        self._sessions: dict[bytes, _Session] = {}
        self._cookie_key = os.urandom(32)
        self._filling = os.urandom(probe.MAX_DATAGRAM)

    def admit(self, grant: Grant) -> None:
        """Let a desk in."""
        self._sessions[grant.session] = _Session(grant)

    def dismiss(self, session: bytes) -> None:
        """Let it go; nothing is sent to it from now on."""
        self._sessions.pop(session, None)

    def datagram(
        self, now: float, address: Address, data: bytes, received_at: float | None = None
    ) -> Outgoing:
        """Take one; return what to send at once.

        Args:
            now: The clock.
            address: Who sent it.
            data: What.
            received_at: When it reached this machine, if that is known better than ``now``.
        """
        try:
            kind, name = probe.kind_and_session(data)
            session = self._sessions.get(name)
            if session is None or now >= session.grant.ends_at:
                return []
            grant = session.grant
            size = len(data) + probe.OVERHEAD_BYTES
            if size > grant.in_bytes:
                return []
            grant.in_bytes -= size
            grant.spend(size)
            if kind in (probe.HELLO, probe.PROVE):
                return self._handshake(now, session, address, kind, data)
            if address != session.address:
                return []
            arrived = now if received_at is None else received_at
            return self._heard(now, session, kind, data, int(arrived * _US))
        except FormatError:
            return []

    def _handshake(
        self, now: float, session: _Session, address: Address, kind: int, data: bytes
    ) -> Outgoing:
        grant = session.grant
        if len(data) < probe.HANDSHAKE_BYTES:
            return []  # an answer must be smaller than what asks for it
        if kind == probe.HELLO:
            if not probe.check_mac(data, grant.key):
                return []
            value = self._cookie(now, grant.session, address)
            return self._say(session, probe.cookie(grant.session, value), address)
        if not probe.check_mac(data, grant.key, probe.PROVEN_BYTES):
            return []
        shown = probe.read_cookie(data)
        if not any(
            hmac.compare_digest(shown, self._cookie(moment, grant.session, address))
            for moment in (now, now - _COOKIE_LIFE_S)
        ):
            return []
        if session.address != address:
            session.address = address
            session.order = None  # what was ordered from elsewhere is not sent here
        return self._say(session, probe.welcome(grant.session), address)

    def _cookie(self, now: float, session: bytes, address: Address) -> bytes:
        words = f"{address[0]}|{address[1]}|{int(now / _COOKIE_LIFE_S)}".encode()
        digest = hmac.digest(self._cookie_key, session + words, "sha256")
        return digest[: probe.COOKIE_BYTES]

    def _heard(
        self, now: float, session: _Session, kind: int, data: bytes, arrived_us: int
    ) -> Outgoing:
        grant, address = session.grant, session.address
        assert address is not None  # noqa: S101 - the caller compared it
        if kind != probe.DATA:
            session.train.also(len(data) + probe.OVERHEAD_BYTES)  # it used the link as well
        if kind == probe.PING:
            ping = probe.read_ping(data)
            came = session.pings.take(ping.number)
            pong = probe.Pong(ping.number, ping.sent_us, arrived_us, session.pings.count, came)
            answer = probe.write_pong(grant.session, pong, len(data), self._filling)
            return self._say(session, answer, address)
        if kind == probe.DATA:
            return self._train(now, session, data, arrived_us)
        if kind == probe.ORDER:
            order = probe.read_order(data, grant.key)
            if order is not None:
                self._obey(now, session, order)
            return []
        if kind == probe.BYE and probe.check_mac(data, grant.key):
            self.dismiss(grant.session)
        return []

    def _train(self, now: float, session: _Session, data: bytes, arrived_us: int) -> Outgoing:
        packet = probe.read_data(data)
        if len(data) < probe.MIN_DATA:
            return []
        if packet.train != session.train.number:
            session.train = _Train(packet.train)
        train = session.train
        train.take(packet.number, arrived_us, len(data) + probe.OVERHEAD_BYTES)
        if now - train.reported_at < max(REPORT_EVERY_S, packet.report_ms / 1000):
            return []
        train.reported_at = now
        unbroken = train.unbroken
        report = probe.Report(
            *packet[:4], arrived_us, train.packets, train.size, unbroken.us, unbroken.size
        )
        address = session.address
        assert address is not None  # noqa: S101 - only a proven address comes here
        return self._say(session, probe.write_report(session.grant.session, report), address)

    def _obey(self, now: float, session: _Session, order: probe.Order) -> None:
        old = session.order
        if old is not None and order.number <= old.number:
            return
        order = order._replace(
            rate_bps=min(order.rate_bps, session.grant.max_bps),
            packet_bytes=max(probe.MIN_DATA, min(order.packet_bytes, probe.MAX_DATAGRAM)),
        )
        if old is None or order.train != old.train:
            session.next_number = 0
        if old is None or order.stage != old.stage or not session.sends(now):
            session.next_at = now
        session.order = order
        session.order_ends_at = now + min(order.good_ms / 1000, LONGEST_ORDER_S)

    def poll(self, now: float) -> Outgoing:
        """Return the packets of trains that are due."""
        due: Outgoing = []
        for session in self._sessions.values():
            for _ in range(MOST_AT_ONCE):
                order, address = session.order, session.address
                if session.next_at > now or not session.sends(now):
                    break
                assert order is not None  # noqa: S101 - sends() looked
                assert address is not None  # noqa: S101 - sends() looked
                number, session.next_number = session.next_number, session.next_number + 1
                packet = probe.Data(order.train, order.stage, number, int(now * _US))
                data = probe.write_data(
                    session.grant.session, packet, order.packet_bytes, self._filling
                )
                due += self._say(session, data, address)
                spacing_s = (order.packet_bytes + probe.OVERHEAD_BYTES) * 8 / order.rate_bps
                session.next_at = max(session.next_at, now - BURST_S) + spacing_s
        return due

    def next_due(self, now: float) -> float | None:
        """Return when :meth:`poll` has something to send next; None = not before a datagram comes."""
        times = [session.next_at for session in self._sessions.values() if session.sends(now)]
        return min(times, default=None)

    def _say(self, session: _Session, data: bytes, address: Address) -> Outgoing:
        size = len(data) + probe.OVERHEAD_BYTES
        if size > session.grant.out_bytes:
            return []
        session.grant.out_bytes -= size
        session.grant.spend(size)
        if data[0] == probe.DATA:
            session.said_bytes += size
        return [(data, address)]
