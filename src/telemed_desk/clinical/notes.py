"""The written record of a consultation: drafts with revisions, signed notes that never change."""

import hashlib
from dataclasses import dataclass, field, replace
from enum import StrEnum


class Section(StrEnum):
    """Parts of a note, in order; the value is stored."""

    SUBJECTIVE = "S"
    OBJECTIVE = "O"
    ASSESSMENT = "A"
    PLAN = "P"


@dataclass(frozen=True, slots=True)
class NoteText:
    """What was written, by section."""

    subjective: str = ""
    objective: str = ""
    assessment: str = ""
    plan: str = ""

    def section(self, section: Section) -> str:
        """Return one section's text."""
        return {
            Section.SUBJECTIVE: self.subjective,
            Section.OBJECTIVE: self.objective,
            Section.ASSESSMENT: self.assessment,
            Section.PLAN: self.plan,
        }[section]

    def with_section(self, section: Section, text: str) -> "NoteText":
        """Return a copy with one section replaced."""
        name = {
            Section.SUBJECTIVE: "subjective",
            Section.OBJECTIVE: "objective",
            Section.ASSESSMENT: "assessment",
            Section.PLAN: "plan",
        }[section]
        return replace(self, **{name: text})

    @property
    def is_empty(self) -> bool:
        """Nothing but white space."""
        return not any(self.section(s).strip() for s in Section)

    def canonical(self) -> bytes:
        """Bytes that a signature covers: section letter, UTF-8 length, text; in order."""
        parts = []
        for s in Section:
            text = self.section(s).encode("utf-8")
            parts.append(s.value.encode() + len(text).to_bytes(4, "big") + text)
        return b"telemed/note/v1" + b"".join(parts)

    def sha256(self) -> bytes:
        """Hash of :meth:`canonical`."""
        return hashlib.sha256(self.canonical()).digest()


@dataclass(frozen=True, slots=True)
class Note:
    """A note as this PC knows it. Ids are 16 bytes, times Unix milliseconds UTC.

    Attributes:
        entity: The note.
        consultation: What it records.
        text: The newest text: of the signed version once signed.
        revision: Count of committed revisions.
        author: Who wrote the newest revision.
        changed_ms: When.
        signed_ms: When it was signed, or None while it is a draft.
        signer: Who signed it.
        signature_code: Short code of the signed content, for paper.
        leaves: How many versions stand side by side; more than one is a conflict.
    """

    entity: bytes
    consultation: bytes
    text: NoteText = field(default_factory=NoteText)
    revision: int = 0
    author: bytes = b""
    changed_ms: int = 0
    signed_ms: int | None = None
    signer: bytes = b""
    signature_code: str = ""
    leaves: int = 1

    @property
    def is_signed(self) -> bool:
        """Whether it can no longer change."""
        return self.signed_ms is not None


@dataclass(frozen=True, slots=True)
class Addendum:
    """What was added below a signed note, signed on its own. Ids are 16 bytes, times Unix ms UTC.

    Attributes:
        author: Who wrote and signed it.
        at_ms: When, by that PC's clock.
        text: What was written.
        fits: Whether its signature fits its words and the note that it stands below.
    """

    author: bytes
    at_ms: int
    text: str = field(repr=False)
    fits: bool = True


def addendum_canonical(of: bytes, at_ms: int, text: str) -> bytes:
    """Bytes that an addendum's signature covers the hash of: what it follows, when, and its words.

    Args:
        of: SHA-256 of the signed note's text.
        at_ms: When it was written.
        text: What was written.
    """
    words = text.encode("utf-8")
    return (
        b"telemed/addendum-text/v1"
        + of
        + at_ms.to_bytes(8, "big", signed=True)
        + len(words).to_bytes(4, "big")
        + words
    )
