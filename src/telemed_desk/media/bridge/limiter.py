"""Adds voices without clipping: a gain that gives way at once and comes back slowly, then a soft knee.

A single voice passes bit for bit. int16 sums that wrap or saturate are what makes conference mixes
crackle when two laugh at once.
"""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemed_desk.media.ports import SoundBlock

KNEE: Final = 29_000
"""-1.06 dBFS: below it, and while the gain is 1, nothing is touched."""
_ROOM: Final = 32_767 - KNEE
_ATTACK: Final = 96
"""2 ms: shorter is heard as a click, longer lets the peak through to the knee."""
_RELEASE: Final = 1.02
"""A block of 10 ms gets this much louder again at most: 17 dB a second."""


class Limiter:
    """Sums blocks of equal length into one. One thread; remembers its gain between blocks."""

    def __init__(self) -> None:
        self._gain = 1.0

    @property
    def gain(self) -> float:
        """What the last sample was multiplied with; at most 1."""
        return self._gain

    def mix(self, blocks: Sequence[SoundBlock]) -> SoundBlock:
        """Return the sum of at least one block, never above full scale."""
        if len(blocks) == 1 and self._gain == 1.0:
            return blocks[0]
        total = blocks[0].astype(np.int32)
        for block in blocks[1:]:
            total += block
        peak = int(np.abs(total).max(initial=0))
        most = 1.0 if peak <= KNEE else KNEE / peak
        before, self._gain = self._gain, min(most, self._gain * _RELEASE, 1.0)
        if before == self._gain == 1.0:
            return total.astype(np.int16)
        gains = np.full(total.size, self._gain, dtype=np.float32)
        ramp = min(_ATTACK, total.size)
        gains[:ramp] = np.linspace(before, self._gain, ramp, dtype=np.float32)
        return _soft(total * gains)


def _soft(sound: NDArray[np.floating[Any]]) -> SoundBlock:
    """Bend what is still above the knee, so that the ramp's overshoot has no corner."""
    over = np.abs(sound) - KNEE
    if over.max(initial=0.0) > 0:
        bent = KNEE + _ROOM * np.tanh(np.maximum(over, 0.0) / _ROOM)
        sound = np.where(over > 0, np.copysign(bent, sound), sound)
    whole: SoundBlock = np.rint(sound).astype(np.int16)
    return whole
