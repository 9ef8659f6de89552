"""Asking the index: any thread, milliseconds."""

import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.row_values import to_patient
from telemed_desk.vault.search import match_of, time_of
from telemed_desk.vault.values import SearchHit

_QUERY = """SELECT d.id, d.kind, d.entity FROM search s JOIN search_doc d ON d.id = s.rowid
    WHERE s.words MATCH :match ORDER BY s.rowid DESC LIMIT :limit"""


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
            rows = connection.execute(sa.text(_QUERY), {"match": match, "limit": limit}).all()
            return [self._hit(connection, row.id, row.kind, row.entity) for row in rows]

    def _hit(self, connection: sa.Connection, number: int, kind: str, entity: bytes) -> SearchHit:
        consultation = patient = None
        if kind == "patient":
            patient = entity
        else:
            consultation = entity
            if kind == "note":
                note = schema.note.c
                consultation = connection.execute(
                    sa.select(note.consultation).where(note.entity == entity)
                ).scalar()
            consult = schema.consult.c
            patient = connection.execute(
                sa.select(consult.patient).where(consult.entity == consultation)
            ).scalar()
        row = (
            connection.execute(sa.select(schema.patient).where(schema.patient.c.entity == patient))
            .mappings()
            .first()
        )
        known = None if row is None else to_patient(row)
        return SearchHit(kind, entity, consultation, known, time_of(number))
