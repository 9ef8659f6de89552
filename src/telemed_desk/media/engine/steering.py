"""All that steers what one call sends, in one place and without I/O. Pure; the loop's thread.

Feedback goes in; out come what to send, how to repair it, how to pace it and when to probe. The
call's streams obey it, and the simulator of the tests obeys it in the same words.
"""

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.transport.repair import Protection, RepairPlan
from telemed_desk.media.transport.sent_log import PacketResult

from .allocation import Allocation, Allocator
from .congestion import CongestionControl, Pace
from .probing import Probe


class Steering:
    """One call's sending side."""

    def __init__(self, start_rung: Rung, now_ns: int) -> None:
        self.rate = CongestionControl.for_rung(start_rung)
        self.allocator = Allocator()
        self._protection = Protection()
        self.cap_bps: float | None = None
        """What the budget of this PC leaves to this call; None = no limit."""
        self.voice_extra_bps = 0.0
        """What copies of the voice take beside the voice itself: pictures get the rest."""
        self.repair: RepairPlan = self._protection.plan(0.0, 100.0)
        self.allocation: Allocation = self.allocator.decide(
            self.rate.target_bps, 0.0, now_ns, informed=False
        )

    @property
    def target_bps(self) -> float:
        """What may be sent: the link's estimate, or what the budget leaves."""
        return (
            self.rate.target_bps
            if self.cap_bps is None
            else min(self.rate.target_bps, self.cap_bps)
        )

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
        self.repair = self._protection.plan(self.rate.usual_loss, rtt_ms)
        loss = self.rate.loss_ratio
        self.allocation = self.allocator.decide(
            self.target_bps - self.voice_extra_bps,
            loss,
            now_ns,
            self.repair.overhead(loss),
            informed=self.rate.informed,
        )
        return self.allocation

    def pace(self, now_ns: int, rtt_ms: float) -> Pace:
        """Return how to send."""
        return self.rate.pace(now_ns, rtt_ms)

    def probe(self, now_ns: int, rtt_ms: float) -> Probe | None:
        """Return a probe to begin now, or None."""
        return self.rate.probe(now_ns, rtt_ms)
