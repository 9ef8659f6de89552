"""What is being typed: journalled every second, rolled into a revision, signed at the end.

All of it runs in the writer thread, inside the caller's transaction.
"""

from typing import Final

import msgspec
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import schema
from telemed_desk.vault.driver_sql import change, insert, query
from telemed_desk.vault.fold_note import section_columns, signed_bytes, text_of
from telemed_desk.vault.oplog import OpLog, op_of_row
from telemed_desk.vault.payloads import NoteRevise, read_payload
from telemed_desk.vault.problems import (
    ConflictOpen,
    NoteAlreadySigned,
    NoteEmpty,
    UnknownRecord,
    VersionsMoved,
)
from telemed_desk.vault.values import Change, OpDraft
from telemed_desk.vault.writer import Transaction
from telemed_protocol.op import Op, OpId

_base_decoder: Final = msgspec.msgpack.Decoder(tuple[OpId, ...])
_SECTIONS: Final = ("subjective", "objective", "assessment", "plan")


class Drafts:
    """Keeps track of which revisions the text on the screen was built on.

    That is what turns two people typing at once into two versions side by side instead of one
    silently replacing the other. ``opened`` is called by readers, everything else by the writer.
    """

    def __init__(self, oplog: OpLog) -> None:
        self._oplog = oplog
        self._bases: dict[bytes, tuple[OpId, ...]] = {}

    def opened(self, note: bytes, base: tuple[OpId, ...]) -> None:
        """Remember that an editor now shows the text of these revisions."""
        self._bases[note] = base

    def base_of(self, connection: sa.Connection, note: bytes) -> tuple[OpId, ...]:
        """Return what a new revision builds on: what was opened, or the newest version."""
        known = self._bases.get(note)
        return head_of(connection, note) if known is None else known

    def journal(
        self,
        transaction: Transaction,
        note: bytes,
        text: NoteText,
        *,
        actor: bytes,
        consultation: bytes,
        at_ms: int,
    ) -> None:
        """Keep the text as it stands.

        Raises:
            NoteAlreadySigned: Signed, and no draft was open when that happened.
        """
        connection = transaction.connection
        columns = {"at_ms": at_ms, "consultation": consultation, **section_columns(text)}
        marks = ", ".join(f"{name} = ?" for name in columns)
        sql = f"UPDATE draft_journal SET {marks} WHERE note = ?"  # noqa: S608 - columns of ours
        if not change(connection, sql, *columns.values(), note):
            if is_signed(connection, note):
                raise NoteAlreadySigned
            base = msgspec.msgpack.encode(self.base_of(connection, note))
            row = {"note": note, "actor": actor, "base": base, **columns}
            insert(connection, schema.draft_journal, [row])
        transaction.changes.add(Change("draft_journal", note))

    def roll(self, transaction: Transaction, note: bytes) -> Op | None:
        """Turn the journalled text into one revision; None when it says nothing new."""
        connection = transaction.connection
        journal = schema.draft_journal
        row = (
            connection.execute(sa.select(journal).where(journal.c.note == note)).mappings().first()
        )
        if row is None:
            return None
        text = NoteText(*(row[name] for name in _SECTIONS))
        base = _base_decoder.decode(row["base"])
        connection.execute(sa.delete(journal).where(journal.c.note == note))
        transaction.changes.add(Change("draft_journal", note))
        before = revision_text(connection, base[0]) if len(base) == 1 else None
        if text == (before or NoteText()) and len(base) <= 1:
            return None
        payload = {
            "consultation": row["consultation"],
            "S": text.subjective,
            "O": text.objective,
            "A": text.assessment,
            "P": text.plan,
            "at_ms": row["at_ms"],
        }
        draft = OpDraft("note.revise", note, payload, parents=base)
        (op,) = self._oplog.append(connection, row["actor"], [draft])
        transaction.changes |= self._oplog.refold(connection, [note])
        transaction.after_commit.append(lambda: self.opened(note, (op.op_id,)))
        return op

    def sign(
        self,
        transaction: Transaction,
        note: bytes,
        *,
        actor: bytes,
        at_ms: int,
        signing_key: Ed25519PrivateKey,
    ) -> Op:
        """Roll, check, sign.

        Raises:
            NoteAlreadySigned: It is signed.
            ConflictOpen: It has more than one version.
            NoteEmpty: Nothing was written.
        """
        self.roll(transaction, note)
        connection = transaction.connection
        table = schema.note
        row = connection.execute(sa.select(table).where(table.c.entity == note)).mappings().first()
        if row is None:
            raise NoteEmpty
        if row["signed_ms"] is not None:
            raise NoteAlreadySigned
        if row["leaves"] > 1:
            raise ConflictOpen
        row = self._settled(transaction, note, row, actor, at_ms)
        text = NoteText(*(row[name] for name in _SECTIONS))
        if text.is_empty:
            raise NoteEmpty
        digest = text.sha256()
        payload = {
            "consultation": row["consultation"],
            "revision": (row["head_device"], row["head_number"]),
            "sha256": digest,
            "at_ms": at_ms,
            "signature": signing_key.sign(signed_bytes(note, digest)),
            "key": signing_key.public_key().public_bytes_raw(),
        }
        draft = OpDraft(
            "note.sign", note, payload, parents=(OpId(row["head_device"], row["head_number"]),)
        )
        (op,) = self._oplog.append(connection, actor, [draft])
        transaction.changes |= self._oplog.refold(connection, [note])
        return op

    def settle(
        self,
        transaction: Transaction,
        note: bytes,
        text: NoteText,
        *,
        seen: frozenset[OpId],
        actor: bytes,
        at_ms: int,
    ) -> Op:
        """Record the text that a clinician made of all versions that stand: one revision.

        Raises:
            NoteAlreadySigned: It is signed; what stands beside it stays there.
            VersionsMoved: Other versions stand than those that were seen. Nothing was written.
            UnknownRecord: There is no such note here.
        """
        connection = transaction.connection
        if is_signed(connection, note):
            raise NoteAlreadySigned
        self.roll(transaction, note)
        leaves = leaves_of(connection, note)
        if frozenset(leaves) != seen:
            raise VersionsMoved
        consultation = connection.execute(
            sa.select(schema.note.c.consultation).where(schema.note.c.entity == note)
        ).scalar()
        if consultation is None:
            raise UnknownRecord("note")
        letters = zip("SOAP", section_columns(text).values(), strict=True)
        payload = {**dict(letters), "consultation": consultation, "at_ms": at_ms}
        draft = OpDraft("note.revise", note, payload, parents=leaves)
        (op,) = self._oplog.append(connection, actor, [draft])
        transaction.changes |= self._oplog.refold(connection, [note])
        transaction.after_commit.append(lambda: self.opened(note, (op.op_id,)))
        return op

    def _settled(
        self, transaction: Transaction, note: bytes, row: sa.RowMapping, actor: bytes, at_ms: int
    ) -> sa.RowMapping:
        """Make one revision of versions that became one text without asking: it can be signed."""
        connection = transaction.connection
        base = head_of(connection, note)
        if len(base) < 2:
            return row
        letters = zip("SOAP", _SECTIONS, strict=True)
        payload = {letter: row[name] for letter, name in letters}
        payload |= {"consultation": row["consultation"], "at_ms": at_ms}
        draft = OpDraft("note.revise", note, payload, parents=base)
        self._oplog.append(connection, actor, [draft])
        transaction.changes |= self._oplog.refold(connection, [note])
        table = schema.note
        return connection.execute(sa.select(table).where(table.c.entity == note)).mappings().one()


def head_of(connection: sa.Connection, note: bytes) -> tuple[OpId, ...]:
    """Return the revisions that the shown text stands for; nothing for a new note.

    One, save when versions of several desks became one text without asking: then all of those.
    """
    sql = "SELECT head_device, head_number, leaves FROM note WHERE entity = ?"
    for device, number, leaves in query(connection, sql, note):
        return (OpId(device, number),) if leaves > 1 else leaves_of(connection, note)
    return ()


def leaves_of(connection: sa.Connection, note: bytes) -> tuple[OpId, ...]:
    """Return the revisions that nobody built on, in order."""
    sql = """SELECT device, number FROM note_rev WHERE entity = ? AND leaf = 1
        ORDER BY stamp, device, number"""
    return tuple(OpId(*leaf) for leaf in query(connection, sql, note))


def shown_text(connection: sa.Connection, note: bytes) -> NoteText:
    """Return the text that is shown of a note; empty for a new note."""
    table = schema.note
    row = connection.execute(sa.select(table).where(table.c.entity == note)).mappings().first()
    return NoteText() if row is None else NoteText(*(row[name] for name in _SECTIONS))


def is_signed(connection: sa.Connection, note: bytes) -> bool:
    """Whether a note can no longer change."""
    return bool(
        query(connection, "SELECT 1 FROM note WHERE entity = ? AND signed_ms IS NOT NULL", note)
    )


def revision_text(connection: sa.Connection, op_id: OpId) -> NoteText:
    """Return the text of one revision.

    Raises:
        UnknownRecord: It is not on this PC.
    """
    row = (
        connection.execute(
            sa.select(schema.op).where(
                schema.op.c.device == op_id.device, schema.op.c.number == op_id.number
            )
        )
        .mappings()
        .first()
    )
    payload = read_payload(op_of_row(row)) if row is not None else None
    if not isinstance(payload, NoteRevise):
        raise UnknownRecord("revision")
    return text_of(payload)
