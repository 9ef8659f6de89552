"""All that steers what one call sends, in one place and without I/O. Pure; the loop's thread.

Feedback goes in; out come what to send, how to repair it, how to pace it and when to probe. The
call's streams obey it, and the simulator of the tests obeys it in the same words.
"""

from dataclasses import dataclass, replace
from typing import Final

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.transport.repair import Protection, RepairPlan
from telemed_desk.media.transport.sent_log import PacketResult

from .allocation import (
    MOST_VIDEO_BPS,
    START_PATIENCE_NS,
    UP_AFTER_NS,
    Allocation,
    Allocator,
)
from .congestion import MAX_BPS, CongestionControl, Pace
from .ladder import START_NS, Circumstances, Ladder, Standing
from .probing import Probe

NO_PICTURE_BPS: Final = 150_000.0
"""Without a picture: enough for voice with copies and for photos."""


@dataclass(slots=True)
class Outside:
    """What the steering is told by others; plain values.

    Attributes:
        cap_bps: What the budget of this PC leaves to this call; None = no limit.
        voice_extra_bps: What copies of the voice take beside the voice itself.
        encode_share: Time that making a picture takes, as a share of the time between two.
        quantiser: Of the last pictures, 0 fine to 63 coarse; None while none are made.
        camera: There is a picture to send, and it is not switched off.
        chosen: The most that the doctor wants.
        taken: The most that the other side takes.
        carried: The most that this PC encodes for this call, beside its other calls.
    """

    cap_bps: float | None = None
    voice_extra_bps: float = 0.0
    encode_share: float = 0.0
    quantiser: float | None = None
    camera: bool = True
    chosen: Rung = Rung.HD_VIDEO
    taken: Rung = Rung.HD_VIDEO
    carried: Rung = Rung.HD_VIDEO


LITTLE_LOSS: Final = 0.02
MOST_SPARED: Final = 0.15
"""Where packets get lost, so much at most is left free: repeats come in clusters, and what they push
into a queue is lost once more."""


class Steering:
    """One call's sending side."""

    def __init__(self, start_rung: Rung, now_ns: int) -> None:
        self.rate = CongestionControl.for_rung(start_rung)
        self.ladder = Ladder(start_rung)
        self.allocator = Allocator()
        self.outside = Outside()
        self.protection = Protection()
        self._begun_ns: int | None = None
        self._chosen = self.outside.chosen
        self.repair: RepairPlan = self.protection.plan(0.0, 100.0)
        self.standing = Standing(self.ladder.rung, "")
        self.allocation: Allocation = self.allocator.decide(
            self.rate.target_bps, 0.0, now_ns, informed=False
        )

    @property
    def target_bps(self) -> float:
        """What may be sent: the link's estimate, or what the budget leaves."""
        cap_bps = self.outside.cap_bps
        return self.rate.target_bps if cap_bps is None else min(self.rate.target_bps, cap_bps)

    def on_feedback(self, results: list[PacketResult], now_ns: int, rtt_ms: float) -> bool:
        """Take feedback; True when it is the first after silence."""
        returned = self.rate.silent
        if returned:
            self.allocator.forgive()
        self.rate.on_feedback(results, now_ns, rtt_ms)
        self.decide(now_ns, rtt_ms)
        return returned

    def tick(self, now_ns: int, rtt_ms: float) -> None:
        """Let time pass; a few times a second."""
        self.rate.tick(now_ns, rtt_ms)
        self.decide(now_ns, rtt_ms)

    def decide(self, now_ns: int, rtt_ms: float) -> Allocation:
        """Say anew what to send."""
        rate, outside = self.rate, self.outside
        if rate.informed:
            self._begun_ns = self._begun_ns or now_ns
        if outside.chosen > self._chosen and self._begun_ns is not None:
            self._begun_ns = now_ns  # what lay above the choice was not looked for: begin anew
            self.ladder.hope(now_ns)
        self._chosen = outside.chosen
        self.standing = self.ladder.stand(
            Circumstances(
                target_bps=self.target_bps,
                loss_ratio=rate.loss_ratio,
                rtt_ms=rtt_ms,
                queue_ms=rate.queue_ms,
                informed=rate.informed,
                silent=rate.silent,
                encode_share=outside.encode_share,
                chosen=outside.chosen,
                taken=outside.taken,
                carried=outside.carried,
            ),
            now_ns,
        )
        self.repair = self.protection.plan(rate.repairable_loss, rtt_ms)
        self.allocator.coarseness.note(outside.quantiser, now_ns)
        starting = self._begun_ns is None or now_ns - self._begun_ns < START_NS
        chosen = self.allocator.decide(
            self.target_bps * (1 - min(max(rate.usual_loss - LITTLE_LOSS, 0.0), MOST_SPARED)),
            rate.loss_ratio,
            now_ns,
            self.repair.overhead(rate.loss_ratio),
            informed=rate.informed,
            most=self.standing.rung,
            patience_ns=START_PATIENCE_NS if starting else UP_AFTER_NS,
            voice_extra_bps=outside.voice_extra_bps,
            trial=rate.on_trial,
        )
        rate.wanted_bps = self._wanted_bps()
        self.allocation = replace(chosen, reason=self.standing.reason or chosen.reason)
        return self.allocation

    def _wanted_bps(self) -> float:
        """As much as could be of use, so that nothing is probed for in vain."""
        outside = self.outside
        most = min(outside.chosen, outside.taken, outside.carried)
        if not outside.camera or most < Rung.LOW_VIDEO:
            return NO_PICTURE_BPS
        return min(1.25 * MOST_VIDEO_BPS[most], MAX_BPS, outside.cap_bps or MAX_BPS)

    def pace(self, now_ns: int, rtt_ms: float) -> Pace:
        """Return how to send."""
        return self.rate.pace(now_ns, rtt_ms)

    def probe(self, now_ns: int) -> Probe | None:
        """Return a probe to begin now, or None."""
        return self.rate.probe(now_ns)
