"""Asking the index: any thread, milliseconds."""

import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.row_values import to_patient
from telemed_desk.vault.search import match_of, time_of
from telemed_desk.vault.values import SearchHit

QUERY = """SELECT d.id, d.kind, d.entity,
        CASE d.kind WHEN 'patient' THEN NULL WHEN 'note' THEN n.consultation ELSE d.entity END
            AS consultation,
        CASE d.kind WHEN 'patient' THEN d.entity ELSE c.patient END AS patient
    FROM (SELECT rowid FROM search WHERE words MATCH :match ORDER BY rowid DESC LIMIT :limit) s
    JOIN search_doc d ON d.id = s.rowid
    LEFT JOIN note n ON d.kind = 'note' AND n.entity = d.entity
    LEFT JOIN consult c ON c.entity = CASE d.kind WHEN 'note' THEN n.consultation ELSE d.entity END
    ORDER BY d.id DESC"""


class VaultSearch(VaultCore):
    """Search over what is on this PC."""

    def search(self, text: str, limit: int = 20) -> list[SearchHit]:
        """Return what holds every word typed, newest first.

        The last letters of a word may be missing, and marks and case do not matter. Names, numbers
        and remarks of patients, reasons of consultations, and notes in every version that stands.
        """
        match = match_of(text)
        if match is None:
            return []
        with self._read() as connection:
            rows = connection.execute(sa.text(QUERY), {"match": match, "limit": limit}).all()
            wanted = {row.patient for row in rows if row.patient is not None}
            c = schema.patient.c
            found = connection.execute(
                sa.select(schema.patient).where(c.entity.in_(sorted(wanted)))
            ).mappings()
            patients = {row["entity"]: to_patient(row) for row in found}
        return [
            SearchHit(
                row.kind, row.entity, row.consultation, patients.get(row.patient), time_of(row.id)
            )
            for row in rows
        ]
