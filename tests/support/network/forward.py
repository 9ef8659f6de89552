"""Carries TCP connections from one address to another, so that a page at loopback is really far away."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from .place import Place


@contextlib.asynccontextmanager
async def forwarding(
    place: Place, listen: tuple[str, int], target: tuple[str, int]
) -> AsyncIterator[None]:
    """Accept connections in a place, and connect from there."""
    ends: set[asyncio.StreamWriter] = set()
    joined: set[asyncio.Task[None]] = set()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        joined.add(task)
        with contextlib.suppress(asyncio.CancelledError):
            await _join(reader, writer, target, ends)
        joined.discard(task)

    server = await place.run(lambda: asyncio.start_server(join, *listen))

    async def stop() -> None:
        server.close()
        await asyncio.sleep(0)  # one that was accepted just now begins
        for task in joined:
            task.cancel()
        if joined:
            await asyncio.wait(joined, timeout=10)
        for end in ends:
            end.transport.abort()
        await asyncio.sleep(0)  # the connections are told

    try:
        yield
    finally:
        await place.run(stop)


async def _join(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    target: tuple[str, int],
    ends: set[asyncio.StreamWriter],
) -> None:
    ends.add(writer)
    try:
        far_reader, far_writer = await asyncio.open_connection(*target)
    except OSError:
        writer.transport.abort()
        return
    ends.add(far_writer)
    await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.transport.abort()
