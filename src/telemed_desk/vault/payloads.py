"""What each kind of op carries. ``docs/formats.md``, "Op kinds", says the same in words.

Unknown fields in a payload are ignored; a payload that does not fit its kind is kept and not applied.
"""

from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from telemed_desk.clinical.consultations import ConsultationState, Way
from telemed_desk.clinical.people import Programme, Sex
from telemed_protocol.errors import UNREADABLE
from telemed_protocol.op import Lane, Op


class ClinicSet(msgspec.Struct, frozen=True):
    """``clinic.set``."""

    name: str
    phone: str = ""


class ClinicianSet(msgspec.Struct, frozen=True):
    """``clinician.set``. ``signing`` is the public Ed25519 key, empty when not changed."""

    name: str
    role: str = ""
    place: str = ""
    languages: tuple[str, ...] = ()
    signing: bytes = b""


class DeviceSet(msgspec.Struct, frozen=True):
    """``device.set``."""

    label: str


class PatientSet(msgspec.Struct, frozen=True):
    """``patient.set``: only the fields that change.

    ``seen``: the parents name the values that the author had on the screen. Allergies were listed
    here before they had kinds of their own.
    """

    given_name: str | UnsetType = UNSET
    family_name: str | UnsetType = UNSET
    number: str | UnsetType = UNSET
    year_of_birth: int | UnsetType = UNSET
    sex: Sex | UnsetType = UNSET
    phone: str | UnsetType = UNSET
    languages: tuple[str, ...] | UnsetType = UNSET
    remarks: str | UnsetType = UNSET
    allergies: tuple[str, ...] | UnsetType = UNSET
    seen: bool = False


class EntryAdd(msgspec.Struct, frozen=True):
    """``allergy.add``, ``medicine.add``. ``instead_of``: words of the entry that the parents added."""

    what: str
    at_ms: int
    instead_of: str = ""


class EntryDrop(msgspec.Struct, frozen=True):
    """``allergy.drop``, ``medicine.drop``: takes off what the parents added, no more."""

    what: str
    at_ms: int
    reason: str = ""


class ConsultBook(msgspec.Struct, frozen=True):
    """``consult.book``."""

    patient: bytes
    programme: Programme
    way: Way
    booked_ms: int
    minutes: int
    clinician: bytes
    reason: str = ""


class ConsultState(msgspec.Struct, frozen=True):
    """``consult.state``."""

    state: ConsultationState
    at_ms: int
    way: Way | None = None
    cause: str | None = None


class ConsultClaim(msgspec.Struct, frozen=True):
    """``consult.claim``: the actor takes it; parents = the claims that they knew of."""

    at_ms: int


class ConsultConsent(msgspec.Struct, frozen=True):
    """``consult.consent``."""

    at_ms: int
    photos: bool = False
    by: str = ""
    language: str = ""


class ConsultIdentity(msgspec.Struct, frozen=True):
    """``consult.identity``."""

    at_ms: int
    ok: bool
    said_by: str = ""


class ConsultUrgent(msgspec.Struct, frozen=True):
    """``consult.urgent``; an empty reason takes the flag away."""

    reason: str
    at_ms: int
    by: str = ""


class LinkMake(msgspec.Struct, frozen=True):
    """``link.make``; ``role`` as in :class:`telemed_desk.clinical.queue.Role`."""

    jti: bytes
    secret: bytes
    expires_ms: int
    role: str = "patient"


class NoteRevise(msgspec.Struct, frozen=True):
    """``note.revise``: the whole text of one revision."""

    consultation: bytes
    at_ms: int
    S: str = ""
    O: str = ""  # noqa: E741 - the section's letter as stored
    A: str = ""
    P: str = ""


class NoteSign(msgspec.Struct, frozen=True):
    """``note.sign``. ``key`` is the clinician's public key that made ``signature``."""

    consultation: bytes
    revision: tuple[bytes, int]
    sha256: bytes
    at_ms: int
    signature: bytes
    key: bytes


class NoteAddendum(msgspec.Struct, frozen=True):
    """``note.addendum``: ``of`` is the hash of the signed text; ``key`` made ``signature``."""

    consultation: bytes
    of: bytes
    at_ms: int
    text: str
    signature: bytes
    key: bytes


class PhotoAdd(msgspec.Struct, frozen=True):
    """``photo.add``: what opens the encrypted file, and a small preview."""

    consultation: bytes
    at_ms: int
    width: int
    height: int
    source: str
    sha256: bytes
    key: bytes
    preview: bytes
    thumb: bytes = b""


class CallBox(msgspec.Struct, frozen=True):
    """``call.box``: two minutes of a call's figures (:mod:`telemed_desk.clinical.call_record`)."""

    consultation: bytes
    call: str
    part: int
    began_ms: int
    columns: dict[str, list[int | None]]
    events: list[tuple[int, str, str]] = []


class RecordExport(msgspec.Struct, frozen=True):
    """``record.export``: a copy of a patient's record left the vault; who did it is the op's actor.

    ``sealed_for`` is ``passphrase`` or the age recipient; ``sha256`` and ``size`` are the file's.
    """

    patient: bytes
    at_ms: int
    format: str
    sealed_for: str
    sha256: bytes
    size: int


class MemberInvite(msgspec.Struct, frozen=True):
    """``member.invite``: the secret of a TMD code, so that any desk of the clinic can approve."""

    secret: bytes
    expires_ms: int


Payload = (
    ClinicSet
    | ClinicianSet
    | DeviceSet
    | PatientSet
    | EntryAdd
    | EntryDrop
    | ConsultBook
    | ConsultState
    | ConsultClaim
    | ConsultConsent
    | ConsultIdentity
    | ConsultUrgent
    | LinkMake
    | NoteRevise
    | NoteSign
    | NoteAddendum
    | PhotoAdd
    | CallBox
    | RecordExport
    | MemberInvite
)
Folder = Literal[
    "clinic", "clinician", "device", "patient", "consult", "note", "photo", "call", "export"
]

KINDS: Final[dict[str, tuple[type[Payload], int, Folder]]] = {
    "clinic.set": (ClinicSet, Lane.PATIENTS, "clinic"),
    "clinician.set": (ClinicianSet, Lane.PATIENTS, "clinician"),
    "device.set": (DeviceSet, Lane.PATIENTS, "device"),
    "patient.set": (PatientSet, Lane.PATIENTS, "patient"),
    "allergy.add": (EntryAdd, Lane.PATIENTS, "patient"),
    "allergy.drop": (EntryDrop, Lane.PATIENTS, "patient"),
    "medicine.add": (EntryAdd, Lane.PATIENTS, "patient"),
    "medicine.drop": (EntryDrop, Lane.PATIENTS, "patient"),
    "consult.book": (ConsultBook, Lane.PATIENTS, "consult"),
    "consult.state": (ConsultState, Lane.QUEUE, "consult"),
    "consult.claim": (ConsultClaim, Lane.QUEUE, "consult"),
    "consult.consent": (ConsultConsent, Lane.PATIENTS, "consult"),
    "consult.identity": (ConsultIdentity, Lane.PATIENTS, "consult"),
    "consult.urgent": (ConsultUrgent, Lane.QUEUE, "consult"),
    "link.make": (LinkMake, Lane.QUEUE, "consult"),
    "note.revise": (NoteRevise, Lane.NOTES, "note"),
    "note.sign": (NoteSign, Lane.NOTES, "note"),
    "note.addendum": (NoteAddendum, Lane.NOTES, "note"),
    "photo.add": (PhotoAdd, Lane.PREVIEWS, "photo"),
    "call.box": (CallBox, Lane.PREVIEWS, "call"),
    "record.export": (RecordExport, Lane.PATIENTS, "export"),
    "member.invite": (MemberInvite, Lane.QUEUE, "device"),
}
"""Payload type, lane, and which projection it belongs to, by kind."""

_decoders: Final = {
    kind: msgspec.msgpack.Decoder(payload) for kind, (payload, _, _) in KINDS.items()
}


def lane_of(kind: str) -> int:
    """Return the lane of a kind; unknown kinds travel with the patients' fields."""
    known = KINDS.get(kind)
    return known[1] if known else Lane.PATIENTS


def read_payload(op: Op) -> Payload | None:
    """Decode an op's payload; None when this version cannot."""
    decoder = _decoders.get(op.kind)
    if decoder is None:
        return None
    try:
        payload: Payload = decoder.decode(op.payload)
    except UNREADABLE:
        return None
    return payload if _storable(payload) else None


def _storable(payload: Payload) -> bool:
    """Whether SQLite can hold every number: msgpack has larger ones."""
    values = [getattr(payload, name) for name in payload.__struct_fields__]
    return all(-(2**63) <= v < 2**63 for v in values if isinstance(v, int))
