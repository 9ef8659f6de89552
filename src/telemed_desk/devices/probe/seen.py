"""What has been reported of a train, and what can be read from it. Pure."""

import math
import statistics
from collections.abc import Sequence
from typing import Final, NamedTuple

from telemed_protocol.probe import Report

RECENT_S: Final = 0.25
FALLS_S: Final = 0.03
MORE_LOSS: Final = 0.08
LOSS_PACKETS: Final = 40
LOSS_WITHIN_S: Final = 0.1
GUESSED_LOST, GUESSED_OF = 2, 40
"""Taken as seen before anything is: one in twenty."""
STANDS_S: Final = 0.008
WELL_TOLD: Final = 0.01
LEAST_UNBROKEN: Final = 0.1
"""Of a time: below it a link loses too much, or the other end does not count stretches."""
_US: Final = 1e-6
_WRAP: Final = 1 << 32


class Sample(NamedTuple):
    """A report, with our own time of hearing it; receiver's and sender's times in seconds."""

    heard_at: float
    stage: int
    number: int
    sent_s: float
    received_s: float
    packets: int
    size: int
    unbroken_us: int = 0
    unbroken_size: int = 0

    @property
    def transit_s(self) -> float:
        """Between two clocks: only differences mean something."""
        return self.received_s - self.sent_s


def slope_bps(samples: Sequence[Sample]) -> float:
    """Return the rate of arrival: the line of least squares through bytes over time."""
    if len(samples) < 2:
        return 0.0
    return 8 * _slope([s.received_s for s in samples], [s.size for s in samples])


def in_order_bps(samples: Sequence[Sample]) -> float:
    """Return the rate of arrival through TCP, where one lost packet holds up all behind it.

    What was held up comes at once, so that a line through bytes over time says little. The packets
    that were least late at both ends of the time were not held up: between them all bytes count.
    """
    part = len(samples) // 3
    if part < 2:
        return slope_bps(samples)
    first = min(samples[:part], key=lambda s: s.transit_s)
    last = min(samples[-part:], key=lambda s: s.transit_s)
    return 8 * (last.size - first.size) / (last.received_s - first.received_s)


def sent_slope_bps(samples: Sequence[Sample]) -> float:
    """Return the same of all packets that were sent, those that got lost behind others included."""
    packets = samples[-1].packets - samples[0].packets
    if packets <= 0:
        return 0.0
    packet_bytes = (samples[-1].size - samples[0].size) / packets
    return 8 * packet_bytes * _slope([s.received_s for s in samples], [s.number for s in samples])


def _slope(at: Sequence[float], values: Sequence[int]) -> float:
    """Return the line of least squares' slope (two passes: the times are large numbers)."""
    mean_at, mean_value = statistics.fmean(at), statistics.fmean(values)
    square = sum((one - mean_at) ** 2 for one in at)
    if square <= 0:
        return 0.0
    both = zip(at, values, strict=True)
    return sum((one - mean_at) * (value - mean_value) for one, value in both) / square


def share_carried(window: Sequence[Sample]) -> float:
    """Return how much of what was sent arrived in the same time; 1 when it cannot be told."""
    first, last = window[0], window[-1]
    sent, sent_s = last.number - first.number, last.sent_s - first.sent_s
    arrived, arrived_s = last.packets - first.packets, last.received_s - first.received_s
    if sent <= 0 or sent_s <= 0 or arrived_s <= 0:
        return 1.0
    return (arrived / arrived_s) / (sent / sent_s)


def lost_share(window: Sequence[Sample]) -> float:
    """Return how much of what was sent never arrived; 0 when nothing was."""
    if not window:
        return 0.0
    sent = window[-1].number - window[0].number
    return 1 - (window[-1].packets - window[0].packets) / sent if sent > 0 else 0.0


def loses_more(samples: Sequence[Sample], cleared: tuple[int, int]) -> bool:
    """Tell whether the newest packets get lost more often than those before, beyond chance.

    Args:
        samples: All so far.
        cleared: Sent, and arrived, while the link was not full.
    """
    last, (before, arrived) = samples[-1], cleared
    for sample in reversed(samples):
        sent = last.number - sample.number
        if sent >= LOSS_PACKETS and last.received_s - sample.received_s >= LOSS_WITHIN_S:
            lost = 1 - (last.packets - sample.packets) / sent
            usual = (before - arrived + GUESSED_LOST) / (before + GUESSED_OF)
            chance = math.sqrt(usual * (1 - usual) * (1 / sent + 1 / (before + GUESSED_OF)))
            return lost > usual + MORE_LOSS + 2 * chance
    return False


def unbroken(window: Sequence[Sample], blur_s: float) -> tuple[float, float] | None:
    """Return the rate within unbroken stretches, and its relative error; None where it is not told.

    Behind a queue each packet of a stretch took its own time at the narrow place, whatever got lost
    before it or behind. Only the two ends of a stretch are blurred by uneven arrival.

    Args:
        window: While the link was held full.
        blur_s: By how much arrivals at rest differ.
    """
    first, last = window[0], window[-1]
    seconds = (last.unbroken_us - first.unbroken_us) % _WRAP * _US
    size = (last.unbroken_size - first.unbroken_size) % _WRAP
    whole_s = last.received_s - first.received_s
    if size == 0 or seconds < LEAST_UNBROKEN * whole_s:
        return None
    lost = max(0, last.number - first.number - (last.packets - first.packets))
    return 8 * size / seconds, math.sqrt(2 * (lost + 1)) * blur_s / seconds


class Held(NamedTuple):
    """What was seen while a link was kept full.

    Attributes:
        rate_bps: Of arrival.
        at_least: It was not full after all.
        queue_s: By how much the middle packet came later than at rest; None = not told.
    """

    rate_bps: float
    at_least: bool
    queue_s: float | None


def filled_bps(
    window: Sequence[Sample], held: Held, loss: float, seen: int, blur_s: float = 0.0
) -> float:
    """Return the rate that just fills a link.

    While nothing was lost for want of room, the packets sent before those that arrived say it
    without the chance in what got lost: each took its time at the narrow place, lost or not. Where
    packets come evenly and a queue stood, unbroken stretches say it better (a policer has no queue:
    what it lets through comes as fast as it was sent).

    Args:
        window: While it was held full.
        held: What was seen then.
        loss: Share lost while it was not full.
        seen: Packets that say so.
        blur_s: By how much arrivals at rest differ.
    """
    if len(window) > 2 and (loss > 0 or lost_share(window) > 0):
        sent = window[-1].number - window[0].number
        chance = math.sqrt(loss * (1 - loss) * (1 / sent + 1 / max(1, seen)))
        queued = (held.queue_s or 0.0) > max(STANDS_S, blur_s)
        stretches = unbroken(window, blur_s) if queued else None
        if stretches is not None and stretches[1] < max(WELL_TOLD, chance / (1 - loss)):
            return stretches[0]
        if loss > 0 and lost_share(window) <= loss + chance:
            return sent_slope_bps(window)
    return held.rate_bps / (1 - min(loss, 0.9))


def queued_by_now_s(queued_s: float, rtt_s: float, too_fast: float) -> float:
    """Return how long what is queued now takes to leave.

    Args:
        queued_s: Of the packet that was heard of last; it was sent a round trip and that long ago.
        rtt_s: At rest.
        too_fast: What was sent since over what left since, less one.
    """
    return queued_s + too_fast * (queued_s + rtt_s)


class Seen:
    """All reports of a train, in order.

    Args:
        least_s: Least transit time at rest on the same clocks; infinite when not known.
    """

    def __init__(self, least_s: float) -> None:
        self.samples: list[Sample] = []
        self.least_s = least_s
        self._stage_from = 0

    def hear(self, now: float, report: Report, stage: int) -> None:
        """Take a report; ``stage`` is what is being sent now."""
        if self.samples and report.packets <= self.samples[-1].packets:
            return
        sample = Sample(
            now,
            report.stage,
            report.number,
            report.sent_us * _US,
            report.received_us * _US,
            report.packets,
            report.size,
            report.unbroken_us,
            report.unbroken_size,
        )
        self.least_s = min(self.least_s, sample.transit_s)
        if sample.stage == stage and not self.of_stage(stage):
            self._stage_from = len(self.samples)
        self.samples.append(sample)

    def of_stage(self, stage: int) -> list[Sample]:
        """Return the reports of the newest stage, if it is this one."""
        held = self.samples[self._stage_from :]
        return held if held and held[0].stage == stage else []

    def since(self, received_s: float) -> list[Sample]:
        """Return what arrived since then, by the receiver's clock."""
        for place in range(len(self.samples) - 1, -1, -1):
            if self.samples[place].received_s < received_s:
                return self.samples[place + 1 :]
        return self.samples

    def queue_s(self, samples: Sequence[Sample]) -> float:
        """Return how much later than at rest the quickest of these came."""
        return min((s.transit_s for s in samples), default=self.least_s) - self.least_s

    def begins_to_queue(self, samples: Sequence[Sample], sign_s: float) -> bool:
        """Tell whether the newest of these came nearly as late as what means a queue."""
        newest = self.queue_s(samples[-1:]) > 1.5 * sign_s
        return newest or self.queue_s(samples[-3:]) > 0.85 * sign_s

    def queues(self, within_s: float, sign_s: float) -> bool:
        """Tell whether even the quickest packets of so many last seconds came late by ``sign_s``."""
        last = self.samples[-1]
        recent = self.since(last.received_s - within_s)
        recent = recent if len(recent) >= 3 else self.samples[-3:]
        seen_s = last.received_s - recent[0].received_s
        return len(recent) >= 3 and seen_s > within_s / 2 and self.queue_s(recent) > sign_s

    def falls(self, samples: Sequence[Sample]) -> bool:
        """Tell whether a queue gets shorter: it was there before these were sent."""
        third = len(samples) // 3
        if third < 2:
            return False
        before, after = samples[:third], samples[-third:]
        return self.median_queue_s(before) - self.median_queue_s(after) > FALLS_S

    def median_queue_s(self, samples: Sequence[Sample]) -> float:
        """Return how much later than at rest the middle one of these came."""
        return statistics.median(s.transit_s for s in samples) - self.least_s

    def arriving_bps(self) -> float:
        """Return the rate of the last moments."""
        if len(self.samples) < 2:
            return 0.0
        recent = self.since(self.samples[-1].received_s - RECENT_S)
        return slope_bps(recent if len(recent) > 2 else self.samples[-3:])
