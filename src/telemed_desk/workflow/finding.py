"""Searching what is on this PC, and reading a patient's record: for looking, never for writing.

Public methods are called on the GUI thread and return at once; answers come back there.
"""

import asyncio
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from telemed_desk.clinical.consultations import Consultation
from telemed_desk.clinical.notes import Addendum, Note, NoteText, Section
from telemed_desk.clinical.people import Patient
from telemed_desk.vault import SearchHit, Vault
from telemed_desk.vault.search import MOST_CHARACTERS, fold_text
from telemed_desk.workflow.claiming import Holder, holders
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.patient_record import About, read_about
from telemed_desk.workflow.record_writing import typed_below
from telemed_protocol.errors import KnownError

MOST_FOUND = 20
MOST_VISITS = 100
EXCERPT_BEFORE = 30
EXCERPT_LENGTH = 110
Spans = tuple[tuple[int, int], ...]
"""Places of matched words: start and end, in characters."""
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Found:
    """One line of what was found; ``excerpt`` is a piece of the text that holds a matched word."""

    kind: str
    patient: Patient | None
    consultation: Consultation | None
    at_ms: int
    note: Note | None = field(default=None, repr=False)
    excerpt: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class SearchResult:
    """What was found, newest first; ``more`` = there is more than is listed."""

    found: tuple[Found, ...] = ()
    more: bool = False
    problem: KnownError | None = None


@dataclass(frozen=True, slots=True)
class Below:
    """An addendum, and the name of who signed it."""

    addendum: Addendum = field(repr=False)
    author: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A version that stands of one of a visit's notes, and who wrote it where and when."""

    text: NoteText = field(repr=False)
    author: str = ""
    at_ms: int = 0
    signed: bool = False


@dataclass(frozen=True, slots=True)
class Visit:
    """A consultation with its notes: as committed, each version that stands.

    Attributes:
        consultation: Which.
        notes: The signed one first, then the one begun first.
        texts: What stands in them, the first note's first.
        author: Who signed or last changed the first note.
        below: Addenda of the first note.
        typed: An addendum that was begun here and not signed.
        holder: Who took the visit.
    """

    consultation: Consultation
    notes: tuple[Note, ...] = field(default=(), repr=False)
    texts: tuple[Text, ...] = field(default=(), repr=False)
    author: str = ""
    below: tuple[Below, ...] = ()
    typed: str = field(default="", repr=False)
    holder: Holder | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """A patient with their consultations on this PC, newest first. None = not on this PC."""

    patient: Patient | None = None
    visits: tuple[Visit, ...] = ()
    problem: KnownError | None = None
    about: About = field(default_factory=About)


def matched(text: str, typed: str) -> Spans:
    """Return where the words of a text are that a search for ``typed`` finds it by.

    The same rule as the index: folded, a typed word of two letters and more is a beginning.
    """
    wanted = []
    for word in fold_text(typed[:MOST_CHARACTERS]).split():
        parts = _WORD.findall(word)
        wanted += [(part, len(word) > 1 and part is parts[-1]) for part in parts]
    spans = []
    for found in _WORD.finditer(text):
        plain = fold_text(found.group())
        if any(plain.startswith(w) if begins else plain == w for w, begins in wanted):
            spans.append(found.span())
    return tuple(spans)


def excerpt_of(texts: Iterable[str], typed: str) -> str:
    """Return a piece of the first text with a matched word in it, on one line; empty if none has."""
    for text in texts:
        # Composed letters: a mark of its own would cut the word in two.
        line = " ".join(unicodedata.normalize("NFC", text).split())
        spans = matched(line, typed)
        if spans:
            start = max(0, spans[0][0] - EXCERPT_BEFORE)
            if start:
                start = line.find(" ", start, spans[0][0]) + 1 or spans[0][0]
            piece = line[start : start + EXCERPT_LENGTH]
            before = "… " if start else ""
            return f"{before}{piece}{' …' if start + EXCERPT_LENGTH < len(line) else ''}"
    return ""


def search(vault: Vault, typed: str) -> SearchResult:
    """Ask the index and read what each hit is; some ten milliseconds, so on no loop."""
    hits = vault.search(typed, MOST_FOUND + 1)
    found: dict[tuple[str, bytes], Found] = {}
    for hit in hits[:MOST_FOUND]:
        # A visit whose reason and whose note both match is one line, the newer one.
        key = ("visit", hit.consultation) if hit.consultation else (hit.kind, hit.entity)
        if key not in found:
            found[key] = _read(vault, hit, typed)
    return SearchResult(tuple(found.values()), more=len(hits) > MOST_FOUND)


def _read(vault: Vault, hit: SearchHit, typed: str) -> Found:
    consultation = vault.consultation(hit.consultation) if hit.consultation else None
    note = vault.note(hit.entity) if hit.kind == "note" else None
    texts: Iterable[str] = ()
    if note is not None:
        texts = _sections(vault, note)
    elif hit.kind == "consult" and consultation is not None:
        texts = (consultation.reason,)
    elif hit.patient is not None:
        texts = (hit.patient.remarks,)
    return Found(hit.kind, hit.patient, consultation, hit.at_ms, note, excerpt_of(texts, typed))


def _sections(vault: Vault, note: Note) -> Iterator[str]:
    for written in _texts(vault, note, {}):
        yield from (written.text.section(section) for section in Section)
    yield from (addendum.text for addendum in vault.addenda_of(note.entity))


def _texts(vault: Vault, note: Note, names: Mapping[bytes, str]) -> list[Text]:
    """What stands of a note; of a signed one first what was signed, then what was written beside."""
    if note.leaves == 1:
        author = names.get(note.signer or note.author, "")
        return [Text(note.text, author, note.signed_ms or note.changed_ms, note.is_signed)]
    found = [
        Text(version.text, names.get(version.author, ""), version.at_ms)
        for version in vault.note_versions(note.entity)
    ]
    if not note.is_signed:
        return found
    signed = Text(note.text, names.get(note.signer, ""), note.signed_ms or 0, signed=True)
    return [signed, *(text for text in found if text.text != note.text)]


def read_record(vault: Vault, patient: bytes) -> Record:
    """Read a patient's record; some ten milliseconds, so on no loop."""
    known = vault.patient(patient)
    about = read_about(vault, patient)
    consultations = vault.consultations_of(patient)[:MOST_VISITS]
    held = holders(vault, [consultation.entity for consultation in consultations])
    visits = []
    for consultation in consultations:
        notes = tuple(vault.notes_of(consultation.entity))
        texts = tuple(text for note in notes for text in _texts(vault, note, about.names))
        author, typed = "", ""
        below: list[Below] = []
        if notes:
            first = notes[0]
            author = about.names.get(first.signer or first.author, "")
            typed = typed_below(vault, first.entity)
            below = [
                Below(addendum, about.names.get(addendum.author, ""))
                for addendum in vault.addenda_of(first.entity)
            ]
        visits.append(
            Visit(
                consultation, notes, texts, author, tuple(below), typed,
                held.get(consultation.entity),
            )
        )  # fmt: skip
    return Record(known, tuple(visits), about=about)


class Finding:
    """Search and records of one open vault."""

    def __init__(self, core: CoreThread, vault: Vault) -> None:
        self._core = core
        self._vault = vault

    def search(self, typed: str, done: Callable[[SearchResult], None]) -> None:
        """Search."""

        async def run() -> SearchResult:
            try:
                return await asyncio.to_thread(search, self._vault, typed)
            except KnownError as error:
                return SearchResult(problem=error)

        self._core.run(run(), done)

    def record(self, patient: bytes, done: Callable[[Record], None]) -> None:
        """Read a patient's record."""

        async def run() -> Record:
            try:
                return await asyncio.to_thread(read_record, self._vault, patient)
            except KnownError as error:
                return Record(problem=error)

        self._core.run(run(), done)
