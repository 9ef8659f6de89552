"""Commands to a browser and its replies, matched by number, over whatever carries them."""

import asyncio
import contextlib
from abc import ABC, abstractmethod
from typing import Any

REPLY_TIMEOUT_S = 60.0
"""A command unanswered for this long means that the browser hangs or is gone."""

Event = dict[str, Any]
GONE = "the browser closed the connection"


class BrowserError(Exception):
    """The browser is missing, died, or refused a command."""


class Conversation(ABC):
    """One open line to a browser. Everything runs on the loop that made it."""

    def __init__(self) -> None:
        self._number = 0
        self._waiting: dict[int, asyncio.Future[Event]] = {}
        self._closed = False
        self._pump = asyncio.create_task(self._listen())

    @abstractmethod
    async def _send(self, message: Event) -> None:
        """Put one message on the line. Raises BrowserError when it is gone."""

    @abstractmethod
    async def _read(self) -> None:
        """Hand on what comes, replies to :meth:`_replied`; return when the line is gone."""

    async def _ask(self, method: str, timeout_s: float, message: Event) -> Event:
        """Send one command and return what answers it, errors too. Raises BrowserError."""
        if self._closed:
            raise BrowserError(f"{method}: the browser is gone")
        self._number += 1
        number = self._number
        reply: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        try:
            await self._send({"id": number, "method": method, **message})
            return await asyncio.wait_for(reply, timeout_s)
        except TimeoutError as error:
            raise BrowserError(f"{method}: no answer within {timeout_s:.0f} s") from error
        finally:
            self._waiting.pop(number, None)

    def _replied(self, message: Event) -> None:
        """Give a reply to whoever waits for it."""
        reply = self._waiting.get(message.get("id", 0))
        if reply is not None and not reply.done():
            reply.set_result(message)

    async def _listen(self) -> None:
        await self._read()
        self._give_up()

    def _give_up(self) -> None:
        self._closed = True
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(BrowserError(GONE))

    async def _hang_up(self) -> None:
        """Listen no longer; who still waits is told."""
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        self._give_up()
