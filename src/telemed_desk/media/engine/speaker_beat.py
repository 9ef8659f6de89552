"""When the speaker's blocks are due, whatever the operating system makes of the sound thread.

On a busy PC the thread that feeds the speaker wakes late and then takes several blocks at once. Taken at
its word, the sound in the buffer looks old by just as much, and is played faster to catch up; then the
next blocks, on time again, find the buffer empty. The beat of the samples themselves does not stumble:
a block is due when those before it have been played. Pure.
"""

from typing import Final

from telemed_desk.media.ports import SAMPLE_RATE_HZ

_WINDOW_NS: Final = 700_000_000
"""Lateness that lasts longer is none: the speaker itself stood still."""
_STOPPED_NS: Final = 500_000_000
"""A longer pause is no lateness: the speaker was closed, or is another one."""


class SpeakerBeat:
    """Follows one speaker's clock, which may run a little fast or slow. One thread."""

    def __init__(self) -> None:
        self._samples = 0
        self._last_ns: int | None = None
        self._since_ns = 0
        self._least = (0, 0)

    def due_ns(self, now_ns: int, samples: int) -> int:
        """Return when the block asked for now was due, never later than now; count its samples."""
        if self._last_ns is None or now_ns - self._last_ns > _STOPPED_NS:
            self._samples = 0
        self._last_ns = now_ns
        played_ns = self._samples * 1_000_000_000 // SAMPLE_RATE_HZ
        offset = now_ns - played_ns
        if self._samples == 0:
            self._since_ns, self._least = now_ns, (offset, offset)
        elif now_ns - self._since_ns > _WINDOW_NS:  # least of this window and the one before
            self._since_ns, self._least = now_ns, (offset, self._least[0])
        self._least = (min(self._least[0], offset), self._least[1])
        self._samples += samples
        return min(now_ns, played_ns + min(self._least))
