"""From ops to what the screens show: a pure function of the set of ops about one entity.

Ops are sorted by (stamp, device, number) first, so the order in which they arrived makes no
difference: every desk that holds the same ops shows the same records. Nothing here reads a clock.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from telemed_desk.clinical.consultations import ConsultationState, Way, may_become
from telemed_desk.vault import payloads as p
from telemed_desk.vault.fold_claims import claim_rows, counted_steps, settled
from telemed_desk.vault.fold_note import fold_note
from telemed_desk.vault.fold_patient import fold_patient
from telemed_desk.vault.rows import Known, Row, Rows, sort_key
from telemed_protocol.joinlink import JTI_BYTES, SECRET_BYTES, JoinLink
from telemed_protocol.op import READER_VERSION, Op, OpId

_pack = msgspec.msgpack.encode
_NO_NUMBERS: Final[Mapping[OpId, int]] = {}


def fold(entity: bytes, ops: Iterable[Op], numbers: Mapping[OpId, int] = _NO_NUMBERS) -> Rows:
    """Return the projection rows of one entity, by table; ops of unknown kinds add nothing.

    Args:
        entity: Which.
        ops: All that is known about it, in any order.
        numbers: The server's numbers of its claims: the one order that no clock decides.
    """
    by_folder: dict[p.Folder, list[Known]] = {}
    for op in sorted(ops, key=sort_key):
        if op.min_reader > READER_VERSION:
            continue
        payload = p.read_payload(op)
        if payload is not None:
            by_folder.setdefault(p.KINDS[op.kind][2], []).append(Known(op, payload))
    rows: Rows = {}
    for folder, known in by_folder.items():
        if folder == "consult":
            found = _consult(entity, known, numbers)
        else:
            found = _FOLDERS[folder](entity, known)
        for table, more in found.items():
            rows.setdefault(table, []).extend(more)
    return rows


def _clinic(entity: bytes, known: list[Known]) -> Rows:
    latest = [k.payload for k in known if isinstance(k.payload, p.ClinicSet)][-1]
    return {"clinic": [{"entity": entity, "name": latest.name, "phone": latest.phone}]}


def _clinician(entity: bytes, known: list[Known]) -> Rows:
    sets = [k.payload for k in known if isinstance(k.payload, p.ClinicianSet)]
    latest = sets[-1]
    return {
        "clinician": [
            {
                "entity": entity,
                "name": latest.name,
                "role": latest.role,
                "place": latest.place,
                "languages": _pack(latest.languages),
                # A clinician has a key per PC; all stay valid.
                "signing": _pack(list(dict.fromkeys(s.signing for s in sets if s.signing))),
            }
        ]
    }


def _device(entity: bytes, known: list[Known]) -> Rows:
    rows: Rows = {}
    for k in known:
        if isinstance(k.payload, p.DeviceSet):
            rows["device"] = [{"entity": entity, "label": k.payload.label}]
        elif isinstance(k.payload, p.MemberInvite):
            rows.setdefault("invitation", []).append(
                {
                    "device": k.op.device,
                    "number": k.op.number,
                    "entity": entity,
                    "secret": k.payload.secret,
                    "expires_ms": k.payload.expires_ms,
                }
            )
    return rows


def _consult(entity: bytes, known: list[Known], numbers: Mapping[OpId, int]) -> Rows:
    row: Row = {
        "consent_ms": None,
        "consent_photos": 0,
        "identity_ok": None,
    }
    rows: Rows = {}
    booking: p.ConsultBook | None = None
    for k in known:
        change = k.payload
        match change:
            case p.ConsultBook():
                booking = change
            case p.ConsultConsent():
                row["consent_ms"] = change.at_ms
                row["consent_photos"] = int(change.photos)
            case p.ConsultIdentity():
                row["identity_ok"] = int(change.ok)
            case p.ConsultUrgent():
                rows["urgent"] = []
                if change.reason:
                    rows["urgent"] = [
                        {"entity": entity, "reason": change.reason, "at_ms": change.at_ms}
                    ]
            case p.LinkMake() if (
                len(change.jti) == JTI_BYTES and len(change.secret) == SECRET_BYTES
            ):
                rows.setdefault("link", []).append(
                    {
                        "jti": change.jti,
                        "jti_hash": JoinLink(change.jti, change.secret).jti_hash,
                        "secret": change.secret,
                        "entity": entity,
                        "expires_ms": change.expires_ms,
                        "role": change.role,
                    }
                )
            case _:
                pass
    if "link" in rows:
        rows["link"] = list({row["jti"]: row for row in rows["link"]}.values())
    claims = settled(known, numbers)
    if claims:
        rows["claim"] = claim_rows(entity, claims)
    if booking is not None:
        row |= {
            "entity": entity,
            "patient": booking.patient,
            "programme": booking.programme.value,
            "booked_ms": booking.booked_ms,
            "minutes": booking.minutes,
            "clinician": booking.clinician,
            "reason": booking.reason,
        }
        row |= _steps(booking.way, counted_steps(known, claims))
        rows["consult"] = [row]
    return rows


def _steps(way: Way, known: list[Known]) -> Row:
    """Walk through the states: the newest counts, one that makes no sense is counted as odd.

    ``signed`` is the end: what another desk recorded meanwhile cannot reopen it.
    """
    state = ConsultationState.BOOKED
    started_ms: int | None = None
    ended_ms: int | None = None
    odd = 0
    for k in known:
        step = k.payload
        if not isinstance(step, p.ConsultState):
            continue
        if not may_become(state, step.state):
            odd += 1
            if state is ConsultationState.SIGNED:
                continue
        if step.state is ConsultationState.IN_CALL and state is not ConsultationState.IN_CALL:
            started_ms = step.at_ms if started_ms is None else started_ms
            ended_ms = None
        elif state is ConsultationState.IN_CALL and step.state is not ConsultationState.IN_CALL:
            ended_ms = step.at_ms
        state = step.state
        way = step.way or way
    return {
        "way": way.value,
        "state": state.value,
        "started_ms": started_ms,
        "ended_ms": ended_ms,
        "odd_steps": odd,
    }


def _photo(entity: bytes, known: list[Known]) -> Rows:
    first = next(k.payload for k in known if isinstance(k.payload, p.PhotoAdd))
    return {
        "photo": [
            {
                "entity": entity,
                "consultation": first.consultation,
                "at_ms": first.at_ms,
                "width": first.width,
                "height": first.height,
                "source": first.source,
                "sha256": first.sha256,
                "secret": first.key,
                "preview": first.preview,
                "thumb": first.thumb,
            }
        ]
    }


def _export(entity: bytes, known: list[Known]) -> Rows:
    first, said = next((k, k.payload) for k in known if isinstance(k.payload, p.RecordExport))
    return {
        "exported": [
            {
                "entity": entity,
                "patient": said.patient,
                "actor": first.op.actor,
                "device": first.op.device,
                "sha256": said.sha256,
                "format": said.format,
                "sealed_for": said.sealed_for,
                "at_ms": said.at_ms,
                "size": said.size,
            }
        ]
    }


def _call(entity: bytes, known: list[Known]) -> Rows:
    first = next(k.payload for k in known if isinstance(k.payload, p.CallBox))
    return {
        "call_box": [
            {
                "entity": entity,
                "consultation": first.consultation,
                "call": first.call,
                "part": first.part,
                "began_ms": first.began_ms,
                "figures": _pack(first.columns),
                "events": _pack(first.events),
            }
        ]
    }


_FOLDERS: Final[dict[p.Folder, Callable[[bytes, list[Known]], Rows]]] = {
    "clinic": _clinic,
    "clinician": _clinician,
    "device": _device,
    "patient": fold_patient,
    "note": fold_note,
    "photo": _photo,
    "call": _call,
    "export": _export,
}
