"""Clinics, their member chains and invitations; requests to join are in :mod:`telemed_server.asking`.

The server keeps the chain and checks it as any desk does, but holds no key that could extend it.
Every function runs in a database thread, inside the caller's transaction.
"""

import hashlib
from typing import Final

import sqlalchemy as sa

from telemed_protocol.api import (
    AddMember,
    FoundClinic,
    Invite,
    WrappedKey,
)
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.identity import DevicePublic
from telemed_protocol.membership import MemberChain, MemberRecord, SignedRecord
from telemed_protocol.segment import GENESIS_HASH
from telemed_server.errors import RequestRefused
from telemed_server.schema import (
    clinics,
    devices,
    enrol_requests,
    founding_codes,
    invitations,
    member_records,
    tokens,
    wraps,
)
from telemed_server.store import in_turn

MAX_INVITATION_S: Final = 7 * 24 * 3600
MAX_RECORD_BYTES: Final = 4096
MAX_WRAP_BYTES: Final = 2048
MAX_EPOCH: Final = 2**31 - 1


def require_size(data: bytes, size: int, what: str) -> None:
    """Refuse what is not so long; 422."""
    if len(data) != size:
        raise RequestRefused(422, "format", what)


def require_public(public: DevicePublic) -> None:
    """Refuse keys of another size; 422."""
    require_size(public.device, 16, "device")
    require_size(public.signing, 32, "signing")
    require_size(public.receiving, 32, "receiving")


def _parse(signed: SignedRecord) -> MemberRecord:
    if len(signed.record) > MAX_RECORD_BYTES:
        raise RequestRefused(422, "format", "record too long")
    require_size(signed.signature, 64, "signature")
    try:
        record = signed.parse()
    except FormatError as error:
        raise RequestRefused(422, "format", "record") from error
    require_size(record.clinic, 16, "clinic")
    require_size(record.by, 16, "by")
    require_public(record.member)
    if not 0 <= record.epoch <= MAX_EPOCH:
        raise RequestRefused(422, "format", "epoch")
    return record


def _extend(chain: MemberChain, signed: SignedRecord) -> None:
    try:
        chain.extend(signed)
    except ForgeryError as error:
        raise RequestRefused(422, "forged", error.detail) from error
    except FormatError as error:
        raise RequestRefused(422, "format", error.detail) from error


def lookup_hash(lookup_id: bytes) -> bytes:
    """Return what the server stores of a founding code (as ``EnrolCode.lookup_hash``)."""
    return hashlib.sha256(b"telemed/code/v1" + lookup_id).digest()


def add_founding_code(db: sa.Connection, now: float, code_hash: bytes) -> None:
    """Let a code found one clinic."""
    db.execute(founding_codes.insert().values(lookup_hash=code_hash, created_at=now))


def found(db: sa.Connection, now: float, request: FoundClinic) -> bytes:
    """Found a clinic; asking again after a lost answer is harmless. Returns the clinic's id.

    Raises:
        RequestRefused: 403 code unknown or used, 409 ids taken, 422 record forged.
    """
    code_hash = lookup_hash(request.lookup_id)
    code = db.execute(
        in_turn(sa.select(founding_codes).where(founding_codes.c.lookup_hash == code_hash))
    ).first()
    if code is None:
        raise RequestRefused(403, "code_not_valid")
    record = _parse(request.founding)
    if code.used_at is not None:
        first = chain_records(db, code.clinic)[0]
        if code.clinic == record.clinic and first == request.founding:
            return record.clinic
        raise RequestRefused(403, "code_not_valid")
    _extend(MemberChain(), request.founding)
    if db.execute(sa.select(clinics.c.clinic).where(clinics.c.clinic == record.clinic)).first():
        raise RequestRefused(409, "clinic_exists")
    db.execute(
        clinics.insert().values(clinic=record.clinic, created_at=now, head=0, log_hash=GENESIS_HASH)
    )
    _store_record(db, now, record, request.founding)
    db.execute(
        founding_codes.update()
        .where(founding_codes.c.lookup_hash == code_hash)
        .values(used_at=now, clinic=record.clinic)
    )
    return record.clinic


def _store_record(
    db: sa.Connection, now: float, record: MemberRecord, signed: SignedRecord
) -> None:
    db.execute(
        member_records.insert().values(
            clinic=record.clinic,
            n=record.n,
            record=signed.record,
            signature=signed.signature,
            stored_at=now,
        )
    )
    member = record.member
    if record.action == "revoke":
        db.execute(devices.update().where(devices.c.device == member.device).values(active=False))
        db.execute(tokens.delete().where(tokens.c.device == member.device))
        return
    if db.execute(sa.select(devices.c.device).where(devices.c.device == member.device)).first():
        raise RequestRefused(409, "device_exists")
    db.execute(
        devices.insert().values(
            device=member.device,
            clinic=record.clinic,
            signing=member.signing,
            receiving=member.receiving,
            active=True,
        )
    )


def chain_records(db: sa.Connection, clinic: bytes) -> list[SignedRecord]:
    """Return a clinic's member records in order."""
    rows = db.execute(
        sa.select(member_records.c.record, member_records.c.signature)
        .where(member_records.c.clinic == clinic)
        .order_by(member_records.c.n)
    )
    return [SignedRecord(row.record, row.signature) for row in rows]


def invite(db: sa.Connection, now: float, clinic: bytes, device: bytes, request: Invite) -> None:
    """Store that a code's holder may ask.

    Raises:
        RequestRefused: 409 the code belongs to another clinic, 422 too long or already over.
    """
    require_size(request.lookup_id, 16, "lookup_id")
    if not now < request.expires_at <= now + MAX_INVITATION_S + 60:
        raise RequestRefused(422, "format", "expires_at")
    known = db.execute(
        sa.select(invitations.c.clinic).where(invitations.c.lookup_id == request.lookup_id)
    ).first()
    if known is not None:
        if known.clinic != clinic:
            raise RequestRefused(409, "invitation_exists")
        return
    db.execute(
        invitations.insert().values(
            lookup_id=request.lookup_id,
            clinic=clinic,
            created_by=device,
            created_at=now,
            expires_at=request.expires_at,
        )
    )


def add_member(
    db: sa.Connection, now: float, clinic: bytes, device: bytes, request: AddMember
) -> MemberRecord:
    """Append to the chain and keep the sealed keys; repeating the same record is harmless.

    Raises:
        RequestRefused: 404 nobody asked, 409 chain moved on, 422 forged or of another shape.
    """
    record = _parse(request.record)
    if record.clinic != clinic or record.by != device:
        raise RequestRefused(422, "forged", "record of another clinic or device")
    db.execute(in_turn(sa.select(clinics.c.clinic).where(clinics.c.clinic == clinic)))
    stored = chain_records(db, clinic)
    if 1 <= record.n <= len(stored) and stored[record.n - 1] == request.record:
        return record
    if record.n != len(stored) + 1 or record.prev_hash != stored[-1].hash:
        raise RequestRefused(409, "chain_moved_on")
    chain = MemberChain()
    for signed in stored:
        chain.extend(signed)
    before = chain.epoch
    _extend(chain, request.record)
    if record.epoch > before:
        _require_keys(chain, request)
    if record.action == "add":
        _grant(db, clinic, record, request)
    _store_record(db, now, record, request.record)
    for wrap in request.wraps:
        _store_wrap(db, clinic, wrap, chain)
    return record


def _require_keys(chain: MemberChain, request: AddMember) -> None:
    """Nobody may be left without the new key: record and keys count together."""
    given = {wrap.device for wrap in request.wraps if wrap.epoch == chain.epoch}
    if given != chain.members.keys():
        raise RequestRefused(422, "wraps_missing")


def _grant(db: sa.Connection, clinic: bytes, record: MemberRecord, request: AddMember) -> None:
    require_size(request.proof, 32, "proof")
    asked = db.execute(
        sa.select(enrol_requests)
        .join(invitations, invitations.c.lookup_id == enrol_requests.c.lookup_id)
        .where(
            invitations.c.clinic == clinic,
            invitations.c.granted_to.is_(None),
            enrol_requests.c.lookup_id == request.lookup_id,
            enrol_requests.c.device == record.member.device,
        )
    ).first()
    if asked is None:
        raise RequestRefused(404, "nobody_asked")
    if DevicePublic(asked.device, asked.signing, asked.receiving) != record.member:
        raise RequestRefused(422, "forged", "other keys than asked with")
    db.execute(
        enrol_requests.update()
        .where(
            enrol_requests.c.lookup_id == request.lookup_id,
            enrol_requests.c.device == record.member.device,
        )
        .values(proof=request.proof)
    )
    db.execute(
        invitations.update()
        .where(invitations.c.lookup_id == request.lookup_id)
        .values(granted_to=record.member.device)
    )


def _store_wrap(db: sa.Connection, clinic: bytes, wrap: WrappedKey, chain: MemberChain) -> None:
    if wrap.device not in chain.members or not 0 <= wrap.epoch <= chain.epoch:
        raise RequestRefused(422, "format", "wrap for a stranger or an unknown epoch")
    if not 0 < len(wrap.wrap) <= MAX_WRAP_BYTES:
        raise RequestRefused(422, "format", "wrap")
    same = (
        (wraps.c.clinic == clinic) & (wraps.c.device == wrap.device) & (wraps.c.epoch == wrap.epoch)
    )
    known = db.execute(sa.select(wraps.c.wrap).where(same)).first()
    if known is None:
        db.execute(
            wraps.insert().values(
                clinic=clinic, device=wrap.device, epoch=wrap.epoch, wrap=wrap.wrap
            )
        )
    elif known.wrap != wrap.wrap:
        raise RequestRefused(409, "wrap_exists")


def wraps_for(db: sa.Connection, clinic: bytes, device: bytes) -> list[WrappedKey]:
    """Return the epoch keys sealed for a device."""
    rows = db.execute(
        sa.select(wraps)
        .where(wraps.c.clinic == clinic, wraps.c.device == device)
        .order_by(wraps.c.epoch)
    )
    return [WrappedKey(row.epoch, row.device, row.wrap) for row in rows]
