"""Our end against aiortc as it is: no transport-wide feedback, its own encoders and buffers."""

import asyncio
import contextlib
import fractions
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import av
import numpy as np
import pytest
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError

from tests.media.engine.engine_calls import End, in_order, until
from tests.media.engine.engine_sources import (
    MODULUS,
    CountingSink,
    dominant_hz,
    draw_counter,
    read_counter,
)


class CountingTrack(VideoStreamTrack):
    """Pictures with the counter."""

    def __init__(self) -> None:
        super().__init__()
        self._n = 0

    async def recv(self) -> av.VideoFrame:
        pts, base = await self.next_timestamp()
        y = np.full((360 * 3 // 2, 640), 128, np.uint8)
        y[:360] = (np.arange(640)[None, :] + self._n) % 160 + 40
        draw_counter(y[:360], self._n % MODULUS)
        self._n += 1
        frame = av.VideoFrame.from_ndarray(y, format="yuv420p")
        frame.pts, frame.time_base = pts, base
        return frame


class ToneTrack(MediaStreamTrack):
    """A tone of 700 Hz."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._n = 0
        self._begun = 0.0

    async def recv(self) -> av.AudioFrame:
        loop = asyncio.get_running_loop()
        if not self._n:
            self._begun = loop.time()
        await asyncio.sleep(max(0.0, self._begun + self._n * 0.02 - loop.time()))
        t = (np.arange(960) + self._n * 960) / 48_000
        sound = (9000 * np.sin(2 * np.pi * 700 * t)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(sound[None, :], format="s16", layout="mono")
        frame.sample_rate = 48_000
        frame.pts, frame.time_base = self._n * 960, fractions.Fraction(1, 48_000)
        self._n += 1
        return frame


class Stock:
    """A stock peer that keeps what it receives."""

    def __init__(self) -> None:
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.counters: list[int] = []
        self.sound: list[np.ndarray] = []
        self.messages: list[str] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.peer.on("track", self._on_track)
        self.peer.on("datachannel", self._on_channel)

    def _on_channel(self, channel: object) -> None:
        channel.on("message", self.messages.append)  # type: ignore[attr-defined]

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.create_task(self._read(track)))

    async def _read(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if isinstance(frame, av.VideoFrame):
                    number = read_counter(frame.to_ndarray(format="gray"))
                    if number is not None:
                        self.counters.append(number)
                elif isinstance(frame, av.AudioFrame):
                    self.sound.append(frame.to_ndarray().reshape(-1)[::2])

    async def close(self) -> None:
        await self.peer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def call_with_stock(*, we_offer: bool) -> AsyncIterator[tuple[End, Stock]]:
    end, stock = End(440.0, offer=we_offer), Stock()
    try:
        if we_offer:
            offer = RTCSessionDescription(await end.call.make_offer(), "offer")
            await stock.peer.setRemoteDescription(offer)
            stock.peer.addTrack(ToneTrack())
            stock.peer.addTrack(CountingTrack())
            await stock.peer.setLocalDescription(await stock.peer.createAnswer())
            await end.call.accept_answer(stock.peer.localDescription.sdp)
        else:
            stock.peer.addTrack(ToneTrack())
            stock.peer.addTrack(CountingTrack())
            stock.peer.createDataChannel("desk").on("message", stock.messages.append)
            await stock.peer.setLocalDescription(await stock.peer.createOffer())
            answer = await end.call.accept_offer(stock.peer.localDescription.sdp)
            await stock.peer.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        await until(lambda: end.heard.phase == "connected", "connected")
        yield end, stock
    finally:
        await end.close()
        await stock.close()


def tail(stock: Stock) -> np.ndarray:
    return np.concatenate(stock.sound[-25:]) if len(stock.sound) >= 25 else np.zeros(960)


@pytest.mark.parametrize("we_offer", [True, False])
async def test_pictures_and_sound_go_both_ways(we_offer: bool) -> None:
    async with call_with_stock(we_offer=we_offer) as (end, stock):
        await until(lambda: len(stock.counters) > 30, "our pictures at the stock peer")
        await until(lambda: len(end.sink.counters) > 30, "its pictures here")
        assert in_order(stock.counters)
        assert in_order(end.sink.counters)
        await until(lambda: abs(dominant_hz(tail(stock)) - 440) < 6, "our tone there")
        await until(lambda: abs(dominant_hz(end.speaker.sound(0.5)) - 700) < 6, "its tone here")
        await until(lambda: end.heard.opened > 0, "channel")
        assert end.call.send_data("hello")
        await until(lambda: stock.messages == ["hello"], "message")
        assert isinstance(end.sink, CountingSink)
