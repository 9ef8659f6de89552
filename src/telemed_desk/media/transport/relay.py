"""A relay (TURN, RFC 8656) as we use it: bounded, quick, and able to say what is wrong with it.

Subclasses of aioice's TURN client. Stock: one task for each packet that leaves, a write buffer
without end over TCP, permissions that lapse before they are renewed (it renews after 500 s what RFC
8656, 9 keeps for 300 s), IPv4 relays only, and a farewell that waits a minute for a dead server.
"""

import asyncio
import contextlib
import logging
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any, Final

import truststore
from aioice import Candidate, stun, turn
from aioice.candidate import candidate_foundation, candidate_priority

from .servers import RelayWay, TurnServer

log = logging.getLogger(__name__)

RENEW_S: Final = 240.0
"""Channels and permissions are renewed after this; permissions last 300 s (RFC 8656, 9)."""
SOFT_BYTES: Final = 6_000
"""Written to a TCP relay and not yet sent: above this pictures wait (100 ms at 500 kbit/s)."""
HARD_BYTES: Final = 24_000
"""Above this anything but STUN is thrown away: an old packet is worth less than a fresh one."""
_KERNEL_BYTES: Final = 16_384
"""What the system may hold unsent; else its buffer of megabytes hides seconds of queue."""
_FAREWELL_S: Final = 1.0
_FAMILY: Final = "REQUESTED-ADDRESS-FAMILY"
_FAMILIES: Final = {4: 0x01000000, 6: 0x02000000}
_WAY_PREFERENCE: Final = {"udp": 60_000, "tcp": 40_000, "tls": 20_000}
_DAMAGE: Final = (ValueError, struct.error, IndexError, OverflowError)

_entry: stun.AttributeEntry = (0x0017, _FAMILY, stun.pack_unsigned, stun.unpack_unsigned)
stun.ATTRIBUTES_BY_TYPE.setdefault(_entry[0], _entry)
stun.ATTRIBUTES_BY_NAME.setdefault(_entry[1], _entry)


def relay_problem(error: BaseException, username: str, now_s: float) -> str:
    """Name what is wrong with a relay.

    Args:
        error: What allocating there raised.
        username: As given; the part before the colon of a time-limited one is its end.
        now_s: Unix time.

    Returns:
        ``relay-refused`` (401 and its like), ``relay-expired``, ``relay-quota``,
        ``relay-certificate``, ``relay-name``, ``relay-unreachable`` or ``relay-error``.
    """
    if isinstance(error, stun.TransactionFailed):
        code = error.response.error_code
        if code in (401, 403, 431, 441):
            end = username.split(":", 1)[0]
            late = end.isdigit() and int(end) < now_s
            return "relay-expired" if late else "relay-refused"
        return "relay-quota" if code in (486, 508) else "relay-error"
    if isinstance(error, ssl.SSLCertVerificationError):
        return "relay-certificate"
    if isinstance(error, socket.gaierror):
        return "relay-name"
    if isinstance(error, (stun.TransactionTimeout, TimeoutError, OSError)):
        return "relay-unreachable"
    return "relay-error"


class _Client(turn.TurnClientMixin):
    """What both kinds of client do differently from aioice's."""

    family = 4
    dropped = 0
    malformed = 0

    async def request_with_retry(
        self, request: stun.Message
    ) -> tuple[stun.Message, tuple[str, int]]:
        if request.message_method == stun.Method.ALLOCATE and self.family != 4:
            request.attributes[_FAMILY] = _FAMILIES[self.family]
        return await super().request_with_retry(request)

    def datagram_received(self, data: bytes | str, addr: tuple[str, int]) -> None:
        try:
            super().datagram_received(data, addr)
        except _DAMAGE:
            self.malformed += 1

    def send_bound(self, data: bytes, addr: tuple[str, int]) -> bool:
        """Send at once when there is a channel to this address; False when there is none yet."""
        channel = self.peer_to_channel.get(addr)
        if channel is None or addr in self.peer_connect_waiters:
            return False
        now = time.time()
        if now > self.channel_refresh_at[channel]:
            self.channel_refresh_at[channel] = now + RENEW_S
            task = asyncio.ensure_future(self.channel_bind(channel, addr))
            task.add_done_callback(self._renewed)
        self._send(struct.pack("!HH", channel, len(data)) + data)
        return True

    def _renewed(self, task: "asyncio.Future[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            log.info("a relay's channel was not renewed: %s", type(task.exception()).__name__)

    async def delete(self) -> None:
        """Give the allocation back; a server that does not answer is not waited for."""
        with contextlib.suppress(TimeoutError, stun.TransactionError, ConnectionError):
            async with asyncio.timeout(_FAREWELL_S):
                await super().delete()
        self.abort()

    def abort(self) -> None:
        """Close the socket now, whatever is still to be written."""
        closing: Any = self.transport
        closing.abort()


class UdpRelayClient(_Client, turn.TurnClientUdpProtocol):
    """A relay over UDP.

    Attributes:
        on_refused: Called when the system hears that nothing listens there. In a call no reason to
            give up (RFC 8445 takes ICMP for a hint), in a check the answer.
    """

    on_refused: Callable[[], object] | None = None

    def error_received(self, exc: Exception) -> None:
        """Tell what ICMP said; the retries go on."""
        if self.on_refused is not None and isinstance(exc, ConnectionRefusedError):
            self.on_refused()


class TcpRelayClient(_Client, turn.TurnClientTcpProtocol):
    """A relay over TCP or TLS, with little in its buffers."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep little in the system's buffers."""
        super().connection_made(transport)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _KERNEL_BYTES)
            else:  # Windows knows no limit but the whole buffer's
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * _KERNEL_BYTES)

    def data_received(self, data: bytes) -> None:
        """Cut the stream into messages; damage is counted and read past."""
        try:
            super().data_received(data)
        except _DAMAGE:
            self.malformed += 1
            self.buffer = b""

    def backlog(self) -> int:
        """Bytes written and not yet taken by the system, TLS included."""
        waiting = int(self.transport.get_write_buffer_size())
        inner = getattr(getattr(self.transport, "_ssl_protocol", None), "_transport", None)
        return waiting + (int(inner.get_write_buffer_size()) if inner is not None else 0)

    def _send(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        if turn.is_channel_data(data) and self.backlog() > HARD_BYTES:
            self.dropped += 1
            return
        super()._send(data)


class RelayTransport(turn.TurnTransport):
    """Looks like a UDP transport and goes through a relay."""

    def __init__(self, client: UdpRelayClient | TcpRelayClient, way: RelayWay) -> None:
        super().__init__(client)
        self.client = client
        self.way = way

    def sendto(self, data: bytes, addr: tuple[str, int]) -> None:
        """Send, without a task of its own once the channel stands."""
        if self.client.transport.is_closing() or not self.client.send_bound(data, addr):
            super().sendto(data, addr)

    def is_closing(self) -> bool:
        """True when the allocation is given up or lost."""
        return self.client.transport.is_closing()

    def backlog(self) -> int:
        """Bytes that wait in this process for the relay's connection."""
        return self.client.backlog() if isinstance(self.client, TcpRelayClient) else 0


async def open_client(
    server: TurnServer, address: tuple[str, int]
) -> tuple[Any, UdpRelayClient | TcpRelayClient]:
    """Open the connection to a relay, without asking it for anything yet.

    Args:
        server: The relay.
        address: One of its IP addresses, and the port.

    Returns:
        The transport, to be aborted when nothing comes of it, and the client.

    Raises:
        OSError, ssl.SSLError: See :func:`relay_problem`.
    """
    loop = asyncio.get_running_loop()
    settings: dict[str, Any] = {
        "username": server.username,
        "password": server.credential,
        "lifetime": turn.DEFAULT_ALLOCATION_LIFETIME,
        "channel_refresh_time": RENEW_S,
    }
    client: UdpRelayClient | TcpRelayClient
    opened: Any
    if server.way == "udp":
        opened, client = await loop.create_datagram_endpoint(
            lambda: UdpRelayClient(address, **settings), remote_addr=address
        )
        opened.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_RCVBUF, turn.UDP_SOCKET_BUFFER_SIZE
        )
    else:
        context = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if server.way == "tls" else None
        opened, client = await loop.create_connection(
            lambda: TcpRelayClient(address, **settings),
            *address,
            ssl=context,
            server_hostname=server.host if context is not None else None,
        )
    return opened, client


async def allocate(
    server: TurnServer,
    address: tuple[str, int],
    family: int,
    protocol_factory: Callable[[], Any],
    *,
    component: int,
    hide_related: bool,
) -> tuple[Candidate, Any]:
    """Get an address at a relay.

    Args:
        server: The relay.
        address: One of its IP addresses, and the port.
        family: IP version of the address to get, 4 or 6.
        protocol_factory: Makes the protocol that receives through it.
        component: Of the candidate.
        hide_related: Say nothing of our own address in the candidate.

    Raises:
        OSError, stun.TransactionError, ssl.SSLError: See :func:`relay_problem`.
    """
    opened, client = await open_client(server, address)
    client.family = family
    transport = RelayTransport(client, server.way)
    protocol = protocol_factory()
    try:
        await transport._connect(protocol)  # noqa: SLF001 - as aioice's create_turn_endpoint does
    except BaseException:
        opened.abort()
        raise
    return _candidate(transport, protocol, server, component, hide_related=hide_related), protocol


def _candidate(
    transport: RelayTransport,
    protocol: Any,
    server: TurnServer,
    component: int,
    *,
    hide_related: bool,
) -> Candidate:
    host, port = transport.get_extra_info("sockname")[:2]
    related = transport.get_extra_info("related_address")
    if hide_related:
        related = ("::" if ":" in host else "0.0.0.0", 9)  # noqa: S104 - RFC 8839, 5.1: says nothing
    preference = _WAY_PREFERENCE[server.way] - 10 * server.place + (1 if ":" in host else 0)
    protocol.local_candidate = Candidate(
        foundation=candidate_foundation("relay", server.way, f"{server.name} {host}"),
        component=component,
        transport="udp",
        priority=candidate_priority(component, "relay", preference),
        host=host,
        port=port,
        type="relay",
        related_address=related[0],
        related_port=related[1],
    )
    found: Candidate = protocol.local_candidate
    return found
