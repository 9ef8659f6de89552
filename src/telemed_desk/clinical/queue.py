"""Who is next: the order of the waiting room."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from telemed_desk.clinical.consultations import Consultation
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.people import Patient

LONG_WAIT_MINUTES = 15


@dataclass(frozen=True, slots=True)
class Waiting:
    """One patient who has arrived. Times are Unix milliseconds UTC.

    ``rung`` is None while their phone is being tested; ``present`` is False when the page was not
    heard for a while (the seat is kept). ``identity_ok`` is None until the desk has checked.
    """

    seat: str
    consultation: Consultation
    patient: Patient
    arrived_ms: int
    present: bool
    rung: Rung | None = None
    urgent_reason: str = ""
    said_name: str = ""
    helper: bool = False
    identity_ok: bool | None = None
    consent_care: bool = False
    consent_photos: bool = False

    @property
    def is_urgent(self) -> bool:
        """Flagged by the patient or staff; the reason is always in words."""
        return bool(self.urgent_reason)

    def minutes_waited(self, now_ms: int) -> int:
        """Whole minutes since arrival."""
        return max(0, (now_ms - self.arrived_ms) // 60_000)


class Role(StrEnum):
    """As whom somebody joins a consultation by a link; the value is stored."""

    PATIENT = "patient"
    CARER = "carer"
    INTERPRETER = "interpreter"
    COLLEAGUE = "colleague"

    @classmethod
    def read(cls, stored: str) -> "Role":
        """Return a stored role; one of a newer version is a guest's, never the patient's."""
        return cls(stored) if stored in set(cls) else cls.CARER


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody beside the patient who has arrived for a consultation.

    ``name`` is what they say of themselves; who invited them vouches for it. Times as in
    :class:`Waiting`.
    """

    seat: str
    consultation: bytes
    role: Role
    arrived_ms: int
    present: bool
    name: str = ""


def in_order(waiting: Iterable[Waiting]) -> list[Waiting]:
    """Sort urgent first, then by booked time, then by arrival."""
    return sorted(
        waiting, key=lambda w: (not w.is_urgent, w.consultation.booked_ms, w.arrived_ms, w.seat)
    )
