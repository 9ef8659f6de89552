"""The unlocked vault: what the desk's workflow and sync hold in their hands."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import schema
from telemed_desk.vault.addenda import VaultAddenda
from telemed_desk.vault.atomic import write_durably
from telemed_desk.vault.backups import (
    BACKUPS_NAME,
    SLOTS_SUFFIX,
    Backup,
    BackupFolder,
    write_copy,
)
from telemed_desk.vault.bulk import VaultBulk
from telemed_desk.vault.claims import VaultClaims
from telemed_desk.vault.connection import known_errors
from telemed_desk.vault.core import DATABASE_NAME, Opened
from telemed_desk.vault.drafts import Drafts, is_signed
from telemed_desk.vault.note_versions import VaultNoteVersions
from telemed_desk.vault.oplog import OpLog, op_of_row
from telemed_desk.vault.originals import VaultOriginals
from telemed_desk.vault.outbox import VaultOutbox
from telemed_desk.vault.patient_records import VaultPatients, shown_now
from telemed_desk.vault.payloads import lane_of
from telemed_desk.vault.problems import NoteAlreadySigned, NotesOnly, UnknownRecord, VaultLocked
from telemed_desk.vault.reads import VaultReads
from telemed_desk.vault.searching import VaultSearch
from telemed_desk.vault.settings import SETTING_CLINIC, SETTING_REPAIR, drop_setting, write_setting
from telemed_desk.vault.slots import SLOTS_NAME, SlotSecret
from telemed_desk.vault.values import Change, OpDraft
from telemed_desk.vault.writer import Transaction
from telemed_protocol.errors import BugError
from telemed_protocol.ids import ID_BYTES, new_id
from telemed_protocol.op import Lane, Op, OpId


class Vault(
    VaultReads,
    VaultNoteVersions,
    VaultAddenda,
    VaultPatients,
    VaultClaims,
    VaultOutbox,
    VaultBulk,
    VaultOriginals,
    VaultSearch,
):
    """Thread-safe. Writes are queued for the vault's writer thread and return futures.

    A future's result means: on the disk of this PC, through a power cut. Errors are known ones
    (:mod:`telemed_desk.vault.problems`) or bugs. Nothing is written of a transaction that failed.
    """

    MAX_PREVIEW_BYTES: Final = 40_000
    MAX_THUMB_BYTES: Final = 6_000

    def __init__(self, opened: Opened) -> None:
        super().__init__(opened)
        self._drafts = Drafts(self._oplog)

    def commit(self, *drafts: OpDraft) -> "Future[list[Op]]":
        """Record facts in one transaction: ops, projections, outbox.

        Raises (through the future):
            NoteAlreadySigned: A revision of a signed note.
            NotesOnly: A photo while the disk is full.
            DiskFull: Rolled back; keep the text on the screen.
        """
        return self._writer.submit(lambda t: self._commit(t, drafts))

    def apply_ops(self, ops: Iterable[Op]) -> "Future[int]":
        """Store many ops made elsewhere in one transaction, idempotently; return entities touched."""
        batch = list(ops)

        def job(transaction: Transaction) -> int:
            entities = self._oplog.apply(transaction.connection, batch)
            transaction.changes |= self._oplog.refold(transaction.connection, entities)
            return len(entities)

        return self._writer.submit(job)

    def journal_draft(
        self,
        note: bytes,
        consultation: bytes,
        text: NoteText,
        at_ms: int,
        base: tuple[OpId, ...] | None = None,
    ) -> "Future[None]":
        """Keep what is being typed; a crash then costs at most what came after.

        Args:
            note: Its id; a new note gets one from the caller.
            consultation: What it records.
            text: The whole text.
            at_ms: When.
            base: The revisions that the text on the screen was built on. None = those that
                :meth:`note_text` last returned, or the last one written here.
        """

        def job(transaction: Transaction) -> None:
            if base is not None:
                self._drafts.opened(note, base)
            self._drafts.journal(
                transaction,
                note,
                text,
                actor=self.clinician.entity,
                consultation=consultation,
                at_ms=at_ms,
            )

        return self._writer.submit(job)

    def roll_draft(self, note: bytes) -> "Future[Op | None]":
        """Turn the journalled text into one revision; None when it says nothing new."""
        return self._writer.submit(lambda t: self._drafts.roll(t, note))

    def settle_note(
        self, note: bytes, text: NoteText, seen: Iterable[OpId], at_ms: int
    ) -> "Future[Op]":
        """Record the text that a clinician made of a note's versions, built on all of them.

        Args:
            note: Which.
            text: The whole text.
            seen: The versions that stood when it was made.
            at_ms: When.

        Raises (through the future):
            VersionsMoved: Other versions stand by now; nothing was written of the text.
            NoteAlreadySigned: It was signed meanwhile.
        """
        known = frozenset(seen)
        actor = self.clinician.entity
        return self._writer.submit(
            lambda t: self._drafts.settle(t, note, text, seen=known, actor=actor, at_ms=at_ms)
        )

    def sign_note(self, note: bytes, at_ms: int, also: Sequence[OpDraft] = ()) -> "Future[Op]":
        """Roll the draft and sign the note with the clinician's own key.

        Args:
            note: Which.
            at_ms: When.
            also: Facts to record in the same transaction, such as the consultation's new state.

        Raises (through the future):
            ConflictOpen: More than one version stands; nothing was rolled or signed.
            NoteEmpty: There is nothing to sign.
            NoteAlreadySigned: It is signed.
        """

        def job(transaction: Transaction) -> Op:
            op = self._drafts.sign(
                transaction,
                note,
                actor=self.clinician.entity,
                at_ms=at_ms,
                signing_key=Ed25519PrivateKey.from_private_bytes(bytes(self._signing_seed)),
            )
            if also:
                self._commit(transaction, also)
            return op

        return self._writer.submit(job)

    def put_photo(
        self,
        consultation: bytes,
        jpeg: bytes,
        preview_jpeg: bytes,
        width: int,
        height: int,
        *,
        source: str,
        at_ms: int,
        thumb_jpeg: bytes = b"",
    ) -> "Future[Op]":
        """Seal a photo into its own file, read it back, and record it.

        Args:
            consultation: Whose.
            jpeg: Already decoded and encoded again by us, so free of what a stranger put in.
            preview_jpeg: At most :attr:`MAX_PREVIEW_BYTES`; travels inside the op.
            width: Pixels.
            height: Pixels.
            source: ``page``, ``camera``, ``screen`` or ``file``.
            at_ms: When it was taken.
            thumb_jpeg: For lists, at most :attr:`MAX_THUMB_BYTES`; travels inside the op.

        Raises (through the future):
            NoRoomForPhotos, NotesOnly: What space is left is for notes; nothing was written.
            DiskFull: It did not fit; nothing is left of it.
        """
        if len(preview_jpeg) > self.MAX_PREVIEW_BYTES or len(thumb_jpeg) > self.MAX_THUMB_BYTES:
            raise BugError("preview too large")

        def job(transaction: Transaction) -> Op:
            self.check_room_for_photo()
            photo = new_id()
            key = self._attachments.put(photo, jpeg)
            payload = {
                "consultation": consultation,
                "at_ms": at_ms,
                "width": width,
                "height": height,
                "source": source,
                "sha256": hashlib.sha256(jpeg).digest(),
                "key": key,
                "preview": preview_jpeg,
                "thumb": thumb_jpeg,
            }
            try:
                self._note_original(transaction, photo)
                return self._commit(transaction, [OpDraft("photo.add", photo, payload)])[0]
            except BaseException:
                self._attachments.discard(photo)
                raise

        return self._writer.submit(job)

    def read_photo(self, photo: bytes) -> bytes:
        """Return a photo's JPEG; any thread but the GUI's: it reads and opens megabytes.

        Raises:
            UnknownRecord: It is not on this PC.
            PhotoDamaged: Its file was altered.
        """
        row = self._one(schema.photo, photo)
        if row is None:
            raise UnknownRecord("photo")
        return self._attachments.get(photo, row["secret"], row["sha256"])

    def set_clinic(self, clinic: bytes) -> "Future[None]":
        """Bind this vault to a clinic, once.

        Raises (through the future):
            BugError: It is bound to another.
        """

        def job(transaction: Transaction) -> None:
            if len(clinic) != ID_BYTES or self._clinic not in {None, clinic}:
                raise BugError("a vault belongs to one clinic")
            write_setting(transaction.connection, SETTING_CLINIC, clinic)
            transaction.changes.add(Change("setting", SETTING_CLINIC.encode()))
            transaction.after_commit.append(lambda: setattr(self, "_clinic", clinic))

        return self._writer.submit(job)

    def set_setting(self, key: str, value: bytes) -> "Future[None]":
        """Store a setting of this PC, encrypted; it never travels."""
        if key.startswith("vault."):
            raise BugError("a reserved setting")

        def job(transaction: Transaction) -> None:
            write_setting(transaction.connection, key, value)
            transaction.changes.add(Change("setting", key.encode()))

        return self._writer.submit(job)

    def repair_was_seen(self) -> "Future[None]":
        """Somebody has read what the repair found: it is not shown again."""

        def job(transaction: Transaction) -> None:
            drop_setting(transaction.connection, SETTING_REPAIR)
            transaction.after_commit.append(lambda: setattr(self, "repair_report", None))

        return self._writer.submit(job)

    def rebuild(self) -> "Future[None]":
        """Fold every projection again from the op log."""

        def job(transaction: Transaction) -> None:
            self._oplog.rebuild(transaction.connection)
            transaction.changes |= {Change(name, b"") for name in schema.PROJECTIONS}

        return self._writer.submit(job)

    def op(self, op_id: OpId) -> Op | None:
        """Return one op as recorded."""
        c = schema.op.c
        with self._read() as connection:
            row = (
                connection.execute(
                    sa.select(schema.op).where(c.device == op_id.device, c.number == op_id.number)
                )
                .mappings()
                .first()
            )
        return None if row is None else op_of_row(row)

    def keys_for_slot(self) -> SlotSecret:
        """Return the keys of the clinician who is in, to be wrapped again and for nothing else.

        Raises:
            VaultLocked: They were dropped.
        """
        if self.is_locked:
            raise VaultLocked
        return SlotSecret(1, self._master.reveal(), bytes(self._signing_seed))

    def trial(self, job: Callable[[sa.Connection, OpLog], None]) -> "Future[None]":
        """Let a check work on the database in a transaction that it ends by raising."""
        return self._writer.submit(lambda t: job(t.connection, self._oplog))

    def back_up(self) -> Backup:
        """Write a verified backup beside the vault and let old ones go; seconds, while others work.

        Raises:
            BackupFailed: It could not be read back.
            DiskFull: There is no room for it.
        """
        if self.is_locked:
            raise VaultLocked
        return BackupFolder(self.folder / BACKUPS_NAME).make(
            self.folder / DATABASE_NAME,
            self.folder / SLOTS_NAME,
            self._master.database_key(),
            self._wall_ms(),
        )

    def newest_backup_ms(self) -> int | None:
        """Return when the newest backup beside the vault was made; None when there is none."""
        made = BackupFolder(self.folder / BACKUPS_NAME).all()
        return made[0].at_ms if made else None

    def copy_to(self, target: Path, progress: Callable[[str], None]) -> None:
        """Write a verified copy elsewhere, with the slot file that opens it beside it.

        Raises:
            BackupFailed, DiskFull, DiskTrouble: Nothing is left behind.
        """
        if self.is_locked:
            raise VaultLocked
        with known_errors():
            key = self._master.database_key()
            write_copy(self.folder / DATABASE_NAME, target, key, progress)
            slots = (self.folder / SLOTS_NAME).read_bytes()
            write_durably(target.with_suffix(SLOTS_SUFFIX), slots)

    def verify_file(self) -> list[str]:
        """Check every page of the file; return what is wrong, by page. About 3 s per GB and more."""
        with self._read() as connection:
            rows = connection.exec_driver_sql("PRAGMA cipher_integrity_check").all()
            return [str(row[0]) for row in rows]

    def _commit(self, transaction: Transaction, drafts: Sequence[OpDraft]) -> list[Op]:
        connection = transaction.connection
        if self._notes_only and any(_lane(d) == Lane.PREVIEWS for d in drafts):
            raise NotesOnly
        ready = []
        for given in drafts:
            draft = given
            if draft.kind == "note.revise":
                if is_signed(connection, draft.entity):
                    raise NoteAlreadySigned
                if not draft.parents:
                    parents = self._drafts.base_of(connection, draft.entity)
                    draft = replace(draft, parents=parents)
            elif draft.kind == "patient.set" and "seen" not in draft.payload:
                parents = shown_now(connection, draft.entity, draft.payload)
                payload = {**draft.payload, "seen": True}
                draft = replace(draft, payload=payload, parents=parents)
            ready.append(draft)
        ops = self._oplog.append(connection, self.clinician.entity, ready)
        transaction.changes |= self._oplog.refold(connection, {op.entity for op in ops})
        for op in ops:
            if op.kind == "note.revise":
                transaction.after_commit.append(
                    partial(self._drafts.opened, op.entity, (op.op_id,))
                )
        return ops


def _lane(draft: OpDraft) -> int:
    return lane_of(draft.kind) if draft.lane is None else draft.lane
