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
        loaded_rtt_ms: Highest round trip while the link is busy.
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


@dataclass(frozen=True, slots=True)
class LinkMeasure:
    """What is known of one direction of a link; None = cannot tell."""

    capacity_bps: float | None = None
    loss_ratio: float | None = None
    loaded_rtt_ms: float | None = None


def highest_rung(link: LinkMeasure) -> Rung:
    """Return the highest rung that every known figure allows.

    A figure that is not known never lifts a rung: without a capacity the answer is at most
    ``AUDIO_PHOTOS``.
    """
    if link.capacity_bps is None:
        usable_bps = float(LADDER[Rung.AUDIO_PHOTOS].usable_bps)
    else:
        usable_bps = link.capacity_bps * USABLE_SHARE
    for rung in (Rung.HD_VIDEO, Rung.VIDEO, Rung.LOW_VIDEO, Rung.AUDIO_PHOTOS):
        need = LADDER[rung]
        if (
            usable_bps >= need.usable_bps
            and (link.loss_ratio is None or link.loss_ratio <= need.loss_ratio)
            and (link.loaded_rtt_ms is None or link.loaded_rtt_ms <= need.loaded_rtt_ms)
        ):
            return rung
    return Rung.PHONE
