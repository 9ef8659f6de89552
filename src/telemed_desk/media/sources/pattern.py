"""A camera made of moving bars and a frame counter: real pictures on a PC without a camera."""

import time

import numpy as np

from telemed_desk.devices.specs import UsePattern
from telemed_desk.media.ports import Picture
from telemed_desk.media.sources.barcode import draw_count
from telemed_desk.media.sources.newest import Capture, RealTime, StateListener

_BAR_LUMA = (180, 160, 140, 120, 105, 90, 75, 60)
_BAR_U = (128, 44, 156, 72, 184, 100, 212, 128)
_BAR_V = (128, 142, 44, 58, 198, 212, 114, 128)


class PatternCamera(Capture):
    """Colour bars that move a little each picture, with the counter of :mod:`.barcode` on top.

    A band of noise in the middle gives an encoder some real work and the self-check some detail.
    """

    def __init__(self, spec: UsePattern, on_state: StateListener) -> None:
        super().__init__("pattern-camera", on_state)
        self._fps = spec.fps
        width, height = spec.width, spec.height
        bar = np.arange(width) * len(_BAR_LUMA) // width
        # Twice as wide as the picture, so that moving is a slice and costs one copy.
        self._luma = np.tile(np.take(np.array(_BAR_LUMA, np.uint8), bar), (height, 2))
        noise = np.random.default_rng(1).integers(-25, 25, (height // 8, width * 2))
        band = slice(height // 2, height // 2 + height // 8)
        self._luma[band] = (self._luma[band].astype(np.int16) + noise).astype(np.uint8)
        half = (height // 2, 2)
        self._u = np.tile(np.take(np.array(_BAR_U, np.uint8), bar[::2]), half)
        self._v = np.tile(np.take(np.array(_BAR_V, np.uint8), bar[::2]), half)
        self._width = width

    def _run(self) -> None:
        pace = RealTime(1 / self._fps, self._closing)
        self._say("")
        count = 0
        while pace.next():
            self._pictures.put(self.draw(count))
            count += 1

    def draw(self, count: int) -> Picture:
        """Return the picture with this number, taken now."""
        width = self._width
        shift = count * 4 % width
        shift -= shift % 2
        luma = self._luma[:, shift : shift + width].copy()
        draw_count(luma, count)
        colour = slice(shift // 2, (shift + width) // 2)
        return Picture(
            luma, self._u[:, colour].copy(), self._v[:, colour].copy(), time.monotonic_ns()
        )
