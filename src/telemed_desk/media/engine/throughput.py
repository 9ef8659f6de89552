"""How much gets through: bits per second that left and that arrived, of late. Pure."""

from collections import deque
from typing import Final

from telemed_desk.media.transport.sent_log import PacketResult

WINDOW_NS: Final = 500_000_000
_MOST_MISSING: Final = 200
_MOST_ENTRIES: Final = 4000
"""Times of arrival are the other side's word: whose clock stands still fills the window for ever."""


class _Rate:
    """Bits over a sliding window of times."""

    def __init__(self) -> None:
        self._entries: deque[tuple[int, float]] = deque()
        self._bits = 0.0

    def add(self, at_ns: int, bits: float) -> None:
        self._entries.append((at_ns, bits))
        self._bits += bits
        while (
            self._entries[-1][0] - self._entries[0][0] > WINDOW_NS
            or len(self._entries) > _MOST_ENTRIES
        ):
            self._bits -= self._entries.popleft()[1]

    @property
    def bps(self) -> float | None:
        if len(self._entries) < 2:
            return None
        span_ns = self._entries[-1][0] - self._entries[0][0]
        if span_ns < WINDOW_NS // 2:
            return None
        return (self._bits - self._entries[0][1]) / (span_ns / 1e9)

    def clear(self) -> None:
        self._entries.clear()
        self._bits = 0.0


class Throughput:
    """Feed it batches of feedback in order of sending.

    A feedback packet may itself be lost; what it would have told of is then put in at the usual
    size and loss, else a lossy way back would look like a thin way there.
    """

    def __init__(self) -> None:
        self._sent, self._acked = _Rate(), _Rate()
        self._last: PacketResult | None = None
        self._usual_bits = 8000.0
        self.acked_bytes = 0
        """All that arrived since the start."""

    @property
    def acked_bps(self) -> float | None:
        """What arrived over the last half second; None while that is not known."""
        return self._acked.bps

    @property
    def sent_bps(self) -> float | None:
        """What left in about the same time."""
        return self._sent.bps

    def add(self, result: PacketResult, loss_ratio: float) -> None:
        """Take what became of one packet."""
        last, bits = self._last, 8.0 * result.size
        if last is not None and result.number > last.number + 1:
            missing = min(result.number - last.number - 1, _MOST_MISSING) * self._usual_bits
            self._sent.add(result.sent_ns, missing)
            if result.arrived_ns is not None:
                self._acked.add(result.arrived_ns, missing * (1 - loss_ratio))
        self._usual_bits += 0.05 * (bits - self._usual_bits)
        if last is None or result.number > last.number:
            self._last = result
            self._sent.add(result.sent_ns, bits)
        if result.arrived_ns is not None:
            self.acked_bytes += result.size
            self._acked.add(result.arrived_ns, bits)

    def restart(self) -> None:
        """Silence lies between: begin anew."""
        self._sent.clear()
        self._acked.clear()
        self._last = None
