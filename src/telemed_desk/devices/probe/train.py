"""How fast the next packets of a train leave, and what the link turned out to carry. Pure.

The same for both directions: whoever receives reports (:class:`telemed_protocol.probe.Report`), and
the desk decides. The rate rises step by step; a step is left when the receiver has seen enough of it,
so that a slow and long link is never filled blindly. When packets queue, get lost beyond what was lost
before, or reports stay away, the link is kept full for a moment at 1.25 times what arrives; what
arrives then is its capacity. If it turns out not to be full, the ramp goes on. At last, four fifths
of it are sent, as a call would, after the queue has had time to run empty.
"""

import math
from collections.abc import Sequence
from typing import Final, Literal

from telemed_desk.clinical.ladder import USABLE_SHARE
from telemed_desk.devices.probe.figures import TrainFigures
from telemed_desk.devices.probe.lossy import (
    COUNTED,
    LOSSY,
    OVERLOAD,
    SETTLE_TIMES,
    TOP_TIMES,
    overload,
    times_longer,
)
from telemed_desk.devices.probe.plan import SLOW_BPS, START_BPS, TrainPlan
from telemed_desk.devices.probe.seen import (
    LOSS_PACKETS,
    MORE_LOSS,
    Held,
    Sample,
    Seen,
    filled_bps,
    in_order_bps,
    loses_more,
    lost_share,
    queued_by_now_s,
    sent_slope_bps,
    share_carried,
    slope_bps,
)
from telemed_desk.devices.probe.sizes import packet_bytes, small_packet_bytes
from telemed_protocol.probe import OVERHEAD_BYTES, Report

Phase = Literal["ramp", "hold", "drain", "settle", "done"]

STEP_FACTOR: Final = 2.0
LONG_STEP_FACTOR: Final = 3.0
STEP_PACKETS: Final = 5
FULL_WITHIN_S: Final = 0.12
SILENCE_S: Final = 0.3
SETTLE_IN_S: Final = 0.2
JUDGE_S: Final = 0.4
JUDGE_PACKETS: Final = 12
NOT_FULL: Final = 0.92
TOP_TRIES: Final = 3
TOO_FAST: Final = 1.6
WELL_KNOWN: Final = 80
MOST_FALSE_ALARMS: Final = 4
MOST_REFITS: Final = 3
MORE_FOR_SPREAD, LONGEST_MORE_S = 8.0, 0.6
"""Uneven arrival blurs both ends of the time in which a link is kept full; a longer one, less."""
HOLD_GRACE_S: Final = 1.5
"""What is kept full when its time is over is kept so until it tells something."""
SAME_LOSS: Final = 0.05
LONGEST_DRAIN_S: Final = 4.0


class Train:
    """One direction of a link.

    Args:
        plan: How much it may take.
        now: Seconds of the caller's clock.
        rtt_s: Round trip at rest.
        spread_s: How much later than the quickest the slowest of ten round trips at rest are.
        blur_s: How much later the middle one is.
        transit_s: Least transit time at rest in this direction, on the same two clocks as the
            reports; None = not known.
        silence_s: Reports may stay away so long without meaning anything.
        stream: Through TCP.
    """

    def __init__(
        self,
        plan: TrainPlan,
        now: float,
        *,
        rtt_s: float,
        spread_s: float = 0.0,
        blur_s: float = 0.0,
        transit_s: float | None = None,
        silence_s: float = SILENCE_S,
        stream: bool = False,
    ) -> None:
        self._plan = plan
        self._rtt_s = rtt_s
        self._silence_s = silence_s
        self._stream = stream
        self._rate_of = in_order_bps if stream else slope_bps
        self._blur_s = blur_s
        self._queue_sign_s = max(0.03, 1.5 * spread_s)
        self._longer_s = min(LONGEST_MORE_S, MORE_FOR_SPREAD * spread_s)
        self._began_at = now
        self._phase_at = now
        self._seen = Seen(math.inf if transit_s is None else transit_s)
        self._cleared = (0, 0)  # sent and arrived while the link was not full
        self._best_bps = 0.0
        self._alarms = self._refits = 0
        self._step_packets = STEP_PACKETS
        self._drain_s = 0.0
        self._full_from_s = -math.inf
        self._held: Held | None = None
        self._held_window: Sequence[Sample] = ()
        self._call_delay_ms: float | None = None
        self._ended = ""
        self.drained = False  # whether it has let the queue run empty itself
        self.phase: Phase = "ramp"
        self.stage = 1
        self.rate_bps = float(min(START_BPS, plan.cap_bps))

    # ---- what is seen -------------------------------------------------------------------------

    def hear(self, now: float, report: Report) -> None:
        """Take a report; one that is older than the last says nothing new."""
        self._seen.hear(now, report, self.stage)

    @property
    def loss_ratio(self) -> float:
        """Lost while the link was not full."""
        sent, arrived = self._cleared
        return max(0.0, 1 - arrived / sent) if sent else 0.0

    @property
    def queue_s(self) -> float:
        """How much later than at rest the newest packet came."""
        return self._seen.queue_s(self._seen.samples[-1:])

    @property
    def packet_bytes(self) -> int:
        """Size of the next datagram, without headers."""
        if self._loses():
            return small_packet_bytes(self.rate_bps)
        return packet_bytes(self.rate_bps)

    @property
    def held_packet_bytes(self) -> float:
        """Mean size of what came while the link was full, with headers."""
        window = self._held_window
        packets = window[-1].packets - window[0].packets if window else 0
        if packets > 0:
            return (window[-1].size - window[0].size) / packets
        return packet_bytes(self._capacity_bps()) + OVERHEAD_BYTES

    @property
    def rate_seen_bps(self) -> float:
        """The fastest that was carried so far."""
        return max(self._best_bps, self._capacity_bps())

    # ---- what is decided ----------------------------------------------------------------------

    def tick(self, now: float) -> None:
        """Decide; cheap, to be called at every packet."""
        grace_s = HOLD_GRACE_S if self.phase == "hold" else 0.0
        if now - self._began_at > self._plan.limit_s + grace_s:
            self.stop("time")
        elif self.phase == "ramp":
            self._ramp(now)
        elif self.phase == "hold":
            self._hold(now)
        elif self.phase == "drain" and now - self._phase_at > self._drain_s:
            self.drained = True
            self._enter("settle", now, USABLE_SHARE * self._capacity_bps())
        elif self.phase == "settle":
            self._settle(now)

    def _enter(self, phase: Phase, now: float, rate_bps: float) -> None:
        self.phase, self._phase_at = phase, now
        self.stage += 1
        self.rate_bps = rate_bps

    def _ramp(self, now: float) -> None:
        if self._is_full(now):
            self._full_from_s = (
                self._seen.samples[-1].received_s if self._seen.samples else -math.inf
            )
            wanted_bps = self._overload(self._seen.arriving_bps() or START_BPS / 3)
            self._enter("hold", now, min(wanted_bps, self.rate_bps))
            return
        seen = self._seen.of_stage(self.stage)
        if len(seen) < 2 or seen[-1].number - seen[0].number < self._step_packets:
            return
        at_cap = self.rate_bps >= self._plan.cap_bps
        sent = seen[-1].number - seen[0].number
        top_s = self._plan.top_s * times_longer(TOP_TIMES, sent, loses=self._loses())
        least_s = top_s if at_cap else self._plan.step_s
        if seen[-1].received_s - seen[0].received_s < least_s:
            return
        if self._seen.begins_to_queue(seen, self._queue_sign_s):
            return  # another step would fill a slow link for seconds
        if at_cap:
            self._top(seen)
            return
        self._clear(seen)
        self._step_packets = STEP_PACKETS
        factor = LONG_STEP_FACTOR if self._rtt_s > self._plan.long_rtt_s else STEP_FACTOR
        self._enter("ramp", now, min(self.rate_bps * factor, float(self._plan.cap_bps)))

    def _top(self, seen: Sequence[Sample]) -> None:
        """Believe the cap once it was really sent: a busy PC sends less than it means to."""
        newest = [s for s in seen if s.received_s > seen[-1].received_s - self._plan.top_s]
        sent = sent_slope_bps(newest) >= NOT_FULL * self._plan.cap_bps
        if not sent and seen[-1].received_s - seen[0].received_s < TOP_TRIES * self._plan.top_s:
            return
        self._clear(seen)
        self._held = Held(self._rate_of(newest), True, self._seen.median_queue_s(newest))
        self._finish("cap" if sent else "sender")

    def _clear(self, seen: Sequence[Sample]) -> None:
        """Note a time in which the link was not full."""
        sent, arrived = self._cleared
        self._cleared = (
            sent + seen[-1].number - seen[0].number,
            arrived + seen[-1].packets - seen[0].packets,
        )
        self._best_bps = max(self._best_bps, slope_bps(seen))

    def _is_full(self, now: float) -> bool:
        if self._is_silent(now):
            return True
        if not self._seen.samples:
            return False
        if self._seen.queues(max(FULL_WITHIN_S, 4 * self._packet_s()), self._queue_sign_s):
            return True
        return self._step_packets == STEP_PACKETS and loses_more(self._seen.samples, self._cleared)

    def _packet_s(self) -> float:
        rate = self._seen.arriving_bps() or self.rate_bps
        return (packet_bytes(self.rate_bps) + OVERHEAD_BYTES) * 8 / max(rate, 1000.0)

    def _is_silent(self, now: float) -> bool:
        """Starved of reports: whatever is in the way, more packets make it worse."""
        if not self._seen.samples:
            return now - self._began_at > self._rtt_s + 2 * self._silence_s + 3 * self._packet_s()
        allowed_s = max(self._silence_s, 0.2 + 2 * self._queue_sign_s, 4 * self._packet_s())
        return now - self._seen.samples[-1].heard_at > allowed_s

    def _overload(self, arriving_bps: float) -> float:
        """Return what keeps a link full that lets this much arrive."""
        wanted_bps = overload(self.loss_ratio, self.queue_s) * arriving_bps
        return min(wanted_bps, self._plan.cap_bps * OVERLOAD)

    def _window(self) -> list[Sample]:
        """Return what arrived while the link was kept full, packets of the ramp's last step too.

        Behind a queue they arrive at the link's own rate, whatever rate they were sent at.
        """
        return self._seen.since(self._full_from_s + SETTLE_IN_S)

    def _hold(self, now: float) -> None:
        window = self._window()
        span_s = window[-1].received_s - window[0].received_s if window else 0.0
        hold_s = self._plan.slow_hold_s if self.rate_bps < SLOW_BPS else self._plan.hold_s
        if span_s >= hold_s + self._longer_s:
            self._end_hold(now, window)
        elif self._is_silent(now) and now - self._phase_at > self._rtt_s + 2.0:
            self.stop("starved")
        elif span_s >= JUDGE_S and window[-1].packets - window[0].packets >= JUDGE_PACKETS:
            self._judge(now, window)

    def _is_not_full(self, window: Sequence[Sample]) -> bool:
        after_s = window[-1].received_s - 0.2
        queue_s = max(s.transit_s for s in window if s.received_s > after_s) - self._seen.least_s
        expected = NOT_FULL * (1 - self.loss_ratio)
        return queue_s < 0.8 * self._queue_sign_s and share_carried(window) >= expected

    def _judge(self, now: float, window: Sequence[Sample]) -> None:
        may_go_on = self._alarms < MOST_FALSE_ALARMS
        queues = self._seen.queue_s(window[-3:]) > 0.8 * self._queue_sign_s
        if may_go_on and self._is_not_full(window):
            self._alarms += 1
            self._clear(window)
            self._enter("ramp", now, min(self.rate_bps * 1.3, float(self._plan.cap_bps)))
        elif may_go_on and not queues and self._cleared[0] < WELL_KNOWN:
            # Lost, but nothing queues: a policer, or a link that loses at any rate. Half will tell.
            self._alarms += 1
            self._step_packets = LOSS_PACKETS
            self._enter("ramp", now, self.rate_bps / 2)
        elif self._refits < MOST_REFITS and self.rate_bps > TOO_FAST * self._rate_of(window) > 0:
            # A bucket of tokens let the first packets through faster than the link is.
            self._refits += 1
            self.stage += 1
            self.rate_bps = self._overload(self._rate_of(window))

    def _end_hold(self, now: float, window: Sequence[Sample]) -> None:
        queue_s = self._seen.median_queue_s(window)
        self._held = Held(self._rate_of(window), self._is_not_full(window), queue_s)
        self._held_window = window
        self._ended = "held"
        capacity_bps = self._capacity_bps()
        too_fast = max(OVERLOAD, self.rate_bps / capacity_bps) - 1
        by_now_s = queued_by_now_s(self.queue_s, self._rtt_s, too_fast)
        self._drain_s = min(LONGEST_DRAIN_S, by_now_s + 0.15 + 8_000 / capacity_bps)
        if self._plan.settle_s > 0:
            self._enter("drain", now, 0.0)
        else:
            self._finish("held")

    def _loses(self) -> bool:
        """Tell whether packets get lost, in the end be it for want of room: they are worth counting."""
        settling = self.phase == "settle" and lost_share(self._held_window) > LOSSY
        return settling or self.loss_ratio > COUNTED

    def _settle(self, now: float) -> None:
        seen = self._seen.of_stage(self.stage)
        span_s = seen[-1].received_s - seen[0].received_s if seen else 0.0
        sent = seen[-1].number - seen[0].number if seen else 0
        settle_s = self._plan.settle_s * times_longer(SETTLE_TIMES, sent, loses=self._loses())
        late = now - self._phase_at > self._rtt_s + 2 * settle_s + 1.0
        if span_s >= settle_s and self._was_chance(seen):
            again_bps, self._held, self._ended = self.rate_bps / USABLE_SHARE, None, ""
            self._alarms += 1
            self._clear(seen)
            self._enter("ramp", now, min(again_bps, float(self._plan.cap_bps)))
            return
        if span_s >= settle_s:
            calm = [s for s in seen if s.received_s > seen[0].received_s + 0.4 * span_s]
            if self._seen.falls(calm) and not late:
                return  # what was held full runs empty still: orders met the other train's queue
            queue_s = max(0.0, self._seen.median_queue_s(calm))
            carried = share_carried(seen) >= NOT_FULL * (1 - self.loss_ratio)
            if carried or queue_s < 2 * self._queue_sign_s:
                self._clear(seen)
            self._call_delay_ms = None if self._seen.falls(calm) else 1000 * queue_s
        if late or span_s >= settle_s:
            self._finish("held")

    def _was_chance(self, seen: Sequence[Sample]) -> bool:
        """Tell whether what was lost while the link was held full is lost at four fifths as well."""
        window = self._held_window
        if self._alarms >= MOST_FALSE_ALARMS or seen[-1].number - seen[0].number < LOSS_PACKETS / 2:
            return False
        queued = self._seen.median_queue_s(window) > self._queue_sign_s / 2
        return not queued and lost_share(seen) > max(SAME_LOSS, lost_share(window) / 2)

    def stop(self, reason: str) -> None:
        """End now, with what is known; why: ``bytes``, ``time`` or ``starved``."""
        if self.phase == "done":
            return
        window = self._window() if self.phase == "hold" else []
        span_s = window[-1].received_s - window[0].received_s if window else 0.0
        if self._held is None and span_s >= JUDGE_S / 2:
            # What a bucket let through is past.
            window = self._seen.since(window[-1].received_s - JUDGE_S)
            queue_s = self._seen.median_queue_s(window)
            queues = queue_s > self._queue_sign_s
            lossy = lost_share(window) > self.loss_ratio + MORE_LOSS
            self._held = Held(self._rate_of(window), not queues and not lossy, queue_s)
            self._held_window = window
        if self._held is None and self._best_bps > 0:
            self._held = Held(self._best_bps, True, None)
        self._finish(self._ended or reason)

    def _finish(self, reason: str) -> None:
        self._ended = reason
        self.phase = "done"
        self.rate_bps = 0.0

    def _capacity_bps(self) -> float:
        return self._held.rate_bps if self._held is not None else 0.0

    # ---- what came of it ----------------------------------------------------------------------

    def figures(self, also_cleared: tuple[int, int] = (0, 0)) -> TrainFigures:
        """Return the result.

        What is lost at random has used the link or would have; either way the rate at which the
        link fills is what arrives, divided by the share that arrives at all.

        Args:
            also_cleared: Other packets sent, and arrived, the same way while it was not full.
        """
        sent, arrived = (a + b for a, b in zip(self._cleared, also_cleared, strict=True))
        loss = max(0.0, 1 - arrived / sent) if sent >= LOSS_PACKETS else 0.0
        if self._held is None:
            return TrainFigures(ended=self._ended)
        queue_s, rate_bps = self._held.queue_s, self._held.rate_bps
        if not self._stream:
            rate_bps = filled_bps(self._held_window, self._held, loss, sent, self._blur_s)
        return TrainFigures(
            capacity_bps=rate_bps,
            at_least=self._held.at_least,
            full_delay_ms=None if queue_s is None else max(0.0, 1000 * queue_s),
            call_delay_ms=self._call_delay_ms,
            loss_ratio=loss if sent >= LOSS_PACKETS else None,
            ended=self._ended,
        )
