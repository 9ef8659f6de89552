"""A real camera through FFmpeg's device inputs, with true errors and a watchdog.

On Linux (V4L2) the device is read without blocking, so that a camera that stops sending is noticed
instead of hanging a thread in the driver. Windows (DirectShow) and macOS (AVFoundation) are written
from FFmpeg's documents (https://ffmpeg.org/ffmpeg-devices.html) and were not run here.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import av
from av.container import InputContainer

from telemed_desk.devices.cameras.holders import camera_holders
from telemed_desk.devices.cameras.listing import list_cameras
from telemed_desk.devices.cameras.permission import refused
from telemed_desk.devices.cameras.remembering import find_again
from telemed_desk.devices.cameras.watch import WATCH
from telemed_desk.devices.listing import ListedDevice
from telemed_desk.devices.problems import CameraBusy, CameraMissing, CameraStalled, DeviceProblem
from telemed_desk.devices.system import ON_LINUX, ON_MAC, ON_WINDOWS
from telemed_desk.devices.translate import camera_problem
from telemed_desk.media.ports import Picture
from telemed_desk.media.sources.decoding import PictureMaker, kernel_time_ns
from telemed_desk.media.sources.newest import Capture, StateListener

FIRST_PICTURE_S = 8.0
"""Some Windows cameras need seconds; more than this is a fault (self-check C2)."""
BETWEEN_PICTURES_S = 2.0
REOPEN_S = 1.0
"""A camera that came is noticed at once; this is for one that another program gave back."""
AWAY_S = 2.0
"""How long another camera waits before it fills in for one that went."""
POLL_S = 0.004
"""How often a camera without a new picture is asked again; adds at most this to the delay."""
NON_BLOCKING = f"+{av.container.Flags.non_block.value}"
"""AVFMT_FLAG_NONBLOCK as a number: FFmpeg's option has no word for it (found by trying)."""


@dataclass(frozen=True, slots=True)
class CaptureMode:
    """What is asked of the driver; an empty format takes its default."""

    input_format: str
    size: str
    fps: str


MODES = (
    CaptureMode("mjpeg", "1280x720", "30"),
    CaptureMode("", "1280x720", "30"),
    CaptureMode("", "640x480", ""),
    CaptureMode("", "", ""),
)
"""Compressed first: raw 720p does not fit through USB 2 at 30 pictures a second."""


class DeviceCamera(Capture):
    """Captures from a listed camera; finds it again when it comes back, in whatever port.

    Without a choice it takes the first of the list, and keeps to that one: another camera fills in
    while it is away, and gives way when it is back.

    Args:
        stable_id: Which camera; None leaves it to us.
        on_state: Told of problems (codes of :mod:`telemed_desk.devices.problems`) and recovery.
        name: As the chosen camera was called; finds it where its id changed.
        first_picture_s: How long the first picture may take.
        between_pictures_s: How long no further picture may come.
    """

    def __init__(
        self,
        stable_id: str | None,
        on_state: StateListener,
        *,
        name: str = "",
        first_picture_s: float = FIRST_PICTURE_S,
        between_pictures_s: float = BETWEEN_PICTURES_S,
    ) -> None:
        super().__init__("camera", on_state)
        self._chosen = (stable_id, name) if stable_id is not None else None
        self._kept: tuple[str, str] | None = None
        self._first_picture_s = first_picture_s
        self._between_pictures_s = between_pictures_s
        self._changed = threading.Event()
        self._away_since: float | None = None
        self.opened: ListedDevice | None = None
        self.first_picture_s: float | None = None
        """From asking for the device to when its first picture was taken."""
        self.holders: list[str] = []
        """Who has it, when somebody else does and the system tells."""

    def close(self, timeout_s: float = 3.0) -> None:
        """Stop capturing and give the device back."""
        self._closing.set()
        self._changed.set()
        super().close(timeout_s)

    def _run(self) -> None:
        end_watch = WATCH.subscribe(self._changed.set)
        try:
            while not self._closing.is_set():
                self._changed.clear()
                try:
                    self._capture_until_problem()
                except _AnotherFits:
                    continue
                except DeviceProblem as problem:
                    self._pictures.clear()
                    told = self._explained(problem)
                    self._say(told.code, told.detail)
                if not self._closing.is_set():
                    self._changed.wait(REOPEN_S)
        finally:
            end_watch()

    def _capture_until_problem(self) -> None:
        device = self._find()
        asked_at = time.monotonic()
        container = open_camera(device.address, self._first_picture_s)
        try:
            for picture in PictureStream(
                container,
                self._closing,
                first_picture_s=self._first_picture_s,
                between_pictures_s=self._between_pictures_s,
                look=lambda: self._look(device),
            ):
                if self._kept is None:
                    self._kept = (device.stable_id, device.name)
                if self.opened != device or self.first_picture_s is None:
                    self.opened = device
                    self.first_picture_s = max(0.0, picture.taken_ns / 1e9 - asked_at)
                self.holders = []
                self._pictures.put(picture)
                self._say("")
        finally:
            container.close()

    def _look(self, device: ListedDevice) -> None:
        """While it runs: leave it when it was pulled out, or when the better one is back."""
        if not self._changed.is_set():
            return
        self._changed.clear()
        cameras = list_cameras()
        if all(camera.address != device.address for camera in cameras):
            raise CameraMissing("unplugged")
        wanted = self._wanted(cameras)
        if wanted is not None and wanted.address != device.address:
            raise _AnotherFits

    def _find(self) -> ListedDevice:
        cameras = list_cameras()
        found = self._wanted(cameras)
        if found is None and self._chosen is None and cameras:
            # A hub that resets takes its camera away for a moment; nobody wants the other one then.
            now = time.monotonic()
            self._away_since = self._away_since or now
            if self._kept is None or now - self._away_since >= AWAY_S:
                return cameras[0]
        if found is None:
            raise CameraMissing("not listed")
        self._away_since = None
        return found

    def _wanted(self, cameras: Sequence[ListedDevice]) -> ListedDevice | None:
        wanted = self._chosen or self._kept
        return None if wanted is None else find_again(cameras, *wanted)

    def _explained(self, problem: DeviceProblem) -> DeviceProblem:
        """Ask the system what it knows of a camera that does not work."""
        problem = refused(problem)
        stalled_elsewhere = isinstance(problem, CameraStalled) and not ON_LINUX
        if isinstance(problem, CameraBusy) or stalled_elsewhere:
            found = self._wanted(list_cameras()) or next(iter(list_cameras()), None)
            self.holders = [] if found is None else camera_holders(found.address)
            if stalled_elsewhere and self.holders:
                return CameraBusy(problem.detail)
        return problem


class _AnotherFits(Exception):
    """The camera that is wanted is back, and another is open."""


def open_camera(address: str, timeout_s: float) -> InputContainer:
    """Open a camera in the best mode it has. Raises a :class:`DeviceProblem`."""
    for mode in MODES:
        try:
            return av.open(
                address,
                format=_input_name(),
                # Not ``options``: those reach the decoder too, which would then believe the size
                # that was asked for instead of the one that the driver chose.
                container_options=_options(mode),
                timeout=(timeout_s, timeout_s),
            )
        except av.error.ExitError as error:
            raise CameraStalled("no first picture") from error
        except (av.error.ArgumentError, av.error.InvalidDataError):
            continue  # this mode is not to be had
        except OSError as error:
            raise camera_problem(error, streaming=False) from error
        except av.FFmpegError as error:
            raise CameraStalled(type(error).__name__) from error
    raise CameraStalled("no mode accepted")


def _input_name() -> str:
    if ON_WINDOWS:
        return "dshow"
    return "avfoundation" if ON_MAC else "v4l2"


def _options(mode: CaptureMode) -> dict[str, str]:
    options: dict[str, str] = {}
    if mode.size:
        options["video_size"] = mode.size
    if mode.fps:
        options["framerate"] = mode.fps
    if ON_WINDOWS:
        options["rtbufsize"] = "32M"
        if mode.input_format:
            options["vcodec"] = mode.input_format
    elif not ON_MAC:
        options["fflags"] = NON_BLOCKING
        if mode.input_format:
            options["input_format"] = mode.input_format
    return options


class PictureStream:
    """Iterates over an open camera's pictures; raises a :class:`DeviceProblem` when it fails or stalls.

    Args:
        container: As opened.
        closing: Ends it.
        first_picture_s: How long the first picture may take.
        between_pictures_s: How long any other.
        look: Called all the time; may raise to leave the camera.
        now: The clock, seconds.
    """

    def __init__(
        self,
        container: InputContainer,
        closing: threading.Event,
        *,
        first_picture_s: float,
        between_pictures_s: float,
        look: Callable[[], None] = lambda: None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._container = container
        self._closing = closing
        self._between_pictures_s = between_pictures_s
        self._look = look
        self._now = now
        self._deadline = now() + first_picture_s
        self._maker = PictureMaker()
        self._started = False

    def __iter__(self) -> "PictureStream":
        return self

    def __next__(self) -> Picture:
        while not self._closing.is_set():
            self._look()
            try:
                frame = next(self._container.decode(video=0))
            except (av.error.BlockingIOError, av.error.ExitError, av.error.InvalidDataError):
                # Nothing yet; or a damaged JPEG, usual for the first picture of many cameras.
                frame = None
            except (StopIteration, av.error.EOFError) as error:
                raise CameraMissing("end of stream") from error
            except OSError as error:
                raise camera_problem(error, streaming=True) from error
            except av.FFmpegError as error:
                raise CameraStalled(type(error).__name__) from error
            if isinstance(frame, av.VideoFrame):
                self._started = True
                self._deadline = self._now() + self._between_pictures_s
                return self._maker.make(frame, self._taken_ns(frame))
            if self._now() > self._deadline:
                raise CameraStalled("no new picture" if self._started else "no first picture")
            self._closing.wait(POLL_S)
        raise StopIteration

    @staticmethod
    def _taken_ns(frame: av.VideoFrame) -> int:
        if not ON_LINUX or frame.pts is None or frame.time_base is None:
            return time.monotonic_ns()
        return kernel_time_ns(int(frame.pts * frame.time_base * 1_000_000))
