"""The Chrome DevTools Protocol over a pair of pipes, as far as the tests need it.

Messages are JSON with a zero byte after each. One browser, many sessions (one a page); replies are
matched by number, events go to whoever subscribed for their session.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

REPLY_TIMEOUT_S = 60.0
"""A command unanswered for this long means that the browser hangs or is gone."""
_READ_LIMIT = 1 << 28
"""Largest message; screenshots and recorded sound come back as one."""

Event = dict[str, Any]


class BrowserError(Exception):
    """The browser is missing, died, or refused a command."""


class DevTools:
    """One open connection. Everything runs on the loop that made it."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        read_transport: asyncio.ReadTransport,
        write_transport: asyncio.WriteTransport,
    ) -> None:
        self._reader = reader
        self._read_transport = read_transport
        self._write_transport = write_transport
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: dict[str, list[Callable[[str, Event], None]]] = {}
        self._closed = False
        self._pump = asyncio.create_task(self._read())

    @classmethod
    async def over(cls, read_fd: int, write_fd: int) -> "DevTools":
        """Take over two file descriptors: replies come from the first, commands go to the second."""
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_READ_LIMIT)
        read_transport, _ = await loop.connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(read_fd, "rb")
        )
        write_transport, _ = await loop.connect_write_pipe(
            asyncio.BaseProtocol, os.fdopen(write_fd, "wb")
        )
        return cls(reader, read_transport, write_transport)

    def subscribe(self, session: str, listener: Callable[[str, Event], None]) -> None:
        """Call ``listener(method, params)`` on the loop for every event of this session."""
        self._listeners.setdefault(session, []).append(listener)

    async def call(
        self, method: str, session: str = "", timeout_s: float = REPLY_TIMEOUT_S, **params: Any
    ) -> dict[str, Any]:
        """Send one command and return its result. Raises BrowserError."""
        if self._closed:
            raise BrowserError(f"{method}: the browser is gone")
        self._number += 1
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[self._number] = reply
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        self._write_transport.write(json.dumps(message).encode() + b"\0")
        try:
            answer = await asyncio.wait_for(reply, timeout_s)
        except TimeoutError as error:
            raise BrowserError(f"{method}: no answer within {timeout_s:.0f} s") from error
        finally:
            self._waiting.pop(message["id"], None)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error'].get('message', answer['error'])}")
        result: dict[str, Any] = answer["result"]
        return result

    async def _read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                message = json.loads((await self._reader.readuntil(b"\0"))[:-1])
                if "id" in message:
                    reply = self._waiting.get(message["id"])
                    if reply is not None and not reply.done():
                        reply.set_result(message)
                else:
                    for listener in self._listeners.get(message.get("sessionId", ""), []):
                        listener(message["method"], message.get("params", {}))
        self._give_up()

    def _give_up(self) -> None:
        self._closed = True
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(BrowserError("the browser closed the connection"))

    async def close(self) -> None:
        """Close both pipes; Chromium takes that as the order to leave."""
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        self._give_up()
        self._write_transport.close()
        self._read_transport.close()
        # Transports finish closing in callbacks of the loop; let those run before it may be closed.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
