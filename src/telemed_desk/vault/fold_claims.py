"""Claims of a consultation: by the server's numbers, which are handed in beside the ops."""

from collections.abc import Mapping

from telemed_desk.clinical.claims import Claim, losers, settle
from telemed_desk.vault import payloads as p
from telemed_desk.vault.rows import Known, Row, id_of
from telemed_protocol.op import OpId

CLAIM = "consult.claim"


def settled(known: list[Known], numbers: Mapping[OpId, int]) -> list[Claim]:
    """Return the claims among a consultation's facts, each with what became of it."""
    return settle(
        Claim(
            id_of(k.op.op_id),
            k.op.actor,
            k.payload.at_ms,
            frozenset(map(id_of, k.op.parents)),
            numbers.get(k.op.op_id),
        )
        for k in known
        if isinstance(k.payload, p.ConsultClaim)
    )


def counted_steps(known: list[Known], claims: list[Claim]) -> list[Known]:
    """Leave out the steps that somebody recorded after a claim of theirs that was lost.

    Their visit is another's: ending or signing it on their PC must not end the other's.
    """
    lost = losers(claims)
    if not lost:
        return known
    # From the lost claim on, in the order of the log.
    open_claims = {OpId(*fact): by for by, fact in lost.items()}
    behind: set[bytes] = set()
    kept = []
    for k in known:
        if k.op.op_id in open_claims:
            behind.add(open_claims[k.op.op_id])
        if not (isinstance(k.payload, p.ConsultState) and k.op.actor in behind):
            kept.append(k)
    return kept


def claim_rows(entity: bytes, claims: list[Claim]) -> list[Row]:
    """Return a row for each, in the order that counts."""
    return [
        {
            "entity": entity,
            "device": claim.claim[0],
            "number": claim.claim[1],
            "place": place,
            "actor": claim.by,
            "at_ms": claim.at_ms,
            "sseq": claim.number,
            "outcome": claim.outcome.value,
            "lost_device": None if claim.lost_to is None else claim.lost_to[0],
            "lost_number": None if claim.lost_to is None else claim.lost_to[1],
        }
        for place, claim in enumerate(claims)
    ]
