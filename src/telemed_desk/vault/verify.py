"""Checks that anybody who doubts can run: is the log what it claims to be, is the file whole?"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sqlalchemy as sa
import sqlcipher3.dbapi2 as sqlcipher

from telemed_desk.vault import schema
from telemed_desk.vault.backups import BACKUPS_NAME, BackupFolder
from telemed_desk.vault.connection import faults_in, faults_of, raw_connection
from telemed_desk.vault.core import DATABASE_NAME
from telemed_desk.vault.journal import JOURNAL_NAME, JournalFile
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.oplog import OpLog, op_of_row
from telemed_desk.vault.payloads import KINDS, read_payload
from telemed_desk.vault.problems import PhotoDamaged, UnknownRecord
from telemed_desk.vault.row_values import to_blobs
from telemed_desk.vault.vault import Vault
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.membership import MemberChain, SignedRecord
from telemed_protocol.segment import GENESIS_HASH, next_log_hash, parse_segment, verify_segment

_MOST_FAULTS: Final = 20

Progress = Callable[[str], None]


@dataclass(slots=True)
class Findings:
    """What a check looked at, and what is wrong; words free of personal data."""

    counts: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def count(self, what: str, number: int) -> None:
        """Note how many were looked at."""
        self.counts[what] = self.counts.get(what, 0) + number

    def fault(self, words: str) -> None:
        """Note a fault; after twenty of them nobody reads on."""
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(words)


class _Undo(Exception):
    """Rolls a transaction back."""


def check_files(folder: Path, master: MasterKey, progress: Progress) -> Findings:
    """Check every page of the database, the journal and the backups; nothing is changed."""
    found = Findings()
    database = folder / DATABASE_NAME
    progress("database")
    try:
        with raw_connection(database, master.database_key(), read_only=False) as connection:
            for fault in faults_in(connection):
                found.fault(f"database: {fault}")
            found.count("pages", connection.execute("PRAGMA page_count").fetchone()[0])
            found.count("facts", connection.execute("SELECT count(*) FROM op").fetchone()[0])
    except (sqlcipher.Error, OSError) as error:
        found.fault(f"database: {type(error).__name__}")
    progress("journal")
    journal = JournalFile(folder / JOURNAL_NAME, master.journal_key()).read()
    if journal is None:
        found.fault("journal: missing")
    else:
        found.count("journal frames", len(journal.frames))
        if not journal.is_whole:
            found.fault("journal: damaged")
    for backup in BackupFolder(folder / BACKUPS_NAME).all():
        progress(f"backup {backup.path.stem}")
        found.count("backups", 1)
        for fault in faults_of(backup.path, master.database_key()):
            found.fault(f"backup {backup.path.stem}: {fault}")
    return found


def check_photos(vault: Vault, found: Findings, progress: Progress) -> None:
    """Open every photo whose file is on this PC."""
    progress("photos")
    with vault.reading() as connection:
        photos = list(connection.execute(sa.select(schema.photo.c.entity)).scalars())
    for photo in photos:
        try:
            vault.read_photo(photo)
            found.count("photos", 1)
        except UnknownRecord:
            found.count("photos elsewhere", 1)
        except PhotoDamaged as error:
            found.fault(f"photo {photo.hex()[:8]}: {error.detail}")


def verify_log(vault: Vault, progress: Progress) -> Findings:
    """Follow every chain from its first link, check signatures, and fold anew to compare."""
    found = Findings()
    progress("facts")
    _check_ops(vault, found)
    progress("signatures")
    _check_signatures(vault, found)
    progress("segments")
    _check_segments(vault, found)
    progress("server's log")
    _check_log(vault, found)
    progress("members")
    _check_members(vault, found)
    progress("projections")
    _check_projections(vault, found)
    return found


def _check_ops(vault: Vault, found: Findings) -> None:
    expected: dict[bytes, int] = {}
    last_stamp: dict[bytes, int] = {}
    c = schema.op.c
    with vault.reading() as connection:
        rows = connection.execute(sa.select(schema.op).order_by(c.device, c.number)).mappings()
        for row in rows:
            op = op_of_row(row)
            found.count("facts", 1)
            if op.number != expected.get(op.device, 1):
                found.fault(f"facts of {op.device.hex()[:8]}: {op.number} follows a gap")
            if op.stamp <= last_stamp.get(op.device, -1):
                found.fault(f"facts of {op.device.hex()[:8]}: time of {op.number} runs back")
            if op.kind in KINDS and read_payload(op) is None:
                found.fault(f"facts of {op.device.hex()[:8]}: {op.number} does not fit its kind")
            expected[op.device] = op.number + 1
            last_stamp[op.device] = op.stamp
        kept_aside = connection.execute(
            sa.select(sa.func.count()).select_from(schema.quarantine)
        ).scalar_one()
    found.count("kept aside", kept_aside)


def _check_signatures(vault: Vault, found: Findings) -> None:
    c = schema.note.c
    with vault.reading() as connection:
        keys = {
            row.entity: to_blobs(row.signing)
            for row in connection.execute(
                sa.select(schema.clinician.c.entity, schema.clinician.c.signing)
            )
        }
        rows = connection.execute(
            sa.select(c.entity, c.signed_ms, c.signer, c.signing_key, c.bad_signatures)
        ).all()
    for row in rows:
        found.count("notes", 1)
        if row.bad_signatures:
            found.fault(f"note {row.entity.hex()[:8]}: {row.bad_signatures} signatures do not fit")
        if row.signed_ms is not None:
            found.count("signed notes", 1)
            if row.signing_key not in keys.get(row.signer, []):
                found.fault(f"note {row.entity.hex()[:8]}: signed with a key nobody published")


def _check_segments(vault: Vault, found: Findings) -> None:
    public = vault.identity.public.signing
    for segment in vault.unacknowledged():
        found.count("segments waiting", 1)
        name = f"segment {segment.header.lane}/{segment.header.n}"
        try:
            verify_segment(parse_segment(segment.wire), public)
        except (ForgeryError, FormatError) as error:
            found.fault(f"{name}: {error.code}")
    c = schema.segment.c
    with vault.reading() as connection:
        rows = connection.execute(
            sa.select(c.lane, c.n).where(c.device == vault.identity.device).order_by(c.lane, c.n)
        ).all()
    before: dict[int, int] = {}
    for row in rows:
        found.count("segments of this PC", 1)
        if row.n != before.get(row.lane, 0) + 1:
            found.fault(f"segments of lane {row.lane}: {row.n} follows {before.get(row.lane, 0)}")
        before[row.lane] = row.n


def _check_log(vault: Vault, found: Findings) -> None:
    c = schema.log.c
    log_hash, sseq = GENESIS_HASH, 0
    with vault.reading() as connection:
        rows = connection.execute(
            sa.select(c.sseq, c.log_hash, c.segment_hash).order_by(c.sseq)
        ).all()
    for row in rows:
        found.count("numbers of the server's log", 1)
        if row.sseq != sseq + 1:
            found.fault(f"log: {row.sseq} follows {sseq}")
        # What came too damaged to be parsed is noted without a hash, so the chain goes on from its own.
        if row.segment_hash and next_log_hash(log_hash, row.segment_hash) != row.log_hash:
            found.fault(f"log: the hash at {row.sseq} does not follow")
        sseq, log_hash = row.sseq, row.log_hash


def _check_members(vault: Vault, found: Findings) -> None:
    chain = MemberChain()
    for n, signed in enumerate(vault.member_records(), 1):
        found.count("members' records", 1)
        try:
            chain.extend(SignedRecord(signed.record, signed.signature))
        except (ForgeryError, FormatError) as error:
            found.fault(f"member record {n}: {error.code}")
            return


def _check_projections(vault: Vault, found: Findings) -> None:
    """Fold everything anew and compare, inside a transaction that is taken back."""
    digests: list[dict[str, bytes]] = []

    def job(connection: sa.Connection, oplog: OpLog) -> None:
        digests.append(_digests(connection))
        oplog.rebuild(connection)
        digests.append(_digests(connection))
        raise _Undo

    error = vault.trial(job).exception()
    if not isinstance(error, _Undo):
        found.fault("projections: could not be folded")
        return
    before, after = digests
    for name, digest in before.items():
        found.count("projections", 1)
        if digest != after[name]:
            found.fault(f"projections: {name} is not what the facts fold to")


def _digests(connection: sa.Connection) -> dict[str, bytes]:
    digests = {}
    for name, table in schema.PROJECTIONS.items():
        rows = sorted(repr(tuple(row)) for row in connection.execute(sa.select(table)))
        digests[name] = hashlib.sha256("\n".join(rows).encode()).digest()
    return digests
