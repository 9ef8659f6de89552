"""How much may be sent: from what the other side reports to a target in bits per second.

Delay decides first (:mod:`.delay_trend`), loss only where it rises above what the link loses anyway:
a rural radio link loses one packet in ten however little is sent, and halving the rate again and
again would end the picture without saving a packet. Pure: clocks and reports are handed in.
"""

import math
from collections import deque
from typing import Final

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.transport.dtls import PacketResult

from .delay_trend import DelayTrend
from .queue_delay import QueueDelay

MIN_BPS: Final = 30_000.0
MAX_BPS: Final = 2_500_000.0
START_BPS: Final = {
    Rung.HD_VIDEO: 900_000.0,
    Rung.VIDEO: 450_000.0,
    Rung.LOW_VIDEO: 180_000.0,
    Rung.AUDIO_PHOTOS: 70_000.0,
}
_BACKOFF: Final = 0.85
_ACKED_WINDOW_NS: Final = 500_000_000
_DRAIN: Final = 0.6
_REAL_QUEUE_MS: Final = 12.0
_VOICE_ALONE_BPS: Final = 140_000
"""Voice alone fills little; without this the rate could never rise to where pictures begin again."""
_STANDING_MS: Final = 120.0
_MOST_VAIN_CUTS: Final = 6
_QUICK_PER_S: Final = 1.0
_CALM_PER_S: Final = 0.25
_STEADY_PER_S: Final = 0.08
_CALM_NS: Final = 5_000_000_000
_EXCESS_LOSS: Final = 0.05
_UNEASY: Final = 0.6
_LOSS_MEMORY: Final = 140
"""Packets that the smoothed loss ratio in effect averages over."""
_SILENCE_NS: Final = 1_000_000_000
_LOSS_PACKETS: Final = 20


class CongestionControl:
    """One direction of one call. Loop thread."""

    def __init__(self, start_bps: float) -> None:
        self.target_bps = start_bps
        self.loss_ratio = 0.0
        self.informed = False
        self._trend = DelayTrend()
        self._queue = QueueDelay()
        self._vain_cuts = 0
        self._queue_at_cut_ms = 0.0
        self._acked: deque[tuple[int, int]] = deque()
        self._acked_bits = 0
        self._remb_bps: float | None = None
        self._quick = True
        self._changed_ns: int | None = None
        self._congested_ns: int | None = None
        self._usual_loss = 0.0
        self._loss_window = [0, 0]
        self._lost_cut_ns = 0
        self._heard_ns: int | None = None
        self._silent = False
        self._before_silence_bps = start_bps

    @classmethod
    def for_rung(cls, rung: Rung) -> "CongestionControl":
        """Begin where the self-check or the last call suggests."""
        return cls(START_BPS.get(rung, START_BPS[Rung.AUDIO_PHOTOS]))

    @property
    def acked_bps(self) -> float | None:
        """What arrived over the last half second; None while that is not known."""
        if len(self._acked) < 2:
            return None
        span_ns = self._acked[-1][0] - self._acked[0][0]
        if span_ns < _ACKED_WINDOW_NS // 2:
            return None
        return (self._acked_bits - 8 * self._acked[0][1]) / (span_ns / 1e9)

    @property
    def silent(self) -> bool:
        """True while nothing is heard of what became of our packets."""
        return self._silent

    @property
    def usual_loss(self) -> float:
        """What the link loses for long, however little is sent."""
        return self._usual_loss

    # ---- transport-wide feedback ------------------------------------------------------------

    def on_feedback(self, results: list[PacketResult], now_ns: int, rtt_ms: float) -> None:
        """Take what became of a batch of packets."""
        self.informed = True
        if self._silent:
            self._silent = False
            self._trend.reset()
            self._queue.restart()
            self._quick = True
            self.target_bps = max(self.target_bps, 0.5 * self._before_silence_bps)
        self._heard_ns = now_ns
        for result in sorted(results, key=lambda r: r.number):
            self._loss_window[1] += 1
            if result.arrived_ns is None:
                self._loss_window[0] += 1
                continue
            self._trend.add(result.sent_ns / 1e6, result.arrived_ns / 1e6)
            self._queue.add(result.sent_ns / 1e6, result.arrived_ns / 1e6)
            self._acked.append((result.arrived_ns, result.size))
            self._acked_bits += 8 * result.size
        while self._acked and self._acked[-1][0] - self._acked[0][0] > _ACKED_WINDOW_NS:
            self._acked_bits -= 8 * self._acked.popleft()[1]
        self._weigh_loss(now_ns, rtt_ms)
        self._steer(now_ns, rtt_ms)

    @property
    def _excess_loss(self) -> float:
        """Loss beyond what is usual on this link; over 1 it is more than chance explains."""
        chance = 2.5 * math.sqrt(self._usual_loss * (1 - self._usual_loss) / _LOSS_MEMORY)
        return (self.loss_ratio - self._usual_loss) / max(_EXCESS_LOSS, chance)

    def _weigh_loss(self, now_ns: int, rtt_ms: float) -> None:
        lost, total = self._loss_window
        if total < _LOSS_PACKETS:
            return
        ratio = lost / total
        self._loss_window = [0, 0]
        self.loss_ratio += 0.25 * (ratio - self.loss_ratio)
        rising = self.loss_ratio > self._usual_loss
        self._usual_loss += (0.12 if rising else 0.3) * (self.loss_ratio - self._usual_loss)
        pause_ns = int((300 + rtt_ms) * 1e6)
        if self._excess_loss > 1 and now_ns - self._lost_cut_ns > pause_ns:
            self._lost_cut_ns = now_ns
            self._congested_ns = now_ns
            self._quick = False
            self._set(self.target_bps * (1 - 0.5 * min(self.loss_ratio, 0.5)))

    def _steer(self, now_ns: int, rtt_ms: float) -> None:
        elapsed_s = 0.0
        if self._changed_ns is not None:
            elapsed_s = min((now_ns - self._changed_ns) / 1e9, 1.0)
        self._changed_ns = now_ns
        usage = self._trend.usage
        acked = self.acked_bps
        queue_ms = self._queue.ms
        standing = queue_ms > _STANDING_MS
        if standing or (usage == "over" and queue_ms > _REAL_QUEUE_MS):
            self._quick = False
            pause_ns = int((100 + rtt_ms) * 1e6)
            if self._congested_ns is None or now_ns - self._congested_ns > pause_ns:
                self._congested_ns = now_ns
                self._back_off(acked, queue_ms)
            return
        self._vain_cuts = 0
        if usage == "under":
            return  # the queue drains: wait until it has
        calm = self._congested_ns is None or now_ns - self._congested_ns > _CALM_NS
        per_s = _STEADY_PER_S
        if self._quick:
            per_s = _QUICK_PER_S
        elif calm:
            per_s = _CALM_PER_S
        if self._excess_loss > _UNEASY:
            return
        wanted = self.target_bps * (1 + per_s) ** elapsed_s
        if acked is not None:
            # what was never filled says nothing about the link
            most = max(1.6 * acked + 20_000, _VOICE_ALONE_BPS)
            wanted = min(wanted, max(self.target_bps, most))
        self._set(wanted)

    def _back_off(self, acked: float | None, queue_ms: float) -> None:
        reached = self.target_bps if acked is None else min(acked, self.target_bps)
        # enough below what gets through that the queue drains, and no further
        least = 0.0 if acked is None else _DRAIN * acked
        self._set(max(_BACKOFF * reached, min(least, self.target_bps)))
        self._vain_cuts = self._vain_cuts + 1 if queue_ms > 0.8 * self._queue_at_cut_ms else 0
        self._queue_at_cut_ms = queue_ms
        if self._vain_cuts >= _MOST_VAIN_CUTS:
            # sending less does not help, so it is not our queue: the way itself became longer
            self._queue.restart()
            self._vain_cuts = 0

    def _set(self, bps: float) -> None:
        most = MAX_BPS if self._remb_bps is None else min(MAX_BPS, self._remb_bps)
        self.target_bps = min(max(bps, MIN_BPS), max(most, MIN_BPS))

    # ---- silence, and other kinds of report -------------------------------------------------

    def tick(self, now_ns: int, rtt_ms: float) -> None:
        """Sending into silence: less and less, so that the return finds no queue."""
        if self._heard_ns is None:
            return
        patience_ns = max(_SILENCE_NS, int(3e6 * rtt_ms))
        if now_ns - self._heard_ns < patience_ns:
            return
        if not self._silent:
            self._silent = True
            self._before_silence_bps = self.target_bps
        elapsed_s = min((now_ns - (self._changed_ns or now_ns)) / 1e9, 1.0)
        self._changed_ns = now_ns
        self._set(max(self.target_bps * 0.7**elapsed_s, 2 * MIN_BPS))

    def on_remb(self, bps: float) -> None:
        """Take a receiver's own estimate (peers without transport-wide feedback)."""
        self.informed = True
        self._remb_bps = max(bps, MIN_BPS)
        self._set(self.target_bps)

    def on_loss_report(self, kind: str, ratio: float, now_ns: int) -> None:
        """Take a receiver report's loss; only where there is no transport-wide feedback."""
        del kind
        self.informed = True
        self._heard_ns = now_ns
        self._silent = False
        self.loss_ratio += 0.4 * (ratio - self.loss_ratio)
        if self.loss_ratio < 0.02:
            self._set(self.target_bps * 1.05)
        elif self.loss_ratio > 0.1:
            self._set(self.target_bps * (1 - 0.5 * self.loss_ratio))
