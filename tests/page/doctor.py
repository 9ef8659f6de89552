"""The other side of the page in its tests: a desk with its keys, and a doctor's plain aiortc peer."""

import asyncio
import fractions
import hashlib
import json
import math
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import av
import cv2
import numpy as np
from aiortc import (
    RTCBundlePolicy,
    RTCConfiguration,
    RTCDataChannel,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.mediastreams import AudioStreamTrack, MediaStreamTrack, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp

from telemed_protocol.joinlink import Card, JoinLink, Sequence
from telemed_protocol.talk import (
    Answer,
    Candidate,
    DeskMessage,
    FromDesk,
    IdentityChecked,
    Intake,
    NeedOffer,
    Offer,
    PageMessage,
    decode_from_page,
    encode_talk,
)

T = TypeVar("T")
WAIT_S = 40.0
CARD = Card(
    clinic="Mto Mawe Referral Hospital",
    clinician="Dr Achieng Odera",
    patient="Nyambura M.",
    starts_at="2026-11-23T09:40",
    clinic_phone="+254 700 000 400",
)
YEAR = 1959
PART_BYTES = 1000


class Picture(VideoStreamTrack):
    """A plain colour, 640x360, so that its arrival can be seen by its middle pixel."""

    def __init__(self, colour: tuple[int, int, int]) -> None:
        super().__init__()
        self._pixels = np.full((360, 640, 3), colour, dtype=np.uint8)

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(self._pixels, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Slide(VideoStreamTrack):
    """A PC's screen as it is shared: small dark text on white, 1280x720."""

    def __init__(self) -> None:
        super().__init__()
        self._pixels = np.full((720, 1280, 3), 250, dtype=np.uint8)
        for line in range(22):
            words = (
                f"{line + 1}. Morphine 10 mg/5 mL: 5 mg every 4 h, double at bedtime, max 8 a day"
            )
            cv2.putText(
                self._pixels,
                words,
                (40, 50 + 30 * line),
                cv2.FONT_HERSHEY_SIMPLEX,
                0.8,
                (20,) * 3,
                2,
            )

    async def recv(self) -> av.VideoFrame:
        pts, time_base = await self.next_timestamp()
        frame = av.VideoFrame.from_ndarray(self._pixels, format="rgb24")
        frame.pts, frame.time_base = pts, time_base
        return frame


class Hum(AudioStreamTrack):
    """A tone of 440 Hz at half of full scale, 48 kHz, 20 ms a frame."""

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._start = 0.0

    async def recv(self) -> av.AudioFrame:
        if not self._start:
            self._start = time.monotonic()
        await asyncio.sleep(max(0.0, self._start + self._count / 48000 - time.monotonic()))
        at = (np.arange(960) + self._count) * (2 * math.pi * 440 / 48000)
        samples = (np.sin(at) * 16000).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.pts, frame.sample_rate = self._count, 48000
        frame.time_base = fractions.Fraction(1, 48000)
        self._count += 960
        return frame


class Heard:
    """Reads a remote track to its end and keeps what tells that something real arrives."""

    def __init__(self) -> None:
        self.frames = 0
        self.loud = 0
        self.spread = 0.0
        self.size = (0, 0)

    async def read(self, track: MediaStreamTrack) -> None:
        while True:
            frame = await track.recv()
            self.frames += 1
            if isinstance(frame, av.AudioFrame):
                if float(np.abs(frame.to_ndarray()).max()) > 500:
                    self.loud += 1
            elif isinstance(frame, av.VideoFrame):
                self.size = (frame.width, frame.height)
                self.spread = float(np.std(frame.to_ndarray(format="gray")))


class Call:
    """One peer connection of the doctor; lines: sound, camera, screen, data.

    Args:
        call: Its id.
        screen: A screen is shown from the start; else its line is inactive.
    """

    def __init__(self, call: str, *, screen: bool = False) -> None:
        self.call = call
        self.revision = 0
        config = RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        self.pc = RTCPeerConnection(config)
        self.pc.addTransceiver(Hum(), "sendrecv")
        self.pc.addTransceiver(Picture((30, 160, 60)), "sendrecv")
        if screen:
            self.pc.addTransceiver(Slide(), "sendonly")
        else:
            self.pc.addTransceiver("video", "inactive")
        self.channel: RTCDataChannel = self.pc.createDataChannel("desk")
        self.said: list[dict[str, Any]] = []
        self.parts = bytearray()
        self.sizes: list[int] = []
        self.gives_credit = True
        self.audio, self.video = Heard(), Heard()
        self._jobs: set[asyncio.Task[None]] = set()
        self.pc.on("track", self._track)
        self.channel.on("message", self._message)
        self.channel.on("open", lambda: self.tell({"t": "hello", "v": 1}))

    def _track(self, track: MediaStreamTrack) -> None:
        heard = self.audio if track.kind == "audio" else self.video

        async def read() -> None:
            try:
                await heard.read(track)
            except Exception:  # noqa: BLE001 - aiortc ends a track by raising its MediaStreamError
                return

        job = asyncio.get_running_loop().create_task(read())
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def _message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            offset, _ = struct.unpack_from(">II", message)
            assert offset == len(self.parts)
            self.parts += message[8:]
            self.sizes.append(len(message) - 8)
            if self.gives_credit and self.photo_is_here():
                self.tell({"t": "photo-done", "id": self._last("photo-begin")["id"], "ok": True})
            return
        said = json.loads(message)
        self.said.append(said)
        if said["t"] == "photo-begin" and self.gives_credit:
            self.credit(said["size"])

    def _last(self, kind: str) -> dict[str, Any]:
        return next(m for m in reversed(self.said) if m["t"] == kind)

    def credit(self, upto: int) -> None:
        """Let the page send so much of its photo."""
        photo = self._last("photo-begin")["id"]
        self.tell({"t": "photo-credit", "id": photo, "upto": upto, "part": PART_BYTES})

    def photo_is_here(self) -> bool:
        """Whether as many bytes came as were announced."""
        sizes = [m["size"] for m in self.said if m["t"] == "photo-begin"]
        return bool(sizes) and len(self.parts) >= sizes[-1]

    def tell(self, message: dict[str, Any]) -> None:
        self.channel.send(json.dumps(message))

    def fall_silent(self) -> None:
        """Let nothing leave any more: the way to the phone is gone, and nobody is told."""

        async def nowhere(*_: object) -> None: ...

        ice = self.pc.getTransceivers()[0].sender.transport.transport
        for protocol in ice._connection._protocols:
            protocol.send_data = nowhere
            protocol.send_stun = lambda *_: None

    async def offer(self) -> Offer:
        await self.pc.setLocalDescription(await self.pc.createOffer())
        return Offer(self.call, self.revision, self.pc.localDescription.sdp)

    async def answered(self, answer: Answer) -> None:
        await self.pc.setRemoteDescription(RTCSessionDescription(answer.sdp, "answer"))

    async def candidate(self, message: Candidate) -> None:
        if not message.candidate:
            await self.pc.addIceCandidate(None)
            return
        found = candidate_from_sdp(message.candidate.removeprefix("candidate:"))
        found.sdpMid, found.sdpMLineIndex = message.mid, message.mline
        await self.pc.addIceCandidate(found)

    def photo(self) -> tuple[dict[str, Any], bytes]:
        """Return the announcement and the bytes, checked against its size and SHA-256."""
        begin = next(m for m in self.said if m["t"] == "photo-begin")
        data = bytes(self.parts)
        assert len(data) == begin["size"]
        assert hashlib.sha256(data).hexdigest() == begin["sha256"]
        return begin, data

    async def close(self) -> None:
        await self.pc.close()
        for job in list(self._jobs):
            job.cancel()


class Desk:
    """A desk as far as one link goes: opens what the page seals, checks the year, offers calls."""

    def __init__(self, link: JoinLink, send: Callable[[bytes], Awaitable[None]]) -> None:
        self.link = link
        self.inbox: list[PageMessage] = []
        self.checks_identity = True
        self.call: Call | None = None
        self.last_box = b""
        self.expires_at = 0.0
        self._send = send
        self._sequence = Sequence()
        self._heard = Sequence()
        self._tries = 3
        self._news = asyncio.Condition()

    async def say(self, body: DeskMessage, *, link: JoinLink | None = None) -> None:
        """Seal and send; ``link`` forges with another secret."""
        sid, n = self._sequence.next()
        plain = encode_talk(FromDesk(sid, n, body))
        await self.send_raw((link or self.link).seal("to-page", plain))

    async def send_raw(self, box: bytes) -> None:
        """Send any bytes as a box."""
        self.last_box = box
        await self._send(box)

    async def hear(self, box: bytes) -> None:
        """Take in a box from the page."""
        message = decode_from_page(self.link.open("to-desk", box))
        if not self._heard.accept(message.sid, message.n):
            return
        body = message.body
        if isinstance(body, Intake) and self.checks_identity:
            ok = body.year_of_birth == YEAR
            self._tries -= not ok
            await self.say(IdentityChecked(ok, self._tries))
        elif isinstance(body, Answer) and self.call and self.call.call == body.call:
            await self.call.answered(body)
        elif isinstance(body, Candidate) and self.call and self.call.call == body.call:
            await self.call.candidate(body)
        elif isinstance(body, NeedOffer):
            await self.ring(f"again-{len(self.inbox)}")
        async with self._news:
            self.inbox.append(body)
            self._news.notify_all()

    async def expect(self, kind: type[T], number: int = 1) -> T:
        """Wait for the ``number``-th message of a kind."""

        def found() -> list[T]:
            return [m for m in self.inbox if isinstance(m, kind)]

        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: len(found()) >= number)
        return found()[number - 1]

    async def ring(self, call: str, *, screen: bool = False) -> Call:
        """Offer a call; an older one ends."""
        old, self.call = self.call, Call(call, screen=screen)
        if old is not None:
            await old.close()
        await self.say(await self.call.offer())
        return self.call

    def link_is_over(self) -> bool:
        """Whether the link's time has passed."""
        return time.time() > self.expires_at

    async def close(self) -> None:
        if self.call is not None:
            await self.call.close()
