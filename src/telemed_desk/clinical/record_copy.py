"""A patient's record as it is handed out: everything a reader needs, and nothing of how it is kept."""

from dataclasses import dataclass, field

from telemed_desk.clinical.consultations import Consultation
from telemed_desk.clinical.notes import Note, NoteText
from telemed_desk.clinical.people import Clinician, Patient


@dataclass(frozen=True, slots=True)
class CopiedAddendum:
    """What was added below a signed note; ``fits`` tells of its signature. ``at_ms`` is Unix ms UTC."""

    author: bytes
    at_ms: int
    text: str = field(repr=False)
    fits: bool = True


@dataclass(frozen=True, slots=True)
class CopiedNote:
    """A note with each version of its text that stands: one, or more while they wait for a choice."""

    note: Note = field(repr=False)
    texts: tuple[NoteText, ...] = field(repr=False)
    addenda: tuple[CopiedAddendum, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class CopiedPhoto:
    """A photo; ``whole`` is False when only its preview was on this PC."""

    entity: bytes
    at_ms: int
    jpeg: bytes = field(repr=False)
    whole: bool = True


@dataclass(frozen=True, slots=True)
class CopiedVisit:
    """A consultation with what was written and taken in it."""

    consultation: Consultation = field(repr=False)
    notes: tuple[CopiedNote, ...] = field(default=(), repr=False)
    photos: tuple[CopiedPhoto, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class RecordCopy:
    """All of it. Ids are 16 bytes, times Unix ms UTC.

    Attributes:
        patient: Whose.
        allergies: As they stand now.
        medicines: Likewise.
        visits: Oldest first.
        clinicians: Those whom the rest names, as far as this PC knows them.
        clinic: The clinic's id; empty before one is joined.
        clinic_name: As on paper.
        clinic_phone: Likewise.
        made_ms: When the copy was made.
        made_by: Who made it.
    """

    patient: Patient = field(repr=False)
    allergies: tuple[str, ...] = field(repr=False)
    medicines: tuple[str, ...] = field(repr=False)
    visits: tuple[CopiedVisit, ...] = field(repr=False)
    clinicians: dict[bytes, Clinician]
    clinic: bytes
    clinic_name: str
    clinic_phone: str
    made_ms: int
    made_by: bytes

    @property
    def photos_missing(self) -> int:
        """How many photos are in it as a preview only."""
        return sum(not photo.whole for visit in self.visits for photo in visit.photos)
