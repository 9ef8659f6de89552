"""The other yardstick: a reliable data channel of stock aiortc, three seconds each way.

::

    python -m benchmarks.prediction.data_flow answer     # reads the offer, prints the answer
    python -m benchmarks.prediction.data_flow offer        # prints the offer, reads the answer

Browser tests measure so: payload at the receiver from the first byte on. Straight from one side to the
other, without a relay. Both end by themselves, or when their standard input does.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Awaitable, Callable

import msgspec
from aiortc import RTCDataChannel, RTCPeerConnection, RTCSessionDescription

from benchmarks.prediction.results import FlowSeen

SECONDS = 3.0
CONNECT_S = 20.0
LIMIT_S = 20.0
"""For a direction; a link that takes longer has no result."""
CHUNK = bytes(8 * 1024)
AHEAD_BYTES = 64 * 1024
SEND_EVERY_S = 0.005
SEND, STOP = "send", "stop"


class Meter:
    """Counts payload for :data:`SECONDS` from the first byte on."""

    def __init__(self) -> None:
        self._began = 0.0
        self._size = 0
        self._over: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def take(self, size: int) -> None:
        """Count what came."""
        now = time.monotonic()
        if not self._began:
            self._began = now  # as with TCP: what came first began the clock
            asyncio.get_running_loop().call_later(SECONDS, self._end)
        else:
            self._size += size

    def _end(self) -> None:
        if not self._over.done():
            self._over.set_result(self._size * 8 / (time.monotonic() - self._began) / 1000)

    async def kbps(self) -> float:
        """Wait for the end of the time; kbit/s."""
        return await self._over


class End:
    """One end of the channel: what it hears, it does."""

    def __init__(self, channel: RTCDataChannel) -> None:
        self._channel = channel
        self._sending: asyncio.Task[None] | None = None
        self.meter: Meter | None = None
        self.said: asyncio.Queue[str] = asyncio.Queue()
        channel.on("message", self._hear)

    def _hear(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            if self.meter is not None:
                self.meter.take(len(message))
        elif message == SEND:
            self.start()
        elif message == STOP:
            self.stop()
        else:
            self.said.put_nowait(message)

    def say(self, text: str) -> None:
        """Send a word; behind what waits to be sent."""
        self._channel.send(text)

    def start(self) -> None:
        """Send as fast as it goes."""
        self._sending = asyncio.create_task(self._send())

    def stop(self) -> None:
        """Send no more."""
        if self._sending is not None:
            self._sending.cancel()

    async def _send(self) -> None:
        while self._channel.readyState == "open":
            while self._channel.bufferedAmount < AHEAD_BYTES:
                self._channel.send(CHUNK)
            await asyncio.sleep(SEND_EVERY_S)


async def measure(channel: RTCDataChannel) -> FlowSeen:
    """Measure both ways over an open channel; the other end is :func:`serve_channel`'s."""
    end = End(channel)

    async def down() -> float:
        end.meter = Meter()
        end.say(SEND)
        kbps = await end.meter.kbps()
        end.say(STOP)
        return kbps

    async def up() -> float:
        end.start()
        try:
            return float(await end.said.get())
        finally:
            end.stop()

    return FlowSeen(up_kbps=await _in_time(up), down_kbps=await _in_time(down))


async def _in_time(work: Callable[[], Awaitable[float]]) -> float | None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(LIMIT_S):
            return await work()
    return None


async def serve_channel(channel: RTCDataChannel) -> None:
    """Count what comes first, tell it, and send when asked to."""
    end = End(channel)
    end.meter = Meter()
    end.say(str(await end.meter.kbps()))


# ---- two programs


async def _line() -> str:
    return (await asyncio.to_thread(sys.stdin.readline)).strip()


def _say(description: RTCSessionDescription) -> None:
    text = {"sdp": description.sdp, "type": description.type}
    print(msgspec.json.encode(text).decode(), flush=True)


async def _take(peer: RTCPeerConnection) -> None:
    await peer.setRemoteDescription(RTCSessionDescription(**msgspec.json.decode(await _line())))


async def _answer() -> None:
    peer = RTCPeerConnection()
    serving: list[asyncio.Task[None]] = []
    peer.on(
        "datachannel",
        lambda channel: serving.append(asyncio.create_task(serve_channel(channel))),
    )
    await _take(peer)
    await peer.setLocalDescription(await peer.createAnswer())
    _say(peer.localDescription)
    await _line()  # until the other side is done with us
    await peer.close()


async def _offer() -> None:
    peer = RTCPeerConnection()
    channel = peer.createDataChannel("flow")
    opened = asyncio.Event()
    channel.on("open", opened.set)
    await peer.setLocalDescription(await peer.createOffer())
    _say(peer.localDescription)
    await _take(peer)
    seen = FlowSeen(None, None)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_S):
            await opened.wait()
        seen = await measure(channel)
    print(msgspec.json.encode(seen).decode(), flush=True)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(CONNECT_S):
            await peer.close()


if __name__ == "__main__":
    asyncio.run(_answer() if sys.argv[1] == "answer" else _offer())
