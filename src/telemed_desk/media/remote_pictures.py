"""Where the other side's pictures go: to the window, and kept for a photo from the video."""

import time

from telemed_desk.media.frame_writer import FrameWriter
from telemed_desk.media.frames import frame_block_name
from telemed_desk.media.ports import Picture

MAX_SIDE = 1280
"""Both ways: a phone held upright sends 720x1280. Memory that no picture touches costs nothing."""
FRESH_S = 5.0
"""An older picture is no longer what the clinician sees, so it is no photo of now."""


class RemotePictures:
    """A ``PictureSink``; present on any thread."""

    def __init__(self) -> None:
        self.memory = frame_block_name("remote", MAX_SIDE, MAX_SIDE)
        self._writer = FrameWriter(self.memory, MAX_SIDE, MAX_SIDE)
        self._newest: tuple[Picture, float] | None = None

    def present(self, picture: Picture) -> None:
        """See :class:`telemed_desk.media.ports.PictureSink`."""
        self._newest = (picture, time.monotonic())
        self._writer.present(picture)

    def fresh(self) -> Picture | None:
        """Return the picture on the screen, None if there is none or it stands still."""
        newest = self._newest
        if newest is None or time.monotonic() - newest[1] > FRESH_S:
            return None
        return newest[0]

    def close(self) -> None:
        """Give the memory back."""
        self._writer.close()
        self._newest = None
