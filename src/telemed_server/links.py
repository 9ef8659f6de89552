"""Join links: good for one browser, from the first tap on.

A link is bound to a browser's cookie in one UPDATE that only the first can win. The server keeps
SHA-256 of the link's name and of the cookie. Every function runs in a database thread.
"""

import hashlib
import re
import secrets
from typing import Final, NamedTuple

import sqlalchemy as sa

from telemed_protocol.api import CloseLink, NewLink
from telemed_protocol.errors import FormatError
from telemed_protocol.ids import from_base64url
from telemed_protocol.joinlink import BOX_VERSION, JTI_BYTES, MAX_BOX_BYTES, NONCE_BYTES
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from telemed_server.schema import links, seats
from telemed_server.store import in_turn

MIN_BOX_BYTES: Final = 1 + NONCE_BYTES + 16
MAX_AHEAD_S: Final = 400 * 24 * 3600.0
COOKIE_LIFE_S: Final = 24 * 3600
_COOKIE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class Opened(NamedTuple):
    """The sealed card, and the cookie that now holds the link."""

    card: bytes
    cookie: str


def new_cookie() -> str:
    """Return a fresh browser cookie: 256 random bits."""
    return secrets.token_urlsafe(32)


def is_cookie(value: str) -> bool:
    """Tell whether a value has the shape of :func:`new_cookie`."""
    return _COOKIE.fullmatch(value) is not None


def cookie_hash(cookie: str) -> bytes:
    """Return what the server stores of a cookie."""
    return hashlib.sha256(b"telemed/seat/v1" + cookie.encode("ascii", "replace")).digest()


def require_box(box: bytes, what: str) -> None:
    """Refuse bytes that cannot be a sealed box."""
    if not MIN_BOX_BYTES <= len(box) <= MAX_BOX_BYTES or box[0] != BOX_VERSION:
        raise RequestRefused(422, "format", what)


def register(db: sa.Connection, now: float, member: Member, link: NewLink) -> None:
    """Store a link; repeating the same is harmless.

    Raises:
        RequestRefused: 409 exists with other content, 422.
    """
    if len(link.jti_hash) != 32:
        raise RequestRefused(422, "format", "jti_hash")
    require_box(link.card, "card")
    if not 0 <= link.not_before < link.expires_at <= now + MAX_AHEAD_S or link.expires_at <= now:
        raise RequestRefused(422, "format", "times")
    known = db.execute(sa.select(links).where(links.c.jti_hash == link.jti_hash)).first()
    if known is not None:
        same = (known.clinic, known.not_before, known.expires_at, known.card) == (
            member.clinic,
            link.not_before,
            link.expires_at,
            link.card,
        )
        if not same:
            raise RequestRefused(409, "link_exists")
        return
    db.execute(
        links.insert().values(
            jti_hash=link.jti_hash,
            clinic=member.clinic,
            created_by=member.device,
            not_before=link.not_before,
            expires_at=link.expires_at,
            card=link.card,
        )
    )


def close(db: sa.Connection, now: float, member: Member, request: CloseLink) -> str | None:
    """Withdraw a link; returns the seat of who waits on it, which ends.

    Raises:
        RequestRefused: 404 not a link of this clinic.
    """
    mine = (links.c.jti_hash == request.jti_hash) & (links.c.clinic == member.clinic)
    if db.execute(in_turn(sa.select(links.c.jti_hash).where(mine))).first() is None:
        raise RequestRefused(404, "no_such_link")
    db.execute(links.update().where(mine, links.c.closed_at.is_(None)).values(closed_at=now))
    seat = db.execute(
        seats.update()
        .where(seats.c.jti_hash == request.jti_hash, seats.c.state != "ended")
        .values(state="ended", ended_at=now)
        .returning(seats.c.seat)
    ).scalar()
    return None if seat is None else str(seat)


def open_link(db: sa.Connection, now: float, jti_text: str, cookie: str) -> Opened:
    """Give a browser the card, and bind the link to it if it is the first.

    ``cookie`` is what the browser showed; empty if nothing.

    Raises:
        RequestRefused: 404 ``link_not_valid`` (unknown, over or withdrawn: one answer for all),
            409 ``link_in_use`` (another browser has it) or ``link_too_early`` (detail: the Unix
            second from which it is good).
    """
    try:
        jti = from_base64url(jti_text)
    except FormatError:
        jti = b""
    jti_hash = hashlib.sha256(b"telemed/jti/v1" + jti).digest()
    row = db.execute(sa.select(links).where(links.c.jti_hash == jti_hash)).first()
    if len(jti) != JTI_BYTES or row is None or row.closed_at is not None:
        raise RequestRefused(404, "link_not_valid")
    own = is_cookie(cookie) and row.cookie_hash == cookie_hash(cookie)
    if row.expires_at <= now and not (own and _has_live_seat(db, jti_hash)):
        raise RequestRefused(404, "link_not_valid")
    if own:
        db.execute(links.update().where(links.c.jti_hash == jti_hash).values(joined_at=now))
        return Opened(row.card, cookie)
    if row.used_at is None and now < row.not_before:
        raise RequestRefused(409, "link_too_early", str(int(row.not_before)))
    holder = cookie if is_cookie(cookie) else new_cookie()
    won = db.execute(
        links.update()
        .where(links.c.jti_hash == jti_hash, links.c.used_at.is_(None))
        .values(used_at=now, joined_at=now, cookie_hash=cookie_hash(holder))
    )
    if won.rowcount != 1:
        raise RequestRefused(409, "link_in_use")
    return Opened(row.card, holder)


def _has_live_seat(db: sa.Connection, jti_hash: bytes) -> bool:
    live = sa.select(seats.c.seat).where(seats.c.jti_hash == jti_hash, seats.c.state != "ended")
    return db.execute(live).first() is not None
