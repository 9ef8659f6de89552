"""From what FFmpeg gives to the I420 pictures of a call."""

import time

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from telemed_desk.media.ports import Picture

MAX_CLOCK_GAP_NS = 2_000_000_000


class PictureMaker:
    """Converts decoded frames; keeps its swscale context. Not thread-safe.

    Odd sides are cropped by one pixel, full-range colours (MJPEG) become the limited range that
    VP8 and H.264 mean, and sizes above ``max_height`` are scaled down.
    """

    def __init__(self, max_height: int = 720) -> None:
        self._reformatter = VideoReformatter()
        self._max_height = max_height

    def make(self, frame: av.VideoFrame, taken_ns: int) -> Picture:
        """Return the frame as I420."""
        width, height = frame.width & ~1, frame.height & ~1
        if height > self._max_height:
            width = round(width * self._max_height / height) & ~1
            height = self._max_height
        plain = self._reformatter.reformat(
            frame, width=width, height=height, format="yuv420p", dst_color_range="MPEG"
        )
        y, u, v = (_plane(plane) for plane in plain.planes)
        return Picture(y, u, v, taken_ns)


def _plane(plane: av.video.plane.VideoPlane) -> NDArray[np.uint8]:
    rows = np.frombuffer(memoryview(plane), np.uint8)[: plane.line_size * plane.height]
    picture: NDArray[np.uint8] = rows.reshape(plane.height, plane.line_size)[:, : plane.width]
    return picture.copy()


def kernel_time_ns(pts_us: int | None) -> int:
    """Return a V4L2 time stamp if it is this machine's monotonic clock, else the time now.

    Most drivers stamp with CLOCK_MONOTONIC in microseconds; some use wall time.
    """
    now = time.monotonic_ns()
    if pts_us is None:
        return now
    taken = pts_us * 1000
    return taken if 0 <= now - taken < MAX_CLOCK_GAP_NS else now
