"""What several calls of one PC may take of its uplink and of its processor. Pure.

Voice of all comes first, on the line as in the processor: a call without a picture costs no encoder.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from telemed_desk.clinical.ladder import LADDER, Rung
from telemed_desk.media.engine.budget import Claim, UplinkBudget

PIXELS_PER_S: Final = 36_000_000
"""One picture in HD and one of the next size, or five of that size (ADR 0013). What a slower PC cannot
do shows in each call's own encode time, which the ladder heeds as well."""
_PICTURES: Final = (Rung.HD_VIDEO, Rung.VIDEO, Rung.LOW_VIDEO)


@dataclass(frozen=True, slots=True)
class Need:
    """One call and what it could use.

    Attributes:
        call: Its id.
        estimate_bps: What its link is held to carry.
        loss_ratio: Loss on its way.
        camera: There is a picture to send.
        first: It is the patient's: the larger picture where only one can be.
    """

    call: str
    estimate_bps: float
    loss_ratio: float = 0.0
    camera: bool = True
    first: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """What it may take. ``cap_bps`` None = all that its link carries."""

    cap_bps: float | None = None
    most: Rung = Rung.HD_VIDEO


def pixels_of(rung: Rung) -> int:
    """Return pixels a second that an encoder turns over on a rung."""
    limit = LADDER[rung]
    return limit.width * limit.height * limit.frames_per_s


def share(needs: Sequence[Need], limit_bps: float | None = None) -> dict[str, Limit]:
    """Share out line and processor; a call that is alone is not limited here.

    Args:
        needs: One for each call.
        limit_bps: What the line carries, all calls together; None = as much as their estimates.
    """
    if len(needs) < 2 and limit_bps is None:
        return {need.call: Limit() for need in needs}
    budget = UplinkBudget(limit_bps=limit_bps)
    for need in sorted(needs, key=lambda need: not need.first):
        weight = 0.0 if not need.camera else 2.0 if need.first else 1.0
        budget.claim(Claim(need.call, need.estimate_bps, need.loss_ratio, weight))
    shares = budget.shares()
    rungs = _rungs([need for need in needs if need.camera])
    return {
        need.call: Limit(
            shares[need.call].total_bps if need.camera else None,
            rungs.get(need.call, Rung.HD_VIDEO),
        )
        for need in needs
    }


def _rungs(needs: Sequence[Need]) -> dict[str, Rung]:
    """The highest rung that all can have; then, if it fits, one more for the patient."""
    count = len(needs)
    even = next((r for r in _PICTURES if count * pixels_of(r) <= PIXELS_PER_S), Rung.LOW_VIDEO)
    rungs = {need.call: even for need in needs}
    first = next((need.call for need in needs if need.first), None)
    if first is not None and even is not Rung.HD_VIDEO:
        larger = _PICTURES[_PICTURES.index(even) - 1]
        if (count - 1) * pixels_of(even) + pixels_of(larger) <= PIXELS_PER_S:
            rungs[first] = larger
    return rungs
