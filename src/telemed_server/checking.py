"""Reading every record of a store and telling whether each is what it claims to be."""

import hashlib
from typing import Final

import msgspec
import sqlalchemy as sa

from telemed_protocol.attachments import part_count, part_length
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.membership import MemberChain
from telemed_protocol.segment import (
    GENESIS_HASH,
    next_log_hash,
    parse_segment,
    verify_segment,
)
from telemed_server import clinics
from telemed_server.schema import attachment_parts, attachments, segments
from telemed_server.schema import clinics as clinic_table

MAX_FAULTS: Final = 100
_ROWS_AT_ONCE: Final = 200


class CheckReport(msgspec.Struct):
    """What a check found. ``faults`` name places, never content."""

    ok: bool
    clinics: int
    segments: int
    member_records: int
    faults: list[str]
    attachments: int = 0


def check_records(db: sa.Connection) -> CheckReport:
    """Check everything that one transaction sees."""
    report = CheckReport(ok=True, clinics=0, segments=0, member_records=0, faults=[])
    if db.dialect.name == "sqlite":  # PostgreSQL's pages are its own to check (pg_amcheck)
        for line in db.exec_driver_sql("PRAGMA integrity_check(20)").scalars():
            if line != "ok":
                report.faults.append(f"page: {line}")
        if db.exec_driver_sql("PRAGMA foreign_key_check").first() is not None:
            report.faults.append("rows point nowhere")
    has_attachments = sa.inspect(db).has_table(attachments.name)  # not in a file of before
    for number, row in enumerate(db.execute(sa.select(clinic_table)).all(), start=1):
        report.clinics += 1
        name = f"clinic {number}"
        _check_clinic(db, name, row, report)
        if has_attachments:
            _check_attachments(db, name, row.clinic, report)
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
        sa.select(segments)
        .where(segments.c.clinic == row.clinic)
        .order_by(segments.c.sseq)
        .execution_options(stream_results=True, yield_per=_ROWS_AT_ONCE)
    )
    for item in log:
        sseq += 1
        report.segments += 1
        if len(report.faults) >= MAX_FAULTS:
            log.close()
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


def _check_attachments(db: sa.Connection, name: str, clinic: bytes, report: CheckReport) -> None:
    """Check every whole photo against the hash that its desk announced, parts of others by length."""
    files = db.execute(sa.select(attachments).where(attachments.c.clinic == clinic)).all()
    for number, file in enumerate(files, start=1):
        report.attachments += 1
        p = attachment_parts.c
        parts = db.execute(
            sa.select(p.part, p.bytes)
            .where(p.clinic == clinic, p.attachment == file.attachment)
            .order_by(p.part)
        ).all()
        count = part_count(file.size)
        fits = all(
            0 <= row.part < count and len(row.bytes) == part_length(file.size, row.part)
            for row in parts
        )
        whole = hashlib.sha256(b"".join(row.bytes for row in parts)).digest()
        if not fits or (file.whole_at is not None and whole != file.sha256):
            report.faults.append(f"{name}: attachment {number}")
            if len(report.faults) >= MAX_FAULTS:
                return
