"""How much may be sent: from what the other side reports to a target in bits per second.

Delay decides first (:mod:`.delay_trend`, :mod:`.queue_delay`), loss only where it rises above what
the link loses anyway (:mod:`.loss_sense`), and probes find what nobody sends yet (:mod:`.probing`).
Pure: clocks and reports are handed in. docs/adr/0007 tells what was measured.
"""

from dataclasses import dataclass
from typing import Final

from telemed_desk.clinical.ladder import MOST_BPS, Rung
from telemed_desk.media.transport.sent_log import PacketResult

from .delay_trend import DelayTrend
from .loss_sense import LossSense, Verdict
from .probing import Probe, Prober, Situation
from .queue_delay import QueueDelay
from .throughput import Throughput

MIN_BPS: Final = 16_000.0
"""Voice of 8 kbit/s in packets of 60 ms."""
MAX_BPS: Final = float(MOST_BPS)
START_BPS: Final = {
    Rung.HD_VIDEO: 700_000.0,
    Rung.VIDEO: 300_000.0,
    Rung.LOW_VIDEO: 180_000.0,
    Rung.AUDIO_PHOTOS: 70_000.0,
}
"""Low, because the first probe doubles it within a round trip where the link carries that."""
_BACKOFF: Final = 0.85
_TRIAL: Final = 0.75
_NOT_SENT: Final = 0.75
_FULL_SHARE: Final = 0.8
_CARRIED: Final = 0.6
_REAL_QUEUE_MS: Final = 12.0
_STANDING_MS: Final = 70.0
_NOISE: Final = 2.5
"""Jitter keeps packets in order, so that even the quickest of some hundred ms comes late."""
_CALM_QUEUE_MS: Final = 25.0
_REPAIR_QUEUE_MS: Final = 40.0
_DRAIN_FROM_MS: Final = 80.0
_DRAIN_MS: Final = 300.0
_LATE_VOICE_MS: Final = 800.0
_GOOD_VOICE_MS: Final = 250.0
_VOICE_FILLS_BPS: Final = 60_000.0
"""On a line that carries little more than a voice, a second of queue takes a quarter of a minute to
drain at the least rate of voice; a gap of a second is the lesser evil."""
_MOST_VAIN_CUTS: Final = 6
_LESS: Final = 0.7
_ADD_PER_S: Final = 20_000.0
_ADD_SHARE_PER_S: Final = 0.10
_FREE_PER_S: Final = 0.08
_BLIND_PER_S: Final = 0.25
_BLIND_VOICE_BPS: Final = 140_000.0
"""Without probes voice alone, which fills little, could never rise to where pictures begin."""
_CEILING_NS: Final = 60_000_000_000
_UNEASY: Final = 0.6
_SILENCE_NS: Final = 1_000_000_000
_TIGHT: Final = 1.3
_LOOSE: Final = 2.5
_LOOSE_AFTER_NS: Final = 20_000_000_000
_WINDOW_S: Final = 0.35
_LEAST_WINDOW: Final = 8_000
_FIRST_WINDOW_S: Final = 0.27
_LEAST_FIRST_WINDOW: Final = 3_000
"""Before anything is known: room for the first key frame, which waits for no report, and no more. It
grows by what arrives, as TCP's does."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How the pacer shall send.

    Attributes:
        video_bps: Rate at which pictures and repeats leave; 0 while a queue drains.
        window_bytes: Pictures wait while more than this is on its way unanswered; None = no limit.
        skip_voice: Voice is left out for a moment: it alone has filled a queue of a second.
    """

    video_bps: float
    window_bytes: int | None
    skip_voice: bool = False


class CongestionControl:
    """One direction of one call. Loop thread."""

    def __init__(self, start_bps: float) -> None:
        self.target_bps = start_bps
        self.informed = False
        self.can_probe = False
        self.wanted_bps = MAX_BPS
        self._trend = DelayTrend()
        self._queue = QueueDelay()
        self._loss = LossSense()
        self._through = Throughput()
        self._prober = Prober()
        self._vain_cuts = 0
        self._queue_at_cut_ms = 0.0
        self._sent_at_cut_bps = 0.0
        self._before_loss_bps = 0.0
        self._ceiling_bps: float | None = None
        self._first_window = max(start_bps * _FIRST_WINDOW_S / 8, _LEAST_FIRST_WINDOW)
        self._remb_bps: float | None = None
        self._twcc = False
        self._skip_until_ns = 0
        self._changed_ns: int | None = None
        self._congested_ns: int | None = None
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
        return self._through.acked_bps

    @property
    def queue_ms(self) -> float:
        """What stands in the queue on the way."""
        return self._queue.ms

    @property
    def silent(self) -> bool:
        """True while nothing is heard of what became of our packets."""
        return self._silent

    @property
    def loss_ratio(self) -> float:
        """Share of packets lost, smoothed."""
        return self._loss.ratio

    @property
    def usual_loss(self) -> float:
        """Share of packets that this link loses whatever is sent."""
        return self._loss.usual

    @property
    def repairable_loss(self) -> float:
        """Loss against which repair is worth its rate: not what our own sending makes."""
        ours = self._loss.caused or self._queue.ms > _REPAIR_QUEUE_MS
        return self._loss.usual if ours else max(self._loss.usual, self._loss.ratio)

    # ---- transport-wide feedback ------------------------------------------------------------

    @property
    def on_trial(self) -> bool:
        """Less is sent for a moment, to see whose the loss is."""
        return self._loss.on_trial

    def on_feedback(self, results: list[PacketResult], now_ns: int, rtt_ms: float) -> None:
        """Take what became of a batch of packets."""
        self.informed = self._twcc = True
        if self._silent:
            self._come_back()
            # what was lost in the outage says nothing about the link as it is now
            results = [result for result in results if result.arrived_ns is not None]
        self._heard_ns = now_ns
        results = sorted(results, key=lambda r: r.number)
        for result in results:
            self._through.add(result, self._loss.ratio)
            if result.arrived_ns is None:
                continue
            sent_ms, arrived_ms = result.sent_ns / 1e6, result.arrived_ns / 1e6
            self._queue.add(sent_ms, arrived_ms)
            if not result.probe:  # a probe makes a queue on purpose
                self._trend.add(sent_ms, arrived_ms)
        self._prober.add(results)
        self._weigh_loss(self._loss.add(results, self._queue.ms, now_ns), now_ns, rtt_ms)
        self._read_probe(now_ns, rtt_ms)
        self._steer(now_ns, rtt_ms)

    def _come_back(self) -> None:
        self._silent = False
        self._trend.reset()
        self._queue.restart()
        self._through.restart()
        self._ceiling_bps = self._congested_ns = None
        self._prober.begin_anew()
        self.target_bps = max(self.target_bps, 0.5 * self._before_silence_bps)

    def _weigh_loss(self, verdict: Verdict, now_ns: int, rtt_ms: float) -> None:
        if verdict == "own":
            self._set(max(self.target_bps, self._before_loss_bps))
        elif verdict == "less" and (self._loss.on_trial or self._pause_over(now_ns, 300 + rtt_ms)):
            if self._loss.begin_trial(now_ns, rtt_ms):
                self._before_loss_bps = self.target_bps
            self._congested_ns = now_ns
            self._ceiling_bps = self.target_bps
            share = self._loss.ratio - self._loss.usual if self._loss.caused else 0.0
            self._set(self.target_bps * min(_TRIAL, 1 - share))

    def _pause_over(self, now_ns: int, pause_ms: float) -> bool:
        return self._congested_ns is None or now_ns - self._congested_ns > pause_ms * 1e6

    def _steer(self, now_ns: int, rtt_ms: float) -> None:
        elapsed_s = 0.0
        if self._changed_ns is not None:
            elapsed_s = min((now_ns - self._changed_ns) / 1e9, 1.0)
        self._changed_ns = now_ns
        queue_ms, usage = self._queue.ms, self._trend.usage
        noise_ms = _NOISE * self._queue.jitter_ms
        real_ms, standing_ms = _REAL_QUEUE_MS + noise_ms, _STANDING_MS + noise_ms
        if queue_ms > standing_ms or (usage == "over" and queue_ms > real_ms):
            if self._pause_over(now_ns, 100 + rtt_ms):
                self._congested_ns = now_ns
                self._back_off(queue_ms)
            if queue_ms > _LATE_VOICE_MS and self.target_bps < _VOICE_FILLS_BPS:
                self._skip_voice(queue_ms, now_ns)
            return
        self._vain_cuts = 0
        if usage == "under" or queue_ms > _CALM_QUEUE_MS + noise_ms:
            return  # the queue drains: wait until it has
        if self._loss.excess > _UNEASY or self._loss.on_trial:
            return
        self._grow(now_ns, elapsed_s)

    def _skip_voice(self, queue_ms: float, now_ns: int) -> None:
        # what was sent before the gap still arrives late: it says nothing about the queue after it
        if now_ns > self._skip_until_ns + queue_ms * 1e6:
            self._skip_until_ns = now_ns + int((queue_ms - _GOOD_VOICE_MS) * 1e6)

    def _grow(self, now_ns: int, elapsed_s: float) -> None:
        if self._ceiling_bps is not None and (
            self.target_bps > 1.15 * self._ceiling_bps
            or now_ns - (self._congested_ns or now_ns) > _CEILING_NS
        ):
            self._ceiling_bps = None
            self._prober.hope()
        if self._ceiling_bps is not None:
            # a sum, not a share: two flows on one link come to share it evenly
            step = min(_ADD_PER_S, _ADD_SHARE_PER_S * self.target_bps)
            wanted = self.target_bps + step * elapsed_s
        else:
            per_s = _FREE_PER_S if self.can_probe else _BLIND_PER_S
            wanted = self.target_bps * (1 + per_s) ** elapsed_s
        sent = self._through.sent_bps
        if sent is not None:
            # what was never filled says nothing about the link
            least = 0.0 if self.can_probe else _BLIND_VOICE_BPS
            wanted = min(wanted, max(self.target_bps, 1.25 * sent, least))
        self._set(wanted)

    def _back_off(self, queue_ms: float) -> None:
        acked, sent = self._through.acked_bps, self._through.sent_bps
        carried = self.target_bps
        if acked is not None:
            carried = min(acked / (1 - self._loss.usual), self.target_bps)
            if sent is not None and sent < _FULL_SHARE * self.target_bps:
                # not filled on average: a burst made this queue, so the average is no measure
                carried = max(carried, _NOT_SENT * self.target_bps)
        self._ceiling_bps = carried
        # what a trial of loss gives back cannot be more than the link was just seen to carry
        self._before_loss_bps = min(self._before_loss_bps, carried)
        self._set(min(_BACKOFF * carried, self.target_bps))
        self._judge_cuts(queue_ms, sent)

    def _judge_cuts(self, queue_ms: float, sent: float | None) -> None:
        """If sending less does not help, it is not our queue: the way itself became longer."""
        if queue_ms <= 0.8 * self._queue_at_cut_ms or not self._vain_cuts:
            self._vain_cuts, self._sent_at_cut_bps = 0, sent or 0.0
        self._vain_cuts += 1
        self._queue_at_cut_ms = queue_ms
        less = sent is not None and sent < _LESS * self._sent_at_cut_bps
        if self._vain_cuts > _MOST_VAIN_CUTS and less:
            self._queue.restart()
            self._vain_cuts = 0

    def _set(self, bps: float) -> None:
        most = MAX_BPS if self._remb_bps is None else min(MAX_BPS, self._remb_bps)
        self.target_bps = min(max(bps, MIN_BPS), max(most, MIN_BPS))

    # ---- probes and pacing ------------------------------------------------------------------

    def probe(self, now_ns: int) -> Probe | None:
        """Return a probe to send now, or None."""
        acked, sent = self._through.acked_bps, self._through.sent_bps
        if not self._twcc or not self.can_probe or self._silent or not acked or not sent:
            return None
        if acked < _CARRIED * sent * (1 - self._loss.ratio):
            return None  # what is on its way already is more than gets through
        most = min(self.wanted_bps, self._remb_bps or MAX_BPS, MAX_BPS)
        return self._prober.next(
            Situation(
                target_bps=self.target_bps,
                wanted_bps=most,
                ceiling_bps=self._ceiling_bps,
                queue_ms=self._queue.ms,
                uneasy=self._loss.excess > _UNEASY or self._loss.on_trial,
                congested_ns=self._congested_ns,
            ),
            now_ns,
        )

    def _read_probe(self, now_ns: int, rtt_ms: float) -> None:
        reading = self._prober.read(now_ns, rtt_ms, self._loss.usual)
        if reading is None:
            return
        if reading.filled:
            self._ceiling_bps = reading.carried_bps
            self._congested_ns = now_ns
            reached = 0.9 * reading.carried_bps
        else:
            self._ceiling_bps = None
            reached = reading.carried_bps
        if reached > self.target_bps:
            self._set(reached)

    def pace(self, now_ns: int, rtt_ms: float) -> Pace:
        """Return how to send: smoothly near the ceiling, hardly at all while a queue drains."""
        target, queue_ms = self.target_bps, self._queue.ms
        near = self._congested_ns is not None and now_ns - self._congested_ns < _LOOSE_AFTER_NS
        rate = (_TIGHT if near or self._ceiling_bps is not None else _LOOSE) * target
        if queue_ms > _DRAIN_FROM_MS and not self._silent:
            rate = max(target * (1 - queue_ms / _DRAIN_MS), 0.0)
        if self.informed and not self._twcc:
            return Pace(rate, None)
        skip = now_ns < self._skip_until_ns
        window = max(target * (rtt_ms / 1000 + _WINDOW_S) / 8, _LEAST_WINDOW)
        return Pace(rate, int(min(window, self._first_window + self._through.acked_bytes)), skip)

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
        self._set(max(self.target_bps * 0.7**elapsed_s, min(self.target_bps, 60_000.0)))

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
        self._loss.ratio += 0.4 * (ratio - self._loss.ratio)
        if self.loss_ratio < 0.02:
            self._set(self.target_bps * 1.05)
        elif self.loss_ratio > 0.1:
            self._set(self.target_bps * (1 - 0.5 * self.loss_ratio))
