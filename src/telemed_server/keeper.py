"""What the server's keeper does by hand: founding codes, a full check, backups."""

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa

from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.membership import MemberChain
from telemed_protocol.segment import (
    GENESIS_HASH,
    next_log_hash,
    parse_segment,
    verify_segment,
)
from telemed_server import clinics
from telemed_server.errors import BackupFailed, DatabaseNotOurs
from telemed_server.schema import clinics as clinic_table
from telemed_server.schema import segments
from telemed_server.storage import DATABASE_NAME, copy_to, migrate, open_engine

MAX_FAULTS: Final = 100


class CheckReport(msgspec.Struct):
    """What a check found. ``faults`` name places, never content."""

    ok: bool
    clinics: int
    segments: int
    member_records: int
    faults: list[str]


def make_codes(data: Path, count: int, now: float) -> list[str]:
    """Make founding codes; the server may run meanwhile. Only hashes are stored.

    Raises:
        DatabaseNotOurs: The database cannot be used.
    """
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    codes = [EnrolCode.generate("TMC") for _ in range(count)]
    engine = open_engine(data / DATABASE_NAME)
    try:
        migrate(engine)
        with engine.begin() as db:
            for code in codes:
                clinics.add_founding_code(db, now, code.lookup_hash)
    finally:
        engine.dispose()
    return [code.text for code in codes]


def check(data: Path) -> CheckReport:
    """Read everything: pages, member chains, every segment's signature, every log's hash chain.

    Raises:
        DatabaseNotOurs: There is no database, or it does not open.
    """
    return check_file(data / DATABASE_NAME)


def check_file(path: Path) -> CheckReport:
    """Check one database file (see :func:`check`)."""
    if not path.is_file():
        raise DatabaseNotOurs("no database in this folder")
    engine = open_engine(path, read_only=True)
    try:
        with engine.begin() as db:
            return _check(db)
    except sa.exc.DatabaseError as error:
        raise DatabaseNotOurs("does not open") from error
    finally:
        engine.dispose()


def _check(db: sa.Connection) -> CheckReport:
    report = CheckReport(ok=True, clinics=0, segments=0, member_records=0, faults=[])
    for line in db.exec_driver_sql("PRAGMA integrity_check(20)").scalars():
        if line != "ok":
            report.faults.append(f"page: {line}")
    if db.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
        report.faults.append("rows point nowhere")
    for number, row in enumerate(db.execute(sa.select(clinic_table)).all(), start=1):
        report.clinics += 1
        _check_clinic(db, f"clinic {number}", row, report)
        if len(report.faults) >= MAX_FAULTS:
            break
    report.ok = not report.faults
    return report


def _check_clinic(
    db: sa.Connection, name: str, row: sa.Row[tuple[object, ...]], report: CheckReport
) -> None:
    chain = MemberChain()
    try:
        for signed in clinics.chain_records(db, row.clinic):
            chain.extend(signed)
            report.member_records += 1
    except (ForgeryError, FormatError):
        report.faults.append(f"{name}: member record {len(chain.records) + 1}")
    sseq, log_hash = 0, GENESIS_HASH
    log = db.execute(
        sa.select(segments).where(segments.c.clinic == row.clinic).order_by(segments.c.sseq)
    )
    for item in log:
        sseq += 1
        report.segments += 1
        if len(report.faults) >= MAX_FAULTS:
            return
        try:
            segment = parse_segment(item.wire)
            public = chain.public_of(segment.header.device)
            if public is None:
                raise ForgeryError("stranger")  # noqa: TRY301 - one place writes the fault down
            verify_segment(segment, public.signing)
        except (ForgeryError, FormatError):
            report.faults.append(f"{name}: segment {item.sseq}: signature")
            continue
        log_hash = next_log_hash(log_hash, segment.hash)
        if item.sseq != sseq or item.hash != segment.hash or item.log_hash != log_hash:
            report.faults.append(f"{name}: segment {item.sseq}: number or hash")
            sseq, log_hash = item.sseq, item.log_hash
    if (row.head, row.log_hash) != (sseq, log_hash):
        report.faults.append(f"{name}: head")


def backup(data: Path, target: Path) -> CheckReport:
    """Copy the database while the server may run, check the copy, then give it its name.

    Raises:
        BackupFailed: The target exists or cannot be written, or the copy does not check.
        DatabaseNotOurs: There is no database.
    """
    source = data / DATABASE_NAME
    if not source.is_file():
        raise DatabaseNotOurs("no database in this folder")
    if target.exists():
        raise BackupFailed("the file exists")
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        copy_to(source, part)
        report = check_file(part)
        if not report.ok:
            raise BackupFailed("the copy has faults; run 'telemed-server check'")
        part.replace(target)
        _sync_folder(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(type(error).__name__) from error
    finally:
        for name in (part.name, part.name + "-wal", part.name + "-shm"):
            part.with_name(name).unlink(missing_ok=True)
    return report


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows has no such call, and does it by itself."""
    with contextlib.suppress(PermissionError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
