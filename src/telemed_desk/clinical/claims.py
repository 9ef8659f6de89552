"""Who holds a consultation when several take it at once: the first number the server gave.

Clocks of clinic PCs differ and offline desks cannot ask, so neither decides. The server numbers what
it stores without gaps; every desk walks the claims in that order and comes to the same holder. A
claim that does not have its number yet stands behind all that do: it is tentative, on its own PC.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

Id = tuple[bytes, int]
"""Names a recorded fact: 16 bytes of the PC, and that PC's count."""


class Outcome(StrEnum):
    """What became of a claim; the value is stored."""

    HOLDS = "holds"
    PASSED_ON = "passed-on"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody took a consultation.

    Attributes:
        claim: Names it.
        by: The clinician, 16 bytes.
        at_ms: When, by that PC's clock; shown, never compared.
        knew: Claims that the clinician had on the screen: taking over from one of them is no conflict.
        number: The server's number of the segment it came in; None = not sent, or no receipt yet.
        outcome: What became of it.
        lost_to: Who held the consultation when this claim's turn came.
    """

    claim: Id
    by: bytes
    at_ms: int
    knew: frozenset[Id] = frozenset()
    number: int | None = None
    outcome: Outcome = Outcome.LOST
    lost_to: Id | None = None

    @property
    def is_tentative(self) -> bool:
        """Whether another claim may still turn out to be earlier."""
        return self.number is None


def settle(claims: Iterable[Claim]) -> list[Claim]:
    """Return the claims of one consultation in the order that counts, each with its outcome.

    Args:
        claims: In the order of their recording; it matters only for those without a number, which
            are all of one PC.
    """
    ordered = sorted(
        claims,
        key=lambda c: (c.number is None, c.number or 0, c.claim[1] if c.number is not None else 0),
    )
    settled: list[Claim] = []
    holder: int | None = None
    for place, claim in enumerate(ordered):
        held = None if holder is None else settled[holder]
        if held is None or held.claim in claim.knew or held.by == claim.by:
            if holder is not None and held is not None:
                settled[holder] = replace(held, outcome=Outcome.PASSED_ON)
            settled.append(replace(claim, outcome=Outcome.HOLDS, lost_to=None))
            holder = place
        else:
            settled.append(replace(claim, outcome=Outcome.LOST, lost_to=held.claim))
    return settled


def holder_of(settled: Iterable[Claim]) -> Claim | None:
    """Return the claim that holds; None when nobody took the consultation."""
    return next((c for c in settled if c.outcome is Outcome.HOLDS), None)


def losers(settled: Iterable[Claim]) -> dict[bytes, Id]:
    """Return who lost and never held, with their first lost claim: by clinician."""
    claims = list(settled)
    held = {c.by for c in claims if c.outcome is not Outcome.LOST}
    lost: dict[bytes, Id] = {}
    for claim in claims:
        if claim.by not in held:
            lost.setdefault(claim.by, claim.claim)
    return lost
