"""The headless patient's end of a call, as the page's `call.js` holds it, on our own call engine.

In this process and not in a media process: that one is the doctor's side, which asks for photos and
does not give them.
"""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Awaitable, Callable

import numpy as np

from telemed_desk.media.control import CallPhase, Devices, IceServerSpec
from telemed_desk.media.engine.call import Call, CallParts
from telemed_desk.media.photo_giving import PhotoGiving, PhotoUnmade, still
from telemed_desk.media.ports import SAMPLE_RATE_HZ, Picture, SoundBlock
from telemed_desk.media.sources.barcode import read_count
from telemed_desk.media.sources.opening import open_camera, open_microphone, open_speaker
from telemed_protocol.talk import Answer, Candidate, Offer, PageMessage

SILENCE: SoundBlock = np.zeros(SAMPLE_RATE_HZ, np.int16)
CHANNEL_VERSION = 1
START_RUNG = 4


class Senses:
    """What the patient saw and heard in a call. Written by the engine's threads, read by tests."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: list[int] = []
        self._shown = 0
        self._heard: SoundBlock = SILENCE

    def present(self, picture: Picture) -> None:
        """Look at a picture (see :class:`telemed_desk.media.ports.PictureSink`)."""
        count = read_count(picture.y)
        with self._lock:
            self._shown += 1
            if count is not None and count not in self._counts[-1:]:
                self._counts.append(count)

    def hear(self, block: SoundBlock) -> None:
        """Listen to what the speaker plays."""
        with self._lock:
            self._heard = np.concatenate([self._heard, block])[-SAMPLE_RATE_HZ:]

    @property
    def shown(self) -> int:
        """How many pictures came."""
        return self._shown

    @property
    def counts(self) -> list[int]:
        """The counters drawn into the pictures, each as it changed."""
        with self._lock:
            return list(self._counts)

    def loudness_dbfs(self) -> float:
        """Of the last second."""
        with self._lock:
            sound = self._heard.astype(np.float64)
        return float(20 * np.log10(max(np.sqrt(np.mean(sound**2)), 1e-3) / 32768))

    def loudest_hz(self) -> float:
        """The strongest frequency of the last second, within 1 Hz; 0 for silence."""
        with self._lock:
            sound = self._heard.astype(np.float64)
        return float(np.argmax(np.abs(np.fft.rfft(sound * np.hanning(sound.size)))))


class HeadlessDevices:
    """Camera and microphone of the phone, open from consent to the end of the visit."""

    def __init__(self, devices: Devices) -> None:
        self.speaker_spec = devices.speaker
        self.problems: list[str] = []
        self.camera = open_camera(devices.camera, self.on_state)
        self.microphone = open_microphone(devices.microphone, self.on_state)

    def on_state(self, code: str, _detail: str) -> None:
        """Keep what a device complains of."""
        if code:
            self.problems.append(code)

    async def close(self) -> None:
        """Give them back."""
        for device in (self.microphone, self.camera):
            if device is not None:
                await asyncio.to_thread(device.close)


class HeadlessCall:
    """One peer connection; the desk offers, we answer. Everything on one loop.

    Args:
        offer: The offer that began it.
        devices: What is sent; shared by all calls of the visit.
        ice_servers: STUN and TURN servers.
        say: Seals and sends for the desk.
    """

    def __init__(
        self,
        offer: Offer,
        devices: HeadlessDevices,
        ice_servers: list[IceServerSpec],
        say: Callable[[PageMessage], Awaitable[None]],
    ) -> None:
        self.id = offer.call
        self.phase: CallPhase = "connecting"
        self.senses = Senses()
        self.photos_asked: list[str] = []
        self._devices = devices
        self._say = say
        self._revision = -1
        self._answered = False
        self._early: list[Candidate] = []  # ours, found before the answer was sent
        self._theirs: list[Candidate] = []  # the desk's, come before its description was taken
        self._jobs: set[asyncio.Task[None]] = set()
        parts = CallParts(devices.camera, devices.microphone, self.senses)
        self._call = Call(
            offer.call,
            parts,
            self,
            offer=False,
            ice_servers=ice_servers,
            relay_only=False,
            start_rung=START_RUNG,
        )
        self._giving = PhotoGiving(
            self._call.send_data, self.photos_asked.append, lambda: time.monotonic() * 1000
        )
        self._speaker = open_speaker(devices.speaker_spec, self._play, devices.on_state)

    async def offer(self, offer: Offer) -> None:
        """Answer an offer; a higher revision restarts ICE. Raises CallFailure."""
        if offer.revision <= self._revision:
            return
        self._answered = False
        sdp = await self._call.accept_offer(offer.sdp)
        self._revision = offer.revision
        await self._say(Answer(self.id, offer.revision, sdp))
        self._answered = True
        early, self._early = self._early, []
        for candidate in early:
            await self._say(candidate)
        theirs, self._theirs = self._theirs, []
        for candidate in theirs:
            await self._add(candidate)

    async def candidate(self, candidate: Candidate) -> None:
        """Take a candidate of the desk."""
        if self._answered:
            await self._add(candidate)
        else:
            self._theirs.append(candidate)

    async def _add(self, candidate: Candidate) -> None:
        await self._call.add_candidate(candidate.candidate, candidate.mid, candidate.mline)

    async def give_photo(self) -> None:
        """Send what the camera sees for the oldest request on the screen."""
        photo = self.photos_asked.pop(0)
        try:
            self._giving.give(photo, await asyncio.to_thread(still, self._devices.camera))
        except PhotoUnmade:
            self._giving.decline(photo)

    async def close(self) -> None:
        """Hang up; the phone's devices stay open."""
        for job in self._jobs:
            job.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await job
        if self._speaker is not None:
            await asyncio.to_thread(self._speaker.close)
        await self._call.close()

    def _play(self, samples: int) -> SoundBlock:
        block = self._call.feed.pull(samples)
        self.senses.hear(block)
        return block

    def _tell(self, message: dict[str, object]) -> None:
        self._call.send_data(json.dumps(message))

    # ---- what the call reports (CallEvents)

    def on_phase(self, phase: CallPhase, _reason: str) -> None:
        self.phase = phase

    def on_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        found = Candidate(self.id, candidate, mid, mline)
        if not self._answered:
            self._early.append(found)
            return

        async def say() -> None:
            await self._say(found)

        job = asyncio.get_running_loop().create_task(say())
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    def on_data_open(self) -> None:
        self._tell({"t": "hello", "v": CHANNEL_VERSION})

    def on_data(self, message: str | bytes) -> None:
        self._giving.on_data(message)

    def on_restart_offer(self, _sdp: str, _revision: int) -> None:
        raise AssertionError("only the desk offers")
