"""One end of the control channel: length-prefixed messages over a stream socket.

Whatever arrives, reading goes on: a message that is too long is skipped to its end, one that does
not decode is the caller's to report.
"""

import asyncio
import socket

from telemed_desk.media.control import MAX_MESSAGE_BYTES, FromMedia, ToMedia, encode_control
from telemed_protocol.errors import KnownError

MAX_WAITING_BYTES = 32 * 1024 * 1024
"""What may wait for a reader that does not read, before messages that repeat are dropped."""
_SKIP_BYTES = 64 * 1024


class MessageTooLong(KnownError):
    """A control message claims more than its format allows; it was skipped."""

    code = "TD-MED-002"
    sentence = "The call's own parts sent each other something too large."
    next_step = "Nothing was lost. If it stays, send the report for IT."


class ControlChannel:
    """Reads bodies, writes messages. One event loop only."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    @classmethod
    async def over(cls, sock: socket.socket) -> "ControlChannel":
        """Take over a connected stream socket."""
        sock.setblocking(False)
        return cls(*await asyncio.open_connection(sock=sock))

    async def read_body(self) -> bytes | None:
        """Return the next message without its length; None at the end. Raises MessageTooLong."""
        try:
            head = await self._reader.readexactly(4)
            size = int.from_bytes(head, "big")
            if size > MAX_MESSAGE_BYTES:
                await self._skip(size)
                raise MessageTooLong(f"{size} bytes")
            return await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionError):
            return None

    async def _skip(self, size: int) -> None:
        while size > 0:
            chunk = await self._reader.read(min(size, _SKIP_BYTES))
            if not chunk:
                raise asyncio.IncompleteReadError(b"", size)
            size -= len(chunk)

    def send(self, message: ToMedia | FromMedia, *, may_drop: bool = False) -> bool:
        """Queue a message; False if the other end is gone, or dropped because it does not read."""
        if self._writer.is_closing():
            return False
        if may_drop and self._writer.transport.get_write_buffer_size() > MAX_WAITING_BYTES:
            return False
        self._writer.write(encode_control(message))
        return True

    async def drain(self) -> None:
        """Wait until the other end has taken most of what was sent."""
        try:
            await self._writer.drain()
        except ConnectionError:
            return

    async def close(self) -> None:
        """Close; nothing can be sent after."""
        self._writer.close()
        try:
            await self._writer.wait_closed()
        except ConnectionError:
            return
