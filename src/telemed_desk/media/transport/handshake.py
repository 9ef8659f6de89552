"""Says the DTLS handshake twice: a lost flight costs a second with OpenSSL's own timer.

RFC 6347, 4.2.4.1, sets the first time-out at 1 s and doubles it, and a handshake has four flights: of a
link that loses one packet in ten, every third handshake loses one. Repeated records are known as such.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

COPY_S: Final = 0.04
"""Far enough behind the first that one short burst of losses does not take both."""
_LATE_S: Final = 0.3
_LATE_TRIPS: Final = 1.5


class FlightCopies:
    """Repeats the datagrams of the newest flight. Loop thread.

    Args:
        send: Sends a datagram; whatever it raises is the network's business.
        rtt_ms: The round trip as known so far.
        waiting: Whether the handshake still goes on.
    """

    def __init__(
        self,
        send: Callable[[bytes], Coroutine[Any, Any, None]],
        rtt_ms: Callable[[], float],
        waiting: Callable[[], bool],
    ) -> None:
        self._send = send
        self._rtt_ms = rtt_ms
        self._waiting = waiting
        self._task: asyncio.Task[None] | None = None

    def sent(self, flight: list[bytes]) -> None:
        """A flight has left; an older one needs no copies any more."""
        self.stop()
        if flight:
            self._task = asyncio.create_task(self._repeat(flight))

    def stop(self) -> None:
        """Send no more copies."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def _repeat(self, flight: list[bytes]) -> None:
        await asyncio.sleep(COPY_S)
        # also when all is agreed on: that may be our last word, for which the other side waits
        await self._say(flight)
        await asyncio.sleep(max(_LATE_S, _LATE_TRIPS * self._rtt_ms() / 1000))
        if self._waiting():
            await self._say(flight)

    async def _say(self, flight: list[bytes]) -> None:
        for datagram in flight:
            try:
                await self._send(datagram)
            except (ConnectionError, OSError):
                return  # OpenSSL's own timer tries again
