"""A patient's record: visits at the left, the chosen one's note beside. Plain Python.

A signed note is read only; what is to be said later is written below it, as an addendum.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.clinical.notes import Note, Section
from telemed_desk.clinical.people import Programme
from telemed_desk.ui import words
from telemed_desk.ui.text import t
from telemed_desk.workflow.finding import Below, Record, Spans, Text, Visit, matched
from telemed_desk.workflow.record_writing import Done, Written

UNFINISHED = frozenset({ConsultationState.IN_CALL, ConsultationState.WRITING})
_TONE = {"signed": "ok", "writing": "warn", "in-call": "warn", "not-joined": "warn"}


class BelowPort(Protocol):
    """What an addendum needs of the workflow."""

    def add_below(self, note: bytes, text: str, done: Done) -> None:
        """Sign an addendum and record it; ``done`` is called on the GUI thread."""
        ...

    def keep(self, note: bytes, text: str) -> None:
        """Keep what is typed."""
        ...


class RecordPort(Protocol):
    """What this screen needs of the workflow."""

    def record(self, patient: bytes, done: Callable[[Record], None]) -> None:
        """Read it; ``done`` is called on the GUI thread."""
        ...

    def review_note(self, consultation: bytes) -> None:
        """Open an unfinished note for writing."""
        ...


@dataclass(frozen=True, slots=True)
class VisitRow:
    """One visit of the list."""

    entity: bytes
    day: str
    programme: Programme
    programme_name: str
    state: str
    tone: str
    chosen: bool

    @property
    def spoken(self) -> str:
        """For screen readers."""
        return f"{self.day}, {self.programme_name}, {self.state}"


@dataclass(frozen=True, slots=True)
class Passage:
    """A section of a note, or the head of a version; ``spans`` are the words searched for."""

    name: str
    letter: str = ""
    text: str = ""
    spans: Spans = ()


@dataclass(frozen=True, slots=True)
class BelowLine:
    """An addendum; ``warning`` when its signature does not fit."""

    head: str
    text: str
    spans: Spans = ()
    warning: str = ""


@dataclass(frozen=True, slots=True)
class Writing:
    """An addendum while it is written.

    Attributes:
        note: Below which note; another one means that the field is filled anew.
        text: What the field is filled with.
        busy: It is being signed.
        problem: Why it is not.
    """

    note: bytes
    text: str = ""
    busy: bool = False
    problem: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What the screen shows."""

    name: str = ""
    line: str = ""
    allergies: str = ""
    unread: str = ""
    unread_words: str = ""
    remarks: str = ""
    remarks_spans: Spans = ()
    visits: tuple[VisitRow, ...] = ()
    title: str = ""
    reason: str = ""
    reason_spans: Spans = ()
    note_state: str = ""
    is_signed: bool = False
    versions: str = ""
    passages: tuple[Passage, ...] = ()
    below: tuple[BelowLine, ...] = ()
    may_add: bool = False
    writing: Writing | None = None
    taken: str = ""
    empty: str = ""
    empty_words: str = ""
    problem: str = ""
    problem_words: str = ""
    may_write: bool = False


class RecordPresenter:
    """Decides what the record shows. GUI thread.

    Args:
        port: The workflow.
        now_ms: Wall clock.
        show: Gets every new state.
        below: Writes addenda; None = reading only.
        also: Told of every record that was read, and of None when it is left.
    """

    def __init__(
        self,
        port: RecordPort,
        now_ms: Callable[[], int],
        show: Callable[[State], None],
        below: BelowPort | None = None,
        also: Callable[[Record], None] = lambda _record: None,
    ) -> None:
        self._port = port
        self._below = below
        self._also = also
        self._patient: bytes | None = None
        self._typed_below: dict[bytes, str] = {}
        self._now_ms = now_ms
        self._show = show
        self._typed = ""
        self._wanted: bytes | None = None
        self._asked = 0
        self._visits: tuple[Visit, ...] = ()
        self._chosen = 0
        self.state = State()

    def _set(self, state: State) -> None:
        if state != self.state:
            self.state = state
            self._show(state)

    # ---- intentions ----------------------------------------------------------------------------

    def open(self, patient: bytes, consultation: bytes | None, typed: str) -> None:
        """Show a patient's record, at a visit if one was found."""
        self._asked += 1
        asked = self._asked
        self._typed, self._wanted, self._visits = typed, consultation, ()
        self._patient = patient
        self._typed_below = {}
        self._set(State())
        self._also(Record())
        self._port.record(patient, lambda record: self._read(asked, record))

    def look(self) -> None:
        """Something was recorded: read again, and stay where one is."""
        if self._patient is None:
            return
        self._asked += 1
        asked = self._asked
        if self._visits:
            self._wanted = self._visits[self._chosen].consultation.entity
        self._port.record(self._patient, lambda record: self._read(asked, record))

    def add_below(self) -> None:
        """Begin an addendum, or go on with one that was begun before."""
        visit = self._visits[self._chosen] if self._visits else None
        if visit is not None and self.state.may_add:
            note = visit.notes[0].entity
            text = self._typed_below.get(note, visit.typed)
            self._set(replace(self.state, writing=Writing(note, text)))

    def type_below(self, text: str) -> None:
        """What stands in the addendum's field now."""
        writing = self.state.writing
        if writing is not None and self._below is not None and not writing.busy:
            self._typed_below[writing.note] = text
            self._below.keep(writing.note, text)

    def sign_below(self) -> None:
        """Sign what was typed: from now on it stands below the note and never changes."""
        writing = self.state.writing
        if writing is None or writing.busy or self._below is None:
            return
        text = self._typed_below.get(writing.note, writing.text).strip()
        if not text:
            self._set(
                replace(self.state, writing=replace(writing, problem=t("record.below.empty")))
            )
            return
        self._set(replace(self.state, writing=replace(writing, busy=True, problem="")))
        self._below.add_below(writing.note, text, lambda w: self._signed(writing.note, w))

    def leave_below(self) -> None:
        """Close the field; what was typed is kept."""
        self._set(replace(self.state, writing=None))

    def _signed(self, note: bytes, written: Written) -> None:
        writing = self.state.writing
        if written.problem is None:
            self._typed_below[note] = ""
        if writing is None or writing.note != note:
            return
        if written.problem is None:
            self._set(replace(self.state, writing=None))
        else:
            said = f"{written.problem.sentence} {written.problem.next_step}"
            self._set(replace(self.state, writing=replace(writing, busy=False, problem=said)))

    def choose(self, consultation: bytes) -> None:
        """Show another visit."""
        for number, visit in enumerate(self._visits):
            if visit.consultation.entity == consultation:
                self._chosen = number
                self._set(self._at_visit(self.state))

    def move(self, by: int) -> None:
        """Up or down the list of visits."""
        if self._visits:
            self._chosen = min(max(self._chosen + by, 0), len(self._visits) - 1)
            self._set(self._at_visit(self.state))

    def write(self) -> None:
        """Go on writing the note that is shown, where it is unfinished."""
        if self.state.may_write:
            self._port.review_note(self._visits[self._chosen].consultation.entity)

    def forget(self) -> None:
        """The PC locks."""
        self._asked += 1
        self._visits, self._typed, self._patient = (), "", None
        self._typed_below = {}
        self.state = State()
        self._also(Record())

    # ---- the answer ----------------------------------------------------------------------------

    def _read(self, asked: int, record: Record) -> None:
        if asked != self._asked:
            return
        if record.problem is not None:
            said = record.problem
            self._set(State(problem=said.sentence, problem_words=said.next_step))
            return
        patient = record.patient
        state = State(name=words.patient_name(patient))
        if patient is not None:
            year = words.local(self._now_ms()).year
            line = words.patient_line(patient, year)
            state = State(
                name=words.patient_name(patient),
                line=" · ".join(part for part in (line, patient.phone) if part),
                allergies=t("record.allergies", what=", ".join(patient.allergies))
                if patient.allergies
                else "",
                unread=t("record.unread") if patient.incomplete else "",
                unread_words=t("record.unread.words") if patient.incomplete else "",
                remarks=patient.remarks,
                remarks_spans=matched(patient.remarks, self._typed),
            )
        self._visits = record.visits
        self._also(record)
        entities = [visit.consultation.entity for visit in self._visits]
        self._chosen = entities.index(self._wanted) if self._wanted in entities else 0
        self._set(self._at_visit(state))

    def _at_visit(self, state: State) -> State:
        """Return the state with the chosen visit in it."""
        if not self._visits:
            return replace(
                state, empty=t("record.no_visits"), empty_words=t("record.no_visits.words")
            )
        visit = self._visits[self._chosen]
        booked = visit.consultation
        day = words.day(booked.booked_ms)
        note = visit.notes[0] if visit.notes else None
        many = len(visit.texts) > 1
        signed = note is not None and note.is_signed
        beside = t("record.beside_signed" if signed else "record.versions", n=len(visit.texts))
        writing = self.state.writing
        if note is None or writing is None or writing.note != note.entity:
            writing = None
        return replace(
            state,
            visits=tuple(self._row(n, v) for n, v in enumerate(self._visits)),
            title=f"{day}, {t(f'programme.{booked.programme.value}')}",
            reason=booked.reason,
            reason_spans=matched(booked.reason, self._typed),
            note_state=_note_state(note, visit.author) if note is not None else "",
            is_signed=signed,
            versions=beside if many else "",
            passages=tuple(self._passages(visit)),
            below=tuple(self._below_line(below) for below in visit.below),
            may_add=signed and self._below is not None,
            writing=writing,
            taken=_taken(visit),
            empty="" if note is not None else t("record.no_note"),
            empty_words="" if note is not None else t("record.no_note.words"),
            may_write=booked.state in UNFINISHED,
        )

    def _row(self, number: int, visit: Visit) -> VisitRow:
        booked = visit.consultation
        state = booked.state.value
        return VisitRow(
            entity=booked.entity,
            day=words.day(booked.booked_ms),
            programme=booked.programme,
            programme_name=t(f"programme.short.{booked.programme.value}"),
            state=t(f"record.state.{state}"),
            tone=_TONE.get(state, "second"),
            chosen=number == self._chosen,
        )

    def _passages(self, visit: Visit) -> list[Passage]:
        passages = []
        for number, version in enumerate(visit.texts, start=1):
            if len(visit.texts) > 1:
                passages.append(Passage(_version_head(number, version)))
            for section in Section:
                written = version.text.section(section)
                passages.append(
                    Passage(
                        t(f"section.{section.value}"),
                        section.value,
                        written,
                        matched(written, self._typed),
                    )
                )
        return passages

    def _below_line(self, below: Below) -> BelowLine:
        added = below.addendum
        when = {"day": words.day(added.at_ms), "time": words.clock(added.at_ms)}
        key = "record.below.by" if below.author else "record.below.by.nobody"
        return BelowLine(
            t(key, who=below.author, **when),
            added.text,
            matched(added.text, self._typed),
            "" if added.fits else t("record.below.forged"),
        )


def _version_head(number: int, version: Text) -> str:
    if not version.author:
        return t("record.version", n=number)
    when = {"day": words.day(version.at_ms), "time": words.clock(version.at_ms)}
    key = "record.version.signed" if version.signed else "record.version.by"
    return t(key, who=version.author, **when)


def _taken(visit: Visit) -> str:
    """Who has an unfinished visit, where that is somebody else."""
    holder = visit.holder
    if holder is None or holder.mine or visit.consultation.state not in UNFINISHED:
        return ""
    return t("record.taken", who=holder.name, time=words.clock(holder.at_ms))


def _note_state(note: Note, author: str) -> str:
    at_ms = note.signed_ms if note.signed_ms is not None else note.changed_ms
    when = {"day": words.day(at_ms), "time": words.clock(at_ms)}
    if author:
        return t("record.signed_by" if note.is_signed else "record.draft_by", who=author, **when)
    return t("record.signed_at" if note.is_signed else "record.draft_at", **when)
