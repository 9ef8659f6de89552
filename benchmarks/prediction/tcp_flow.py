"""The yardstick: what a speed test over one TCP flow says of a link, three seconds each way.

::

    python -m benchmarks.prediction.tcp_flow serve           # prints its port
    python -m benchmarks.prediction.tcp_flow measure <host> <port>

The receiver counts payload from the first byte on, as web speed tests do. Both end by themselves, or
when their standard input does.
"""

import asyncio
import contextlib
import socket
import struct
import sys
import time

import msgspec

from benchmarks.prediction.results import FlowSeen

SECONDS = 3.0
LIMIT_S = 20.0
"""For a direction, connecting included; a link that takes longer has no result."""
CHUNK = bytes(16 * 1024)


async def receive_for(reader: asyncio.StreamReader) -> float | None:
    """Return kbit/s of what comes within :data:`SECONDS` of the first byte; None if it breaks off."""
    if not await reader.read(len(CHUNK)):
        return None
    started, received = time.monotonic(), 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SECONDS):
            while data := await reader.read(1 << 16):
                received += len(data)
            return None
    return received * 8 / (time.monotonic() - started) / 1000


async def send_until_told(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """Send as fast as it goes until the other side says something; return what it says."""
    answer = asyncio.create_task(reader.readline())
    try:
        while not answer.done():
            writer.write(CHUNK)
            full = asyncio.create_task(writer.drain())
            await asyncio.wait([answer, full], return_when=asyncio.FIRST_COMPLETED)
            full.cancel()
            await asyncio.gather(full, return_exceptions=True)
        return await answer
    finally:
        answer.cancel()


def drop(writer: asyncio.StreamWriter) -> None:
    """Hang up at once: what waits to be sent would hold the link up for what is measured next."""
    sock = writer.get_extra_info("socket")
    with contextlib.suppress(OSError):  # the other side was quicker
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(TimeoutError, OSError, EOFError):
        async with asyncio.timeout(LIMIT_S):
            if await reader.readexactly(1) == b"u":
                kbps = await receive_for(reader)
                writer.write(f"{kbps}\n".encode())
                await writer.drain()
                await reader.read()  # the other side hangs up when it has read that
            else:
                await send_until_told(reader, writer)
    drop(writer)


async def serve() -> None:
    """Be the far side until standard input ends."""
    server = await asyncio.start_server(_answer, "0.0.0.0", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    server.close()


async def measure(host: str, port: int) -> FlowSeen:
    """Measure both ways, one after the other."""
    found: dict[str, float | None] = {"u": None, "d": None}
    for way in found:
        with contextlib.suppress(TimeoutError, OSError, ValueError):
            async with asyncio.timeout(LIMIT_S):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(way.encode())
                    if way == "u":
                        found[way] = float(await send_until_told(reader, writer))
                    else:
                        found[way] = await receive_for(reader)
                finally:
                    drop(writer)
    return FlowSeen(found["u"], found["d"])


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        asyncio.run(serve())
    else:
        result = asyncio.run(measure(sys.argv[2], int(sys.argv[3])))
        print(msgspec.json.encode(result).decode(), flush=True)
