"""A video file instead of a camera, looped in real time: every run of a test sees the same film."""

import threading
import time
from pathlib import Path

import av

from telemed_desk.devices.problems import CameraMissing
from telemed_desk.media.sources.decoding import PictureMaker
from telemed_desk.media.sources.newest import Capture, RealTime, StateListener

REOPEN_S = 1.0


class FileCamera(Capture):
    """Plays a video (y4m, or whatever FFmpeg reads) without end."""

    def __init__(self, path: Path, on_state: StateListener) -> None:
        super().__init__("file-camera", on_state)
        self._path = path

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._play_once(self._closing)
            except (av.FFmpegError, OSError) as error:
                self._pictures.clear()
                self._say(CameraMissing.code, type(error).__name__)
                self._closing.wait(REOPEN_S)

    def _play_once(self, closing: threading.Event) -> None:
        maker = PictureMaker()
        with av.open(str(self._path)) as container:
            if not container.streams.video:
                raise FileNotFoundError("no picture in the file")
            stream = container.streams.video[0]
            stream.thread_type = "SLICE"
            rate = float(stream.average_rate or 30)
            pace = RealTime(1 / rate, closing)
            shown = 0
            for frame in container.decode(stream):
                if not pace.next():
                    return
                self._pictures.put(maker.make(frame, time.monotonic_ns()))
                self._say("")
                shown += 1
            if shown == 0:
                raise FileNotFoundError("no picture in the file")
