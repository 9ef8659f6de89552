"""Video on its way to the screen: three picture slots in shared memory, newest wins.

This is the reader and the layout; :mod:`.frame_writer` is the other end. The window imports this
module, so it loads neither numpy nor OpenCV.

The media process writes, the window reads; neither ever waits for the other. Layout, little-endian::

    0    16 B  b"TDVF" magic, u32 version, u64 number of the newest picture (0 = none yet)
    64 + 64·s  slot s: u64 guard, u32 width, u32 height, u32 stride, u32 0, u64 taken_ns, u64 wall_us
    4096 + s·slot_bytes   its pixels: RGB888, rows padded to 4 bytes (QImage.Format_RGB888)

Picture number ``n`` goes to slot ``n % 3``. Its guard is ``2n - 1`` while it is written and ``2n``
after: a reader that finds another guard after its copy than before has a torn picture and asks again
(a sequence lock; Boehm, "Can seqlocks get along with programming language memory models?", 2012).
"""

import struct
import threading
from dataclasses import dataclass

from telemed_desk.media.shared_block import SharedBlockMissing, new_block_name, open_block

SLOTS = 3
MAGIC = b"TDVF"
VERSION = 1
HEAD = struct.Struct("<4sIQ")
NEWEST_AT = 8
NUMBER = struct.Struct("<Q")
SLOT = struct.Struct("<IIIIQQ")
PIXELS_AT = 4096
MAX_TRIES = 8
"""A reader that meets this many torn pictures in a row lets this repaint go by."""
LOOK_EVERY_MS = 16
"""How often the window looks for a newer picture (``ui.widgets.video.POLL_MS``)."""


def padded_stride(width: int) -> int:
    """Return bytes a row: three a pixel, padded to four as QImage wants it."""
    return (width * 3 + 3) & ~3


def block_bytes(max_width: int, max_height: int) -> int:
    """Return how much memory pictures up to this size need."""
    return PIXELS_AT + SLOTS * padded_stride(max_width) * max_height


def frame_block_name(stream: str, max_width: int, max_height: int) -> str:
    """Return a fresh name for a stream's memory."""
    return new_block_name(stream, block_bytes(max_width, max_height))


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture to draw.

    Attributes:
        data: RGB888, ``stride`` bytes a row; a copy, safe to keep.
        width: Pixels.
        height: Pixels.
        stride: Bytes a row.
        taken_ns: When the sensor saw it or, for a remote picture, when it was decoded;
            ``time.monotonic_ns`` of this machine.
        wall_us: Wall clock when it was written, microseconds since 1970.
        sequence: Number of the picture, from 1; gaps are pictures that were never drawn.
    """

    data: bytes
    width: int
    height: int
    stride: int
    taken_ns: int
    wall_us: int
    sequence: int


class FrameReader:
    """Finds the newest picture. One thread.

    Args:
        name: As the media process announced it.

    Raises:
        SharedBlockMissing: The writer has gone, or the memory is not a video block of ours.
    """

    def __init__(self, name: str) -> None:
        self._block = open_block(name)
        self._last = 0
        self.torn = 0
        size = len(self._block)
        magic, version, _ = HEAD.unpack_from(self._block, 0) if size > PIXELS_AT else (b"", 0, 0)
        if (magic, version) != (MAGIC, VERSION):
            self._block.close()
            raise SharedBlockMissing("not a video block")
        self._slot_bytes = (size - PIXELS_AT) // SLOTS

    def newest(self) -> Frame | None:
        """Return the newest picture if there is one newer than the last returned; never blocks."""
        for _ in range(MAX_TRIES):
            (number,) = NUMBER.unpack_from(self._block, NEWEST_AT)
            if number == self._last:
                return None
            frame = self._copy(number)
            if frame is not None:
                self._last = number
                return frame
            self.torn += 1
        return None

    def close(self) -> None:
        """Unmap; the name is the writer's to remove."""
        self._block.close()

    def _copy(self, number: int) -> Frame | None:
        guard_at = 64 + 64 * (number % SLOTS)
        (before,) = NUMBER.unpack_from(self._block, guard_at)
        if before != 2 * number:
            return None
        fence()
        width, height, stride, _, taken_ns, wall_us = SLOT.unpack_from(self._block, guard_at + 8)
        start = PIXELS_AT + (number % SLOTS) * self._slot_bytes
        size = stride * height
        # The other process decodes strangers' bytes: nothing it writes is trusted to be in bounds.
        if not (0 < size <= self._slot_bytes and width > 0 and stride == padded_stride(width)):
            return None
        data = self._block[start : start + size]
        fence()
        (after,) = NUMBER.unpack_from(self._block, guard_at)
        if after != before:
            return None
        return Frame(data, width, height, stride, taken_ns, wall_us, number)


_fence_lock = threading.Lock()


def fence() -> None:
    """Keep the processor from moving memory accesses across this point.

    Python has no fence; taking a lock is an acquire and a release, which on ARM is a barrier where
    x86 would need none.
    """
    with _fence_lock:
        pass
