"""ICE restart under a running call: new credentials and candidates, same DTLS, SCTP and streams.

aiortc knows no restart. This subclass of its ICE transport holds one connection that carries and at
most one that is being tried. What either receives goes into one queue, so nothing is lost while both
are up; sending moves over the moment the new one has a path that was checked both ways; the old one
goes some seconds later. A try that leads nowhere costs nothing: the next one replaces it. Loop thread
only. aiortc's private names used here are asserted by a contract test.
"""

import asyncio
import contextlib
import re
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from aiortc.rtcconfiguration import RTCIceServer
from aiortc.rtcicetransport import (
    RTCIceCandidate,
    RTCIceParameters,
    RTCIceTransport,
    candidate_to_aioice,
)

from telemed_protocol.errors import BugError

from .ice import PatientConnection, PatientGatherer

RETIRE_S: Final = 3.0
"""The old path still receives for as long: packets on their way, and a peer slower to move."""
_SPENT: Final = 32
"""Names of the other side's earlier descriptions that are remembered: aiortc repeats the last ones."""
_UFRAG: Final = re.compile(r"^a=ice-ufrag:(\S+)", re.MULTILINE)


class RestartableTransport(RTCIceTransport):
    """An ICE transport whose path can be replaced while it is in use."""

    def __init__(self, gatherer: PatientGatherer) -> None:
        super().__init__(gatherer)
        self._pending: PatientConnection | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._retired: list[PatientConnection] = []
        self._spent: deque[str] = deque(maxlen=_SPENT)
        self._inbox: asyncio.Queue[Any] = self.active._queue  # noqa: SLF001 - aioice's; both paths fill one queue
        self.restarts = 0
        self.arrived_ns = 0
        """When the datagram that was handed out last had come."""
        self.refuses: Callable[[bytes], bool] = lambda _datagram: False
        """Says of a datagram that it is not to be opened."""
        self.on_late_candidate: Callable[[Any], None] | None = None
        self.on_relay: Callable[[str, str], None] | None = None
        self._watch(self.active)
        self._recv = self._receive
        self._send = self._transmit

    @property
    def active(self) -> PatientConnection:
        """The connection that carries the call."""
        found = self._connection
        if not isinstance(found, PatientConnection):
            raise BugError("the gatherer made a foreign connection")
        return found

    @property
    def _newest(self) -> PatientConnection:
        return self._pending or self.active

    def asks_for_restart(self, sdp: str) -> bool:
        """Say whether a description has other credentials than the other side's last ones."""
        found = _UFRAG.search(sdp)
        known = self._newest.remote_username or self.active.remote_username
        return found is not None and known is not None and found[1] != known

    # ---- restart ----------------------------------------------------------------------------

    async def renew(self) -> bool:
        """Get credentials and candidates for the next description; the path in use stays.

        Returns:
            False when there is no candidate at all: no network here, nothing to offer.
        """
        for connection in (self.active, self._pending):
            if connection is not None and connection.remote_username is not None:
                self._spent.append(connection.remote_username)
        await self._give_up_pending()
        fresh = self._gatherer.renew()
        fresh.ice_controlling = self.active.ice_controlling
        fresh._queue = self._inbox  # noqa: SLF001 - as above
        self._watch(fresh)
        self._pending = fresh
        await fresh.gather_candidates()
        return fresh.can_find_any

    def use_servers(self, servers: list[RTCIceServer]) -> None:
        """Ask these STUN and TURN servers from the next restart on; what stands stays."""
        self._gatherer.servers = servers

    @property
    def _gatherer(self) -> PatientGatherer:
        gatherer = self.iceGatherer
        if not isinstance(gatherer, PatientGatherer):
            raise BugError("a foreign gatherer")
        return gatherer

    async def start(self, remoteParameters: RTCIceParameters) -> None:  # noqa: N803 - aiortc's spelling
        """Connect, or begin to try the path that :meth:`renew` prepared. aiortc calls it often."""
        pending, fragment = self._pending, remoteParameters.usernameFragment
        if pending is None or self.active.remote_username in (None, fragment):
            await super().start(remoteParameters)
        elif pending.remote_username is None and fragment not in self._spent:
            # aiortc also comes here with what it knows of the last description
            pending.remote_is_lite = remoteParameters.iceLite
            pending.remote_username = remoteParameters.usernameFragment
            pending.remote_password = remoteParameters.password
            self._spawn(self._try(pending))

    async def _try(self, pending: PatientConnection) -> None:
        try:
            await pending.connect()
        except ConnectionError:
            return  # replaced by a later try, or closed
        if pending is not self._pending or self.state == "closed":
            return
        old, self._connection, self._pending = self.active, pending, None
        pending.last_heard_ns = time.monotonic_ns()
        self.restarts += 1
        self._retired.append(old)
        await asyncio.sleep(RETIRE_S)
        await self._retire(old)

    async def _retire(self, old: PatientConnection) -> None:
        if old in self._retired:
            self._retired.remove(old)
            await old.close()

    async def _give_up_pending(self) -> None:
        pending, self._pending = self._pending, None
        if pending is not None:
            await pending.close()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _watch(self, connection: PatientConnection) -> None:
        def found(candidate: Any) -> None:
            if connection is self._newest and self.on_late_candidate is not None:
                self.on_late_candidate(candidate)

        def told(server: str, code: str) -> None:
            if self.on_relay is not None:
                self.on_relay(server, code)

        connection.on_late_candidate = found
        connection.on_relay = told

    # ---- what aiortc asks of an ICE transport -----------------------------------------------

    async def addRemoteCandidate(self, candidate: RTCIceCandidate | None) -> None:  # noqa: N802 - aiortc's spelling
        """Add a candidate to the newest description's connection; the end is ignored, see ice.py."""
        if candidate is None:
            return
        await self._newest.add_remote_candidate(candidate_to_aioice(candidate))

    async def stop(self) -> None:
        """Close whatever is open."""
        for task in list(self._tasks):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._give_up_pending()
        for old in list(self._retired):
            await self._retire(old)
        await super().stop()

    async def _monitor(self) -> None:
        """Wait for the end of the connection that carries; that of an old one means nothing."""
        while True:
            connection = self._connection
            await connection.get_event()
            if connection is self._connection:
                break
        if self.state == "completed":
            self._RTCIceTransport__setState("failed")  # type: ignore[attr-defined]  # aiortc's own, name-mangled

    async def _transmit(self, data: bytes) -> None:
        await self._connection.send(data)

    async def _receive(self) -> bytes:
        while True:
            item = await self._inbox.get()
            if item is not None:
                if self.refuses(item[0]):
                    continue
                datagram: bytes
                datagram, _component, self.arrived_ns = item
                return datagram
            # the mark of a socket or an old path that is gone; the call ends only with its path
            if self.active._closing:  # noqa: SLF001 - aioice has no accessor
                raise ConnectionError("the path is closed")
