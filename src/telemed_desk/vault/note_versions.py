"""The versions of a note: those that stand side by side, and all that there ever were."""

import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.drafts import revision_text
from telemed_desk.vault.values import NoteConflict, NoteVersion
from telemed_protocol.op import OpId


class VaultNoteVersions(VaultCore):
    """Reading; any thread, milliseconds."""

    def note_versions(self, note: bytes) -> list[NoteVersion]:
        """Return the versions that stand side by side, oldest first; one when all is well.

        Several, too, when they became one text without asking: what it was made from. Of a signed
        note the signed one, and what was written beside it.
        """
        return self._versions(note, schema.note_rev.c.leaf == 1)

    def note_history(self, note: bytes) -> list[NoteVersion]:
        """Return every version that there ever was of a note, oldest first."""
        return self._versions(note, sa.true())

    def note_conflicts(self) -> list[NoteConflict]:
        """Return notes that wait for somebody to choose, of consultations that are not finished.

        By way of those, as they are few; notes may be a hundred thousand.
        """
        n, c = schema.note.c, schema.consult.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(n.entity, n.consultation, n.leaves, n.changed_ms)
                .join_from(schema.consult, schema.note, n.consultation == c.entity)
                .where(
                    # Literals, so that SQLite can prove that the partial index fits.
                    sa.text("consult.state IN ('waiting', 'in-call', 'writing')"),
                    n.leaves > 1,
                    n.signed_ms.is_(None),
                )
                .order_by(n.changed_ms.desc(), n.entity)
            ).all()
        return [NoteConflict(r.entity, r.consultation, r.leaves, r.changed_ms) for r in rows]

    def _versions(self, note: bytes, which: sa.ColumnElement[bool]) -> list[NoteVersion]:
        c = schema.note_rev.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.note_rev)
                .where(c.entity == note, which)
                .order_by(c.stamp, c.device, c.number)
            ).all()
            return [
                NoteVersion(
                    OpId(row.device, row.number),
                    row.author,
                    row.at_ms,
                    revision_text(connection, OpId(row.device, row.number)),
                    bool(row.leaf),
                )
                for row in rows
            ]
