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
    server = await place.run(
        lambda: asyncio.start_server(lambda r, w: _join(r, w, target), *listen)
    )
    try:
        yield
    finally:
        await place.do(server.close)


async def _join(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, target: tuple[str, int]
) -> None:
    try:
        far_reader, far_writer = await asyncio.open_connection(*target)
    except OSError:
        writer.close()
        return
    async with asyncio.TaskGroup() as both:
        both.create_task(_pump(reader, far_writer))
        both.create_task(_pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()
