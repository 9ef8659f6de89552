"""When a sound device's samples are due, from the times at which its blocks came. Pure.

A thread may be woken late, never early: the earliest arrivals of each second tell the device's own
beat, the line through them its speed. The line is Theil and Sen's (the median of all slopes, 1968), so
that a busy second does not bend it.
"""

from typing import Final

import numpy as np

from telemed_desk.media.ports import SAMPLE_RATE_HZ

_BUCKET_S: Final = 1.0
_BUCKETS: Final = 40
_SPEED_AFTER_S: Final = 6.0
"""Over a shorter time a wake-up that is late by a millisecond looks like hundreds of ppm."""
_RECENT: Final = 10
_MOST_PPM: Final = 1000.0
_STEP_S: Final = 0.008
"""Sound was lost or repeated when the beat is off by so much for two seconds."""
STOPPED_S: Final = 0.5


class DeviceClock:
    """Follows one device. One thread at a time; times are monotonic nanoseconds."""

    def __init__(self) -> None:
        self._count = 0
        self._begin()
        self._speed = 0.0

    def _begin(self) -> None:
        self._at = np.zeros(0)
        self._offset = np.zeros(0)
        self._zero_ns: int | None = None
        self._zero_count = self._count
        self._last_ns = 0
        self._bucket_since = 0.0
        self._bucket_least = np.inf
        self._intercept = 0.0
        self._odd = 0

    @property
    def ppm(self) -> float:
        """How much slower than this computer's clock the device runs, parts per million."""
        return self._speed * 1e6

    @property
    def speed(self) -> float:
        """Seconds of this computer's clock a second of the device takes, less one."""
        return self._speed

    @property
    def count(self) -> int:
        """Samples so far."""
        return self._count

    def restart(self) -> None:
        """The device was opened anew or lost sound: keep its speed, forget the beat."""
        self._begin()

    def add(self, samples: int, now_ns: int) -> bool:
        """A block of so many samples came or was asked for now.

        Returns:
            False when the device had stopped: the beat begins anew with this block.
        """
        steady = self._zero_ns is not None and now_ns - self._last_ns < STOPPED_S * 1e9
        if not steady:
            self._begin()
        if self._zero_ns is None:
            self._zero_ns = now_ns
        self._last_ns = now_ns
        at = (self._count - self._zero_count) / SAMPLE_RATE_HZ
        offset = (now_ns - self._zero_ns) / 1e9 - at
        self._count += samples
        if at - self._bucket_since > _BUCKET_S and self._bucket_least < np.inf:
            self._close_bucket(at)
        self._bucket_least = min(self._bucket_least, offset)
        if self._offset.size == 0:
            self._intercept = self._bucket_least
        else:  # nothing comes early: an earlier arrival moves the beat at once
            self._intercept = min(self._intercept, offset - self._speed * at)
        return steady

    def _close_bucket(self, at: float) -> None:
        middle, least = (self._bucket_since + at) / 2, float(self._bucket_least)
        self._bucket_since, self._bucket_least = at, np.inf
        expected = self._intercept + self._speed * middle
        self._odd = self._odd + 1 if abs(least - expected) > _STEP_S else 0
        if self._odd >= 2:
            self._at, self._offset, self._odd = self._at[:0], self._offset[:0], 0
        self._at = np.append(self._at, middle)[-_BUCKETS:]
        self._offset = np.append(self._offset, least)[-_BUCKETS:]
        if self._at[-1] - self._at[0] >= _SPEED_AFTER_S:
            first, second = np.triu_indices(self._at.size, 1)
            slopes = (self._offset[second] - self._offset[first]) / (
                self._at[second] - self._at[first]
            )
            limit = _MOST_PPM / 1e6
            self._speed = float(np.clip(np.median(slopes), -limit, limit))
        left = (self._offset - self._speed * self._at)[-_RECENT:]
        self._intercept = float(np.median(left))

    def due_ns(self, count: float) -> float:
        """Return when this sample was due; exact for samples not far from now."""
        if self._zero_ns is None:
            return 0.0
        at = (count - self._zero_count) / SAMPLE_RATE_HZ
        return self._zero_ns + (at * (1 + self._speed) + self._intercept) * 1e9

    def count_at(self, when_ns: float) -> float:
        """Return the sample that was due then; the inverse of :meth:`due_ns`."""
        if self._zero_ns is None:
            return float(self._count)
        at = ((when_ns - self._zero_ns) / 1e9 - self._intercept) / (1 + self._speed)
        return self._zero_count + at * SAMPLE_RATE_HZ
