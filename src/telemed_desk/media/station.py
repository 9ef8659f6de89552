"""The devices in use: which, whether they are open, how loud they are, and the own picture.

Opened while somebody needs them (a preview, a call, a check), closed after. A change of devices takes
effect at once, in a running call too.
"""

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import structlog

from telemed_desk.devices.sound_watch import is_worn
from telemed_desk.devices.specs import DeviceKind, DeviceSpec, UseListed, parse_spec
from telemed_desk.media.control import (
    Devices,
    DeviceState,
    FromMedia,
    Level,
    SoundState,
    VideoStream,
)
from telemed_desk.media.frame_writer import FrameWriter
from telemed_desk.media.frames import frame_block_name
from telemed_desk.media.levels import LevelMeter, SpeakingWhileMuted
from telemed_desk.media.ports import SoundBlock, SoundFeed, SoundSource
from telemed_desk.media.processing.reference import ReferenceCounts
from telemed_desk.media.processing.voice_chain import SoundMode
from telemed_desk.media.processing.voice_path import ProcessingState, VoicePath
from telemed_desk.media.sources.newest import StateListener
from telemed_desk.media.sources.opening import (
    Camera,
    Microphone,
    Speaker,
    open_camera,
    open_microphone,
    open_speaker,
)
from telemed_desk.media.sources.sound_devices import DeviceMicrophone, DeviceSpeaker

OWN_PICTURE = (640, 360)
"""The own picture is drawn small; converting it at full size would cost what the call needs."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SoundFigures:
    """How the sound devices run.

    Attributes:
        drift_ppm: How much faster the microphone's clock runs than the speaker's.
        latency_ms: Of both devices together, as they say.
        losses: Their under- and overruns.
        reference: What went other than smoothly on the way to the echo canceller.
    """

    drift_ppm: float
    latency_ms: float
    losses: int
    reference: ReferenceCounts


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
        self._voice = VoicePath(on_state=self._processing_changed)
        self._voice.latency_ms = self._sound_latency_ms
        self._processing = ProcessingState()
        self._mode = SoundMode()
        self._told: SoundState | None = None
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
    def takes_echo_out(self) -> bool:
        """Whether nothing is known that keeps a call from cancelling echo here."""
        return not self._processing.problem

    @property
    def is_open(self) -> bool:
        """Whether somebody uses the devices now."""
        return bool(self._users)

    @property
    def camera(self) -> Camera | None:
        """The open camera; None when closed or chosen to be none."""
        return self._camera

    @property
    def microphone(self) -> SoundSource | None:
        """The open microphone as the others hear it; None when closed or chosen to be none."""
        return None if self._microphone is None else self._voice

    @property
    def raw_microphone(self) -> Microphone | None:
        """The open microphone itself, for checks of the device."""
        return self._microphone

    @property
    def speaker(self) -> Speaker | None:
        """The open speaker; None when closed or chosen to be none."""
        return self._speaker

    @property
    def clinical(self) -> bool:
        """Whether cough, breath and stethoscope are sent as they sound."""
        return self._mode.clinical

    def set_clinical(self, *, on: bool) -> None:
        """Bypass suppression and gain, or use them again. Takes effect with the next block."""
        self._set_mode(SoundMode(on, self._mode.headphones))

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
            # Choosing the same again means: what is plugged in now, not what was.
            if devices.microphone != before.microphone or self.problem(DeviceKind.MICROPHONE):
                spec = parse_spec(DeviceKind.MICROPHONE, devices.microphone)
                if not _adopts(self._microphone, spec):
                    await self._close_microphone()
                    self._open_microphone()
            if devices.speaker != before.speaker or self.problem(DeviceKind.SPEAKER):
                spec = parse_spec(DeviceKind.SPEAKER, devices.speaker)
                if not _adopts(self._speaker, spec):
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
            self._told = None
            self._tell_sound()

    async def release(self, user: str) -> None:
        """Close the devices when the last user is gone."""
        async with self._changing:
            self._users.discard(user)
            if not self._users:
                await self._close_camera()
                await self._close_microphone()
                await self._close_speaker()

    def sound_figures(self) -> SoundFigures:
        """Return what the sound devices and the clocks between them do."""
        reference = self._voice.reference
        devices = (self._microphone, self._speaker)
        real = [d for d in devices if isinstance(d, DeviceMicrophone | DeviceSpeaker)]
        return SoundFigures(
            drift_ppm=reference.drift_ppm,
            latency_ms=self._sound_latency_ms(),
            losses=sum(device.losses for device in real),
            reference=reference.counts,
        )

    def level(self) -> Level:
        """Return the levels since the last call."""
        sent, near = self._voice.read_levels()
        return Level(
            sent,
            self._speaker_meter.read_dbfs(),
            self._speaking.look(muted=self.microphone_muted, dbfs=near),
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
        real = isinstance(self._microphone, DeviceMicrophone)
        if isinstance(self._microphone, DeviceMicrophone):
            self._microphone.on_break = self._voice.microphone_broke
        self._voice.listen_to(self._microphone, processed=real)
        self._tell_sound()

    def _open_speaker(self) -> None:
        self._problems.pop(DeviceKind.SPEAKER, None)
        text = self._chosen.speaker
        self._speaker = open_speaker(
            text, self._pull, self._listener(DeviceKind.SPEAKER, text), self._prepare_speaker
        )

    def _prepare_speaker(self, speaker: DeviceSpeaker) -> None:
        """Hear what a real speaker plays, before it begins."""

        def on_break(reopened: bool) -> None:  # noqa: FBT001 - a device's call-back
            self._voice.speaker_broke(reopened)
            if reopened and speaker.device is not None:
                self._set_mode(SoundMode(self._mode.clinical, is_worn(speaker.device)))

        speaker.on_played = self._voice.played
        speaker.on_break = on_break

    def _set_mode(self, mode: SoundMode) -> None:
        self._mode = mode
        self._voice.mode = mode
        self._tell_sound()

    def _processing_changed(self, state: ProcessingState) -> None:
        self._processing = state
        self._tell_sound()

    def _tell_sound(self) -> None:
        """Tell the desk how the sound is treated, when that changed. Any thread."""
        real = isinstance(self._microphone, DeviceMicrophone)
        now = SoundState(
            clinical=self._mode.clinical,
            headphones=self._mode.headphones,
            cancels_echo=real and self._processing.active and self._mode.cancels_echo,
            problem=self._processing.problem if real else "",
        )
        if now != self._told:
            self._told = now
            self._report(now)

    def _sound_latency_ms(self) -> float:
        devices = (self._microphone, self._speaker)
        real = [d for d in devices if isinstance(d, DeviceMicrophone | DeviceSpeaker)]
        return sum(device.latency_ms for device in real)

    async def _close_camera(self) -> None:
        camera, self._camera = self._camera, None
        own, self._own_picture = self._own_picture, None
        if own is not None:
            await asyncio.to_thread(own.close)
        if camera is not None:
            await asyncio.to_thread(camera.close)

    async def _close_microphone(self) -> None:
        microphone, self._microphone = self._microphone, None
        self._voice.listen_to(None, processed=False)
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


def _adopts(opened: Microphone | Speaker | None, spec: DeviceSpec) -> bool:
    """Whether what is open is what is now chosen: sound then goes on without a gap."""
    if isinstance(opened, DeviceMicrophone | DeviceSpeaker) and isinstance(spec, UseListed):
        return opened.adopt(spec)
    return False


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
