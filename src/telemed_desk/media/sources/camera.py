"""A real camera through FFmpeg's device inputs, with true errors and a watchdog.

On Linux (V4L2) the device is read without blocking, so that a camera that stops sending is noticed
instead of hanging a thread in the driver. Windows (DirectShow) and macOS (AVFoundation) are written
from FFmpeg's documents (https://ffmpeg.org/ffmpeg-devices.html) and were not run here.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import av
from av.container import InputContainer

from telemed_desk.devices.listing import ListedDevice, find_listed
from telemed_desk.devices.problems import CameraMissing, CameraStalled, DeviceProblem
from telemed_desk.devices.specs import DeviceKind
from telemed_desk.devices.system import ON_LINUX, ON_MAC, ON_WINDOWS
from telemed_desk.devices.translate import camera_problem
from telemed_desk.media.ports import Picture
from telemed_desk.media.sources.decoding import PictureMaker, kernel_time_ns
from telemed_desk.media.sources.newest import Capture, StateListener

FIRST_PICTURE_S = 8.0
"""Some Windows cameras need seconds; more than this is a fault (self-check C2)."""
BETWEEN_PICTURES_S = 2.0
REOPEN_S = 1.0
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
    """Captures from a listed camera; finds it again when it comes back.

    Args:
        stable_id: Which camera; None takes the first of the list.
        on_state: Told of problems (codes of :mod:`telemed_desk.devices.problems`) and recovery.
        first_picture_s: How long the first picture may take.
        between_pictures_s: How long no further picture may come.
    """

    def __init__(
        self,
        stable_id: str | None,
        on_state: StateListener,
        *,
        first_picture_s: float = FIRST_PICTURE_S,
        between_pictures_s: float = BETWEEN_PICTURES_S,
    ) -> None:
        super().__init__("camera", on_state)
        self._stable_id = stable_id
        self._first_picture_s = first_picture_s
        self._between_pictures_s = between_pictures_s
        self.opened: ListedDevice | None = None

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._capture_until_problem()
            except DeviceProblem as problem:
                self._pictures.clear()
                self._say(problem.code, problem.detail)
            self._closing.wait(REOPEN_S)

    def _capture_until_problem(self) -> None:
        device = self._find()
        self.opened = device
        container = open_camera(device.address, self._first_picture_s)
        try:
            for picture in pictures_of(
                container,
                self._closing,
                first_picture_s=self._first_picture_s,
                between_pictures_s=self._between_pictures_s,
            ):
                self._pictures.put(picture)
                self._say("")
        finally:
            container.close()

    def _find(self) -> ListedDevice:
        device = find_listed(DeviceKind.CAMERA, self._stable_id)
        if device is None:
            raise CameraMissing("not listed")
        return device


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


def pictures_of(
    container: InputContainer,
    closing: threading.Event,
    *,
    first_picture_s: float,
    between_pictures_s: float,
    now: Callable[[], float] = time.monotonic,
) -> "PictureStream":
    """Iterate over an open camera's pictures until it is closed or fails."""
    return PictureStream(container, closing, first_picture_s, between_pictures_s, now)


class PictureStream:
    """Iterator of pictures; raises a :class:`DeviceProblem` when the camera fails or stalls."""

    def __init__(
        self,
        container: InputContainer,
        closing: threading.Event,
        first_picture_s: float,
        between_pictures_s: float,
        now: Callable[[], float],
    ) -> None:
        self._container = container
        self._closing = closing
        self._between_pictures_s = between_pictures_s
        self._now = now
        self._deadline = now() + first_picture_s
        self._maker = PictureMaker()
        self._started = False

    def __iter__(self) -> "PictureStream":
        return self

    def __next__(self) -> Picture:
        while not self._closing.is_set():
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
