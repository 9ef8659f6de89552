"""Sealed files in parts: kept part by part, given out when whole.

Every function runs in a database thread, inside the caller's transaction.
"""

import hashlib
from typing import Final

import sqlalchemy as sa

from telemed_protocol.attachments import (
    MAX_ATTACHMENT_BYTES,
    Announce,
    AttachmentState,
    check_announced,
    pack_held,
    part_count,
    part_length,
)
from telemed_protocol.errors import FormatError
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from telemed_server.schema import attachment_parts, attachments, clinics
from telemed_server.store import in_turn

UNFINISHED_S: Final = 60 * 24 * 3600.0
"""A file of which nothing came for so long makes room; its desk begins again when it returns."""


def announce(
    db: sa.Connection,
    now: float,
    member: Member,
    attachment: bytes,
    announced: Announce,
    *,
    quota: int,
) -> tuple[AttachmentState, bool]:
    """Make room for a file, or say what is held of it; and whether it is new.

    Raises:
        RequestRefused: 422 odd values; 413 too large for the server, or for what the clinic may
            keep (``attachment_quota``); 409 announced before as something else.
    """
    try:
        check_announced(attachment, announced)
    except FormatError as error:
        raise RequestRefused(422, "format", error.detail) from error
    if announced.size > MAX_ATTACHMENT_BYTES:
        raise RequestRefused(413, "too_large")
    c = attachments.c
    db.execute(in_turn(sa.select(clinics.c.clinic).where(clinics.c.clinic == member.clinic)))
    row = _row(db, member.clinic, attachment)
    if row is not None:
        if (row.size, row.sha256) != (announced.size, announced.sha256):
            raise RequestRefused(409, "attachment_conflict")
        return _state(db, member.clinic, attachment), False
    db.execute(
        attachments.delete().where(
            c.clinic == member.clinic, c.whole_at.is_(None), c.touched_at < now - UNFINISHED_S
        )
    )
    used = db.execute(
        sa.select(sa.func.coalesce(sa.func.sum(c.size), 0)).where(c.clinic == member.clinic)
    ).scalar_one()
    if used + announced.size > quota:
        raise RequestRefused(413, "attachment_quota")
    db.execute(
        attachments.insert().values(
            clinic=member.clinic,
            attachment=attachment,
            announced_by=member.device,
            size=announced.size,
            sha256=announced.sha256,
            touched_at=now,
        )
    )
    return _state(db, member.clinic, attachment), True


def state(db: sa.Connection, clinic: bytes, attachment: bytes) -> AttachmentState:
    """Return what is held.

    Raises:
        RequestRefused: 404.
    """
    if _row(db, clinic, attachment) is None:
        raise RequestRefused(404, "not_found")
    return _state(db, clinic, attachment)


def keep_part(
    db: sa.Connection, now: float, clinic: bytes, attachment: bytes, *, part: int, data: bytes
) -> AttachmentState | None:
    """Keep a part; a repeat changes nothing. With the last one the whole is checked.

    Returns:
        What is held now; None when the whole is not what was announced: then every part is dropped,
        because nobody can say which one is wrong.

    Raises:
        RequestRefused: 404 not announced, or no such part; 422 not as long as that part is; 409
            other bytes than those held.
    """
    # Held, or two last parts that arrive together would each find the other missing.
    row = _row(db, clinic, attachment, hold=True)
    if row is None or not 0 <= part < part_count(row.size):
        raise RequestRefused(404, "not_found")
    if len(data) != part_length(row.size, part):
        raise RequestRefused(422, "attachment_part_size")
    known = _bytes(db, clinic, attachment, part)
    if known is not None and known != data:
        raise RequestRefused(409, "attachment_conflict")
    which = (attachments.c.clinic == clinic) & (attachments.c.attachment == attachment)
    if known is None:
        db.execute(
            attachment_parts.insert().values(
                clinic=clinic, attachment=attachment, part=part, bytes=data
            )
        )
        db.execute(attachments.update().where(which).values(touched_at=now))
    held = _held(db, clinic, attachment)
    if row.whole_at is None and len(held) == part_count(row.size):
        if _hash(db, clinic, attachment) != row.sha256:
            p = attachment_parts.c
            db.execute(
                attachment_parts.delete().where(p.clinic == clinic, p.attachment == attachment)
            )
            return None
        db.execute(attachments.update().where(which).values(whole_at=now))
    return _state(db, clinic, attachment)


def part_of(db: sa.Connection, clinic: bytes, attachment: bytes, part: int) -> bytes:
    """Return a part of a whole file.

    Raises:
        RequestRefused: 404 no such file or part; 409 it is not whole yet.
    """
    row = _row(db, clinic, attachment)
    if row is None or not 0 <= part < part_count(row.size):
        raise RequestRefused(404, "not_found")
    if row.whole_at is None:
        raise RequestRefused(409, "attachment_unfinished")
    data = _bytes(db, clinic, attachment, part)
    if data is None:
        raise RequestRefused(404, "not_found")
    return data


def _row(
    db: sa.Connection, clinic: bytes, attachment: bytes, *, hold: bool = False
) -> "sa.Row[tuple[object, ...]] | None":
    c = attachments.c
    query = sa.select(attachments).where(c.clinic == clinic, c.attachment == attachment)
    return db.execute(in_turn(query) if hold else query).first()


def _bytes(db: sa.Connection, clinic: bytes, attachment: bytes, part: int) -> bytes | None:
    p = attachment_parts.c
    found: bytes | None = db.execute(
        sa.select(p.bytes).where(p.clinic == clinic, p.attachment == attachment, p.part == part)
    ).scalar()
    return found


def _held(db: sa.Connection, clinic: bytes, attachment: bytes) -> frozenset[int]:
    p = attachment_parts.c
    return frozenset(
        db.execute(
            sa.select(p.part).where(p.clinic == clinic, p.attachment == attachment)
        ).scalars()
    )


def _hash(db: sa.Connection, clinic: bytes, attachment: bytes) -> bytes:
    p = attachment_parts.c
    whole = hashlib.sha256()
    for data in db.execute(
        sa.select(p.bytes).where(p.clinic == clinic, p.attachment == attachment).order_by(p.part)
    ).scalars():
        whole.update(data)
    return whole.digest()


def _state(db: sa.Connection, clinic: bytes, attachment: bytes) -> AttachmentState:
    row = _row(db, clinic, attachment)
    assert row is not None  # noqa: S101 - the caller has just seen or made it
    held = pack_held(_held(db, clinic, attachment), row.size)
    return AttachmentState(row.size, row.sha256, held, row.whole_at is not None)
