"""The one ladder: five rungs for the self-check, each waiting patient and the live call.

The limits are what calls on emulated links settle on (docs/adr/0007): loss counts before repair, and
repair makes good up to 15 % of it as long as there is rate for it; 100 kbit/s carry a picture of 180
lines beside the voice; 16 kbit/s carry voice of 8 kbit/s in packets of 60 ms.
"""

from dataclasses import dataclass
from enum import IntEnum


class Rung(IntEnum):
    """What kind of call works; higher is better, and the value is the number of bars drawn."""

    NO_LINK = 0
    PHONE = 1
    AUDIO_PHOTOS = 2
    LOW_VIDEO = 3
    VIDEO = 4
    HD_VIDEO = 5


@dataclass(frozen=True, slots=True)
class RungLimit:
    """What a rung needs, each way.

    Attributes:
        usable_bps: Bits per second after transport overhead, at 80 % of measured capacity.
        loss_ratio: Highest share of packets lost.
        loaded_rtt_ms: Highest round trip while the link is busy, where the load makes part of it.
        width, height, frames_per_s: What is sent at most; zeros without picture.
        voice_bps: Voice rate.
    """

    usable_bps: int
    loss_ratio: float
    loaded_rtt_ms: float
    width: int
    height: int
    frames_per_s: int
    voice_bps: int


LADDER: dict[Rung, RungLimit] = {
    Rung.HD_VIDEO: RungLimit(1_200_000, 0.03, 250, 1280, 720, 30, 32_000),
    Rung.VIDEO: RungLimit(450_000, 0.06, 400, 640, 360, 30, 32_000),
    Rung.LOW_VIDEO: RungLimit(100_000, 0.15, 600, 480, 270, 15, 24_000),
    Rung.AUDIO_PHOTOS: RungLimit(13_000, 0.35, 1200, 0, 0, 0, 16_000),
}
USABLE_SHARE = 0.8
"""Share of a measured capacity that a call may count on."""
MOST_BPS = 2_000_000
"""No call sends more: it makes 720 lines hardly better, but fills a queue when the link drops."""
TWICE_FROM = 3.0
"""With so many times the rate that a rung needs, everything can be sent twice."""
QUEUED_MS = 150.0
"""A far side is far however little is sent; only delay that sending makes counts against a picture."""


@dataclass(frozen=True, slots=True)
class LinkMeasure:
    """What is known of one direction of a link; None = cannot tell."""

    capacity_bps: float | None = None
    loss_ratio: float | None = None
    loaded_rtt_ms: float | None = None
    queued_ms: float | None = None
    """Of the round trip, what the load adds; None = all of it may be."""


def loss_allows(rung: Rung, loss_ratio: float, usable_bps: float) -> bool:
    """Return whether loss leaves a rung possible.

    Args:
        rung: With a limit in :data:`LADDER`.
        loss_ratio: Share of packets lost, before repair.
        usable_bps: What a call may count on; with plenty of it everything is sent twice.
    """
    need = LADDER[rung]
    if usable_bps > TWICE_FROM * need.usable_bps:
        # both copies; bursts take both more often than chance
        loss_ratio = min(loss_ratio, 2 * loss_ratio**2)
    return loss_ratio <= need.loss_ratio


def delay_allows(rung: Rung, rtt_ms: float, queued_ms: float | None = None) -> bool:
    """Return whether a round trip under load leaves a rung possible.

    Args:
        rung: With a limit in :data:`LADDER`.
        rtt_ms: Measured while the link was busy.
        queued_ms: Of it, what the load adds; None = not known, all of it may be.
    """
    queues = queued_ms is None or queued_ms > QUEUED_MS
    return rtt_ms <= LADDER[rung].loaded_rtt_ms or not queues


def highest_rung(link: LinkMeasure) -> Rung:
    """Return the highest rung that every known figure allows.

    A figure that is not known never lifts a rung: without a capacity the answer is at most
    ``AUDIO_PHOTOS``.
    """
    if link.capacity_bps is None:
        usable_bps = float(LADDER[Rung.AUDIO_PHOTOS].usable_bps)
    else:
        usable_bps = min(link.capacity_bps, MOST_BPS) * USABLE_SHARE
    for rung in (Rung.HD_VIDEO, Rung.VIDEO, Rung.LOW_VIDEO, Rung.AUDIO_PHOTOS):
        need = LADDER[rung]
        if (
            usable_bps >= need.usable_bps
            and (link.loss_ratio is None or loss_allows(rung, link.loss_ratio, usable_bps))
            and (
                link.loaded_rtt_ms is None or delay_allows(rung, link.loaded_rtt_ms, link.queued_ms)
            )
        ):
            return rung
    return Rung.PHONE
