"""Compare what was said with what was heard: how late, and how much of it arrived.

A :class:`Sound` is a recording on the wall clock of this machine; both sides of a test call run on
the same machine, so the two can be laid over each other.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import correlate, resample_poly

from tests.support.media import SAMPLE_RATE_HZ, Samples

_RATE_HZ = 16_000
"""Enough for speech, a third of the work."""
_EARLY_MS = 100
_LATEST_MS = 4000
RECOGNISED = 0.35
"""Normalised correlation from which a piece of two seconds counts as found."""
RECOGNISED_SHORT = 0.55
"""As before, of half a second: the shorter, the more alike is what does not belong together."""


@dataclass(frozen=True)
class Sound:
    """A recording.

    Attributes:
        samples: 48 kHz mono.
        wall_ms: Unix ms of some of the samples, rising.
        index: Which samples those are.
    """

    samples: Samples
    wall_ms: NDArray[np.float64]
    index: NDArray[np.float64]

    @classmethod
    def from_start(cls, samples: Samples, start_ms: float) -> "Sound":
        """Make a recording whose clock is steady from its first sample on."""
        return cls(samples, np.array([start_ms]), np.array([0.0]))

    @property
    def end_ms(self) -> float:
        """When it ends."""
        rest = self.samples.size - self.index[-1]
        return float(self.wall_ms[-1] + rest * 1000 / SAMPLE_RATE_HZ)

    def cut(self, from_ms: float, samples: int) -> NDArray[np.float64]:
        """Return this many samples from a moment on; silence where nothing was recorded."""
        knot = max(0, int(np.searchsorted(self.wall_ms, from_ms)) - 1)
        exact = self.index[knot] + (from_ms - self.wall_ms[knot]) * SAMPLE_RATE_HZ / 1000
        first = round(exact)
        piece = np.zeros(samples)
        begin, end = max(0, first), min(self.samples.size, first + samples)
        if end > begin:
            piece[begin - first : end - first] = self.samples[begin:end]
        return piece


@dataclass(frozen=True)
class Match:
    """A piece of what was said, looked for in what was heard."""

    said_ms: float
    delay_ms: float
    likeness: float


@dataclass(frozen=True)
class SoundReport:
    """One direction of a call.

    Attributes:
        found_share: Of the pieces that were said, how many were recognised.
        delay_p50_ms: Mouth to ear, of the recognised pieces; None when there is none.
        delay_p95_ms: As before.
        heard_share: Of the 100 ms pieces in which something was said, in how many something of
            comparable strength was heard at the place where it belongs.
    """

    found_share: float
    delay_p50_ms: float | None
    delay_p95_ms: float | None
    heard_share: float


def find(said: Sound, heard: Sound, at_ms: float, length_ms: float = 2000) -> Match | None:
    """Look for what was said at a moment; None when it was silence."""
    down = SAMPLE_RATE_HZ // _RATE_HZ
    count = int(length_ms * SAMPLE_RATE_HZ / 1000)
    piece = resample_poly(said.cut(at_ms, count), 1, down)
    piece -= piece.mean()
    if piece.std() < 50:
        return None
    span = count + int((_EARLY_MS + _LATEST_MS) * SAMPLE_RATE_HZ / 1000)
    place = resample_poly(heard.cut(at_ms - _EARLY_MS, span), 1, down)
    product = correlate(place, piece, mode="valid", method="fft")
    power = np.concatenate([[0.0], np.cumsum(place**2)])
    energy = np.maximum(power[piece.size :] - power[: -piece.size], 1.0)
    likeness = product / np.sqrt(energy * (piece**2).sum())
    best = int(likeness.argmax())
    return Match(at_ms, best * 1000 / _RATE_HZ - _EARLY_MS, float(likeness[best]))


def compare(
    said: Sound, heard: Sound, from_ms: float, to_ms: float, *, short: bool = False
) -> SoundReport:
    """Compare a stretch of a call; what is said after ``to_ms`` - 2 s is left out.

    Args:
        said: By the one.
        heard: By the other.
        from_ms: Unix ms.
        to_ms: Unix ms.
        short: Look for pieces of half a second instead of two. A player that evens out late packets
            plays a little faster or slower, and then long pieces no longer lie on each other.
    """
    length_ms, enough = (500.0, RECOGNISED_SHORT) if short else (2000.0, RECOGNISED)
    moments = np.arange(from_ms, to_ms - 2000, 500)
    found_or_not = (find(said, heard, float(at), length_ms) for at in moments)
    matches = [match for match in found_or_not if match is not None]
    found = [match for match in matches if match.likeness >= enough]
    if not found:
        return SoundReport(0.0, None, None, 0.0)
    delays = np.array([match.delay_ms for match in found])
    return SoundReport(
        len(found) / len(matches),
        float(np.percentile(delays, 50)),
        float(np.percentile(delays, 95)),
        heard_share(said, heard, found, from_ms, to_ms - float(delays.max())),
    )


def heard_share(
    said: Sound, heard: Sound, found: list[Match], from_ms: float, to_ms: float
) -> float:
    """Return in how many 100 ms pieces of speech something as strong was heard where it belongs."""
    count = SAMPLE_RATE_HZ // 10
    spoken, received = [], []
    for at in np.arange(from_ms, to_ms - 100, 100):
        nearest = min(found, key=lambda match: abs(match.said_ms + 1000 - at))
        spoken.append(float(np.sqrt(np.mean(said.cut(float(at), count) ** 2))))
        received.append(
            float(np.sqrt(np.mean(heard.cut(float(at) + nearest.delay_ms, count) ** 2)))
        )
    strength = np.array(spoken)
    level = np.array(received)
    talking = strength > 0.3 * np.median(strength[strength > 50])
    if not talking.any():
        return 0.0
    gain = np.median(level[talking] / strength[talking])
    return float(np.mean(level[talking] > 0.25 * max(gain, 0.05) * strength[talking]))
