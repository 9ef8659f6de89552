"""Where a call gets pictures and sound from, and where it puts them.

Cameras, microphones and speakers, and their stand-ins (file, pattern, tone, null), implement these;
the call engine knows nothing else of devices. All times are ``time.monotonic_ns`` of this machine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 48_000
BLOCK_SAMPLES = 480
"""Sound moves in blocks of 10 ms: int16, mono, 48 kHz."""

SoundBlock = NDArray[np.int16]


@dataclass(frozen=True, slots=True)
class Picture:
    """One I420 picture.

    Attributes:
        y: uint8, shape (height, width).
        u: uint8, shape (height // 2, width // 2).
        v: As ``u``.
        taken_ns: When the light fell on the sensor, as near as the source knows.
    """

    y: NDArray[np.uint8]
    u: NDArray[np.uint8]
    v: NDArray[np.uint8]
    taken_ns: int

    @property
    def width(self) -> int:
        """Pixels across; even."""
        return int(self.y.shape[1])

    @property
    def height(self) -> int:
        """Pixels down; even."""
        return int(self.y.shape[0])


class PictureSource(Protocol):
    """A camera. Its own thread captures; the newest picture wins."""

    def newest(self) -> Picture | None:
        """Return the newest picture, or None when there is none yet. Any thread; never blocks."""
        ...

    def wait_newer(self, than_ns: int, timeout_s: float) -> Picture | None:
        """Block until a picture newer than ``than_ns``; None on time-out. Worker threads only."""
        ...


class SoundSource(Protocol):
    """A microphone. Calls back from its own thread with 10 ms blocks, without end while open."""

    def subscribe(self, on_block: Callable[[SoundBlock, int], None]) -> Callable[[], None]:
        """Register a listener for (block, taken_ns); returns the function that ends it.

        The listener runs on the capture thread and must return within a millisecond or two.
        """
        ...


class PictureSink(Protocol):
    """Where decoded pictures of the other side go, newest wins."""

    def present(self, picture: Picture) -> None:
        """Take a picture to show now. Called on a decoder thread; must not block."""
        ...


class SoundFeed(Protocol):
    """What a speaker plays: the call's playout buffer, pulled by the speaker's clock."""

    def pull(self, samples: int) -> SoundBlock:
        """Return exactly this many samples, silence if there is nothing. Called on the sound thread."""
        ...
