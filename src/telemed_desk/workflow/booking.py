"""Bookings and the link a patient opens. Core thread."""

from dataclasses import dataclass

import msgspec

from telemed_desk.clinical.consultations import Consultation
from telemed_desk.clinical.people import Clinician, Patient
from telemed_desk.clinical.queue import Role
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.vault import OpDraft, Vault
from telemed_protocol.api import NewLink
from telemed_protocol.errors import KnownError
from telemed_protocol.joinlink import Card, JoinLink

OPENS_BEFORE_MS = 15 * 60_000
OPEN_AFTER_MS = 60 * 60_000


@dataclass(frozen=True, slots=True)
class PatientLink:
    """What to send or show: the address with its secret, and until when it is good."""

    url: str
    expires_ms: int


@dataclass(frozen=True, slots=True)
class LinkResult:
    """A patient's link, or why there is none."""

    link: PatientLink | None = None
    problem: KnownError | None = None


async def link_result(
    vault: Vault,
    client: ServerClient,
    consultation: bytes,
    now_ms: int,
    role: Role = Role.PATIENT,
) -> LinkResult:
    """Make a link for a booking; a known error becomes a value."""
    booked = vault.consultation(consultation)
    if booked is None:
        return LinkResult()
    try:
        return LinkResult(await make_link(vault, client, booked, now_ms, role))
    except KnownError as error:
        return LinkResult(problem=error)


async def make_link(
    vault: Vault,
    client: ServerClient,
    consultation: Consultation,
    now_ms: int,
    role: Role = Role.PATIENT,
) -> PatientLink:
    """Make a link for a booking and register it with the server.

    The secret is recorded for the clinic's desks (sealed) and printed into the link; the server
    gets a hash and a card that it cannot read. An earlier link of the booking stays good.
    """
    patient = vault.patient(consultation.patient)
    clinician = vault.clinician_of(consultation.clinician)
    if patient is None:
        raise LookupError("consultation without a patient")
    link = JoinLink.generate()
    not_before = min(now_ms, consultation.booked_ms - OPENS_BEFORE_MS)
    expires_ms = max(now_ms + 30 * 60_000, consultation.booked_ms + OPEN_AFTER_MS)
    card = card_for(vault, patient, clinician, consultation, role)
    await client.register_link(
        NewLink(
            jti_hash=link.jti_hash,
            not_before=not_before / 1000,
            expires_at=expires_ms / 1000,
            card=link.seal("card", msgspec.json.encode(card)),
        )
    )
    vault.commit(
        OpDraft(
            "link.make",
            consultation.entity,
            {"jti": link.jti, "secret": link.secret, "expires_ms": expires_ms, "role": role.value},
        )
    )
    return PatientLink(link.url(client.origin), expires_ms)


def card_for(
    vault: Vault,
    patient: Patient,
    clinician: Clinician | None,
    consultation: Consultation,
    role: Role = Role.PATIENT,
) -> Card:
    """What the page shows before the patient says who they are: first name and an initial."""
    profile = vault.clinic_profile()
    return Card(
        clinic=profile.name if profile else "",
        clinician=clinician.name if clinician else "",
        patient=f"{patient.given_name} {patient.family_name[:1]}.",
        starts_at=str(consultation.booked_ms),
        clinic_phone=profile.phone if profile else "",
        role="" if role is Role.PATIENT else role.value,
    )
