"""The outgoing side of one WebSocket: small answers, wake-ups, and an orderly end.

What a client is owed stays in the database; a line remembers only how far it got. A client that does
not read therefore costs no memory, and is let go after :data:`SEND_TIMEOUT_S`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from telemed_protocol.room import Refused, ToDeskFrame, ToPageFrame, encode_frame
from telemed_server.errors import RequestRefused

SEND_TIMEOUT_S: Final = 60.0
CLOSE_TIMEOUT_S: Final = 5.0
MAX_REPLIES: Final = 256

CLOSE_BAD_FRAME: Final = 4400
CLOSE_NOT_AUTHORISED: Final = 4401
CLOSE_GONE: Final = 4404
CLOSE_NO_HELLO: Final = 4408
CLOSE_REPLACED: Final = 4409
CLOSE_FLOOD: Final = 4429
CLOSE_BUSY: Final = 1013


class Line:
    """One connection. Event loop only.

    Args:
        socket: Accepted.
        produce: Called after every wake-up: sends what the client is owed.
    """

    def __init__(self, socket: WebSocket, produce: Callable[[], Awaitable[None]]) -> None:
        self._socket = socket
        self._produce = produce
        self._replies: list[str] = []
        self._wake = asyncio.Event()
        self._end: tuple[int, str] | None = None

    @property
    def ending(self) -> bool:
        """Whether the connection was refused and is about to close."""
        return self._end is not None

    def wake(self) -> None:
        """Have ``produce`` called soon."""
        self._wake.set()

    def reply(self, frame: ToPageFrame | ToDeskFrame) -> None:
        """Queue a small answer."""
        if len(self._replies) >= MAX_REPLIES:
            self.refuse("too_slow", CLOSE_FLOOD)
            return
        self._replies.append(encode_frame(frame))
        self._wake.set()

    def refuse(self, code: str, close_code: int) -> None:
        """Say why, then close. The first reason counts."""
        if self._end is None:
            self._replies.append(encode_frame(Refused(code)))
            self._end = (close_code, code)
            self._wake.set()

    async def send(self, frame: ToPageFrame | ToDeskFrame) -> None:
        """Send now; waits while the client's side is full.

        Raises:
            WebSocketDisconnect: Gone, or did not read for :data:`SEND_TIMEOUT_S`.
        """
        await self._send_text(encode_frame(frame))

    async def _send_text(self, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await self._socket.send_text(text)
        except TimeoutError as error:
            raise WebSocketDisconnect(CLOSE_FLOOD) from error

    async def _pump(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            replies, self._replies = self._replies, []
            for text in replies:
                await self._send_text(text)
            if self._end is not None:
                await self._socket.close(*self._end)
                return
            await self._produce()

    async def serve(self, read: Callable[[], Awaitable[None]]) -> None:
        """Run until the client goes or is refused. ``read`` handles frames until then."""
        reader = asyncio.ensure_future(self._guarded(read()))
        pump = asyncio.ensure_future(self._guarded(self._pump()))
        try:
            await asyncio.wait({reader, pump}, return_when=asyncio.FIRST_COMPLETED)
            if self.ending and not pump.done():
                await asyncio.wait({pump}, timeout=CLOSE_TIMEOUT_S)
        finally:
            reader.cancel()
            pump.cancel()
            results = await asyncio.gather(reader, pump, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _guarded(self, work: Awaitable[None]) -> None:
        try:
            await work
        except WebSocketDisconnect:
            return
        except RequestRefused as error:  # the server is too busy, or its disk is full
            self.refuse(error.problem, CLOSE_BUSY)
