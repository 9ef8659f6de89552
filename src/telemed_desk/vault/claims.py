"""Who took which consultation, as far as the server's numbers have told. Any thread, milliseconds."""

from collections.abc import Iterable

import sqlalchemy as sa

from telemed_desk.clinical.claims import Claim, Outcome
from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore

_CHUNK = 500


class VaultClaims(VaultCore):
    """Reading claims."""

    def claims_of(self, consultation: bytes) -> list[Claim]:
        """Return the claims of a consultation in the order that counts."""
        return self.claims_of_all([consultation]).get(consultation, [])

    def claims_of_all(self, consultations: Iterable[bytes]) -> dict[bytes, list[Claim]]:
        """Return the claims of several, by consultation; those without any are left out."""
        c = schema.claim.c
        wanted = sorted(set(consultations))
        found: dict[bytes, list[Claim]] = {}
        with self._read() as connection:
            for start in range(0, len(wanted), _CHUNK):
                rows = connection.execute(
                    sa.select(schema.claim)
                    .where(c.entity.in_(wanted[start : start + _CHUNK]))
                    .order_by(c.entity, c.place)
                ).mappings()
                for row in rows:
                    found.setdefault(row["entity"], []).append(_to_claim(row))
        return found

    def lost_claims(self, clinician: bytes, since_ms: int) -> list[tuple[bytes, Claim]]:
        """Return the consultations that a clinician took and another had first, newest first."""
        c = schema.claim.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.claim)
                .where(sa.text("outcome = 'lost'"), c.actor == clinician, c.at_ms >= since_ms)
                .order_by(c.at_ms.desc(), c.entity, c.place)
            ).mappings()
            return [(row["entity"], _to_claim(row)) for row in rows]


def _to_claim(row: "sa.RowMapping") -> Claim:
    lost_to = None
    if row["lost_device"] is not None:
        lost_to = (row["lost_device"], row["lost_number"])
    return Claim(
        (row["device"], row["number"]),
        row["actor"],
        row["at_ms"],
        frozenset(),
        row["sseq"],
        Outcome(row["outcome"]),
        lost_to,
    )
