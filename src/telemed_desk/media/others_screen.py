"""The screen that the other side of a call shares: to the window, and on to the others."""

import json
import time
from collections.abc import Callable

from telemed_desk.media.control import VideoStream
from telemed_desk.media.frame_writer import FrameWriter
from telemed_desk.media.frames import frame_block_name
from telemed_desk.media.ports import Picture, PictureSource
from telemed_desk.media.sources.newest import NewestPicture

WIDTH, HEIGHT = 1920, 1080
_MOST_TEXT = 1000


def screen_told(message: str | bytes) -> bool | None:
    """Read the other side's word on whether it shares a screen; None when it says something else."""
    if not isinstance(message, str) or len(message) > _MOST_TEXT:
        return None
    try:
        body = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(body, dict) or body.get("t") != "screen":
        return None
    return body.get("on") is True


class OthersScreen:
    """A ``PictureSink`` that shows pictures while the other side says that it shares.

    :meth:`present` on any thread, the rest on the loop.

    Args:
        call: Whose.
        report: Thread-safe way to tell the desk something.
    """

    def __init__(self, call: str, report: Callable[[VideoStream], None]) -> None:
        self._call = call
        self._report = report
        self._writer: FrameWriter | None = None
        self._kept = NewestPicture()

    @property
    def source(self) -> PictureSource | None:
        """The pictures for the others of the consultation; None while nothing is shared."""
        return None if self._writer is None else self._kept

    def turn(self, *, on: bool) -> bool:
        """The other side shares, or does so no longer; True when that is new."""
        if on == (self._writer is not None):
            return False
        writer, self._writer = self._writer, None
        if on:
            self._kept = NewestPicture()
            self._writer = FrameWriter(frame_block_name("screen", WIDTH, HEIGHT), WIDTH, HEIGHT)
        if writer is not None:
            writer.close()
        name = "" if self._writer is None else self._writer.name
        self._report(VideoStream("screen", name, self._call))
        return True

    def present(self, picture: Picture) -> None:
        """See :class:`telemed_desk.media.ports.PictureSink`."""
        writer, kept = self._writer, self._kept
        if writer is not None:
            writer.present(picture)
            kept.put(Picture(picture.y, picture.u, picture.v, time.monotonic_ns()))
