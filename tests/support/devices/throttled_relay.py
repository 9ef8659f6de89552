"""A slow link: a TCP relay that lets a given number of bits a second through, each way."""

import asyncio
import contextlib
import socket
import time
from types import TracebackType
from typing import Self

_PIECE = 1024
_BUFFER = 8 * 1024
_CATCH_UP_S = 0.1
"""On a busy machine the loop wakes late; what a lane missed in this time it makes up for."""


class _Lane:
    """One direction; all connections share its rate, first come first served."""

    def __init__(self, bps: float) -> None:
        self._bps = bps
        self._free_at = 0.0
        self._turn = asyncio.Lock()

    async def carry(self, size: int) -> None:
        async with self._turn:
            now = time.monotonic()
            self._free_at = max(self._free_at, now - _CATCH_UP_S) + size * 8 / self._bps
            await asyncio.sleep(max(0.0, self._free_at - now))


class ThrottledRelay:
    """Listens on loopback and forwards to a port there."""

    def __init__(self, port: int, *, up_bps: float, down_bps: float) -> None:
        self._target = port
        self._up, self._down = _Lane(up_bps), _Lane(down_bps)
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.carried = 0
        self.port = 0

    async def __aenter__(self) -> Self:
        listener = socket.socket()
        # Small buffers, set before listening: else the kernel swallows a whole upload at once.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        listener.bind(("127.0.0.1", 0))
        self._server = await asyncio.start_server(self._accept, sock=listener, limit=_BUFFER)
        self.port = listener.getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server is not None
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, back = await asyncio.open_connection("127.0.0.1", self._target, limit=_BUFFER)
        try:
            await asyncio.gather(
                self._forward(reader, back, self._up), self._forward(there, writer, self._down)
            )
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            for end in (writer, back):
                end.close()
                with contextlib.suppress(ConnectionError):
                    await end.wait_closed()

    async def _forward(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, lane: _Lane
    ) -> None:
        while data := await source.read(_PIECE):
            await lane.carry(len(data))
            self.carried += len(data)
            target.write(data)
            await target.drain()
        target.write_eof()
