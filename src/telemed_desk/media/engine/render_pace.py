"""When to show a decoded picture: late enough that most repaired ones are in time.

Shown the moment it is whole, a picture that lost a packet comes a round trip late, and the screen stands
still and then jumps. Held back by what the late ones of the last seconds needed, all come evenly: by no
more than it takes to keep the time spent in gaps within what is told below, so that where one repeat in
ten needs a second, all are held back for the second too, and where nothing is lost, for nothing. Pure:
clocks are handed in.
"""

from collections import deque
from typing import Final

import numpy as np

from telemed_desk.media.transport.sequence import Unwrapper

_CLOCK_PER_MS: Final = 90
_WINDOW: Final = 450
_BASE_MS: Final = 5000.0
_WORTH_MS: Final = 40.0
MOST_MS: Final = 700.0
_STEP_MS: Final = 20.0
_HOLDS: Final = np.arange(0.0, MOST_MS + _STEP_MS, _STEP_MS)
_LOOK_EVERY: Final = 5
_GROWS: Final = 0.25
"""Of the time: pictures are shown a quarter slower until they are as late as they must be, not held."""
_SHRINKS: Final = 0.06
FROZEN_MS: Final = 160.0
FROZEN_SHARE: Final = 0.01
STUTTER_MS: Final = 120.0
STUTTER_SHARE: Final = 0.06
"""Gaps longer than these may take that share of the time; fewer would cost more delay than worth."""
DISTURBED_MS: Final = 450.0
_MOST_INTERVAL_MS: Final = 100.0


class RenderPace:
    """Decides for one stream. One thread."""

    def __init__(self) -> None:
        self._unwrap = Unwrapper(32)
        self._late: deque[tuple[float, float]] = deque(maxlen=_WINDOW)
        self._base: tuple[float, float, float] | None = None
        self._wanted_ms = 0.0
        self._hold_ms = 0.0
        self._count = 0
        self.extra_ms = 0.0
        """Held back by this more, to go with the sound."""

    @property
    def hold_ms(self) -> float:
        """By how much the fastest pictures are held back for the sake of the late ones."""
        return self._hold_ms

    @property
    def waits_ms(self) -> float:
        """By how much the fastest pictures are held back in all."""
        return self._hold_ms + self.extra_ms

    def due_ns(self, timestamp: int, whole_ns: int) -> int:
        """Return when to show the picture with this RTP time, whole since ``whole_ns``."""
        whole_ms = whole_ns / 1e6
        at_ms = self._unwrap.unwrap(timestamp) / _CLOCK_PER_MS
        lag = whole_ms - at_ms
        since, current, before = self._base or (whole_ms, lag, lag)
        if whole_ms - since > _BASE_MS:
            since, current, before = whole_ms, lag, current
        current = min(current, lag)
        self._base = (since, current, before)
        base = min(current, before)
        late = lag - base
        if late > 3 * MOST_MS:  # another count, or the end of an outage: begin anew
            self._base = (whole_ms, lag, lag)
            self._late.clear()
            return whole_ns
        elapsed_ms = 0.0
        if self._late:
            elapsed_ms = min(max(at_ms - self._late[-1][0], 0.0), _MOST_INTERVAL_MS)
        self._late.append((at_ms, late))
        self._count += 1
        if self._count % _LOOK_EVERY == 0 or late > self._hold_ms + STUTTER_MS:
            self._wanted_ms = self._needed_ms()
        self._hold_ms = min(
            max(self._wanted_ms, self._hold_ms - _SHRINKS * elapsed_ms),
            self._hold_ms + _GROWS * elapsed_ms,
        )
        if self._wanted_ms < _WORTH_MS and self._hold_ms < _WORTH_MS:
            self._hold_ms = max(0.0, self._hold_ms - _GROWS * elapsed_ms)
        return max(whole_ns, int((at_ms + base + self.waits_ms) * 1e6))

    def _needed_ms(self) -> float:
        """Return the least delay with which the last pictures would have come evenly enough."""
        table = np.array(self._late)
        if len(table) < 2:
            return 0.0
        at, late = table[:, 0], table[:, 1]
        intervals = np.clip(np.diff(at), 0.0, _MOST_INTERVAL_MS)
        span = max(float(at[-1] - at[0]), 2000.0)
        # what each delay would have made of them: rows are delays, columns pictures
        shown = np.maximum.accumulate(
            np.maximum(late[None, :], _HOLDS[:, None]) + at[None, :], axis=1
        )
        gaps = np.diff(shown, axis=1)
        gaps = np.where(np.diff(at)[None, :] > _MOST_INTERVAL_MS, intervals[None, :], gaps)
        standing = np.where(gaps > FROZEN_MS, gaps, 0.0)
        worst = standing.max(axis=1)  # one disturbance is no reason to hold back all that follows
        frozen = (standing.sum(axis=1) - np.where(worst > DISTURBED_MS, worst, 0.0)) / span
        stutter = np.where(gaps > STUTTER_MS, gaps, 0.0).sum(axis=1) / span
        good = np.flatnonzero((frozen <= FROZEN_SHARE) & (stutter <= STUTTER_SHARE))
        return float(_HOLDS[good[0]] if good.size else _HOLDS[-1])
