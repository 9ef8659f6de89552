"""Makes speech a little shorter or longer without changing its pitch: one period taken out or added.

A plain form of waveform similarity overlap-add (Verhelst and Roelands, 1993) on one frame.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemed_desk.media.ports import SoundBlock

_SHORTEST: Final = 120
"""2.5 ms: 400 Hz, above any voice's pitch."""
_LONGEST: Final = 480
_IN_A_HURRY: Final = 300
_OVERLAP: Final = 240
_ALIKE: Final = 0.7
_QUIET: Final = 120.0
JOINT: Final = 240
"""5 ms: over so much one sound is faded into another."""


def _best_lag(sound: NDArray[np.float32], shortest: int) -> tuple[int, float]:
    head = sound[:_OVERLAP]
    region = sound[shortest : _LONGEST + _OVERLAP]
    products = np.correlate(region, head, mode="valid")
    energy = np.concatenate(([0.0], np.cumsum(region.astype(np.float64) ** 2)))
    windows = energy[_OVERLAP:] - energy[:-_OVERLAP]
    norm = np.sqrt(np.maximum(windows * float(np.dot(head, head)), 1.0))
    likeness = products / norm[: products.size]
    best = int(np.argmax(likeness))
    return best + shortest, float(likeness[best])


def _choose(sound: NDArray[np.float32], *, must: bool) -> int | None:
    if sound.size < _LONGEST + _OVERLAP:
        return None
    if float(np.sqrt(np.mean(sound**2))) < _QUIET:
        return _LONGEST  # nobody hears a longer pause
    lag, likeness = _best_lag(sound, _IN_A_HURRY if must else _SHORTEST)
    return lag if must or likeness >= _ALIKE else None


def shorten(block: SoundBlock, *, must: bool = False) -> SoundBlock:
    """Take one pitch period (2.5 to 10 ms) out; the same block when that would be heard.

    Args:
        block: 20 ms or more.
        must: Do it even where it may be heard.
    """
    sound = block.astype(np.float32)
    lag = _choose(sound, must=must)
    if lag is None:
        return block
    fade = np.linspace(0.0, 1.0, _OVERLAP, dtype=np.float32)
    joint = sound[:_OVERLAP] * (1 - fade) + sound[lag : lag + _OVERLAP] * fade
    return np.concatenate((joint, sound[lag + _OVERLAP :])).astype(np.int16)


def lengthen(block: SoundBlock) -> SoundBlock:
    """Put one pitch period in; the same block when that would be heard."""
    sound = block.astype(np.float32)
    lag = _choose(sound, must=False)
    if lag is None:
        return block
    fade = np.linspace(0.0, 1.0, _OVERLAP, dtype=np.float32)
    joint = sound[lag : lag + _OVERLAP] * (1 - fade) + sound[:_OVERLAP] * fade
    return np.concatenate((sound[:lag], joint, sound[_OVERLAP:])).astype(np.int16)


def join(tail: SoundBlock, block: SoundBlock) -> SoundBlock:
    """Begin a block with the sound that would have gone on, faded over within 5 ms."""
    count = min(JOINT, tail.size, block.size)
    fade = np.linspace(0.0, 1.0, count, dtype=np.float32)
    joint = tail[:count] * (1 - fade) + block[:count] * fade
    return np.concatenate((joint.astype(np.int16), block[count:]))
