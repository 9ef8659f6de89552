"""What changed for a clinic since one looked last: numbers to compare, nothing to act on yet.

The one place where a server process learns what other processes did. It reads tables; a notification
only makes it read sooner. Runs in a database thread, inside the caller's transaction.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

import sqlalchemy as sa

from telemed_server.schema import (
    boxes,
    clinics,
    desk_lines,
    devices,
    enrol_requests,
    invitations,
    seats,
    server_processes,
)

_NOBODY: Final[frozenset[bytes]] = frozenset()


class SeatNews(NamedTuple):
    """One seat: how it stands, which connection is its page's newest, and its newest boxes."""

    state: str
    admitted_by: bytes | None
    present: bool
    line: str | None
    to_desk: int
    to_page: int


@dataclass(frozen=True)
class Picture:
    """One clinic at one moment."""

    head: int
    asking: int = 0
    asked_at: float = 0.0
    revoked: frozenset[bytes] = _NOBODY
    desks_elsewhere: frozenset[bytes] = _NOBODY
    seats: dict[str, SeatNews] = field(default_factory=dict)


def look(
    db: sa.Connection,
    wanted: list[bytes],
    *,
    process: str,
    now: float,
    away_after_s: float,
    gone_after_s: float,
    kept_s: float,
) -> dict[bytes, Picture]:
    """Look at clinics.

    Args:
        db: A transaction.
        wanted: Which clinics.
        process: This server process, whose own desks are no news.
        now: Unix seconds.
        away_after_s: A page not heard for so long is away.
        gone_after_s: A process that said nothing for so long is gone, and its desks with it.
        kept_s: Seats that ended longer ago are no longer shown.
    """
    found = dict[bytes, Picture]()
    asking = _asking(db, wanted, now)
    revoked = _by_clinic(
        db.execute(
            sa.select(devices.c.clinic, devices.c.device).where(
                devices.c.clinic.in_(wanted), devices.c.active.is_(False)
            )
        )
    )
    elsewhere = _by_clinic(
        db.execute(
            sa.select(desk_lines.c.clinic, desk_lines.c.device)
            .join(server_processes, server_processes.c.process == desk_lines.c.process)
            .where(
                desk_lines.c.clinic.in_(wanted),
                desk_lines.c.process != process,
                server_processes.c.heard_at > now - gone_after_s,
            )
        )
    )
    standing = _seats(db, wanted, now - away_after_s, now - kept_s)
    # The log last: whoever is woken for it then finds what came with it.
    for row in db.execute(
        sa.select(clinics.c.clinic, clinics.c.head).where(clinics.c.clinic.in_(wanted))
    ):
        count, asked_at = asking.get(row.clinic, (0, 0.0))
        found[row.clinic] = Picture(
            row.head,
            count,
            asked_at,
            frozenset(revoked.get(row.clinic, ())),
            frozenset(elsewhere.get(row.clinic, ())),
            standing.get(row.clinic, {}),
        )
    return found


def _by_clinic(rows: "sa.Result[bytes, bytes]") -> dict[bytes, set[bytes]]:
    found = dict[bytes, set[bytes]]()
    for clinic, device in rows:
        found.setdefault(clinic, set()).add(device)
    return found


def _asking(db: sa.Connection, wanted: list[bytes], now: float) -> dict[bytes, tuple[int, float]]:
    rows = db.execute(
        sa.select(
            invitations.c.clinic,
            # Who revealed its number counts twice: that is news as well.
            sa.func.count() + sa.func.count(enrol_requests.c.reveal),
            sa.func.max(enrol_requests.c.asked_at),
        )
        .join(enrol_requests, enrol_requests.c.lookup_id == invitations.c.lookup_id)
        .where(
            invitations.c.clinic.in_(wanted),
            invitations.c.granted_to.is_(None),
            invitations.c.expires_at > now,
        )
        .group_by(invitations.c.clinic)
    )
    return {clinic: (count, asked_at) for clinic, count, asked_at in rows}


def _seats(
    db: sa.Connection, wanted: list[bytes], heard_since: float, ended_since: float
) -> dict[bytes, dict[str, SeatNews]]:
    found = dict[bytes, dict[str, SeatNews]]()
    for row in db.execute(
        sa.select(
            seats.c.clinic,
            seats.c.seat,
            seats.c.state,
            seats.c.admitted_by,
            (seats.c.heard_at > heard_since).label("present"),
            seats.c.line,
            _newest("to-desk"),
            _newest("to-page"),
        ).where(
            seats.c.clinic.in_(wanted),
            (seats.c.state != "ended") | (seats.c.ended_at > ended_since),
        )
    ):
        clinic, seat, *rest = row
        found.setdefault(clinic, {})[seat] = SeatNews(*rest)
    return found


def _newest(direction: str) -> "sa.ColumnElement[int]":
    """Return the newest box's number: one look-up in the primary key, however many there are."""
    return sa.func.coalesce(
        sa.select(sa.func.max(boxes.c.n))
        .where(boxes.c.seat == seats.c.seat, boxes.c.direction == direction)
        .correlate(seats)
        .scalar_subquery(),
        0,
    ).label(direction.replace("-", "_"))
