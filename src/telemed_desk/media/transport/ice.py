"""aioice's connection, made fit for bad networks: patient, on several servers, never stuck on a path.

Overrides of ``aioice.Connection`` (private API of 0.13.0, asserted by a contract test):
``query_consent`` (stock: one try of 0.5 s, six misses, hang up), ``gather_candidates`` (stock: one
STUN and one TURN server, up to 5 s before any answer), ``add_remote_candidate`` (stock: a busy mDNS
port raises out of it), ``check_complete`` (stock: the last success wins, for ever),
``check_incoming`` and ``sendto``. Which of several working paths carries: :mod:`.path_choice`.
"""

import asyncio
import contextlib
import logging
import struct
import time
from collections.abc import Callable
from typing import Any, Final

from aioice import Candidate, ice, mdns, stun
from aiortc.rtcconfiguration import RTCIceServer, RTCIceTransportPolicy
from aiortc.rtcicetransport import ICE_TRANSPORT_POLICIES, RTCIceGatherer

from .arrival import arrived_ns
from .gathering import Gathering
from .path_choice import PathChoice
from .servers import read_servers

log = logging.getLogger(__name__)

GATHER_SOFT_S: Final = 0.15
"""A description waits this long for servers at most; what comes later is trickled."""
GATHER_FIRST_S: Final = 8.0
"""With relayed paths only: a relay over TLS and a satellite takes so long."""
_AGAIN_S: Final = (0.04, 0.16)
_MOST_QUEUED: Final = 1024
_MOST_REMOTE: Final = 64
"""Candidates of the other side; more than any honest one has."""
_STUN_FIRST_BYTES: Final = 4
"""RFC 7983: 0 to 3 is STUN, 20 to 63 DTLS, 128 to 191 RTP."""
_DAMAGE: Final = (ValueError, struct.error, IndexError, KeyError, OverflowError, AssertionError)


class PathProtocol(ice.StunProtocol):
    """One local address of a connection; tells STUN from payload and survives both."""

    receiver: "PatientConnection"

    async def request(
        self, request: stun.Message, addr: tuple[str, int], *args: Any, **kwargs: Any
    ) -> tuple[stun.Message, tuple[str, int]]:
        """Ask; while nothing carries yet, without waiting half a second for each lost packet.

        RFC 8489, 6.2.1, sends anew after 500 ms at the earliest, which would be a quarter of the time
        that a call on a bad link takes to begin. Copies bear the same transaction.
        """
        again = asyncio.create_task(self._say_again(request, addr))
        try:
            return await super().request(request, addr, *args, **kwargs)
        finally:
            again.cancel()

    async def _say_again(self, request: stun.Message, addr: tuple[str, int]) -> None:
        for wait_s in _AGAIN_S:
            await asyncio.sleep(wait_s)
            if self.receiver.carries or self.transport.is_closing():
                return
            self.send_stun(request, addr)

    def datagram_received(self, data: bytes | str, addr: tuple[Any, ...]) -> None:
        """Take what came, from whomever."""
        if not isinstance(data, bytes) or not data:
            return
        if data[0] >= _STUN_FIRST_BYTES:
            self.receiver.payload_received(data, self, (addr[0], addr[1]))
            return
        try:
            super().datagram_received(data, addr)
        except _DAMAGE:
            self.receiver.malformed += 1


class PatientConnection(ice.Connection):
    """One ICE connection. Loop thread only, save for reading plain attributes.

    Attributes:
        last_heard_ns: When anything came from the other side, media or checks.
        malformed, strangers, overflowed: Datagrams that were of no use: damaged STUN, from an address
            that never passed a check, and beyond what anybody reads.
    """

    def __init__(self, servers: list[RTCIceServer], **kwargs: Any) -> None:
        super().__init__(ice_controlling=False, **kwargs)
        self._stun_servers, self._turn_servers = read_servers(servers)
        self._background: set[asyncio.Task[Any]] = set()
        self._addresses: set[tuple[str, int]] = set()
        self.paths = PathChoice(self)
        self.last_heard_ns: int | None = None
        self.malformed = 0
        self.strangers = 0
        self.overflowed = 0
        self.on_late_candidate: Callable[[Candidate], None] | None = None
        self.on_relay: Callable[[str, str], None] | None = None

    @property
    def consent_ns(self) -> int | None:
        """When the other side last answered a check on the path that carries."""
        return self.paths.consent_ns

    @property
    def consent_rtt_ms(self) -> float | None:
        """Round trip of that check."""
        return self.paths.rtt_ms

    @property
    def carries(self) -> bool:
        """Whether a path was found."""
        return bool(self._nominated)

    # ---- receiving --------------------------------------------------------------------------

    def payload_received(
        self, data: bytes, protocol: ice.StunProtocol, address: tuple[str, int]
    ) -> None:
        """Queue a datagram of the other side; a stranger's is left out."""
        if address not in self._addresses and not self._learn(address):
            self.strangers += 1
            return
        self.heard(protocol, address)
        if self._queue.qsize() > _MOST_QUEUED:
            self.overflowed += 1
            oldest = self._queue.get_nowait()
            if oldest is None:  # the end mark must survive
                self._queue.put_nowait(None)
                return
        inbox: asyncio.Queue[Any] = (
            self._queue
        )  # aioice's, of two things each; it reads none of them
        component = protocol.local_candidate.component
        inbox.put_nowait((data, component, arrived_ns(protocol.transport)))

    def _learn(self, address: tuple[str, int]) -> bool:
        known = any((c._network_host, c.port) == address for c in self._remote_candidates) or any(  # noqa: SLF001 - aioice's
            early == address for _, early, _ in self._early_checks
        )
        if known:
            self._addresses.add(address)
        return known

    def data_received(self, data: bytes, component: int) -> None:
        """Count what claims to be STUN and is not."""
        del data, component
        self.malformed += 1

    def heard(self, protocol: ice.StunProtocol, address: tuple[str, int]) -> None:
        """Note that the other side was heard, and where."""
        self.last_heard_ns = time.monotonic_ns()
        self.paths.heard(protocol, address, self.last_heard_ns)

    def check_incoming(
        self, message: stun.Message, addr: tuple[str, int], protocol: ice.StunProtocol
    ) -> None:
        """Take an authentic check; it is a sign of life as good as media."""
        if len(self._remote_candidates) >= _MOST_REMOTE and not self._learn(addr):
            return
        self.heard(protocol, addr)
        for pair in self._check_list:
            # aioice cancels what is under way once it is connected, and would wait for it for ever
            if pair.task is not None and pair.task.done():
                pair.task, pair.state = None, ice.CandidatePair.State.FAILED
        super().check_incoming(message, addr, protocol)

    def check_complete(self, pair: ice.CandidatePair) -> None:
        """Let a nominated pair carry unless the one that does is better and alive."""
        if pair.state is ice.CandidatePair.State.SUCCEEDED:
            self.heard(pair.protocol, pair.remote_addr)
            if pair.nominated and not self.paths.prefers(pair, time.monotonic_ns()):
                pair.task = None
                return
        super().check_complete(pair)

    # ---- sending ----------------------------------------------------------------------------

    async def sendto(self, data: bytes, component: int) -> None:
        """Send, unless the other side has not agreed for 30 s (RFC 7675, 5.1): then nothing leaves."""
        if not self.paths.expired:
            await super().sendto(data, component)

    def backlog(self) -> int:
        """Bytes that wait in this process for a relay's TCP connection."""
        for pair in self._nominated.values():
            waiting = getattr(pair.protocol.transport, "backlog", None)
            if waiting is not None:
                return int(waiting())
        return 0

    # ---- remote candidates ------------------------------------------------------------------

    async def add_remote_candidate(self, remote_candidate: Candidate | None) -> None:
        """Add a candidate; never raises for what the other side sent, never waits for mDNS.

        The end of candidates is ignored on purpose: a peer whose address changes is then still
        found by its own checks. Giving up is the call's own clock, not ICE's.
        """
        if remote_candidate is None or len(self._remote_candidates) >= _MOST_REMOTE:
            return
        if mdns.is_mdns_hostname(remote_candidate.host):
            self.spawn(self._add_mdns(remote_candidate))
            return
        with contextlib.suppress(*_DAMAGE):
            await super().add_remote_candidate(remote_candidate)

    async def _add_mdns(self, candidate: Candidate) -> None:
        # a busy port 5353, or no multicast: the peer's own checks reach us anyway
        with contextlib.suppress(OSError, *_DAMAGE):
            await super().add_remote_candidate(candidate)

    def pair_all(self) -> None:
        """Pair whatever is known on both sides; pairs that exist stay."""
        for remote in self._remote_candidates:
            with contextlib.suppress(ValueError):
                self._pair_remote_candidate(remote)
        self.sort_check_list()

    def spawn(self, work: Any) -> None:
        """Run something until the connection closes."""
        task = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    # ---- local candidates -------------------------------------------------------------------

    async def gather_candidates(self) -> None:
        """Find host candidates at once, others if they come within 0.15 s, the rest later.

        With relayed paths only, the first one is waited for.
        """
        if self._local_candidates_start:
            return
        self._local_candidates_start = True
        relay_only = self._transport_policy == ice.TransportPolicy.RELAY
        gathering = self._gathering()
        hosts = [] if relay_only else await gathering.hosts()
        self._protocols += hosts
        self._local_candidates += [protocol.local_candidate for protocol in hosts]
        stuns = [] if relay_only else self._stun_servers
        tasks = gathering.ask(stuns, self._turn_servers, hosts, self._found)
        for task in tasks:
            self.spawn(task)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GATHER_SOFT_S)
            if not self._local_candidates:
                await self._first_of(late)
        self._local_candidates_end = True

    async def _first_of(self, asked: set[asyncio.Task[None]]) -> None:
        """Wait for one candidate: aiortc begins nothing without, and never looks again."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GATHER_FIRST_S):
                while asked and not self._local_candidates:
                    _, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)

    async def move(self, addresses: frozenset[str]) -> None:
        """This PC has these addresses now: use the new ones at once, and leave those that are gone.

        The other side learns of them by our checks, so no signalling is needed where it lets us in.
        """
        if self._closing or self._transport_policy == ice.TransportPolicy.RELAY:
            return
        known = {
            p.local_candidate.host for p in self._protocols if p.local_candidate.type == "host"
        }
        fresh = await self._gathering().hosts(addresses - known)
        self._protocols += fresh
        for protocol in fresh:
            self._found(protocol.local_candidate, None)
        for task in self._gathering().ask(
            self._stun_servers, self._turn_servers, fresh, self._found
        ):
            self.spawn(task)
        self.paths.moved(addresses)

    def _gathering(self) -> Gathering:
        relay_only = self._transport_policy == ice.TransportPolicy.RELAY
        return Gathering(
            1, lambda: PathProtocol(self), relay_only=relay_only, on_problem=self._tell_relay
        )

    def _tell_relay(self, server: str, code: str) -> None:
        if not self._closing and self.on_relay is not None:
            self.on_relay(server, code)

    def _found(self, candidate: Candidate, protocol: Any) -> None:
        if self._closing:
            if protocol is not None:
                protocol.transport.close()
            return
        if protocol is not None:
            self._protocols.append(protocol)
        if any(
            (c.host, c.port) == (candidate.host, candidate.port) for c in self._local_candidates
        ):
            return
        self._local_candidates.append(candidate)
        if not self._local_candidates_end:
            return
        self.pair_all()
        if self.on_late_candidate is not None:
            self.on_late_candidate(candidate)

    @property
    def can_find_any(self) -> bool:
        """Whether there is a candidate, or a relay is still being asked for one."""
        return bool(self._local_candidates or self._background)

    # ---- the path ---------------------------------------------------------------------------

    async def query_consent(self) -> None:
        """Look after the paths for as long as the connection lives."""
        await self.paths.tend()

    def protocol_lost(self, protocol: ice.StunProtocol) -> None:
        """A socket or relay is gone: its pairs are of no use, and if one carries, others are tried."""
        if protocol in self._protocols and not self._closing:
            self._protocols.remove(protocol)
        self._check_list[:] = [pair for pair in self._check_list if pair.protocol is not protocol]
        self.paths.lost(protocol)

    async def close(self) -> None:
        """Close, and end what still runs in the background; dead relays are not waited for in turn."""
        self._closing = True
        for task in list(self._background):
            task.cancel()
        for protocol in self._protocols:
            if protocol.local_candidate.type == "relay":
                protocol.transport.close()
        await super().close()


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
        self.servers = iceServers or []
        self._policy = ICE_TRANSPORT_POLICIES[iceTransportPolicy]
        self._connection = self._new(local_username, local_password)

    def _new(self, username: str | None = None, password: str | None = None) -> PatientConnection:
        return PatientConnection(
            self.servers,
            local_username=username,
            local_password=password,
            transport_policy=self._policy,
        )

    def renew(self) -> PatientConnection:
        """Describe another connection from now on, with credentials of its own."""
        fresh = self._new()
        self._connection = fresh
        return fresh
