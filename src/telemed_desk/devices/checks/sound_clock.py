"""How fast a microphone's clock really runs, from when its blocks came. Pure.

A thread may be woken late, never early: the earliest arrivals lie on a line, whose slope is the drift.
How far that slope may be trusted is told with it, so that a busy PC is not taken for a bad device.

A sound server hands blocks on by a timer of its own: through PulseAudio they come each a little later
than the one before, until two come at once, 10 ms in 1.2 to 2.4 s (measured, PulseAudio 16.1). On such a
saw only its lowest teeth tell of the device: coarse parts, each with a tooth, then tell what fine ones
cannot. But sound lost twice is a slope to three coarse parts: they are believed for a good clock only.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.limits import LIMITS

_FINE, _COARSE = 12, 3
_KEPT: Final = 0.6
_LEAST_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ClockDrift:
    """What was seen of a clock, in parts per million of this computer's.

    Attributes:
        ppm: Positive = the device is fast.
        unsure_ppm: May be off by as much.
        stalled_s: The longest time in which no block came.
    """

    ppm: float
    unsure_ppm: float
    stalled_s: float = 0.0

    @property
    def certain_ppm(self) -> float:
        """How much drift there is at least, without sign: what is compared with the limits."""
        return max(0.0, abs(self.ppm) - self.unsure_ppm)


def clock_drift(
    counts: NDArray[np.int64], times_s: NDArray[np.float64], rate_hz: float
) -> ClockDrift | None:
    """Return a device's drift; None when the time is too short to tell.

    Args:
        counts: Samples that had come in all, at each block.
        times_s: When that block came, this computer's monotonic clock.
        rate_hz: What the device should give.
    """
    if counts.size < 4 * _FINE or times_s[-1] - times_s[0] < _LEAST_S:
        return None
    at = times_s - times_s[0]
    late = at - (counts - counts[0]) / rate_hz  # grows when the device is slow
    stalled_s = float(np.diff(at).max())
    fine, coarse = (_line(at, late, parts, stalled_s) for parts in (_FINE, _COARSE))
    if fine is None or coarse is None:
        return fine
    good = coarse.certain_ppm < LIMITS["M8"].good
    return coarse if good and coarse.unsure_ppm < fine.unsure_ppm else fine


def _line(
    at: NDArray[np.float64], late: NDArray[np.float64], count: int, stalled_s: float
) -> ClockDrift | None:
    """Return what the earliest blocks of so many parts tell."""
    edges = np.linspace(0, at[-1], count + 1)
    parts = np.clip(np.searchsorted(edges, at, "right") - 1, 0, count - 1)
    middles, least = [], []
    for part in range(count):
        inside = parts == part
        if inside.any():
            first = int(np.flatnonzero(inside)[np.argmin(late[inside])])
            middles.append(at[first])
            least.append(late[first])
    if len(middles) < max(_COARSE, count // 2):
        return None
    when, early = np.array(middles), np.array(least)
    slope = _slope(when, early)
    rest = early - slope * when
    # A part in which every block came late says nothing: the earliest of all parts lie on a line.
    kept = np.argsort(rest)[: max(_COARSE, round(_KEPT * when.size))]
    slope = _slope(when[kept], early[kept])
    rest = (early - slope * when)[kept]
    # The lowest and the highest line that they allow.
    unsure = 2 * float(np.ptp(rest)) / float(np.ptp(when[kept]))
    # Sound that was lost is a step, not a slope: a clock that is off is so in each third.
    for third in np.array_split(np.arange(when.size), 3):
        if third.size > 1:
            apart = float(when[third[-1]] - when[third[0]])
            alone = float(early[third[-1]] - early[third[0]]) / apart
            unsure = max(unsure, abs(alone - slope))
    return ClockDrift(-slope * 1e6, unsure * 1e6, stalled_s)


def _slope(when: NDArray[np.float64], early: NDArray[np.float64]) -> float:
    """Return the median slope of all pairs that are far enough apart (Theil 1950, Sen 1968)."""
    first, second = np.triu_indices(when.size, 1)
    apart = when[second] - when[first]
    far = np.abs(apart) > np.ptp(when) / 3
    return float(np.median((early[second] - early[first])[far] / apart[far]))
