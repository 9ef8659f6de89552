"""Finds out whether the link carries more, by sending more for a tenth of a second. Pure.

An estimate that only ever grows from what was sent anyway takes minutes back up, and while voice
alone is sent it never grows at all. A probe sends at a higher rate for a moment, padded with repeats
where there is not enough of our own, and looks whether the one-way delay rises while it lasts:
sending at P into a link of capacity C makes it rise by P/C - 1 per second. A slope over some ten
packets bears jitter that the classic comparison of first and last arrival does not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Final

from telemed_desk.media.transport.sent_log import PacketResult

MOST_QUEUE_S: Final = 0.1
"""A probe that fails makes at most this much queue, so that voice stays in time."""
_LEAST_PACKETS: Final = 6
_LOST: Final = 0.15
_RISES: Final = 0.12
_UNSURE: Final = 0.25
_PATIENCE_NS: Final = 350_000_000
_CALM_NS: Final = 4_000_000_000
_EAGER_CALM_NS: Final = 1_000_000_000
_AGAIN_NS: Final = 500_000_000
_FIRST_PAUSE_NS: Final = 5_000_000_000
_MOST_PAUSE_NS: Final = 40_000_000_000


@dataclass(frozen=True, slots=True)
class Probe:
    """What is to be sent.

    Attributes:
        number: Its id, from 1.
        rate_bps: To send at, everything included.
        duration_ns: For so long.
        padding_bytes: Size of one packet of padding.
    """

    number: int
    rate_bps: float
    duration_ns: int
    padding_bytes: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What a probe showed.

    Attributes:
        carried_bps: What the link carries at least.
        filled: True when the probe was more than it carries: that is then its capacity.
    """

    carried_bps: float
    filled: bool


def read_probe(results: Sequence[PacketResult], usual_loss: float) -> Reading | None:
    """Judge the packets of one probe; None when they do not tell."""
    came = [(r.sent_ns / 1e9, (r.arrived_ns - r.sent_ns) / 1e9) for r in results if r.arrived_ns]
    if len(came) < _LEAST_PACKETS:
        return None
    first, last = results[0].sent_ns, results[-1].sent_ns
    if last - first < 20_000_000:
        return None
    rate = 8e9 * sum(r.size for r in results[:-1]) / (last - first)
    mean_x = sum(x for x, _ in came) / len(came)
    mean_y = sum(y for _, y in came) / len(came)
    spread = sum((x - mean_x) ** 2 for x, _ in came)
    if not spread:
        return None
    slope = sum((x - mean_x) * (y - mean_y) for x, y in came) / spread
    rest = sum((y - mean_y - slope * (x - mean_x)) ** 2 for x, y in came)
    error = sqrt(rest / (len(came) - 2) / spread)
    lost = 1 - len(came) / len(results)
    chance = 2 * sqrt(usual_loss * (1 - usual_loss) / len(results))
    overrun = lost - usual_loss > max(_LOST, chance)  # a short queue overflows before it delays
    if error > _UNSURE and slope < _UNSURE and not overrun:
        return None
    carried = rate / (1 + max(slope + 0.5 * error, 0.0))
    if overrun:
        carried = min(carried, rate * (1 - lost) / (1 - usual_loss))
    return Reading(carried, slope - 0.5 * error > _RISES or overrun)


@dataclass(frozen=True, slots=True)
class Situation:
    """What the prober must know to decide.

    Attributes:
        target_bps: The present estimate.
        wanted_bps: As much as would be of use; no probe goes beyond it.
        ceiling_bps: Where the link was last found full, None when unknown or long ago.
        queue_ms: Standing queue.
        uneasy: Loss is more than usual, or nothing is heard.
        congested_ns: When the link was last found full.
    """

    target_bps: float
    wanted_bps: float
    ceiling_bps: float | None
    queue_ms: float
    uneasy: bool
    congested_ns: int | None


class Prober:
    """Decides when to probe and how hard. Loop thread."""

    def __init__(self) -> None:
        self._number = 0
        self._probe: Probe | None = None
        self._began_ns = 0
        self._results: list[PacketResult] = []
        self._passed = False
        self._eager = True
        self._pause_ns = _FIRST_PAUSE_NS
        self._next_ns = 0

    def begin_anew(self) -> None:
        """The link was away: what it carries now is not known, find out at once."""
        self._probe = None
        self._eager = True
        self._pause_ns = _FIRST_PAUSE_NS
        self._next_ns = 0

    def hope(self) -> None:
        """The link carries more than the last probe found: it is worth trying again soon."""
        self._pause_ns = _FIRST_PAUSE_NS
        self._next_ns = 0

    def next(self, now: Situation, now_ns: int) -> Probe | None:
        """Return a probe to begin now, or None."""
        if self._probe is not None or now_ns < self._next_ns:
            return None
        if now.queue_ms > 20 or now.uneasy or now.wanted_bps < 1.15 * now.target_bps:
            return None
        if now.congested_ns is not None:
            calm = now_ns - now.congested_ns > (_EAGER_CALM_NS if self._eager else _CALM_NS)
            beyond = now.ceiling_bps is None or now.target_bps > 1.08 * now.ceiling_bps
            waited = self._eager or now_ns - now.congested_ns > 2 * _CALM_NS
            if not calm or not (beyond or waited):
                return None
        factor = 2.0 if self._eager else 1.5
        rate = min(factor * now.target_bps, 1.1 * now.wanted_bps)
        duration_s = min(MOST_QUEUE_S / max(rate / now.target_bps - 1, 0.25), 0.25)
        self._number += 1
        size = int(min(max(rate * duration_s / 8 / 14, 100), 1100))
        self._probe = Probe(self._number, rate, int(duration_s * 1e9), size)
        self._began_ns = now_ns
        self._results, self._passed = [], False
        return self._probe

    def add(self, results: Sequence[PacketResult]) -> None:
        """Take feedback; only what belongs to the probe is kept."""
        probe = self._probe
        if probe is not None:
            self._results += [r for r in results if r.probe == probe.number]
            end_ns = self._began_ns + probe.duration_ns
            self._passed = self._passed or any(r.sent_ns > end_ns for r in results)

    def read(self, now_ns: int, rtt_ms: float, usual_loss: float) -> Reading | None:
        """Return what the probe showed, once it is over."""
        probe = self._probe
        if probe is None:
            return None
        over_ns = self._began_ns + probe.duration_ns + int(rtt_ms * 1e6) + _PATIENCE_NS
        if now_ns < over_ns and not self._passed:
            return None
        self._probe = None
        self._results.sort(key=lambda r: r.number)
        reading = read_probe(self._results, usual_loss) if self._results else None
        if reading is not None and reading.carried_bps > probe.rate_bps:
            reading = Reading(probe.rate_bps, reading.filled)  # pictures of before came in a lump
        if reading is None and self._eager:
            self._eager = False  # jitter hid the answer: a longer one, soon
            self._next_ns = now_ns + _AGAIN_NS
        elif reading is None or reading.filled:
            self._eager = False
            self._next_ns = now_ns + self._pause_ns
            self._pause_ns = min(2 * self._pause_ns, _MOST_PAUSE_NS)
        else:
            self._pause_ns = _FIRST_PAUSE_NS
            self._eager = True  # it carried all of it: go on at once
        return reading
