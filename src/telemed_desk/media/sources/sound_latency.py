"""How much a sound device buffers: little, until it has really run dry. Pure.

PortAudio cannot change the buffer of an open stream; a bigger one means opening it anew, which is
heard. So it is done only after sound was lost anyway, and made smaller only the next time the device is
opened, after it ran clean.
"""

from collections import deque
from typing import Final

STEPS_S: Final = (0.0, 0.02, 0.04, 0.08, 0.16)
"""Asked-for latencies; 0 is the device's own idea of low."""
_LOSSES: Final = 3
_WITHIN_NS: Final = 10_000_000_000
_SETTLING_NS: Final = 1_000_000_000
"""A stream that was just opened loses sound once; that says nothing."""
_CLEAN_NS: Final = 300_000_000_000


class SteadyLatency:
    """The buffer of one device. One thread at a time; times are monotonic nanoseconds."""

    def __init__(self) -> None:
        self._step = 0
        self._opened_ns: int | None = None
        self._lost_ns: int | None = None
        self._recent: deque[int] = deque(maxlen=_LOSSES)
        self.losses = 0

    @property
    def latency_s(self) -> float:
        """What to ask for now; 0 = the device's low."""
        return STEPS_S[self._step]

    def opened(self, now_ns: int) -> None:
        """The stream is opened now; after a clean stretch it may buffer one step less."""
        since = self._lost_ns if self._lost_ns is not None else self._opened_ns
        if self._step and since is not None and now_ns - since > _CLEAN_NS:
            self._step -= 1
            self._lost_ns = now_ns
        self._opened_ns = now_ns
        self._recent.clear()

    def lost(self, now_ns: int) -> bool:
        """Sound was lost (an under- or overrun); True when the stream should buffer more."""
        if self._opened_ns is None or now_ns - self._opened_ns < _SETTLING_NS:
            return False
        self.losses += 1
        self._lost_ns = now_ns
        self._recent.append(now_ns)
        often = len(self._recent) == _LOSSES and now_ns - self._recent[0] < _WITHIN_NS
        if not often or self._step == len(STEPS_S) - 1:
            return False
        self._step += 1
        self._recent.clear()
        return True
