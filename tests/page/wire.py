"""A TCP relay between phone and server that a test can cut, as a lost network does, and mend."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Wire:
    """Loopback only. While cut, open connections are gone and new ones are refused."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._host, self._port = str(parts.hostname), int(parts.port or 0)
        self._open: set[asyncio.StreamWriter] = set()
        self._jobs: set[asyncio.Task[None]] = set()
        self._hung: set[asyncio.StreamWriter] = set()
        self._cut = False
        self.accepted = 0
        self.origin = ""

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                if writer not in self._hung:
                    writer.write(data)
                    await writer.drain()
        writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._cut:
            writer.transport.abort()
            return
        self.accepted += 1
        far_reader, far_writer = await asyncio.open_connection(self._host, self._port)
        ends = {writer, far_writer}
        self._open |= ends
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self._open -= ends

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        job = asyncio.current_task()
        assert job is not None
        self._jobs.add(job)
        try:
            await self._serve(reader, writer)
        finally:
            self._jobs.discard(job)

    def cut(self) -> None:
        """The network is gone."""
        self._cut = True
        for writer in self._open:
            writer.transport.abort()

    def hang(self) -> None:
        """What is open now carries nothing any more and looks open; new connections work."""
        self._hung |= self._open

    def mend(self) -> None:
        """The network is back."""
        self._cut = False

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Wire"]:
        """Listen on a free port."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            self.cut()
            await asyncio.gather(*self._jobs, return_exceptions=True)
