"""Finds our own candidates: host at once, what servers say whenever it comes.

All STUN and TURN servers are asked at the same time, over IPv4 and IPv6. Nothing here waits for a
server: :class:`Gathering` hands over each candidate as it comes, and each server's problem.
"""

import asyncio
import ipaddress
import logging
import socket
import time
from collections.abc import Callable
from typing import Any, Final

import ifaddr
from aioice import Candidate, stun, turn
from aioice.candidate import candidate_foundation, candidate_priority

from telemed_desk.devices.routes import TUNNEL, VIRTUAL

from .relay import allocate, relay_problem
from .servers import StunServer, TurnServer

log = logging.getLogger(__name__)

SERVER_S: Final = 20.0
"""A server may take this long: a round trip of 3 s, five times, for TCP, TLS and two requests."""
_STUN_TRIES: Final = 4

Found = Callable[[Candidate, Any], None]
Problem = Callable[[str, str], None]


def interface_preference(name: str, address: str) -> int:
    """Return the local preference of an address (RFC 8445, 5.1.2.2): no two kinds alike.

    A real network before a tunnel before bridges of virtual machines; IPv6 before IPv4 (RFC 8421
    wants them mixed: within the same kind of network they are neighbours).
    """
    low = name.lower()
    kind = 65_535
    if low.startswith(TUNNEL):
        kind = 50_000
    elif low.startswith(VIRTUAL):
        kind = 30_000
    return kind - (0 if ":" in address else 1)


def own_addresses() -> dict[str, int]:
    """Return the addresses that a call can use, each with its preference. Asks the system: some ms."""
    found: dict[str, int] = {}
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            if isinstance(ip.ip, str):
                if not ip.ip.startswith("127."):
                    found[ip.ip] = interface_preference(str(adapter.name), ip.ip)
            elif (
                ip.ip[0] != "::1" and ip.ip[2] == 0
            ):  # link-local ones need their interface's number
                found[ip.ip[0]] = interface_preference(str(adapter.name), ip.ip[0])
    return found


def local_addresses() -> frozenset[str]:
    """Return this PC's addresses, as far as a call can use them. Asks the system: some ms."""
    return frozenset(own_addresses())


async def resolve(host: str, port: int) -> list[tuple[int, str]]:
    """Return the addresses of a name as (IP version, address), the best of each version.

    Raises:
        OSError: Nobody knows the name.
    """
    loop = asyncio.get_running_loop()
    best: dict[int, str] = {}
    for family, _, _, _, address in await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
        version = {socket.AF_INET: 4, socket.AF_INET6: 6}.get(family)
        if version is not None:
            best.setdefault(version, str(address[0]))
    return list(best.items())


class Gathering:
    """Finds the candidates of one connection.

    Args:
        component: ICE component.
        protocol_factory: Makes a protocol that receives for the connection.
        relay_only: Neither host nor server-reflexive candidates.
        on_problem: Told (server, code) of each relay that is of no use; code empty = it works.
    """

    def __init__(
        self,
        component: int,
        protocol_factory: Callable[[], Any],
        *,
        relay_only: bool,
        on_problem: Problem,
    ) -> None:
        self._component = component
        self._factory = protocol_factory
        self._relay_only = relay_only
        self._on_problem = on_problem

    async def hosts(self, only: frozenset[str] | None = None) -> list[Any]:
        """Open a socket on each address of ours, or on these; return their protocols."""
        loop = asyncio.get_running_loop()
        protocols = []
        for address, preference in own_addresses().items():
            if only is not None and address not in only:
                continue
            try:
                transport, protocol = await loop.create_datagram_endpoint(
                    self._factory, local_addr=(address, 0)
                )
            except OSError as error:
                log.info("an address of ours cannot be used: %s", type(error).__name__)
                continue
            transport.get_extra_info("socket").setsockopt(
                socket.SOL_SOCKET, socket.SO_RCVBUF, turn.UDP_SOCKET_BUFFER_SIZE
            )
            host, port = transport.get_extra_info("sockname")[:2]
            protocol.local_candidate = Candidate(
                foundation=candidate_foundation("host", "udp", host),
                component=self._component,
                transport="udp",
                priority=candidate_priority(self._component, "host", preference),
                host=host,
                port=port,
                type="host",
            )
            protocols.append(protocol)
        return protocols

    def ask(
        self,
        stuns: list[StunServer],
        turns: list[TurnServer],
        hosts: list[Any],
        found: Found,
    ) -> list["asyncio.Task[None]"]:
        """Ask all servers; ``found(candidate, protocol or None)`` is called whenever one answers."""
        tasks = [asyncio.create_task(self._reflexive(s, hosts, found)) for s in stuns if hosts]
        tasks += [asyncio.create_task(self._relayed(server, found)) for server in turns]
        return tasks

    async def _reflexive(self, server: StunServer, hosts: list[Any], found: Found) -> None:
        try:
            addresses = await resolve(server.host, server.port)
        except OSError:
            log.info("a STUN server's name is not known")
            return
        asks = [
            self._ask_reflexive(protocol, (address, server.port), found)
            for protocol in hosts
            for version, address in addresses
            if ipaddress.ip_address(protocol.local_candidate.host).version == version
        ]
        await asyncio.gather(*asks)

    async def _ask_reflexive(self, protocol: Any, address: tuple[str, int], found: Found) -> None:
        request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
        try:
            response, _ = await protocol.request(request, address, retransmissions=_STUN_TRIES)
            host, port = response.attributes["XOR-MAPPED-ADDRESS"]
        except (stun.TransactionError, OSError, KeyError):
            return
        base = protocol.local_candidate
        found(
            Candidate(
                foundation=candidate_foundation("srflx", "udp", base.host),
                component=self._component,
                transport="udp",
                priority=candidate_priority(
                    self._component, "srflx", (base.priority >> 8) & 0xFFFF
                ),
                host=host,
                port=port,
                type="srflx",
                related_address=base.host,
                related_port=base.port,
            ),
            None,
        )

    async def _relayed(self, server: TurnServer, found: Found) -> None:
        try:
            async with asyncio.timeout(SERVER_S):
                addresses = await resolve(server.host, server.port)
        except (OSError, TimeoutError) as error:
            self._tell(server, error)
            return
        # over IPv6 a relay may give addresses of both kinds, and either may be what is needed
        wanted = [(a, family) for v, a in addresses for family in ((4,) if v == 4 else (6, 4))]
        results = await asyncio.gather(*(self._allocate(server, *one, found) for one in wanted))
        if any(result is None for result in results):
            self._on_problem(server.name, "")
        elif results:
            self._tell(server, next(r for r in results if r is not None))

    async def _allocate(
        self, server: TurnServer, address: str, family: int, found: Found
    ) -> BaseException | None:
        try:
            async with asyncio.timeout(SERVER_S):
                candidate, protocol = await allocate(
                    server,
                    (address, server.port),
                    family,
                    self._factory,
                    component=self._component,
                    hide_related=self._relay_only,
                )
        except (OSError, TimeoutError, ConnectionError, stun.TransactionError) as error:
            return error
        found(candidate, protocol)
        return None

    def _tell(self, server: TurnServer, error: BaseException) -> None:
        code = relay_problem(error, server.username, time.time())
        log.info("a relay is of no use: %s", code)
        self._on_problem(server.name, code)
