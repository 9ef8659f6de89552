"""Ways through the network that a measurement can take: a socket, a relay, or two addresses there."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from aioice import stun

from telemed_desk.media.transport.gathering import resolve
from telemed_desk.media.transport.relay import allocate
from telemed_desk.media.transport.servers import RelayWay, TurnServer
from telemed_protocol.udp_times import ask_for_times, receive

ALLOCATE_S: Final = 4.0
BETTER_WITHIN_S: Final = 1.2
"""A better way than the first to answer is waited for: what got lost is sent again after 0.5 s. On a
long link for as long again as the first one took: a call would wait, and TCP says nothing of UDP."""
AGAIN_S: Final = (0.3, 0.6)
"""Over UDP a relay is asked again from further ports: it takes two questions, each sent again only after
0.5 s, and on a link that loses packets TCP would otherwise often answer first."""
BIND_S: Final = 2.0
KNOCK_EVERY_S: Final = 0.2
READ_AT_ONCE: Final = 64
BUFFER_BYTES: Final = 1 << 21
EXTRA_BYTES: Final[dict[RelayWay, int]] = {"udp": 4, "tcp": 24, "tls": 46}
"""What a relay's framing adds to a packet beyond UDP and IP headers (RFC 8656, 12.4; TLS 1.3)."""
_PREFERENCE: Final[tuple[RelayWay, ...]] = ("udp", "tcp", "tls")
_KNOCK: Final = b"\0"

Heard = Callable[[bytes, float], None]


@dataclass(slots=True)
class Way:
    """One way. ``hear`` is set by who uses it: called with a datagram and its age in seconds.

    Attributes:
        name: As :class:`telemed_desk.devices.probe.figures.LinkFigures` calls it.
        extra_bytes: Of each packet, beyond UDP and IP headers.
        stream: It goes through TCP.
        send: Sends a datagram; never blocks, never raises.
        loop: What is sent comes back here.
    """

    name: str
    extra_bytes: int
    send: Callable[[bytes], None]
    hear: Heard = lambda _data, _age: None
    loop: bool = False
    stream: bool = False


@contextlib.asynccontextmanager
async def direct_way(version: int, address: tuple[str, int]) -> AsyncIterator[Way]:
    """Open a socket towards the responder.

    Raises:
        OSError: There is no route.
    """
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    loop = asyncio.get_running_loop()
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        ask_for_times(sock)
        sock.connect(address)

        def send(data: bytes) -> None:
            with contextlib.suppress(OSError):  # a full buffer loses it, as the network might
                sock.send(data)

        way = Way("direct", 0, send)

        def readable() -> None:
            for _ in range(READ_AT_ONCE):
                try:
                    data, age_s, _ = receive(sock)
                except (BlockingIOError, InterruptedError):
                    return
                except OSError:
                    continue  # nobody listens there (ICMP): the silence is told as such
                way.hear(data, age_s)

        loop.add_reader(sock, readable)
        try:
            yield way
        finally:
            loop.remove_reader(sock)


class _End:
    """Receives at an address at the relay."""

    local_candidate: Any = None

    def __init__(self) -> None:
        self.transport: Any = None
        self.hear: Callable[[bytes, tuple[str, int]], None] = lambda _data, _address: None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.hear(data, addr)

    def connection_lost(self, _error: Exception | None) -> None:
        self.hear = lambda _data, _address: None

    @property
    def address(self) -> tuple[str, int]:
        host, port = self.transport.get_extra_info("sockname")[:2]
        return str(host), int(port)

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        with contextlib.suppress(OSError):
            self.transport.sendto(data, address)

    async def give_back(self) -> None:
        with contextlib.suppress(OSError, stun.TransactionError):
            await self.transport.client.delete()


Relay = tuple[TurnServer, _End]
"""A relay that gave an address, and that address."""


async def open_relay(servers: Sequence[TurnServer]) -> Relay | None:
    """Get an address at a relay: over UDP if that works, else over TCP, else over TLS.

    All are asked at once, and whatever is not taken is given back.
    """
    datagrams = [server for server in servers if server.way == _PREFERENCE[0]]
    later = [(server, after_s) for after_s in AGAIN_S for server in datagrams]
    asked = [
        asyncio.create_task(_ask(server, after_s))
        for server, after_s in [*((server, 0.0) for server in servers), *later]
    ]
    if not asked:
        return None
    try:
        await _best_in_time(asked)
    finally:
        for task in asked:
            task.cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    got = [answer for answer in answers if isinstance(answer, tuple)]
    got.sort(key=lambda answer: (_PREFERENCE.index(answer[0].way), answer[0].place))
    for _, spare in got[1:]:
        await spare.give_back()
    return got[0] if got else None


async def _best_in_time(asked: Sequence["asyncio.Task[tuple[TurnServer, _End] | None]"]) -> None:
    """Wait until all have answered, or the best way has; or for no longer than makes sense."""
    now = asyncio.get_running_loop().time
    began = now()
    until = began + ALLOCATE_S
    left = set(asked)
    while left and now() < until:
        done, left = await asyncio.wait(
            left, timeout=until - now(), return_when=asyncio.FIRST_COMPLETED
        )
        ways = {one[0].way for one in (task.result() for task in done) if one is not None}
        if _PREFERENCE[0] in ways:
            return
        if ways:
            until = min(until, now() + max(BETTER_WITHIN_S, now() - began))


async def _ask(server: TurnServer, after_s: float = 0.0) -> tuple[TurnServer, _End] | None:
    await asyncio.sleep(after_s)
    try:
        for _, address in await resolve(server.host, server.port):
            return server, await _allocate(server, (address, server.port))
    except (TimeoutError, OSError, stun.TransactionError):
        return None
    return None


async def _allocate(server: TurnServer, address: tuple[str, int]) -> _End:
    # An IPv4 address at the relay, which every relay has, however it is reached itself.
    _, end = await allocate(server, address, 4, _End, component=1, hide_related=True)
    got: _End = end
    return got


@contextlib.asynccontextmanager
async def relay_way(server: TurnServer, end: _End, address: tuple[str, int]) -> AsyncIterator[Way]:
    """Go to the responder through the relay; ``end`` stays open, for another way after this."""
    way = Way(
        f"relay-{server.way}",
        EXTRA_BYTES[server.way],
        lambda data: end.send(data, address),
        stream=server.way != "udp",
    )

    def heard(data: bytes, came_from: tuple[str, int]) -> None:
        if came_from[:2] == address[:2]:
            way.hear(data, 0.0)

    end.hear = heard
    try:
        yield way
    finally:
        end.hear = lambda _data, _address: None


@contextlib.asynccontextmanager
async def loop_way(server: TurnServer, end: _End) -> AsyncIterator[Way | None]:
    """Go from one address at the relay to another of ours; None when that does not open."""
    asked = await _ask(server)
    if asked is None:
        yield None
        return
    other = asked[1]
    way = Way(
        f"loop-{server.way}",
        EXTRA_BYTES[server.way],
        lambda data: end.send(data, other.address),
        loop=True,
        stream=server.way != "udp",
    )
    opened = asyncio.Event()

    def heard(data: bytes, came_from: tuple[str, int]) -> None:
        if came_from[:2] != end.address:
            return
        if data == _KNOCK:
            opened.set()
        else:
            way.hear(data, 0.0)

    other.hear = heard
    try:
        yield way if await _knock(end, other, opened) else None
    finally:
        other.hear = lambda _data, _address: None
        await other.give_back()


async def _knock(end: _End, other: _End, opened: asyncio.Event) -> bool:
    """Have each address let the other's packets in; the first may come before it does."""
    for _ in range(int(BIND_S / KNOCK_EVERY_S)):
        other.send(_KNOCK, end.address)
        end.send(_KNOCK, other.address)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(KNOCK_EVERY_S):
                await opened.wait()
            return True
    return False
