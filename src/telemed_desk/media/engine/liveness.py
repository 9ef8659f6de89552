"""Whether the other side is still heard, and what is done about it. Loop thread.

Looks at the call four times a second: tells the phases (:mod:`.health`), and asks for an ICE restart
when the path is silent or this PC's addresses changed (:mod:`.restarts`).
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from telemed_desk.media.control import CallPhase
from telemed_desk.media.transport.dtls import MediaTransport
from telemed_desk.media.transport.gathering import local_addresses

from .health import Health
from .negotiation import REFUSALS
from .restarts import RestartClock, silence_ns

log = logging.getLogger(__name__)

_TICK_S: Final = 0.25
_ADDRESSES_S: Final = 0.5
_HELD_UP_NS: Final = 1_000_000_000
"""Woken later than this, it was this PC that stood still: the next packet is given a moment."""


class Liveness:
    """Watches one call.

    Args:
        transport: Returns the transport of the media, None before it is known.
        tell: Told each change of phase.
        restart: Offers another path, or asks the side that offers for one.
        on_tick: Called at each look with the time in ns.
    """

    def __init__(
        self,
        transport: Callable[[], MediaTransport | None],
        tell: Callable[[CallPhase, str], None],
        restart: Callable[[], Awaitable[None]],
        on_tick: Callable[[int], None],
    ) -> None:
        self._transport = transport
        self._tell_owner = tell
        self._restart = restart
        self._on_tick = on_tick
        self._health = Health(time.monotonic_ns())
        self._restarts = RestartClock()
        self._closed = False
        self._path_lost = False
        self._tasks: list[asyncio.Task[None]] = []

    def begin(self) -> None:
        """Start looking, once."""
        if not self._tasks:
            self._tell_owner("connecting", "")
            self._tasks.append(asyncio.create_task(self._tick()))
            self._tasks.append(asyncio.create_task(self._watch_addresses()))

    def on_connection_state(self, state: str) -> None:
        """Take the peer connection's own word for it."""
        if state == "connected":
            self._tell(self._health.connected(time.monotonic_ns()))
        elif state == "failed":
            self._tell(self._health.fail("no-path"))
        elif state == "closed" and not self._closed:
            self._tell(self._health.end("remote-closed"))

    def stop(self) -> None:
        """Look no longer."""
        self._closed = True
        for task in self._tasks:
            task.cancel()

    def end(self) -> None:
        """Say that the call is over."""
        self._tell(self._health.end("closed"))

    async def _tick(self) -> None:
        restarting: asyncio.Task[None] | None = None
        held_up = False
        try:
            while not self._closed:
                slept_ns = time.monotonic_ns()
                await asyncio.sleep(_TICK_S)
                now_ns = time.monotonic_ns()
                held_up = now_ns - slept_ns > _HELD_UP_NS and not held_up
                if held_up:
                    continue  # nobody was silent; the next look tells, however late it is
                if self._judge(now_ns) and (restarting is None or restarting.done()):
                    restarting = asyncio.create_task(self._try_restart())
                self._on_tick(now_ns)
        finally:
            if restarting is not None:
                restarting.cancel()

    async def _try_restart(self) -> None:
        try:
            await self._restart()
        except (*REFUSALS, OSError) as error:
            # while a stranger's offer is half done, or without network; the clock tries again
            log.info("no restart: %s", type(error).__name__)

    def _judge(self, now_ns: int) -> bool:
        """Tell how the call stands; True when a restart is due."""
        transport = self._transport()
        if transport is None:
            self._tell(self._health.tick(now_ns, None))
            return False
        connection = transport.connection
        heard_ns, paths = connection.last_heard_ns, connection.paths
        self._tell(self._health.tick(now_ns, heard_ns))
        if self._health.phase not in ("connected", "reconnecting"):
            return False
        if paths.path_lost and not self._path_lost:
            self._restarts.wanted()
        self._path_lost = paths.path_lost
        silent_ns = silence_ns(now_ns, heard_ns or now_ns, paths.consent_ns)
        return self._restarts.due(now_ns, silent_ns, relayed=paths.kind.startswith("relay"))

    async def _watch_addresses(self) -> None:
        """Another network may be better, and the old one gone: find out before silence tells."""
        known = await asyncio.to_thread(local_addresses)
        while not self._closed:
            await asyncio.sleep(_ADDRESSES_S)
            found = await asyncio.to_thread(local_addresses)
            if found and found != known:
                self._restarts.wanted()
                transport = self._transport()
                if transport is not None:
                    await transport.connection.move(found)
            known = found or known

    def want_restart(self) -> None:
        """The other side noticed first that the path is gone, or a line came back: do not wait."""
        self._restarts.wanted()

    def _tell(self, change: tuple[CallPhase, str] | None) -> None:
        if change is not None:
            self._tell_owner(*change)
