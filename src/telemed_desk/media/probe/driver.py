"""Runs a measurement on a way through the network, with timers and the clock."""

import asyncio
import time
from collections.abc import Callable

from telemed_desk.devices.probe.session import ProbeSession


class SessionDriver:
    """Drives one session on the running loop.

    Args:
        session: Decides what to send.
        send: Sends a datagram; never blocks, never raises.
    """

    def __init__(self, session: ProbeSession, send: Callable[[bytes], None]) -> None:
        self._session = session
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._done: asyncio.Future[None] = self._loop.create_future()
        self._timer: asyncio.TimerHandle | None = None

    async def run(self) -> None:
        """Measure; returns when the session is done. Cancelling stops at once."""
        self._session.start(time.monotonic())
        self._work()
        try:
            await self._done
        finally:
            if self._timer is not None:
                self._timer.cancel()

    def received(self, data: bytes, age_s: float = 0.0) -> None:
        """Take a datagram that came so long ago."""
        if self._done.done():
            return
        now = time.monotonic()
        self._session.receive(now, data, now - age_s)
        self._work()

    def _work(self) -> None:
        if self._done.done():
            return
        now = time.monotonic()
        for data in self._session.poll(now):
            self._send(data)
        if self._session.done:
            self._done.set_result(None)
            return
        if self._timer is not None:
            self._timer.cancel()
        wait_s = max(0.0, self._session.next_due(now) - now)
        self._timer = self._loop.call_later(wait_s, self._work)
