"""From stored rows to the values of ``clinical``."""

from typing import Any, Final

import msgspec

from telemed_desk.clinical.call_record import CallTrace, unpack_events, unpack_samples
from telemed_desk.clinical.consultations import Consultation, ConsultationState, Way
from telemed_desk.clinical.notes import Note, NoteText
from telemed_desk.clinical.people import Clinician, Patient, Programme, Sex
from telemed_desk.vault.fold_note import signature_code
from telemed_desk.vault.values import OpenLink, OtherValue
from telemed_protocol.joinlink import JoinLink
from telemed_protocol.op import OpId

SECTIONS: Final = ("subjective", "objective", "assessment", "plan")


def to_blobs(packed: bytes) -> list[bytes]:
    """Unpack a list of byte strings."""
    return msgspec.msgpack.decode(packed, type=list[bytes])


def to_words(packed: bytes) -> tuple[str, ...]:
    """Unpack a list of words."""
    return msgspec.msgpack.decode(packed, type=tuple[str, ...])


_also = msgspec.msgpack.Decoder(list[tuple[str, Any, bytes, int, bytes, int]])


def to_other_values(packed: bytes) -> list[OtherValue]:
    """Unpack the values of fields that have more than one."""
    return [
        OtherValue(field, value, OpId(device, number), by, at_ms)
        for field, value, device, number, by, at_ms in _also.decode(packed)
    ]


def to_text(row: Any) -> NoteText:
    """Return a note's text from its four columns."""
    return NoteText(*(row[name] for name in SECTIONS))


def to_consultation(row: Any) -> Consultation:
    """Return a consultation from a row of ``consult``."""
    return Consultation(
        row["entity"],
        row["patient"],
        Programme(row["programme"]),
        Way(row["way"]),
        ConsultationState(row["state"]),
        row["booked_ms"],
        row["minutes"],
        row["clinician"],
        row["reason"],
        row["consent_ms"],
        bool(row["consent_photos"]),
        row["started_ms"],
        row["ended_ms"],
    )


def to_patient(row: Any, *, incomplete: bool = False) -> Patient:
    """Return a patient from a row of ``patient``; see :class:`Patient` for ``incomplete``."""
    return Patient(
        row["entity"],
        row["given_name"],
        row["family_name"],
        row["number"],
        row["year_of_birth"],
        Sex(row["sex"]),
        row["phone"],
        to_words(row["languages"]),
        row["remarks"],
        to_words(row["allergies"]),
        incomplete,
    )


def to_clinician(row: Any) -> Clinician:
    """Return a clinician from a row of ``clinician``."""
    return Clinician(
        row["entity"], row["name"], row["role"], row["place"], to_words(row["languages"])
    )


def to_note(row: Any) -> Note:
    """Return a note from a row of ``note``."""
    text = to_text(row)
    signed = row["signed_ms"] is not None
    return Note(
        row["entity"],
        row["consultation"],
        text,
        row["revision"],
        row["author"],
        row["changed_ms"],
        row["signed_ms"],
        row["signer"],
        signature_code(text.sha256()) if signed else "",
        row["leaves"],
    )


def to_link(row: Any) -> OpenLink:
    """Return a join link from a row of ``link``."""
    return OpenLink(JoinLink(row.jti, row.secret), row.entity, row.expires_ms, row.role)


def to_call_trace(row: Any) -> CallTrace:
    """Return a part of a call's figures from a row of ``call_box``."""
    columns = msgspec.msgpack.decode(row["figures"], type=dict[str, list[int | None]])
    events = msgspec.msgpack.decode(row["events"], type=list[tuple[int, str, str]])
    return CallTrace(
        row["consultation"],
        row["call"],
        row["part"],
        row["began_ms"],
        unpack_samples(columns),
        unpack_events(events),
    )
