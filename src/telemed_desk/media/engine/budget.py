"""One uplink, several calls: who may send how much. Voice of all first, then pictures. Pure.

Every call has its own congestion control, because every other side has a way of its own; but all of
them leave through the one line of this PC. Left alone they would share it evenly however little one
of them needs, and the voice of the second would pay for the picture of the first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from .allocation import VOICE_OVERHEAD_BPS, voice_rate

LEAST_VIDEO_BPS: Final = 40_000
"""Less than this is no picture worth its packets: better one call with a picture than two without."""


@dataclass(frozen=True, slots=True)
class Claim:
    """What one call asks for.

    Attributes:
        call: Its id.
        estimate_bps: What its own congestion control holds for possible.
        loss_ratio: Loss on its way.
        weight: Its picture's part of what is left over; 0 = no picture wanted.
        most_bps: More than this would be of no use to it.
    """

    call: str
    estimate_bps: float
    loss_ratio: float = 0.0
    weight: float = 1.0
    most_bps: float = float("inf")


@dataclass(frozen=True, slots=True)
class Share:
    """What one call may send, headers included."""

    voice_bps: float
    video_bps: float

    @property
    def total_bps(self) -> float:
        """The call's target: hand it to its streams as their cap."""
        return self.voice_bps + self.video_bps


def split(uplink_bps: float, claims: Sequence[Claim]) -> dict[str, Share]:
    """Share out one uplink.

    Args:
        uplink_bps: What the line carries, all calls together.
        claims: One for each call; the order decides only who keeps a picture where not all can.

    Returns:
        A share for each call. Together they are at most ``uplink_bps``, and none is above its own
        estimate; where not even all voices fit, all shrink alike.
    """
    voices = {
        c.call: min(
            float(voice_rate(c.estimate_bps, c.loss_ratio) + VOICE_OVERHEAD_BPS),
            c.estimate_bps,
            c.most_bps,
        )
        for c in claims
    }
    needed = sum(voices.values())
    if needed > uplink_bps:
        part = max(uplink_bps, 0.0) / needed
        return {call: Share(voice * part, 0.0) for call, voice in voices.items()}
    room = {c.call: max(min(c.estimate_bps, c.most_bps) - voices[c.call], 0.0) for c in claims}
    wanting = [c for c in claims if c.weight > 0 and room[c.call] >= LEAST_VIDEO_BPS]
    pictures = _fill(uplink_bps - needed, wanting, room)
    return {c.call: Share(voices[c.call], pictures.get(c.call, 0.0)) for c in claims}


def _fill(left_bps: float, wanting: list[Claim], room: dict[str, float]) -> dict[str, float]:
    """Fill by weight; who is content leaves the rest to others, who gets too little leaves all."""
    while wanting:
        filled = _by_weight(left_bps, wanting, room)
        least = min(wanting, key=lambda c: (filled[c.call], -wanting.index(c)))
        if filled[least.call] >= LEAST_VIDEO_BPS:
            return filled
        wanting = [c for c in wanting if c is not least]
    return {}


def _by_weight(left_bps: float, wanting: list[Claim], room: dict[str, float]) -> dict[str, float]:
    filled: dict[str, float] = {}
    open_claims = list(wanting)
    while open_claims:
        per_weight = left_bps / sum(c.weight for c in open_claims)
        content = [c for c in open_claims if room[c.call] <= per_weight * c.weight]
        if not content:
            return filled | {c.call: per_weight * c.weight for c in open_claims}
        for claim in content:
            filled[claim.call] = room[claim.call]
            left_bps -= room[claim.call]
        open_claims = [c for c in open_claims if c not in content]
    return filled


@dataclass(slots=True)
class UplinkBudget:
    """The calls of this PC and their claims. One thread.

    The uplink is what all calls' own estimates add up to: where they share the bottleneck, each has
    found its part of it; where they do not, nothing is taken from anybody. What one call cannot use
    (no camera, a small window) then goes to the others.
    """

    claims: dict[str, Claim] = field(default_factory=dict)
    limit_bps: float | None = None
    """A known limit of the line, for example measured by the self-check; None = not known."""

    def claim(self, claim: Claim) -> None:
        """Renew what a call asks for, a few times a second."""
        self.claims[claim.call] = claim

    def leave(self, call: str) -> None:
        """A call ended; harmless twice."""
        self.claims.pop(call, None)

    @property
    def uplink_bps(self) -> float:
        """What the line carries, as far as is known."""
        known = sum(c.estimate_bps for c in self.claims.values())
        return known if self.limit_bps is None else min(known, self.limit_bps)

    def shares(self) -> dict[str, Share]:
        """Return what each call may send now."""
        return split(self.uplink_bps, list(self.claims.values()))
