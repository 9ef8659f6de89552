"""Packets like those of a voice: loss, bursts, jitter and delay of each way, and how it will sound."""

import math
import statistics
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from telemed_desk.devices.probe.figures import VoiceFigures
from telemed_protocol.probe import Pong

BURST_WITHIN_S: Final = 0.2
LEAST_IN_A_BURST: Final = 8
"""Of slow voice a burst is looked for among this many packets: one of three would be a third."""
LEAST_TOLD: Final = 12
DEVICES_MS: Final = 40.0
"""Sound card, coder and one packet's length, at both ends together."""
SLOWEST_BUFFER_MS: Final = 20.0
CAME_BEFORE: Final = 64


class VoiceTally:
    """What became of numbered pings."""

    def __init__(self) -> None:
        self.sent: dict[int, float] = {}
        self._back: dict[int, tuple[float, Pong]] = {}
        self._came_up: dict[int, bool] = {}

    def send(self, number: int, now: float) -> None:
        """Note one that leaves."""
        self.sent[number] = now

    def hear(self, now: float, pong: Pong) -> None:
        """Take an answer; it also says which of the pings before it arrived over there."""
        if pong.number not in self.sent or pong.number in self._back:
            return
        self._back[pong.number] = (now, pong)
        self._came_up[pong.number] = True
        for place in range(CAME_BEFORE):
            number = pong.number - 1 - place
            if number not in self.sent:
                break
            came = bool(pong.came >> place & 1)
            self._came_up[number] = self._came_up.get(number, False) or came

    @property
    def rtts_s(self) -> list[float]:
        """Round trips so far."""
        return [at - self.sent[number] for number, (at, _) in sorted(self._back.items())]

    @property
    def up_transits_s(self) -> list[float]:
        """Desk to responder, between two clocks."""
        return [pong.received_us * 1e-6 - pong.sent_us * 1e-6 for _, pong in self._back.values()]

    @property
    def down_transits_s(self) -> list[float]:
        """Responder to desk, between two clocks."""
        return [at - pong.received_us * 1e-6 for at, pong in self._back.values()]

    @property
    def up(self) -> list[bool]:
        """In the order of sending, for those whose fate is known: did it arrive over there?"""
        return [self._came_up[number] for number in sorted(self._came_up)]

    @property
    def down(self) -> list[bool]:
        """Of those that arrived over there: did the answer come back?"""
        return [number in self._back for number in sorted(self._came_up) if self._came_up[number]]

    def jitter_ms(self, *, up: bool) -> float | None:
        """Return the mean difference of neighbours' transit times (RFC 3550, 6.4.1)."""
        transits = [
            (pong.received_us * 1e-6 - pong.sent_us * 1e-6)
            if up
            else (at - pong.received_us * 1e-6)
            for _, (at, pong) in sorted(self._back.items())
        ]
        steps = [abs(b - a) for a, b in pairwise(transits)]
        return 1000 * statistics.fmean(steps) if steps else None

    def figures(self, interval_s: float, *, loop: bool = False) -> VoiceFigures:
        """Return what is known.

        Args:
            interval_s: Between two packets.
            loop: Both ways are one: there is no other end that saw what arrived.
        """
        rtts = sorted(self.rtts_s)
        if len(self.sent) < LEAST_TOLD or len(rtts) < LEAST_TOLD / 4:
            return VoiceFigures()
        up = [number in self._back for number in sorted(self.sent)] if loop else self.up
        down = up if loop else self.down
        rtt_ms = 1000 * statistics.median(rtts)
        jitters = [j for j in (self.jitter_ms(up=True), self.jitter_ms(up=False)) if j is not None]
        jitter_ms = max(jitters, default=0.0)
        return VoiceFigures(
            rtt_ms=rtt_ms,
            rtt_p95_ms=1000 * rtts[min(len(rtts) - 1, int(0.95 * len(rtts)))],
            up_loss=share_lost(up),
            down_loss=share_lost(down),
            up_burst=worst_burst(up, interval_s),
            down_burst=worst_burst(down, interval_s),
            up_jitter_ms=None if loop else self.jitter_ms(up=True),
            down_jitter_ms=self.jitter_ms(up=False),
            mos=min(mos(rtt_ms, jitter_ms, up), mos(rtt_ms, jitter_ms, down)),
        )


def share_lost(came: Sequence[bool]) -> float | None:
    """Return how much was lost."""
    return came.count(False) / len(came) if came else None


def worst_burst(came: Sequence[bool], interval_s: float) -> float | None:
    """Return the largest share lost in any 200 ms."""
    length = max(LEAST_IN_A_BURST, round(BURST_WITHIN_S / interval_s))
    if len(came) < length:
        return None
    windows = (came[start : start + length] for start in range(len(came) - length + 1))
    return max(window.count(False) for window in windows) / length


def mos(rtt_ms: float, jitter_ms: float, came: Sequence[bool]) -> float:
    """Return the mean opinion score to expect (ITU-T G.107, narrow band as the scale is defined).

    A packet whose successor arrived is not lost to the ear: our voice carries a copy of the packet
    before. What is left counts as with packet-loss concealment (G.113: Ie 0, Bpl 25.1).

    Args:
        rtt_ms: Round trip; half of it is one way.
        jitter_ms: The playout buffer holds about twice that.
        came: Which packets arrived, in order.
    """
    pairs = list(pairwise(came))
    left = [mine or after for mine, after in pairs]
    loss = left.count(False) / len(left) if left else 1.0
    delay_ms = rtt_ms / 2 + max(SLOWEST_BUFFER_MS, 2 * jitter_ms) + DEVICES_MS
    return mos_of(rating(delay_ms, loss, burst_ratio(left)))


def burst_ratio(came: Sequence[bool]) -> float:
    """Return the mean length of losses beside that of random losses (G.107: BurstR)."""
    lost = came.count(False)
    if not lost or lost == len(came):
        return 1.0
    bursts = sum(1 for i, one in enumerate(came) if not one and (i == 0 or came[i - 1]))
    return max(1.0, lost / bursts * (1 - lost / len(came)))


def rating(delay_ms: float, loss_ratio: float, burst: float = 1.0) -> float:
    """Return G.107's R with the default values of everything that is not delay or loss."""
    late_ms = max(0.0, delay_ms - 177.3)
    delayed = 0.024 * delay_ms + 0.11 * late_ms
    percent = 100 * loss_ratio
    lossy = 95 * percent / (percent / burst + 25.1)
    return 93.2 - delayed - lossy


def mos_of(r: float) -> float:
    """Return the mean opinion score of a rating (G.107, Annex B)."""
    if r <= 0:
        return 1.0
    if r >= 100:
        return 4.5
    score = 1 + 0.035 * r + r * (r - 60) * (100 - r) * 7e-6
    return score if math.isfinite(score) and score > 1 else 1.0
