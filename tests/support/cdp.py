"""The Chrome DevTools Protocol over a pair of pipes, as far as the tests need it.

Messages are JSON with a zero byte after each. One browser, many sessions (one a page); events go to
whoever subscribed for their session.
"""

import asyncio
import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

from tests.support.conversation import REPLY_TIMEOUT_S, BrowserError, Conversation, Event

_READ_LIMIT = 1 << 28
"""Largest message; screenshots and recorded sound come back as one."""


class DevTools(Conversation):
    """One open connection."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        read_transport: asyncio.ReadTransport,
        write_transport: asyncio.WriteTransport,
    ) -> None:
        self._reader = reader
        self._read_transport = read_transport
        self._write_transport = write_transport
        self._listeners: dict[str, list[Callable[[str, Event], None]]] = {}
        super().__init__()

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
        message: Event = {"params": params}
        if session:
            message["sessionId"] = session
        answer = await self._ask(method, timeout_s, message)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error'].get('message', answer['error'])}")
        result: dict[str, Any] = answer["result"]
        return result

    async def _send(self, message: Event) -> None:
        self._write_transport.write(json.dumps(message).encode() + b"\0")

    async def _read(self) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                message = json.loads((await self._reader.readuntil(b"\0"))[:-1])
                if "id" in message:
                    self._replied(message)
                else:
                    for listener in self._listeners.get(message.get("sessionId", ""), []):
                        listener(message["method"], message.get("params", {}))

    async def close(self) -> None:
        """Close both pipes; Chromium takes that as the order to leave."""
        await self._hang_up()
        self._write_transport.close()
        self._read_transport.close()
        # Transports finish closing in callbacks of the loop; let those run before it may be closed.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
