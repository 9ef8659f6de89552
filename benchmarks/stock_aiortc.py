"""Plain aiortc as an end of a call, to stand beside our own engine.

Speaks the endpoint protocol (``tests/support/calls/endpoints.py``). aiortc has no player, so the sound
goes through a naive one: it starts when 40 ms are there, plays 10 ms each 10 ms, and plays silence
when it has nothing. ``concealed_ratio`` in stats.json is the share of that silence.

usage: stock_aiortc.py FILM.y4m SPEECH.wav
"""

import asyncio
import contextlib
import fractions
import sys
import threading
import time
from collections import deque
from pathlib import Path
from typing import Any

import av
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
    VideoStreamTrack,
)
from aiortc.mediastreams import MediaStreamError
from aiortc.sdp import candidate_from_sdp
from numpy.typing import NDArray

from telemed_desk.media.json_lines import JsonLines
from telemed_desk.media.peer_recorder import PeerRecorder
from telemed_desk.media.ports import Picture
from tests.support.media import SAMPLE_RATE_HZ, read_wav

BLOCK = SAMPLE_RATE_HZ // 100
PACKET = 2 * BLOCK
PREBUFFER = 4 * BLOCK
VIDEO_CLOCK_HZ = 90_000


class Film:
    """A y4m as a loop of pictures."""

    def __init__(self, path: Path) -> None:
        raw = np.memmap(path, np.uint8, "r")
        head = bytes(raw[:200]).split(b"\n", 1)[0].decode()
        words = {word[0]: word[1:] for word in head.split()[1:]}
        self.width, self.height = int(words["W"]), int(words["H"])
        self.fps = int(words["F"].split(":")[0])
        size = self.width * self.height * 3 // 2
        self._pictures = raw[len(head) + 1 :].reshape(-1, size + len(b"FRAME\n"))[:, 6:]

    def picture(self, number: int) -> NDArray[np.uint8]:
        """I420 planes under each other."""
        plane = self._pictures[number % len(self._pictures)]
        return np.array(plane).reshape(self.height * 3 // 2, self.width)


class CameraTrack(VideoStreamTrack):
    """The film in real time; a late reader gets the newest picture, as from a camera."""

    def __init__(self, film: Film, recorder: PeerRecorder) -> None:
        super().__init__()
        self._film = film
        self._recorder = recorder
        self._began = time.monotonic()
        self._number = -1

    async def recv(self) -> av.VideoFrame:
        """Wait for the next picture."""
        now = time.monotonic()
        self._number = max(self._number + 1, int((now - self._began) * self._film.fps))
        await asyncio.sleep(max(0.0, self._began + self._number / self._film.fps - now))
        planes = self._film.picture(self._number)
        height = self._film.height
        empty = np.zeros((0, 0), np.uint8)
        self._recorder.take(Picture(planes[:height], empty, empty, time.monotonic_ns()))
        frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts = self._number * VIDEO_CLOCK_HZ // self._film.fps
        frame.time_base = fractions.Fraction(1, VIDEO_CLOCK_HZ)
        return frame


class MicrophoneTrack(MediaStreamTrack):
    """The speech in real time, in packets of 20 ms."""

    kind = "audio"

    def __init__(self, speech: NDArray[np.int16], recorder: PeerRecorder) -> None:
        super().__init__()
        self._speech = speech
        self._recorder = recorder
        self._began = time.monotonic()
        self._number = 0

    async def recv(self) -> av.AudioFrame:
        """Wait until the last sample of the packet has been said."""
        complete = self._began + (self._number + 1) * PACKET / SAMPLE_RATE_HZ
        await asyncio.sleep(max(0.0, complete - time.monotonic()))
        first = self._number * PACKET % self._speech.size
        block = self._speech[first : first + PACKET]
        self._recorder.say(block, int(complete * 1e9))
        frame = av.AudioFrame.from_ndarray(block[None], format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE_HZ
        frame.pts = self._number * PACKET
        frame.time_base = fractions.Fraction(1, SAMPLE_RATE_HZ)
        self._number += 1
        return frame


class NaivePlayer:
    """A sound card with a queue before it."""

    def __init__(self, recorder: PeerRecorder) -> None:
        self._recorder = recorder
        self._queue: deque[NDArray[np.int16]] = deque()
        self._lock = threading.Lock()
        self._waiting = 0
        self._playing = False
        self.played = 0
        self.silent = 0
        threading.Thread(target=self._run, name="player", daemon=True).start()

    def put(self, samples: NDArray[np.int16]) -> None:
        """Queue sound of any length."""
        with self._lock:
            self._queue.append(samples)
            self._waiting += samples.size

    def _take(self) -> NDArray[np.int16]:
        with self._lock:
            self._playing = self._playing or self._waiting >= PREBUFFER
            if not self._playing:
                return np.zeros(BLOCK, np.int16)
            self.played += BLOCK
            if self._waiting < BLOCK:
                self.silent += BLOCK
                return np.zeros(BLOCK, np.int16)
            joined = np.concatenate(self._queue)
            self._queue.clear()
            self._queue.append(joined[BLOCK:])
            self._waiting -= BLOCK
            return joined[:BLOCK]

    def _run(self) -> None:
        due = time.monotonic()
        while True:
            due += BLOCK / SAMPLE_RATE_HZ
            time.sleep(max(0.0, due - time.monotonic()))
            self._recorder.hear(self._take())


class StockPeer:
    """One end of one call."""

    def __init__(self, lines: JsonLines, film: Film, speech: NDArray[np.int16]) -> None:
        self._lines = lines
        self._film = film
        self._speech = speech
        self._recorder = PeerRecorder()
        self._connection: RTCPeerConnection | None = None
        self._player: NaivePlayer | None = None
        self._early: list[dict[str, Any]] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def obey(self, command: dict[str, Any]) -> bool:
        """Carry out one command; False when it was the last."""
        match command:
            case {"cmd": "prepare"}:
                self._lines.emit("ready")
            case {"cmd": "offer"}:
                connection = self._begin()
                connection.createDataChannel("desk")
                await connection.setLocalDescription(await connection.createOffer())
                self._lines.emit("offer", sdp=connection.localDescription.sdp)
            case {"cmd": "onoffer", "sdp": str(sdp)}:
                connection = self._connection or self._begin()
                await self._use_remote(connection, RTCSessionDescription(sdp, "offer"))
                await connection.setLocalDescription(await connection.createAnswer())
                self._lines.emit("answer", sdp=connection.localDescription.sdp)
            case {"cmd": "onanswer", "sdp": str(sdp)} if self._connection is not None:
                await self._use_remote(self._connection, RTCSessionDescription(sdp, "answer"))
            case {"cmd": "candidate", "c": dict() as candidate}:
                self._early.append(candidate)
                await self._use_candidates()
            case {"cmd": "finish", "out": str(folder)}:
                await self._finish(Path(folder))
                return False
        return True

    def _begin(self) -> RTCPeerConnection:
        self._lines.emit("click")
        # No servers at all: aiortc's default would ask a public STUN server.
        connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._connection = connection
        self._player = NaivePlayer(self._recorder)

        @connection.on("connectionstatechange")
        def _state() -> None:
            self._lines.emit("connectionState", v=connection.connectionState)

        @connection.on("track")
        def _track(track: MediaStreamTrack) -> None:
            take = self._look if track.kind == "video" else self._listen
            task = asyncio.ensure_future(take(track))
            self._tasks.add(task)

        connection.addTrack(MicrophoneTrack(self._speech, self._recorder))
        connection.addTrack(CameraTrack(self._film, self._recorder))
        return connection

    async def _look(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if not isinstance(frame, av.VideoFrame):
                    continue
                plane = frame.planes[0]
                rows = np.frombuffer(memoryview(plane), np.uint8).reshape((-1, plane.line_size))
                luma: NDArray[np.uint8] = rows[: frame.height, : frame.width]
                if self._recorder.show(luma):
                    self._lines.emit("firstframe")

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                if not isinstance(frame, av.AudioFrame):
                    continue
                sound = frame.to_ndarray().reshape(-1)[:: len(frame.layout.channels)]
                if self._player is not None:
                    self._player.put(sound.astype(np.int16))

    async def _use_remote(
        self, connection: RTCPeerConnection, description: RTCSessionDescription
    ) -> None:
        await connection.setRemoteDescription(description)
        await self._use_candidates()

    async def _use_candidates(self) -> None:
        if self._connection is None or self._connection.remoteDescription is None:
            return
        for item in self._early:
            if item.get("candidate"):
                candidate = candidate_from_sdp(item["candidate"].split(":", 1)[1])
                candidate.sdpMid = item.get("sdpMid")
                candidate.sdpMLineIndex = item.get("sdpMLineIndex")
                await self._connection.addIceCandidate(candidate)
        self._early.clear()

    async def _finish(self, folder: Path) -> None:
        for task in self._tasks:
            task.cancel()
        if self._connection is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(3):
                    await self._connection.close()
        if self._player is not None and self._player.played:
            silent = self._player.silent / self._player.played
            self._recorder.stats.append({"concealed_ratio": silent})
        await asyncio.to_thread(self._recorder.write, folder)
        self._lines.emit("done")


async def _main(film: str, speech: str) -> None:
    lines = JsonLines()
    peer = StockPeer(lines, Film(Path(film)), read_wav(Path(speech)))
    async for command in lines.commands():
        try:
            if not await peer.obey(command):
                return
        except Exception as error:  # noqa: BLE001 - the message loop: a refused command is a result
            lines.emit("error", e=f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2]))
