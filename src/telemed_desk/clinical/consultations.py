"""A consultation: one visit by video, voice, telephone or as a case, and its states."""

from dataclasses import dataclass
from enum import StrEnum

from telemed_desk.clinical.people import Programme


class Way(StrEnum):
    """How it is held; may change without the consultation losing its identity."""

    VIDEO = "video"
    VOICE = "voice"
    PHONE = "phone"
    CASE = "case"


class ConsultationState(StrEnum):
    """Where it stands; the value is stored."""

    BOOKED = "booked"
    WAITING = "waiting"
    IN_CALL = "in-call"
    WRITING = "writing"
    SIGNED = "signed"
    CANCELLED = "cancelled"
    NOT_JOINED = "not-joined"


ALLOWED: dict[ConsultationState, frozenset[ConsultationState]] = {
    ConsultationState.BOOKED: frozenset(
        {
            ConsultationState.WAITING,
            ConsultationState.IN_CALL,
            ConsultationState.WRITING,
            ConsultationState.CANCELLED,
            ConsultationState.NOT_JOINED,
        }
    ),
    ConsultationState.WAITING: frozenset(
        {
            ConsultationState.IN_CALL,
            ConsultationState.BOOKED,
            ConsultationState.CANCELLED,
            ConsultationState.NOT_JOINED,
        }
    ),
    ConsultationState.IN_CALL: frozenset({ConsultationState.WRITING}),
    ConsultationState.WRITING: frozenset({ConsultationState.SIGNED, ConsultationState.IN_CALL}),
    ConsultationState.SIGNED: frozenset(),
    ConsultationState.CANCELLED: frozenset({ConsultationState.BOOKED}),
    ConsultationState.NOT_JOINED: frozenset({ConsultationState.BOOKED, ConsultationState.WAITING}),
}


def may_become(now: ConsultationState, then: ConsultationState) -> bool:
    """Return whether a change of state makes sense; one that does not is flagged, never dropped."""
    return now is then or then in ALLOWED[now]


@dataclass(frozen=True, slots=True)
class Consultation:
    """A consultation as this PC knows it. Ids are 16 bytes, times Unix milliseconds UTC."""

    entity: bytes
    patient: bytes
    programme: Programme
    way: Way
    state: ConsultationState
    booked_ms: int
    minutes: int
    clinician: bytes
    reason: str = ""
    consent_ms: int | None = None
    consent_photos: bool = False
    started_ms: int | None = None
    ended_ms: int | None = None
