"""The devices in use: which, whether they are open, how loud they are, and the own picture.

Opened while somebody needs them (a preview, a call, a check), closed after. A change of devices takes
effect at once, in a running call too.
"""

import asyncio
import threading
from collections.abc import Callable

import numpy as np
import structlog

from telemed_desk.devices.specs import DeviceKind, parse_spec
from telemed_desk.media.control import Devices, DeviceState, FromMedia, Level, VideoStream
from telemed_desk.media.frame_writer import FrameWriter
from telemed_desk.media.frames import frame_block_name
from telemed_desk.media.levels import LevelMeter, SpeakingWhileMuted
from telemed_desk.media.ports import SoundBlock, SoundFeed
from telemed_desk.media.sources.newest import StateListener
from telemed_desk.media.sources.opening import (
    Camera,
    Microphone,
    Speaker,
    open_camera,
    open_microphone,
    open_speaker,
)

OWN_PICTURE = (640, 360)
"""The own picture is drawn small; converting it at full size would cost what the call needs."""

_log = structlog.get_logger(__name__)


class Station:
    """Owns camera, microphone and speaker. Async methods on the loop; reports from any thread.

    Args:
        report: Thread-safe way to tell the desk something.
    """

    def __init__(self, report: Callable[[FromMedia], None]) -> None:
        self._report = report
        self._chosen = Devices()
        self._users: set[str] = set()
        self._changing = asyncio.Lock()
        self._camera: Camera | None = None
        self._microphone: Microphone | None = None
        self._speaker: Speaker | None = None
        self._feed: SoundFeed | None = None
        self._microphone_meter = LevelMeter()
        self._speaker_meter = LevelMeter()
        self._speaking = SpeakingWhileMuted()
        self._own_picture: _OwnPicture | None = None
        self._problems: dict[DeviceKind, str] = {}
        self.microphone_muted = False
        self.pulled_samples = 0

    @property
    def chosen(self) -> Devices:
        """The specs in force."""
        return self._chosen

    @property
    def is_open(self) -> bool:
        """Whether somebody uses the devices now."""
        return bool(self._users)

    @property
    def camera(self) -> Camera | None:
        """The open camera; None when closed or chosen to be none."""
        return self._camera

    @property
    def microphone(self) -> Microphone | None:
        """The open microphone; None when closed or chosen to be none."""
        return self._microphone

    def problem(self, kind: DeviceKind) -> str:
        """Return the code of what is wrong with a device now; empty when nothing is."""
        return self._problems.get(kind, "")

    def play(self, feed: SoundFeed | None) -> None:
        """Let the speaker pull from this feed; None is silence."""
        self._feed = feed

    async def choose(self, devices: Devices) -> None:
        """Change devices; what is open and differs is re-opened. Raises SpecNotUnderstood."""
        for kind, text in (
            (DeviceKind.CAMERA, devices.camera),
            (DeviceKind.MICROPHONE, devices.microphone),
            (DeviceKind.SPEAKER, devices.speaker),
        ):
            parse_spec(kind, text)
        async with self._changing:
            before, self._chosen = self._chosen, devices
            if not self._users:
                return
            if devices.camera != before.camera:
                await self._close_camera()
                self._open_camera()
            if devices.microphone != before.microphone:
                await self._close_microphone()
                self._open_microphone()
            if devices.speaker != before.speaker:
                await self._close_speaker()
                self._open_speaker()

    async def use(self, user: str) -> None:
        """Open the devices, if nobody had them open."""
        async with self._changing:
            first = not self._users
            self._users.add(user)
            if first:
                self._open_camera()
                self._open_microphone()
                self._open_speaker()
            elif self._own_picture is not None:
                self._report(VideoStream("local", self._own_picture.memory))

    async def release(self, user: str) -> None:
        """Close the devices when the last user is gone."""
        async with self._changing:
            self._users.discard(user)
            if not self._users:
                await self._close_camera()
                await self._close_microphone()
                await self._close_speaker()

    def level(self) -> Level:
        """Return the levels since the last call."""
        microphone = self._microphone_meter.read_dbfs()
        return Level(
            microphone,
            self._speaker_meter.read_dbfs(),
            self._speaking.look(muted=self.microphone_muted, dbfs=microphone),
        )

    def _listener(self, kind: DeviceKind, name: str) -> StateListener:
        def on_state(code: str, detail: str) -> None:
            self._problems[kind] = code
            _log.info("device_state", kind=kind.value, code=code, reason=detail)
            self._report(DeviceState(kind.value, name, code, detail))

        return on_state

    def _open_camera(self) -> None:
        self._problems.pop(DeviceKind.CAMERA, None)
        text = self._chosen.camera
        self._camera = open_camera(text, self._listener(DeviceKind.CAMERA, text))
        if self._camera is not None:
            self._own_picture = _OwnPicture(self._camera)
            self._report(VideoStream("local", self._own_picture.memory))

    def _open_microphone(self) -> None:
        self._problems.pop(DeviceKind.MICROPHONE, None)
        text = self._chosen.microphone
        self._microphone = open_microphone(text, self._listener(DeviceKind.MICROPHONE, text))
        if self._microphone is not None:
            self._microphone.subscribe(lambda block, _taken_ns: self._microphone_meter.add(block))

    def _open_speaker(self) -> None:
        self._problems.pop(DeviceKind.SPEAKER, None)
        text = self._chosen.speaker
        self._speaker = open_speaker(text, self._pull, self._listener(DeviceKind.SPEAKER, text))

    async def _close_camera(self) -> None:
        camera, self._camera = self._camera, None
        own, self._own_picture = self._own_picture, None
        if own is not None:
            await asyncio.to_thread(own.close)
        if camera is not None:
            await asyncio.to_thread(camera.close)

    async def _close_microphone(self) -> None:
        microphone, self._microphone = self._microphone, None
        if microphone is not None:
            await asyncio.to_thread(microphone.close)

    async def _close_speaker(self) -> None:
        speaker, self._speaker = self._speaker, None
        if speaker is not None:
            await asyncio.to_thread(speaker.close)

    def _pull(self, samples: int) -> SoundBlock:
        """Give the speaker its sound; on the speaker's thread."""
        feed = self._feed
        block = np.zeros(samples, np.int16) if feed is None else feed.pull(samples)
        self._speaker_meter.add(block)
        self.pulled_samples += samples
        return block


class _OwnPicture:
    """Copies the camera's newest picture to where the window draws it from; own thread."""

    def __init__(self, camera: Camera) -> None:
        self._camera = camera
        self.memory = frame_block_name("local", *OWN_PICTURE)
        self._writer = FrameWriter(self.memory, *OWN_PICTURE)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="own-picture", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        self._thread.join(2.0)
        self._writer.close()

    def _run(self) -> None:
        last_ns = 0
        while not self._closing.is_set():
            picture = self._camera.wait_newer(last_ns, 0.25)
            if picture is not None:
                last_ns = picture.taken_ns
                self._writer.present(picture)
