"""Patients and clinicians as values."""

from dataclasses import dataclass, field
from enum import StrEnum


class Programme(StrEnum):
    """Which form and which scores a consultation has; the value is stored."""

    HOME_BASED_CARE = "home"
    PALLIATIVE_CARE = "pall"
    DERMATOLOGY = "derm"
    ONCOLOGY_PLANNING = "onco"
    MENTAL_HEALTH = "mind"
    ROUTINE_CHECK_UP = "rout"
    SPECIALIST_CONSULT = "spec"


class Sex(StrEnum):
    """As recorded by the clinic; the value is stored."""

    FEMALE = "F"
    MALE = "M"
    OTHER = "O"
    UNKNOWN = "U"


FIELDS = (
    "given_name",
    "family_name",
    "number",
    "year_of_birth",
    "sex",
    "phone",
    "languages",
    "remarks",
)
"""What is kept of a patient as single values; the names are stored."""


@dataclass(frozen=True, slots=True)
class Patient:
    """A patient as this PC knows them. ``entity`` is 16 bytes.

    ``incomplete``: older records are still being read, so that what is missing here may be recorded.
    """

    entity: bytes
    given_name: str
    family_name: str
    number: str
    year_of_birth: int
    sex: Sex = Sex.UNKNOWN
    phone: str = ""
    languages: tuple[str, ...] = ()
    remarks: str = ""
    allergies: tuple[str, ...] = ()
    incomplete: bool = False

    @property
    def name(self) -> str:
        """Given and family name."""
        return f"{self.given_name} {self.family_name}".strip()

    @property
    def initials(self) -> str:
        """Two letters for small places."""
        return (self.given_name[:1] + self.family_name[:1]).upper()

    def age_on(self, year: int) -> int:
        """Age in years reached in a calendar year; only the year of birth is known."""
        return year - self.year_of_birth


@dataclass(frozen=True, slots=True)
class Clinician:
    """Somebody who can unlock this PC. ``entity`` is 16 bytes."""

    entity: bytes
    name: str
    role: str = ""
    place: str = ""
    languages: tuple[str, ...] = field(default=())

    @property
    def initials(self) -> str:
        """Two letters; a title in front is left out."""
        words = [
            w for w in self.name.split() if w.rstrip(".").lower() not in {"dr", "prof", "nurse"}
        ]
        return "".join(w[:1] for w in words[:2]).upper()
