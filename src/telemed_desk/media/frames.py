"""Video on its way to the screen: three picture slots in shared memory, newest wins.

The media process writes, the window reads; neither ever waits for the other. Layout, little-endian::

    0    16 B  b"TDVF" magic, u32 version, u64 number of the newest picture (0 = none yet)
    64 + 64·s  slot s: u64 guard, u32 width, u32 height, u32 stride, u32 0, u64 taken_ns, u64 wall_us
    4096 + s·slot_bytes   its pixels: RGB888, rows padded to 4 bytes (QImage.Format_RGB888)

Picture number ``n`` goes to slot ``n % 3``. Its guard is ``2n - 1`` while it is written and ``2n``
after: a reader that finds another guard after its copy than before has a torn picture and asks again
(a sequence lock; Boehm, "Can seqlocks get along with programming language memory models?", 2012).
"""

import mmap
import struct
import threading
import time
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.media.ports import Picture
from telemed_desk.media.shared_block import (
    SharedBlockMissing,
    make_block,
    new_block_name,
    open_block,
    remove_block,
)

SLOTS = 3
_MAGIC = b"TDVF"
_VERSION = 1
_HEAD = struct.Struct("<4sIQ")
_NEWEST_AT = 8
_NUMBER = struct.Struct("<Q")
_SLOT = struct.Struct("<IIIIQQ")
_PIXELS_AT = 4096
MAX_TRIES = 8
"""A reader that meets this many torn pictures in a row lets this repaint go by."""


def padded_stride(width: int) -> int:
    """Return bytes a row: three a pixel, padded to four as QImage wants it."""
    return (width * 3 + 3) & ~3


def block_bytes(max_width: int, max_height: int) -> int:
    """Return how much memory pictures up to this size need."""
    return _PIXELS_AT + SLOTS * padded_stride(max_width) * max_height


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


class FrameWriter:
    """Converts pictures to RGB and puts them where the window finds them; a ``PictureSink``.

    Any thread may present; larger pictures are scaled down. About 1 ms for 1280x720 (measured:
    OpenCV 0.74 ms straight into the block, swscale 0.66 ms and a copy more at either end).

    Args:
        name: From :func:`frame_block_name` for the same size.
        max_width: Pixels.
        max_height: Pixels.
    """

    def __init__(self, name: str, max_width: int, max_height: int) -> None:
        self.name = name
        self._max_width = max_width
        self._max_height = max_height
        self._slot_bytes = padded_stride(max_width) * max_height
        self._lock = threading.Lock()
        self._block: mmap.mmap | None = make_block(name)
        self._number = 0
        self._packed: NDArray[np.uint8] = np.empty((0, 0), np.uint8)
        _HEAD.pack_into(self._block, 0, _MAGIC, _VERSION, 0)

    def present(self, picture: Picture) -> None:
        """Convert and publish. Does nothing once closed."""
        with self._lock:
            if self._block is not None:
                self._publish(self._block, picture)

    def close(self) -> None:
        """Give the memory back; readers keep what they have mapped."""
        with self._lock:
            if self._block is not None:
                self._block.close()
                self._block = None
                remove_block(self.name)

    def _publish(self, block: mmap.mmap, picture: Picture) -> None:
        i420 = self._pack(picture)
        width, height = self._fit(picture.width, picture.height)
        stride = padded_stride(width)
        number = self._number + 1
        slot = number % SLOTS
        guard_at = 64 + 64 * slot
        _NUMBER.pack_into(block, guard_at, 2 * number - 1)
        _fence()
        _SLOT.pack_into(
            block,
            guard_at + 8,
            width,
            height,
            stride,
            0,
            picture.taken_ns,
            time.time_ns() // 1000,
        )
        pixels = np.frombuffer(
            block, np.uint8, stride * height, _PIXELS_AT + slot * self._slot_bytes
        )
        rows = pixels.reshape(height, stride)[:, : width * 3].reshape(height, width, 3)
        straight = stride == width * 3 and (width, height) == (picture.width, picture.height)
        if straight:
            cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420, dst=rows)
        else:
            rgb = cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420)
            if (width, height) != (picture.width, picture.height):
                rgb = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
            padded = pixels.reshape(height, stride)
            padded[:, : width * 3] = rgb.reshape(height, width * 3)
        _fence()
        _NUMBER.pack_into(block, guard_at, 2 * number)
        _NUMBER.pack_into(block, _NEWEST_AT, number)
        self._number = number

    def _pack(self, picture: Picture) -> NDArray[np.uint8]:
        """Lay the three planes one after the other, as OpenCV wants I420."""
        width, height = picture.width, picture.height
        if self._packed.shape != (height * 3 // 2, width):
            self._packed = np.empty((height * 3 // 2, width), np.uint8)
        packed = self._packed
        packed[:height] = picture.y
        chroma = packed[height:].reshape(-1)
        quarter = picture.u.size
        chroma[:quarter] = picture.u.reshape(-1)
        chroma[quarter:] = picture.v.reshape(-1)
        return packed

    def _fit(self, width: int, height: int) -> tuple[int, int]:
        scale = min(1.0, self._max_width / width, self._max_height / height)
        return max(2, int(width * scale)), max(2, int(height * scale))


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
        magic, version, _ = _HEAD.unpack_from(self._block, 0) if size > _PIXELS_AT else (b"", 0, 0)
        if (magic, version) != (_MAGIC, _VERSION):
            self._block.close()
            raise SharedBlockMissing("not a video block")
        self._slot_bytes = (size - _PIXELS_AT) // SLOTS

    def newest(self) -> Frame | None:
        """Return the newest picture if there is one newer than the last returned; never blocks."""
        for _ in range(MAX_TRIES):
            (number,) = _NUMBER.unpack_from(self._block, _NEWEST_AT)
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
        (before,) = _NUMBER.unpack_from(self._block, guard_at)
        if before != 2 * number:
            return None
        _fence()
        width, height, stride, _, taken_ns, wall_us = _SLOT.unpack_from(self._block, guard_at + 8)
        start = _PIXELS_AT + (number % SLOTS) * self._slot_bytes
        size = stride * height
        # The other process decodes strangers' bytes: nothing it writes is trusted to be in bounds.
        if not (0 < size <= self._slot_bytes and width > 0 and stride == padded_stride(width)):
            return None
        data = self._block[start : start + size]
        _fence()
        (after,) = _NUMBER.unpack_from(self._block, guard_at)
        if after != before:
            return None
        return Frame(data, width, height, stride, taken_ns, wall_us, number)


_fence_lock = threading.Lock()


def _fence() -> None:
    """Keep the processor from moving memory accesses across this point.

    Python has no fence; taking a lock is an acquire and a release, which on ARM is a barrier where
    x86 would need none.
    """
    with _fence_lock:
        pass
