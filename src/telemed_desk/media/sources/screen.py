"""What is on this PC's screen, for the other side to see.

Linux (X11) grabs through FFmpeg's x11grab, tried under Xvfb. Windows (gdigrab) and macOS (avfoundation,
"Capture screen 0") are written from FFmpeg's documents (https://ffmpeg.org/ffmpeg-devices.html) and were
not run; nor does x11grab see the windows of a Wayland session.
"""

import os
import time
from collections.abc import Callable
from typing import Final

import av
import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.problems import CameraMissing, CameraStalled, DeviceProblem
from telemed_desk.devices.specs import (
    DeviceKind,
    SpecNotUnderstood,
    UseFile,
    UsePattern,
    parse_spec,
)
from telemed_desk.devices.system import ON_MAC, ON_WINDOWS
from telemed_desk.media.ports import Picture, PictureSource
from telemed_desk.media.sources.decoding import PictureMaker
from telemed_desk.media.sources.newest import Capture, NewestPicture, StateListener
from telemed_desk.media.sources.pattern import PatternCamera
from telemed_desk.media.sources.video_file import FileCamera

SCREEN_FPS: Final = 5
SCREEN_LINES: Final = 1080
REFINING: Final = 6
"""So many pictures more are let through after a change, for the encoder to sharpen what it began."""
ALIVE_NS: Final = 1_000_000_000
"""An unchanged screen is shown again so often: it costs next to nothing, and a lost picture shows."""
REOPEN_S: Final = 1.0
_OPEN_S: Final = 5.0


class ChangeFilter:
    """Says which pictures of a screen are worth sending. Pure."""

    def __init__(self) -> None:
        self._before: NDArray[np.uint8] | None = None
        self._refined = 0
        self._passed_ns = 0

    def passes(self, picture: Picture) -> bool:
        """Say whether this one is, and count it as sent if so."""
        same = self._before is not None and np.array_equal(self._before, picture.y)
        self._refined = self._refined + 1 if same else 0
        if same and self._refined > REFINING and picture.taken_ns - self._passed_ns < ALIVE_NS:
            return False
        self._before, self._passed_ns = picture.y, picture.taken_ns
        return True


class ScreenCapture(Capture):
    """Grabs a screen a few times a second.

    Args:
        display: X11 display (``:0``, ``:0+100,200``), empty = this session's own; elsewhere unused.
        on_state: Told of problems and recovery.
    """

    def __init__(self, display: str, on_state: StateListener) -> None:
        super().__init__("screen", on_state)
        self._display = display

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._grab()
            except DeviceProblem as problem:
                self._pictures.clear()
                self._say(problem.code, problem.detail)
            self._closing.wait(REOPEN_S)

    def _grab(self) -> None:
        maker = PictureMaker(max_height=SCREEN_LINES)
        changes = ChangeFilter()
        name, form, options = grabber(self._display, SCREEN_FPS)
        try:
            with av.open(
                name, format=form, container_options=options, timeout=(_OPEN_S, _OPEN_S)
            ) as container:
                for frame in container.decode(video=0):
                    if self._closing.is_set():
                        return
                    picture = maker.make(frame, time.monotonic_ns())
                    if changes.passes(picture):
                        self._pictures.put(picture)
                    self._say("")
        except (OSError, av.FFmpegError) as error:
            raise CameraMissing(type(error).__name__) from error
        raise CameraStalled("end of stream")


def grabber(display: str, fps: int) -> tuple[str, str, dict[str, str]]:
    """Return what FFmpeg is to open: name, input format and options."""
    rate = {"framerate": str(fps)}
    if ON_WINDOWS:
        return "desktop", "gdigrab", rate
    if ON_MAC:
        options = {**rate, "capture_cursor": "1", "pixel_format": "bgr0"}
        return "Capture screen 0:none", "avfoundation", options
    return display or os.environ.get("DISPLAY", ":0"), "x11grab", rate


class _Changing:
    """Another source as if it were a screen: what does not change is not passed on."""

    def __init__(self, source: PatternCamera | FileCamera) -> None:
        self._source = source
        self._changes = ChangeFilter()
        self._kept = NewestPicture()

    def start(self) -> None:
        self._source.start()

    def close(self) -> None:
        self._source.close()

    def newest(self) -> Picture | None:
        return self._kept.newest()

    def wait_newer(self, than_ns: int, timeout_s: float) -> Picture | None:
        picture = self._source.wait_newer(than_ns, timeout_s)
        if picture is None or not self._changes.passes(picture):
            return None
        self._kept.put(picture)
        return picture


def open_screen(text: str, on_state: StateListener) -> tuple[PictureSource, Callable[[], None]]:
    """Start showing what a spec names; return it and the function that ends it.

    Args:
        text: ``screen``, ``screen:<display>``, or for tests and demonstrations ``pattern...`` or
            ``file:<path>`` as for cameras.
        on_state: Told of problems, on the capture thread.

    Raises:
        SpecNotUnderstood: It names something else.
    """
    word, _, rest = text.partition(":")
    if word == "screen":
        screen = ScreenCapture(rest, on_state)
        screen.start()
        return screen, screen.close
    match parse_spec(DeviceKind.CAMERA, text):
        case UsePattern() as pattern:
            stand_in = _Changing(PatternCamera(pattern, on_state))
        case UseFile(path):
            stand_in = _Changing(FileCamera(path, on_state))
        case _:
            raise SpecNotUnderstood("not for a screen")
    stand_in.start()
    return stand_in, stand_in.close
