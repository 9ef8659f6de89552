"""Where a headless peer puts the other side's pictures: nowhere, or as far as the desk's window is."""

import threading
from collections import deque
from collections.abc import Callable

from telemed_desk.media.frames import LOOK_EVERY_MS, FrameReader
from telemed_desk.media.peer_recorder import PeerRecorder
from telemed_desk.media.ports import Picture
from telemed_desk.media.remote_pictures import RemotePictures

_REMEMBERED = 8


class DecodedScreen:
    """Notes a picture when it comes out of the engine."""

    def __init__(self, recorder: PeerRecorder, on_first: Callable[[], None]) -> None:
        self._recorder = recorder
        self._on_first = on_first

    def present(self, picture: Picture) -> None:
        """See :class:`telemed_desk.media.ports.PictureSink`."""
        if self._recorder.show(picture.y):
            self._on_first()

    def close(self) -> None:
        """Nothing is held."""


class MemoryScreen:
    """Notes a picture when a thread that looks as often as the window does copies it out of memory.

    Conversion to RGB, shared memory, waiting for the next look and copying are thus in the delay and in
    the processor time; what is left out is painting.
    """

    def __init__(self, recorder: PeerRecorder, on_first: Callable[[], None]) -> None:
        self._recorder = recorder
        self._on_first = on_first
        self._pictures = RemotePictures()
        self._presented: deque[tuple[int, Picture]] = deque(maxlen=_REMEMBERED)
        self._count = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._look, name="screen", daemon=True)
        self._thread.start()

    def present(self, picture: Picture) -> None:
        """See :class:`telemed_desk.media.ports.PictureSink`; one thread."""
        self._count += 1
        # before it can be seen; by number, for pictures that one repair freed were taken at one moment
        self._presented.append((self._count, picture))
        self._pictures.present(picture)

    def close(self) -> None:
        """Stop looking and give the memory back."""
        self._closing.set()
        self._thread.join()
        self._pictures.close()

    def _look(self) -> None:
        reader = FrameReader(self._pictures.memory)
        while not self._closing.wait(LOOK_EVERY_MS / 1000):
            frame = reader.newest()
            if frame is None:
                continue
            for number, picture in list(self._presented):
                if number == frame.sequence:
                    if self._recorder.show(picture.y):
                        self._on_first()
                    break
        reader.close()
