"""Pictures out of shared memory, for the tiles."""

from telemed_desk.media.frames import FrameReader
from telemed_desk.ui.widgets.video import FrameSource


def open_frames(memory: str) -> FrameSource:
    """Open a stream's pictures.

    Raises:
        KnownError: They are gone.
    """
    return FrameReader(memory)
