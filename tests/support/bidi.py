"""WebDriver BiDi over its WebSocket, as far as the tests need it: the protocol that Firefox speaks.

Replies are matched by number, events go to whoever subscribed. The socket may be made in another
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

from tests.support.cdp import REPLY_TIMEOUT_S, BrowserError, Event

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


class Bidi:
    """One open session. Everything runs on the loop that made it."""

    def __init__(self, line: ClientConnection) -> None:
        self._line = line
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._listeners: list[Callable[[str, Event], None]] = []
        self._closed = False
        self._pump = asyncio.create_task(self._read())

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
        if self._closed:
            raise BrowserError(f"{method}: the browser is gone")
        self._number += 1
        number = self._number
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = reply
        try:
            await self._line.send(json.dumps({"id": number, "method": method, "params": params}))
            answer = await asyncio.wait_for(reply, timeout_s)
        except TimeoutError as error:
            raise BrowserError(f"{method}: no answer within {timeout_s:.0f} s") from error
        except ConnectionClosed as error:
            raise BrowserError(f"{method}: the browser closed the connection") from error
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise BrowserError(f"{method}: {answer['error']}: {answer.get('message', '')}")
        result: dict[str, Any] = answer["result"]
        return result

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in self._line:
                message = json.loads(text)
                if message.get("type") == "event":
                    for listener in self._listeners:
                        listener(message["method"], message.get("params", {}))
                elif (reply := self._waiting.get(message.get("id"))) and not reply.done():
                    reply.set_result(message)
        self._give_up()

    def _give_up(self) -> None:
        self._closed = True
        for reply in self._waiting.values():
            if not reply.done():
                reply.set_exception(BrowserError("the browser closed the connection"))

    async def close(self) -> None:
        """Hang up."""
        self._pump.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._pump
        self._give_up()
        with contextlib.suppress(ConnectionClosed, OSError, TimeoutError):
            await asyncio.wait_for(self._line.close(), 5)
