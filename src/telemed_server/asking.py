"""Requests of new desks to join a clinic, and what both sides exchange to compare six digits.

All of it is opaque here: the desks check it (:mod:`telemed_protocol.comparing`). Every function runs in
a database thread, inside the caller's transaction.
"""

from typing import Final

import sqlalchemy as sa

from telemed_protocol.api import (
    EnrolAnswer,
    EnrolQuery,
    EnrolRequest,
    EnrolReveal,
    EnrolStatus,
    PendingDesk,
)
from telemed_protocol.comparing import MAX_ANSWER_BYTES
from telemed_protocol.identity import DevicePublic
from telemed_server.clinics import chain_records, require_public, require_size, wraps_for
from telemed_server.errors import RequestRefused
from telemed_server.schema import devices, enrol_requests, invitations
from telemed_server.store import in_turn

MAX_ASKING: Final = 5
"""Desks that may ask under one invitation; more means that the code got into wrong hands."""


def ask(db: sa.Connection, now: float, request: EnrolRequest) -> bytes:
    """Store a new desk's request; returns the clinic that invited.

    Raises:
        RequestRefused: 404 no such invitation, 409 device known or invitation spent, 422.
    """
    require_public(request.public)
    require_size(request.mac, 32, "mac")
    require_size(request.commitment, 32, "commitment")
    invitation = db.execute(
        in_turn(sa.select(invitations).where(invitations.c.lookup_id == request.lookup_id))
    ).first()
    if invitation is None or invitation.expires_at <= now:
        raise RequestRefused(404, "no_such_invitation")
    asked = db.execute(
        sa.select(enrol_requests).where(enrol_requests.c.lookup_id == request.lookup_id)
    ).all()
    for row in asked:
        if row.device == request.public.device:
            same = DevicePublic(row.device, row.signing, row.receiving) == request.public
            if same and (row.mac, row.commitment) == (request.mac, request.commitment):
                return bytes(invitation.clinic)
            raise RequestRefused(409, "device_exists")
    known = db.execute(
        sa.select(devices.c.device).where(devices.c.device == request.public.device)
    ).first()
    if known is not None:
        raise RequestRefused(409, "device_exists")
    if invitation.granted_to is not None or len(asked) >= MAX_ASKING:
        raise RequestRefused(409, "invitation_spent")
    db.execute(
        enrol_requests.insert().values(
            lookup_id=request.lookup_id,
            device=request.public.device,
            signing=request.public.signing,
            receiving=request.public.receiving,
            mac=request.mac,
            asked_at=now,
            commitment=request.commitment,
        )
    )
    return bytes(invitation.clinic)


def _asked(lookup_id: bytes, device: bytes) -> sa.ColumnElement[bool]:
    return (enrol_requests.c.lookup_id == lookup_id) & (enrol_requests.c.device == device)


def answer(db: sa.Connection, now: float, clinic: bytes, request: EnrolAnswer) -> None:
    """Keep a member's answer to a request; the first one counts, repeating it is harmless.

    Raises:
        RequestRefused: 404 nobody asks so, 409 another desk answered, 422.
    """
    if not 0 < len(request.answer) <= MAX_ANSWER_BYTES:
        raise RequestRefused(422, "format", "answer")
    invitation = db.execute(
        in_turn(sa.select(invitations).where(invitations.c.lookup_id == request.lookup_id))
    ).first()
    asked = _asked(request.lookup_id, request.device)
    row = db.execute(sa.select(enrol_requests).where(asked)).first()
    if invitation is None or row is None or invitation.clinic != clinic:
        raise RequestRefused(404, "nobody_asked")
    if invitation.expires_at <= now or row.commitment is None:
        raise RequestRefused(404, "nobody_asked")
    if row.answer not in (None, request.answer):
        raise RequestRefused(409, "answered")
    db.execute(enrol_requests.update().where(asked).values(answer=request.answer))


def reveal(db: sa.Connection, request: EnrolReveal) -> bytes:
    """Keep the number that a new desk reveals; returns the clinic. Repeating it is harmless.

    Raises:
        RequestRefused: 404 it never asked, 409 not answered yet or another number, 422.
    """
    require_size(request.nonce, 32, "nonce")
    invitation = db.execute(
        in_turn(sa.select(invitations).where(invitations.c.lookup_id == request.lookup_id))
    ).first()
    asked = _asked(request.lookup_id, request.device)
    row = db.execute(sa.select(enrol_requests).where(asked)).first()
    if invitation is None or row is None:
        raise RequestRefused(404, "no_such_request")
    if row.answer is None:
        raise RequestRefused(409, "not_answered")
    if row.reveal not in (None, request.nonce):
        raise RequestRefused(409, "revealed")
    db.execute(enrol_requests.update().where(asked).values(reveal=request.nonce))
    return bytes(invitation.clinic)


def pending(db: sa.Connection, now: float, clinic: bytes) -> list[PendingDesk]:
    """Return requests that wait for a member desk's word."""
    rows = db.execute(
        sa.select(enrol_requests)
        .join(invitations, invitations.c.lookup_id == enrol_requests.c.lookup_id)
        .where(
            invitations.c.clinic == clinic,
            invitations.c.granted_to.is_(None),
            invitations.c.expires_at > now,
        )
        .order_by(enrol_requests.c.asked_at)
    )
    return [
        PendingDesk(
            row.lookup_id,
            DevicePublic(row.device, row.signing, row.receiving),
            row.mac,
            row.asked_at,
            row.commitment or b"",
            row.answer or b"",
            row.reveal or b"",
        )
        for row in rows
    ]


def status(db: sa.Connection, query: EnrolQuery) -> EnrolStatus:
    """Tell a new desk whether it was added.

    Raises:
        RequestRefused: 404 it never asked.
    """
    row = db.execute(
        sa.select(enrol_requests.c.proof, enrol_requests.c.answer, invitations.c.clinic)
        .join(invitations, invitations.c.lookup_id == enrol_requests.c.lookup_id)
        .where(
            enrol_requests.c.lookup_id == query.lookup_id,
            enrol_requests.c.device == query.device,
        )
    ).first()
    if row is None:
        raise RequestRefused(404, "no_such_request")
    if row.proof is None:
        return EnrolStatus(granted=False, answer=row.answer or b"", compares=True)
    return EnrolStatus(
        granted=True,
        clinic=row.clinic,
        proof=row.proof,
        records=chain_records(db, row.clinic),
        wraps=wraps_for(db, row.clinic, query.device),
        answer=row.answer or b"",
        compares=True,
    )
