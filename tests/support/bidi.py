"""WebDriver BiDi over its WebSocket, as far as the tests need it: the protocol that Firefox speaks.

Events go to whoever subscribed. The socket may be made in another
network namespace: a browser that lives there listens on that namespace's loopback.
"""

import asyncio
import contextlib
import ctypes
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.support.conversation import (
    GONE,
    REPLY_TIMEOUT_S,
    BrowserError,
    Conversation,
    Event,
)

_CLONE_NEWNET = 0x40000000
_LARGEST = 1 << 28
"""Screenshots and recorded sound come back as one message."""


def _socket_in(namespace: str | None, port: int) -> socket.socket:
    """Connect to a loopback port, there. Changes the calling thread's namespace and back."""
    if namespace is None:
        return socket.create_connection(("127.0.0.1", port), 10)
    library = ctypes.CDLL(None, use_errno=True)

    def enter(path: Path) -> None:
        with path.open("rb") as handle:
            if library.setns(handle.fileno(), _CLONE_NEWNET):
                raise OSError(ctypes.get_errno(), "setns")

    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        enter(Path("/run/netns") / namespace)
        return socket.create_connection(("127.0.0.1", port), 10)
    finally:
        library.setns(home, _CLONE_NEWNET)
        os.close(home)


class Bidi(Conversation):
    """One open session."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._listeners: list[Callable[[str, Event], None]] = []
        super().__init__()

    @classmethod
    async def at(cls, port: int, namespace: str | None = None) -> "Bidi":
        """Connect to the port on which the browser listens."""
        made = await asyncio.to_thread(_socket_in, namespace, port)
        made.setblocking(False)
        address = f"ws://127.0.0.1:{port}/session"
        line = await connect(address, sock=made, max_size=_LARGEST, ping_interval=None, proxy=None)
        return cls(line)

    def subscribe(self, listener: Callable[[str, Event], None]) -> None:
        """Call ``listener(method, params)`` on the loop for every event."""
        self._listeners.append(listener)

    async def call(
        self, method: str, timeout_s: float = REPLY_TIMEOUT_S, **params: Any
    ) -> dict[str, Any]:
        """Send one command and return its result. Raises BrowserError."""
        answer = await self._ask(method, timeout_s, {"params": params})
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}: {answer.get('message', '')}")
        result: dict[str, Any] = answer["result"]
        return result

    async def _send(self, message: Event) -> None:
        try:
            await self._line.send(json.dumps(message))
        except ConnectionClosed as error:
            raise BrowserError(GONE) from error

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self._line:
                message = json.loads(text)
                if message.get("type") == "event":
                    for listener in self._listeners:
                        listener(message["method"], message.get("params", {}))
                else:
                    self._replied(message)

    async def close(self) -> None:
        """Hang up."""
        await self._hang_up()
        with contextlib.suppress(ConnectionClosed, OSError, TimeoutError):
            await asyncio.wait_for(self._line.close(), 5)
