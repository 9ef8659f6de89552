"""The writing end of :mod:`.frames`: pictures become RGB and go into shared memory."""

import mmap
import threading
import time

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.media.frames import (
    HEAD,
    MAGIC,
    NEWEST_AT,
    NUMBER,
    PIXELS_AT,
    SLOT,
    SLOTS,
    VERSION,
    fence,
    padded_stride,
)
from telemed_desk.media.ports import Picture
from telemed_desk.media.shared_block import make_block, remove_block


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
        HEAD.pack_into(self._block, 0, MAGIC, VERSION, 0)

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
        NUMBER.pack_into(block, guard_at, 2 * number - 1)
        fence()
        SLOT.pack_into(
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
            block, np.uint8, stride * height, PIXELS_AT + slot * self._slot_bytes
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
        fence()
        NUMBER.pack_into(block, guard_at, 2 * number)
        NUMBER.pack_into(block, NEWEST_AT, number)
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
