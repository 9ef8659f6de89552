"""The clinic's log: sealed segments under gapless numbers, each hash built on the one before.

A number is given while the clinic's row is held, and the row is held until the transaction is over:
number n + 1 cannot exist before n is visible to everybody, and a number that was given and rolled
back is given again. A database's own sequence promises neither.

Every function runs in a database thread, inside the caller's transaction.
"""

from typing import Final, NamedTuple

import sqlalchemy as sa

from telemed_protocol.api import Held, HeldLane, PulledSegment, PulledSegments, Receipt
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.segment import (
    GENESIS_HASH,
    SealedSegment,
    next_log_hash,
    parse_segment,
    verify_segment,
)
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from telemed_server.schema import clinics, devices, segments
from telemed_server.store import in_turn

PULL_BYTES: Final = 1024 * 1024
"""A page of a pull ends after this many bytes, so that one answer never holds the thread long."""


class Appended(NamedTuple):
    """The receipt, and whether the segment was new."""

    receipt: Receipt
    new: bool


def parse_pushed(wire: bytes, member: Member) -> SealedSegment:
    """Read a segment and check that it is the sender's own.

    Raises:
        RequestRefused: 422.
    """
    try:
        segment = parse_segment(wire)
    except FormatError as error:
        raise RequestRefused(422, "segment_format", error.detail) from error
    if segment.header.device != member.device:
        raise RequestRefused(422, "segment_other_device")
    if segment.header.clinic != member.clinic:
        raise RequestRefused(422, "segment_other_clinic")
    return segment


def append(db: sa.Connection, now: float, member: Member, segment: SealedSegment) -> Appended:
    """Give a segment its number, or return the receipt it already has.

    Raises:
        RequestRefused: 409 other bytes under this number (``segment_conflict``), a number that is
            not the next (``segment_gap``, with the one expected) or another past
            (``segment_fork``); 422 not signed by this device.
    """
    header = segment.header
    key = db.execute(
        sa.select(devices.c.signing).where(
            devices.c.device == member.device, devices.c.active.is_(True)
        )
    ).scalar()
    if key is None:
        raise RequestRefused(401, "not_authorised")
    try:
        verify_segment(segment, key)
    except ForgeryError as error:
        raise RequestRefused(422, "segment_forged") from error
    head = db.execute(
        in_turn(
            sa.select(clinics.c.head, clinics.c.log_hash).where(clinics.c.clinic == member.clinic)
        )
    ).one()
    # Again, now that nobody else can change the clinic: removed meanwhile is removed.
    if not db.execute(
        sa.select(devices.c.active).where(devices.c.device == member.device)
    ).scalar_one():
        raise RequestRefused(401, "not_authorised")
    lane = (segments.c.device == header.device) & (segments.c.lane == header.lane)
    last = db.execute(
        sa.select(segments.c.n, segments.c.hash).where(lane).order_by(segments.c.n.desc()).limit(1)
    ).first()
    last_n, last_hash = (last.n, last.hash) if last else (0, GENESIS_HASH)
    if header.n <= last_n:
        known = db.execute(sa.select(segments).where(lane, segments.c.n == header.n)).one()
        if known.hash != segment.hash:
            raise RequestRefused(409, "segment_conflict")
        return Appended(Receipt(known.sseq, known.log_hash, known.stored_at), new=False)
    if header.n != last_n + 1:
        raise RequestRefused(409, "segment_gap", f"expected {last_n + 1}")
    if header.prev_hash != last_hash:
        raise RequestRefused(409, "segment_fork")
    sseq, log_hash = head.head + 1, next_log_hash(head.log_hash, segment.hash)
    db.execute(
        clinics.update()
        .where(clinics.c.clinic == member.clinic)
        .values(head=sseq, log_hash=log_hash)
    )
    db.execute(
        segments.insert().values(
            clinic=member.clinic,
            sseq=sseq,
            device=header.device,
            lane=header.lane,
            n=header.n,
            hash=segment.hash,
            log_hash=log_hash,
            stored_at=now,
            wire=segment.wire,
        )
    )
    return Appended(Receipt(sseq, log_hash, now), new=True)


def head_of(db: sa.Connection, clinic: bytes) -> int:
    """Return the clinic's newest number; 0 for an empty log."""
    return int(db.execute(sa.select(clinics.c.head).where(clinics.c.clinic == clinic)).scalar_one())


def held(db: sa.Connection, member: Member) -> Held:
    """Return the newest number of each lane of the asking device."""
    newest = (
        sa.select(segments.c.lane, sa.func.max(segments.c.n).label("n"))
        .where(segments.c.device == member.device)
        .group_by(segments.c.lane)
        .subquery()
    )
    rows = db.execute(
        sa.select(segments.c.lane, segments.c.n, segments.c.hash)
        .join(newest, (segments.c.lane == newest.c.lane) & (segments.c.n == newest.c.n))
        .where(segments.c.device == member.device)
        .order_by(segments.c.lane)
    )
    return Held([HeldLane(row.lane, row.n, row.hash) for row in rows])


def pull(db: sa.Connection, clinic: bytes, after: int, limit: int) -> PulledSegments:
    """Return what follows a number, in order; at least one if there is any."""
    rows = db.execute(
        sa.select(segments.c.sseq, segments.c.log_hash, segments.c.wire)
        .where(segments.c.clinic == clinic, segments.c.sseq > after)
        .order_by(segments.c.sseq)
        .limit(limit)
    )
    page: list[PulledSegment] = []
    size = 0
    for row in rows:
        size += len(row.wire)
        if page and size > PULL_BYTES:
            break
        page.append(PulledSegment(row.sseq, row.log_hash, row.wire))
    return PulledSegments(page, head_of(db, clinic))
