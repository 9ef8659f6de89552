"""Tells the loss that sending causes from the loss that the link has anyway. Pure.

A rural radio link loses one packet in ten however little is sent, and halving the rate again and
again would end the picture without saving a packet; a policed line loses what is above its rate and
never makes a queue. The two look alike until less is sent: so when loss rises, send less for a moment
and look. If it falls, sending caused it; if not, it is the link's own, and the rate is given back.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from telemed_desk.media.transport.sent_log import PacketResult

_EXCESS: Final = 0.06
_MEMORY: Final = 240
"""Packets that the smoothed loss ratio in effect averages over."""
_WINDOW: Final = 20
_QUIET_QUEUE_MS: Final = 40.0
_RISE, _FALL = 0.03, 0.3
_ON_THE_WAY_MS: Final = 250.0
_TRIAL_PACKETS: Final = 120
_ENOUGH: Final = 60
_SAME: Final = 0.7
_MOST_RUN: Final = 8
_MOST_USUAL: Final = 0.3
_KNOWN_NS: Final = 30_000_000_000

_GAIN: Final = 0.15

Verdict = Literal["nothing", "less", "own"]


@dataclass(slots=True)
class _Trial:
    before_ratio: float
    counts_from_ns: int
    wait_ns: int
    again: bool = False
    packets: int = 0
    packets_before: int = 0
    lost: int = 0
    lost_before: int = 0


class LossSense:
    """Feed it batches of feedback."""

    def __init__(self) -> None:
        self.ratio = 0.0
        self.usual = 0.0
        self._lost = self._total = 0
        self._windows = 0
        self._trial: _Trial | None = None
        self.caused = False
        """What the last trial found: it is the sending that makes the loss."""
        self._own_ns: int | None = None
        self._run = 0
        self._run_mean = 1.5

    @property
    def excess(self) -> float:
        """Loss beyond what is usual on this link; over 1 it is more than chance explains."""
        together = 2 * self._run_mean - 1  # losses that come in bursts scatter so much more
        chance = 2.5 * math.sqrt(together * self.usual * (1 - self.usual) / _MEMORY)
        return (self.ratio - self.usual) / max(_EXCESS, chance)

    def add(self, results: Sequence[PacketResult], queue_ms: float, now_ns: int) -> Verdict:
        """Take a batch.

        Returns:
            ``less``: send less, and see. ``own``: the link loses this anyway; what was taken away
            since the first ``less`` may be given back.
        """
        lost = sum(result.arrived_ns is None for result in results)
        self._count_runs(results)
        self._total += len(results)
        self._lost += lost
        verdict = self._try(len(results), lost, now_ns)
        if self._total < _WINDOW:
            return verdict
        self._windows += 1
        # at first the mean of all there was: repair must not wait for seconds of smoothing
        self.ratio += max(_GAIN, 1 / (self._windows + 1)) * (self._lost / self._total - self.ratio)
        self._lost = self._total = 0
        if self.ratio < self.usual:
            self.usual += _FALL * (self.ratio - self.usual)
        elif queue_ms < _QUIET_QUEUE_MS:
            self.usual += max(_RISE, 1 / (self._windows + 1)) * (self.ratio - self.usual)
        if verdict != "nothing":
            return verdict
        # what was just found to be the link's own is asked about again only when it is much more
        known = self._own_ns is not None and now_ns - self._own_ns < _KNOWN_NS
        return "less" if self.excess > (2 if known else 1) and not self.on_trial else "nothing"

    @property
    def on_trial(self) -> bool:
        """True while the rate must stay where it is, to see what less of it does."""
        return self._trial is not None

    def begin_trial(self, now_ns: int, rtt_ms: float) -> bool:
        """Less is sent from now on; False when a trial runs already."""
        if self._trial is not None:
            return False
        wait_ns = int((rtt_ms + _ON_THE_WAY_MS) * 1e6)
        self._trial = _Trial(self.ratio, now_ns + wait_ns, wait_ns)
        return True

    def _count_runs(self, results: Sequence[PacketResult]) -> None:
        for result in results:
            if result.arrived_ns is None:
                self._run += 1
            elif self._run:
                self._run_mean += 0.1 * (min(self._run, _MOST_RUN) - self._run_mean)
                self._run = 0

    def _try(self, packets: int, lost: int, now_ns: int) -> Verdict:
        trial = self._trial
        if trial is None:
            return "nothing"
        if now_ns < trial.counts_from_ns:  # what is on its way was sent at the old rate
            trial.packets_before += packets
            trial.lost_before += lost
            return "nothing"
        trial.packets += packets
        trial.lost += lost
        if trial.packets < _TRIAL_PACKETS:
            return "nothing"
        ratio = trial.lost / trial.packets
        before = max(trial.before_ratio, trial.lost_before / max(trial.packets_before, _ENOUGH))
        self.caused = ratio < _SAME * before
        if not self.caused and not trial.again:
            # what was lost at the higher rate is known only roughly: once more, from here
            self._trial = _Trial(ratio, now_ns + trial.wait_ns, trial.wait_ns, again=True)
            return "less"
        self._trial = None
        if self.caused:
            return "nothing"
        # neither rate made it: all that was lost on the way here tells what is usual
        self.usual = max(self.usual, ratio, min(before, _MOST_USUAL))
        self._own_ns = now_ns
        return "own"
