"""aioice's connection, made fit for slow links: patient consent, several servers, late candidates.

Overrides of ``aioice.Connection`` (private API of 0.13.0, asserted by a contract test):
``query_consent`` (stock: one try of 0.5 s, six misses, hang up), ``get_component_candidates`` (stock:
one STUN and one TURN server, up to 5 s before any answer), ``add_remote_candidate`` (stock: a busy
mDNS port raises out of it), ``data_received`` (stock: unbounded queue).
"""

import asyncio
import contextlib
import ipaddress
import logging
import random
import time
from collections.abc import Callable
from typing import Any, Final

from aioice import Candidate, ice, mdns, stun
from aiortc.rtcconfiguration import RTCIceServer, RTCIceTransportPolicy
from aiortc.rtcicetransport import (
    ICE_TRANSPORT_POLICIES,
    RTCIceGatherer,
    parse_stun_turn_uri,
)

log = logging.getLogger(__name__)

CONSENT_INTERVAL_S: Final = 2.5
CONSENT_EXPIRY_S: Final = 30.0
"""RFC 7675, 5.1: consent ends 30 s after the last valid answer."""
_CONSENT_REPEATS: Final = 4
"""0.5 + 1 + 2 + 4 + 8 s: an answer may take 15 s."""
GATHER_SOFT_S: Final = 1.0
GATHER_RELAY_ONLY_S: Final = 10.0
_GATHER_LATE_S: Final = 30.0
_MOST_STUN: Final = 2
_MOST_QUEUED: Final = 1024

TurnServer = dict[str, Any]


class PatientConnection(ice.Connection):
    """One ICE connection. Loop thread only, save for reading plain attributes."""

    def __init__(self, servers: list[RTCIceServer], **kwargs: Any) -> None:
        super().__init__(ice_controlling=False, **kwargs)
        self._stun_servers, self._turn_servers = _servers_of(servers)
        # the base class asks whether there is a TURN server before gathering for relay only
        if self._turn_servers:
            self.turn_server = self._turn_servers[0]["turn_server"]
        self._background: set[asyncio.Task[Any]] = set()
        self.last_heard_ns: int | None = None
        self.consent_ns: int | None = None
        self.consent_rtt_ms: float | None = None
        self.overflowed = 0
        self.on_late_candidate: Callable[[Candidate], None] | None = None

    # ---- receiving --------------------------------------------------------------------------

    def data_received(self, data: bytes, component: int) -> None:
        """Queue a datagram; empty ones and an endless backlog are of no use."""
        if not data:
            return
        self.last_heard_ns = time.monotonic_ns()
        if self._queue.qsize() > _MOST_QUEUED:
            self.overflowed += 1
            oldest = self._queue.get_nowait()
            if oldest is None:  # the end mark must survive
                self._queue.put_nowait(None)
                return
        super().data_received(data, component)

    # ---- remote candidates ------------------------------------------------------------------

    async def add_remote_candidate(self, remote_candidate: Candidate | None) -> None:
        """Add a candidate; never raises for what the other side sent, never waits for mDNS.

        The end of candidates is ignored on purpose: a peer whose address changes is then still
        found by its own checks. Giving up is the call's own clock, not ICE's.
        """
        if remote_candidate is None:
            return
        if mdns.is_mdns_hostname(remote_candidate.host):
            self._spawn(self._add_mdns(remote_candidate))
            return
        await super().add_remote_candidate(remote_candidate)

    async def _add_mdns(self, candidate: Candidate) -> None:
        # a busy port 5353, or no multicast: the peer's own checks reach us anyway
        with contextlib.suppress(OSError, ValueError):
            await super().add_remote_candidate(candidate)

    def _spawn(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # ---- local candidates -------------------------------------------------------------------

    async def get_component_candidates(
        self,
        component: int,
        addresses: list[str],
        timeout: int = 5,  # noqa: ASYNC109 - the signature is aioice's
    ) -> list[Candidate]:
        """Return host candidates at once, others if they come within a second, the rest later."""
        del timeout
        self.stun_server, relay, self.turn_server = None, self.turn_server, None
        found = await super().get_component_candidates(component, addresses)
        self.turn_server = relay
        tasks = self._server_tasks(component)
        if not tasks:
            return found
        soft_s = GATHER_SOFT_S if found else GATHER_RELAY_ONLY_S
        deadline = time.monotonic() + soft_s
        waiting = set(tasks)
        while waiting and (left := deadline - time.monotonic()) > 0:
            done, waiting = await asyncio.wait(
                waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                candidate = self._accept(task)
                if candidate is not None and not _known(candidate, found):
                    found.append(candidate)
            if found and soft_s == GATHER_RELAY_ONLY_S:
                break
        for task in waiting:
            self._spawn(self._wait_late(task))
        return found

    def _server_tasks(self, component: int) -> list[asyncio.Task[Any]]:
        tasks: list[asyncio.Task[Any]] = []
        for server in self._stun_servers[:_MOST_STUN]:
            for protocol in self._protocols:
                local = protocol.local_candidate
                if local.type == "host" and ipaddress.ip_address(local.host).version == 4:
                    tasks.append(
                        asyncio.create_task(ice.server_reflexive_candidate(protocol, server))
                    )
        hide = self._transport_policy == ice.TransportPolicy.RELAY
        tasks += [
            asyncio.create_task(
                ice.relayed_candidate(
                    component=component,
                    hide_related_address=hide,
                    protocol_factory=lambda: ice.StunProtocol(self),
                    **server,
                )
            )
            for server in self._turn_servers
        ]
        return tasks

    def _accept(self, task: asyncio.Task[Any]) -> Candidate | None:
        if task.cancelled() or task.exception() is not None:
            log.info("a STUN or TURN server did not answer")
            return None
        candidate, protocol = task.result()
        if protocol is not None:
            self._protocols.append(protocol)
        return candidate  # type: ignore[no-any-return]

    async def _wait_late(self, task: asyncio.Task[Any]) -> None:
        try:
            await asyncio.wait({task}, timeout=_GATHER_LATE_S)
        finally:
            if not task.done():
                task.cancel()
        if not task.done():
            return
        candidate = self._accept(task)
        if candidate is None or self._closing or _known(candidate, self._local_candidates):
            return
        self._local_candidates.append(candidate)
        for remote in self._remote_candidates:
            self._pair_remote_candidate(remote)
        self.sort_check_list()
        if self.on_late_candidate is not None:
            self.on_late_candidate(candidate)

    # ---- consent ----------------------------------------------------------------------------

    async def query_consent(self) -> None:
        """Ask every 2.5 s, wait as long as it takes, give up 30 s after the last answer."""
        self.consent_ns = time.monotonic_ns()
        asked: set[asyncio.Task[None]] = set()
        try:
            while True:
                await asyncio.sleep(CONSENT_INTERVAL_S * (0.8 + 0.4 * random.random()))  # noqa: S311 - spreads checks, guards nothing
                for pair in list(self._nominated.values()):
                    task = asyncio.create_task(self._ask_consent(pair))
                    asked.add(task)
                    task.add_done_callback(asked.discard)
                if (time.monotonic_ns() - self.consent_ns) / 1e9 > CONSENT_EXPIRY_S:
                    log.info("consent to send expired")
                    self._query_consent_task = None
                    await self.close()
                    return
        finally:
            for task in asked:
                task.cancel()

    async def _ask_consent(self, pair: ice.CandidatePair) -> None:
        password = self.remote_password or ""
        begun_ns = time.monotonic_ns()
        try:
            await pair.protocol.request(
                self.build_request(pair, nominate=False),
                pair.remote_addr,
                integrity_key=password.encode("utf8"),
                retransmissions=_CONSENT_REPEATS,
            )
        except (stun.TransactionError, ConnectionError, OSError):
            return
        now_ns = time.monotonic_ns()
        self.consent_ns = self.last_heard_ns = now_ns
        self.consent_rtt_ms = (now_ns - begun_ns) / 1e6

    async def close(self) -> None:
        """Close, and end what still runs in the background."""
        for task in list(self._background):
            task.cancel()
        await super().close()


def local_addresses() -> frozenset[str]:
    """Return this PC's addresses, as far as a call can use them. Asks the system: some ms."""
    return frozenset(ice.get_host_addresses(use_ipv4=True, use_ipv6=True))


def _known(candidate: Candidate, others: list[Candidate]) -> bool:
    return any((c.host, c.port) == (candidate.host, candidate.port) for c in others)


def _servers_of(
    servers: list[RTCIceServer],
) -> tuple[list[tuple[str, int]], list[TurnServer]]:
    stuns: list[tuple[str, int]] = []
    turns: list[TurnServer] = []
    for server in servers:
        for url in [server.urls] if isinstance(server.urls, str) else server.urls:
            try:
                parsed = parse_stun_turn_uri(url)
            except ValueError:
                log.info("an unreadable ICE server address was left out")
                continue
            address = (parsed["host"], parsed["port"])
            if parsed["scheme"] == "stun":
                stuns.append(address)
            elif parsed["scheme"] in ("turn", "turns") and parsed["transport"] in ("udp", "tcp"):
                turns.append(
                    {
                        "turn_server": address,
                        "turn_ssl": parsed["scheme"] == "turns",
                        "turn_transport": parsed["transport"],
                        "turn_username": server.username,
                        "turn_password": server.credential,
                    }
                )
    return stuns, turns


class PatientGatherer(RTCIceGatherer):
    """aiortc's gatherer with our connection inside."""

    def __init__(
        self,
        iceServers: list[RTCIceServer] | None = None,  # noqa: N803 - aiortc's spelling
        iceTransportPolicy: RTCIceTransportPolicy = RTCIceTransportPolicy.ALL,  # noqa: N803 - as above
        local_username: str | None = None,
        local_password: str | None = None,
    ) -> None:
        super().__init__([], iceTransportPolicy, local_username, local_password)
        self._servers = iceServers or []
        self._policy = ICE_TRANSPORT_POLICIES[iceTransportPolicy]
        self._connection = self._new(local_username, local_password)

    def _new(self, username: str | None = None, password: str | None = None) -> PatientConnection:
        return PatientConnection(
            self._servers,
            local_username=username,
            local_password=password,
            transport_policy=self._policy,
        )

    def renew(self) -> PatientConnection:
        """Describe another connection from now on, with credentials of its own."""
        fresh = self._new()
        self._connection = fresh
        return fresh
