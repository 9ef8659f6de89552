"""Asking the index: any thread, milliseconds."""

from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.driver_sql import begin_reading, query, query_in
from telemed_desk.vault.row_values import to_patient
from telemed_desk.vault.search import match_of, time_of
from telemed_desk.vault.values import SearchHit

QUERY = """SELECT d.id, d.kind, d.entity,
        CASE d.kind WHEN 'patient' THEN NULL WHEN 'note' THEN n.consultation ELSE d.entity END
            AS consultation,
        CASE d.kind WHEN 'patient' THEN d.entity ELSE c.patient END AS patient
    FROM (SELECT rowid FROM search WHERE words MATCH ? ORDER BY rowid DESC LIMIT ?) s
    JOIN search_doc d ON d.id = s.rowid
    LEFT JOIN note n ON d.kind = 'note' AND n.entity = d.entity
    LEFT JOIN consult c ON c.entity = CASE d.kind WHEN 'note' THEN n.consultation ELSE d.entity END
    ORDER BY d.id DESC"""

_COLUMNS = tuple(column.name for column in schema.patient.c)
_PATIENTS = f"SELECT {', '.join(_COLUMNS)} FROM patient WHERE entity IN"  # noqa: S608 - ours


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
            begin_reading(connection)
            rows = query(connection, QUERY, match, limit)
            wanted = sorted({row[-1] for row in rows if row[-1] is not None})
            found = query_in(connection, _PATIENTS, wanted)
        people = [to_patient(dict(zip(_COLUMNS, row, strict=True))) for row in found]
        patients = {person.entity: person for person in people}
        return [
            SearchHit(kind, entity, consultation, patients.get(patient), time_of(number))
            for number, kind, entity, consultation, patient in rows
        ]
