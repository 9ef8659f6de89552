"""How much a measurement may take of a link: bytes, seconds, and how fast at most."""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """One direction.

    Attributes:
        cap_bps: Nothing faster is tried: a faster link changes no verdict.
        step_s: Least time on a step of the ramp, at the receiver.
        hold_s: How long the link is kept full on purpose.
        slow_hold_s: The same on a link below :data:`SLOW_BPS`, where packets are few.
        settle_s: How long to send what a call would, to see its delay; 0 = not looked at.
        top_s: How long the cap has to be carried to be believed.
        limit_bytes, limit_s: Where it ends whatever it knows by then.
        long_rtt_s: From this round trip on the ramp's steps are higher, because each takes as long.
    """

    cap_bps: int
    step_s: float
    hold_s: float
    slow_hold_s: float
    settle_s: float
    top_s: float
    limit_bytes: int
    limit_s: float
    long_rtt_s: float = 0.25


@dataclass(frozen=True, slots=True)
class ProbePlan:
    """A whole measurement.

    Attributes:
        train: Each way.
        pings: How many at rest, first.
        voice_s: How long voice-like packets go back and forth at the end.
        budget_bytes: Of everything, both ways, headers included; never exceeded.
        limit_s, slow_limit_s: Of everything, on a link above or below :data:`FAST_BPS`; the trains end
            so early that some of the voice still fits.
        ask_s: How long the responder is asked for before its silence means that UDP is blocked.
        trains: Without them only pings and voice go: nothing is filled.
        together: Both trains at once, however short the link: for when time is short.
    """

    train: TrainPlan
    pings: int
    voice_s: float
    budget_bytes: int
    limit_s: float
    slow_limit_s: float
    ask_s: float = 1.8
    trains: bool = True
    together: bool = False

    def for_far(self) -> "ProbePlan":
        """Return the same for a far link: its time is a slow one's, of each train too.

        What is sent there before anybody knows of it is dear, so nothing is sent faster than a call
        would; and what comes unevenly there is looked at for longer before it is taken for a queue.
        """
        train = replace(
            self.train,
            cap_bps=min(self.train.cap_bps, FAR_CAP_BPS),
            limit_s=self.train.limit_s + (self.slow_limit_s - self.limit_s) / 2,
        )
        pings = max(self.pings, FAR_PINGS)
        return replace(self, pings=pings, limit_s=self.slow_limit_s, train=train)

    def shorter(self, by_s: float) -> "ProbePlan":
        """Return the same for when so much of its time is gone already; half of it at least is left."""
        by_s = min(max(0.0, by_s), LEAST_SHARE * self.limit_s)
        return replace(
            self,
            voice_s=self.voice_s if by_s == 0 else LEAST_VOICE_SHARE * self.voice_s,
            limit_s=self.limit_s - by_s,
            slow_limit_s=self.slow_limit_s - by_s,
            together=self.together or by_s > TOGETHER_S,
        )


FAR_PINGS: Final = 20
FAR_CAP_BPS: Final = 2_000_000
LEAST_SHARE: Final = 0.5
LEAST_VOICE_SHARE: Final = 0.75
TOGETHER_S: Final = 1.0
START_BPS: Final = 48_000
"""Slow enough that a link of 30 kbit/s and 700 ms holds less than a second of it when it is noticed."""
SLOW_BPS: Final = 600_000
FAST_BPS: Final = 1_000_000
QUICK: Final = ProbePlan(
    TrainPlan(2_000_000, 0.1, 0.5, 0.8, 0.0, 0.3, 180_000, 1.8, long_rtt_s=0.1),
    5,
    1.0,
    450_000,
    4.8,
    4.8,
    ask_s=1.2,
)
"""For half a megabyte and six seconds together with the other checks of the link."""
STANDARD: Final = ProbePlan(
    TrainPlan(3_000_000, 0.12, 1.2, 1.8, 0.5, 0.5, 950_000, 7.5), 8, 2.0, 2_100_000, 9.5, 17.0
)
"""For three megabytes and fifteen seconds, twenty-five on a slow link, with the test call after it."""
THOROUGH: Final = ProbePlan(
    TrainPlan(30_000_000, 0.15, 2.0, 3.0, 1.5, 1.0, 24_000_000, 14.0), 12, 10.0, 50_000_000, 45, 45
)
WATCH: Final = ProbePlan(STANDARD.train, 5, 1.0, 45_000, 3.0, 3.0, trains=False)
"""One second of a voice, now and then while nobody calls: 27 kB, both ways."""
PLANS: Final[dict[str, ProbePlan]] = {
    "watch": WATCH,
    "quick": QUICK,
    "standard": STANDARD,
    "thorough": THOROUGH,
}
