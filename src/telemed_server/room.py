"""The waiting room as the database has it: seats, their line, and numbered boxes.

Presence is not here (:mod:`telemed_server.hub`): it is a lease in memory. Every function runs in a
database thread, inside the caller's transaction.
"""

import re
import secrets
from typing import Final, Literal, NamedTuple

import sqlalchemy as sa

from telemed_protocol.errors import FormatError
from telemed_protocol.ids import from_base64url
from telemed_protocol.room import SeatState
from telemed_server import auth
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from telemed_server.links import require_box
from telemed_server.schema import boxes, clinics, links, seats
from telemed_server.store import in_turn

Direction = Literal["to-desk", "to-page"]
MAX_BOXES: Final = 2000
"""Per seat and direction: two hours of link reports and several calls' candidates."""
MAX_BOXES_BYTES: Final = 8 * 1024 * 1024
MAX_MID_CHARS: Final = 64
LINK_KEPT_S: Final = 30 * 24 * 3600.0
_SEAT_ID: Final = re.compile(r"[0-9a-f]{32}")


class SeatRow(NamedTuple):
    """A seat as stored."""

    seat: str
    clinic: bytes
    link: bytes
    state: SeatState
    arrived_at: float
    heard_at: float
    admitted_by: bytes | None


class Standing(NamedTuple):
    """What a page is told: its seat's state, its place in line (0 = not waiting), its connection."""

    state: SeatState
    place: int
    line: str | None


class Box(NamedTuple):
    """A stored box."""

    n: int
    box: bytes


class Sent(NamedTuple):
    """A box as it arrived; ``mid`` makes a repeat harmless."""

    mid: str
    box: bytes


_SEAT: Final = (
    seats.c.seat,
    seats.c.clinic,
    seats.c.jti_hash,
    seats.c.state,
    seats.c.arrived_at,
    seats.c.heard_at,
    seats.c.admitted_by,
)


def sit(db: sa.Connection, now: float, cookie_hash: bytes, cap: int, line: str) -> SeatRow:
    """Return the browser's seat; take one if this is the first time.

    A browser that holds several links sits where it joined last. ``line`` names the connection that
    is the seat's from now on, whichever process had the one before.

    Raises:
        RequestRefused: 401 no link is bound to this cookie, 404 it is over, 409 room full.
    """
    link = db.execute(
        in_turn(
            sa.select(links)
            .where(links.c.cookie_hash == cookie_hash)
            .order_by(links.c.joined_at.desc())
            .limit(1)
        )
    ).first()
    if link is None:
        raise RequestRefused(401, "no_seat")
    mine = seats.c.jti_hash == link.jti_hash
    known = db.execute(
        seats.update().where(mine).values(heard_at=now, line=line).returning(*_SEAT)
    ).first()
    if known is not None:
        return SeatRow(*known)
    if link.closed_at is not None or link.expires_at <= now:
        raise RequestRefused(404, "link_not_valid")
    db.execute(in_turn(sa.select(clinics.c.clinic).where(clinics.c.clinic == link.clinic)))
    waiting = db.execute(
        sa.select(sa.func.count())
        .select_from(seats)
        .where(seats.c.clinic == link.clinic, seats.c.state == "waiting")
    ).scalar_one()
    if waiting >= cap:
        raise RequestRefused(409, "room_full")
    row = SeatRow(secrets.token_hex(16), link.clinic, link.jti_hash, "waiting", now, now, None)
    db.execute(
        seats.insert().values(
            seat=row.seat,
            clinic=row.clinic,
            jti_hash=row.link,
            state=row.state,
            arrived_at=now,
            heard_at=now,
            line=line,
        )
    )
    return row


def seats_of(db: sa.Connection, clinic: bytes, ended_since: float) -> list[SeatRow]:
    """Return a clinic's seats in the order of arrival; ended ones only if recently so."""
    rows = db.execute(
        sa.select(*_SEAT)
        .where(
            seats.c.clinic == clinic,
            (seats.c.state != "ended") | (seats.c.ended_at > ended_since),
        )
        .order_by(seats.c.arrived_at, seats.c.seat)
    )
    return [SeatRow(*row) for row in rows]


def standing(db: sa.Connection, seat: str) -> Standing:
    """Return a seat's state and place. Who is away for a moment keeps the place."""
    me = db.execute(sa.select(*_SEAT, seats.c.line).where(seats.c.seat == seat)).one()
    if me.state != "waiting":
        return Standing(me.state, 0, me.line)
    ahead = db.execute(
        sa.select(sa.func.count())
        .select_from(seats)
        .where(
            seats.c.clinic == me.clinic,
            seats.c.state == "waiting",
            sa.tuple_(seats.c.arrived_at, seats.c.seat)
            < sa.tuple_(sa.literal(me.arrived_at), sa.literal(me.seat)),
        )
    ).scalar_one()
    return Standing("waiting", int(ahead) + 1, me.line)


def admit(db: sa.Connection, now: float, member: Member, seat: str) -> None:
    """Bring a patient in; the first desk to say so has the seat.

    Raises:
        RequestRefused: 404 no such seat, 409 another desk has it or the visit is over.
    """
    _require_seat_id(seat)
    won = db.execute(
        seats.update()
        .where(seats.c.seat == seat, seats.c.clinic == member.clinic, seats.c.state == "waiting")
        .values(state="admitted", admitted_by=member.device, admitted_at=now)
    )
    if won.rowcount == 1:
        return
    row = _seat_of(db, member, seat)
    if row.state == "admitted" and row.admitted_by == member.device:
        return
    raise RequestRefused(409, "already_admitted" if row.state == "admitted" else "seat_ended")


def end(db: sa.Connection, now: float, seat: str) -> None:
    """End a seat; ending it again changes nothing."""
    db.execute(
        seats.update()
        .where(seats.c.seat == seat, seats.c.state != "ended")
        .values(state="ended", ended_at=now)
    )


def end_by_desk(db: sa.Connection, now: float, member: Member, seat: str) -> None:
    """End a visit from the desk's side.

    Raises:
        RequestRefused: 404 no such seat in this clinic.
    """
    _seat_of(db, member, seat)
    end(db, now, seat)


def _require_seat_id(seat: str) -> None:
    """Refuse what cannot be a seat; not every database takes every text."""
    if not _SEAT_ID.fullmatch(seat):
        raise RequestRefused(404, "no_such_seat")


def _seat_of(db: sa.Connection, member: Member, seat: str) -> SeatRow:
    _require_seat_id(seat)
    row = db.execute(
        sa.select(*_SEAT).where(seats.c.seat == seat, seats.c.clinic == member.clinic)
    ).first()
    if row is None:
        raise RequestRefused(404, "no_such_seat")
    return SeatRow(*row)


def parse_box(text: str, mid: str) -> Sent:
    """Return a box from a frame.

    Raises:
        RequestRefused: 422 not a box, or a mid of another shape.
    """
    if not 0 < len(mid) <= MAX_MID_CHARS or not (mid.isascii() and mid.isprintable()):
        raise RequestRefused(422, "format", "mid")
    try:
        box = from_base64url(text)
    except FormatError as error:
        raise RequestRefused(422, "format", "box") from error
    require_box(box, "box")
    return Sent(mid, box)


def store_from_page(db: sa.Connection, now: float, seat: str, sent: Sent) -> None:
    """Keep a box for the desks."""
    _store(db, now, seat, "to-desk", sent)


def store_from_desk(db: sa.Connection, now: float, member: Member, seat: str, sent: Sent) -> None:
    """Keep a box for the page.

    Raises:
        RequestRefused: 404 no such seat in this clinic, 409 quota.
    """
    _seat_of(db, member, seat)
    _store(db, now, seat, "to-page", sent)


def _store(db: sa.Connection, now: float, seat: str, direction: Direction, sent: Sent) -> None:
    # Box n + 1 is numbered after n was committed, so no reader sees it earlier.
    db.execute(in_turn(sa.select(seats.c.seat).where(seats.c.seat == seat)))
    way = (boxes.c.seat == seat) & (boxes.c.direction == direction)
    if db.execute(sa.select(boxes.c.n).where(way, boxes.c.mid == sent.mid)).first() is not None:
        return
    count, size, last = db.execute(
        sa.select(
            sa.func.count(),
            sa.func.coalesce(sa.func.sum(sa.func.length(boxes.c.box)), 0),
            sa.func.coalesce(sa.func.max(boxes.c.n), 0),
        ).where(way)
    ).one()
    if count >= MAX_BOXES or size + len(sent.box) > MAX_BOXES_BYTES:
        raise RequestRefused(409, "box_quota")
    db.execute(
        boxes.insert().values(
            seat=seat, direction=direction, n=last + 1, mid=sent.mid, box=sent.box, stored_at=now
        )
    )


def boxes_after(
    db: sa.Connection, seat: str, direction: Direction, after: int, limit: int
) -> list[Box]:
    """Return the boxes that follow a number."""
    rows = db.execute(
        sa.select(boxes.c.n, boxes.c.box)
        .where(boxes.c.seat == seat, boxes.c.direction == direction, boxes.c.n > after)
        .order_by(boxes.c.n)
        .limit(limit)
    )
    return [Box(row.n, row.box) for row in rows]


def note_heard(db: sa.Connection, heard: dict[str, float]) -> None:
    """Write down when pages were last heard, so that a restart does not give up their seats."""
    if not heard:
        return
    which, at = sa.bindparam("which", type_=sa.String()), sa.bindparam("at", type_=sa.Float())
    db.execute(
        seats.update().where(seats.c.seat == which, seats.c.heard_at < at).values(heard_at=at),
        # Always in one order, so that two processes never wait for each other.
        [{"which": seat, "at": heard[seat]} for seat in sorted(heard)],
    )


def give_up_unheard(db: sa.Connection, now: float, unheard_since: float) -> list[SeatRow]:
    """End the seats that nobody heard of since a time; returns them."""
    rows = db.execute(
        seats.update()
        .where(seats.c.state != "ended", seats.c.heard_at < unheard_since)
        .values(state="ended", ended_at=now)
        .returning(*_SEAT)
    )
    return [SeatRow(*row) for row in rows]


def sweep(db: sa.Connection, now: float, ended_since: float) -> None:
    """Delete boxes of visits long over, links a month old, and tokens past their time."""
    over = sa.select(seats.c.seat).where(seats.c.state == "ended", seats.c.ended_at <= ended_since)
    db.execute(boxes.delete().where(boxes.c.seat.in_(over)))
    old = sa.select(links.c.jti_hash).where(links.c.expires_at < now - LINK_KEPT_S)
    db.execute(
        seats.delete().where(
            seats.c.jti_hash.in_(old),
            seats.c.state == "ended",
            seats.c.seat.not_in(sa.select(boxes.c.seat)),
        )
    )
    db.execute(
        links.delete().where(
            links.c.expires_at < now - LINK_KEPT_S,
            links.c.jti_hash.not_in(sa.select(seats.c.jti_hash)),
        )
    )
    auth.sweep(db, now)
