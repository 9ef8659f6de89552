"""A desk whose window hangs again and again while a call plays: a program for a test.

usage: stalling_desk.py FOLDER STALL_MS SECONDS

The window draws the other side's pictures; ``core`` (a loop in its own thread, as in the desk)
talks to the desk's media process, and to a second one that plays the patient with a tone. From the
connection on the GUI thread computes for STALL_MS without letting go, rests as long, and so on.
What the desk's speaker was given is FOLDER/desk.wav; standard output tells what happened, as JSON.
"""

import asyncio
import json
import os
import sys
import threading
import time
from pathlib import Path

os.environ["QT_QPA_PLATFORM"] = "offscreen"

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtWidgets import QApplication

from telemed_desk.media import control
from telemed_desk.media.frames import FrameReader
from telemed_desk.ui.widgets.video import VideoTile
from tests.support.devices.media_desk import ListeningDesk

CALL = "c1"


class Core(QObject):
    """The asyncio side; tells the window by signals, as the desk does."""

    pictures = Signal(str)
    settled = Signal()
    over = Signal()

    def __init__(self, folder: Path, seconds: float) -> None:
        super().__init__()
        self._folder = folder
        self._seconds = seconds
        self.deaths = 0
        self.error = ""

    def run(self) -> None:
        try:
            asyncio.run(self._call())
        except (AssertionError, OSError) as error:
            self.error = repr(error)
        self.over.emit()

    async def _call(self) -> None:
        desk, patient = ListeningDesk(), ListeningDesk()
        media, far = desk.media(), patient.media()
        await asyncio.gather(media.start(), far.start())
        try:
            media.send(control.Devices("none", "none", f"file:{self._folder}/desk.wav"))
            far.send(control.Devices("pattern:320x180@15", "tone:500", "null"))
            media.send(control.StartCall(CALL, offer=True, start_rung=3))
            far.send(control.StartCall(CALL, offer=False, start_rung=3))
            offer = await desk.first(control.LocalDescription)
            far.send(control.RemoteDescription(CALL, "offer", offer.sdp, offer.revision))
            answer = await patient.first(control.LocalDescription)
            media.send(control.RemoteDescription(CALL, "answer", answer.sdp, answer.revision))
            stream = await desk.first(control.VideoStream, lambda s: s.stream == "remote")
            self.pictures.emit(stream.memory)
            await desk.first(control.CallStats, lambda s: s.receive_bps > 0 and s.shown_fps > 0)
            self.settled.emit()
            await asyncio.sleep(self._seconds)
            self.deaths = desk.deaths + patient.deaths
        finally:
            await asyncio.gather(media.stop(), far.stop())


def main() -> int:
    folder, stall_ms, seconds = Path(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3])
    app = QApplication(sys.argv[:1])
    view = VideoTile("patient")
    view.resize(640, 360)
    view.show()
    core = Core(folder, seconds)
    stalls: list[float] = []
    timer = QTimer()

    def stall() -> None:
        began = time.monotonic()
        while time.monotonic() - began < stall_ms / 1000:
            sum(range(200))  # holds the interpreter, as drawing a long list would
        stalls.append((time.monotonic() - began) * 1000)

    timer.timeout.connect(stall)
    core.pictures.connect(lambda memory: view.set_source(FrameReader(memory)))
    # Counted from the end of the last stall on: half of the time is left to the window.
    timer.setInterval(int(2 * stall_ms))
    core.settled.connect(lambda: timer.start() if stall_ms else None)
    core.over.connect(app.quit)
    thread = threading.Thread(target=core.run, name="core")
    thread.start()
    app.exec()
    thread.join()
    told = {
        "stalls": len(stalls),
        "longest_ms": max(stalls, default=0.0),
        "drawn": view.frames_shown,
        "deaths": core.deaths,
        "error": core.error,
    }
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
