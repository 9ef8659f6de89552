"""A wire between desk, page and server that a test can listen to, cut, and tamper with.

A plain TCP relay on loopback: what crosses it is what the server's keeper, or anyone on the way
without TLS, would see.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

Tamper = Callable[[bytes], bytes]


def _as_it_is(data: bytes) -> bytes:
    return data


@dataclass
class TappedLine:
    """Attributes: ``heard`` = every byte either way; ``tamper`` may change what goes through."""

    target_port: int
    port: int = 0
    heard: bytearray = field(default_factory=bytearray)
    to_server: Tamper = _as_it_is
    to_client: Tamper = _as_it_is
    is_cut: bool = False
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)
    _jobs: set["asyncio.Task[None]"] = field(default_factory=set)

    @property
    def origin(self) -> str:
        """Where desk and page find the server."""
        return f"http://localhost:{self.port}"

    def cut(self) -> None:
        """Pull the cable: open connections die and new ones get nowhere."""
        self.is_cut = True
        for writer in list(self._writers):
            writer.transport.abort()

    def mend(self) -> None:
        """Plug it in again."""
        self.is_cut = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry one connection."""
        if self.is_cut:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.target_port)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        jobs = [
            asyncio.create_task(self._carry(reader, far_writer, "to_server")),
            asyncio.create_task(self._carry(far_reader, writer, "to_client")),
        ]
        self._jobs.update(jobs)
        try:
            await asyncio.gather(*jobs)
        finally:
            self._jobs.difference_update(jobs)
            for end in (writer, far_writer):
                self._writers.discard(end)
                end.close()

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, direction: str
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                self.heard += data
                tamper: Tamper = getattr(self, direction)  # a test may change it at any time
                writer.write(tamper(data))
                await writer.drain()
            writer.write_eof()


@contextlib.asynccontextmanager
async def tapped_line(target_port: int) -> AsyncIterator[TappedLine]:
    """Listen on a free loopback port and relay to the server."""
    line = TappedLine(target_port)
    server = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.port = server.sockets[0].getsockname()[1]
    try:
        yield line
    finally:
        server.close()
        line.cut()
        for job in list(line._jobs):
            job.cancel()
        await asyncio.gather(*line._jobs, return_exceptions=True)
        await server.wait_closed()
