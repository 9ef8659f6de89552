"""What is added below a signed note: each addendum is signed on its own and nothing above it changes."""

from abc import abstractmethod
from concurrent.futures import Future

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telemed_desk.clinical.notes import Addendum
from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.fold_note import addendum_bytes
from telemed_desk.vault.problems import NoteEmpty, NoteNotSigned
from telemed_desk.vault.row_values import to_text
from telemed_desk.vault.values import OpDraft
from telemed_protocol.op import Op


class VaultAddenda(VaultCore):
    """Addenda of signed notes."""

    @abstractmethod
    def commit(self, *drafts: OpDraft) -> "Future[list[Op]]":
        """Record facts in one transaction."""

    def addenda_of(self, note: bytes) -> list[Addendum]:
        """Return what stands below a note, oldest first."""
        c = schema.addendum.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(schema.addendum).where(c.entity == note).order_by(c.place)
            ).all()
        return [Addendum(row.author, row.at_ms, row.words, bool(row.fits)) for row in rows]

    def add_addendum(self, note: bytes, text: str, at_ms: int) -> "Future[list[Op]]":
        """Sign a text with the clinician's own key and record it below a signed note.

        Raises:
            NoteNotSigned: A draft is written on, not added to.
            NoteEmpty: There are no words.
            VaultLocked, DiskFull: As they say; the latter through the future.
        """
        if not text.strip():
            raise NoteEmpty
        with self._read() as connection:
            table = schema.note
            row = (
                connection.execute(sa.select(table).where(table.c.entity == note))
                .mappings()
                .first()
            )
        if row is None or row["signed_ms"] is None:
            raise NoteNotSigned
        key = Ed25519PrivateKey.from_private_bytes(bytes(self._signing_seed))
        # A signed note never changes, so what was just read still holds when this is written.
        of = to_text(row).sha256()
        payload = {
            "consultation": row["consultation"],
            "of": of,
            "at_ms": at_ms,
            "text": text,
            "signature": key.sign(addendum_bytes(note, of, at_ms, text)),
            "key": key.public_key().public_bytes_raw(),
        }
        return self.commit(OpDraft("note.addendum", note, payload))
