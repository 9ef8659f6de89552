"""A patient's record for reading: visits at the left, the chosen one's note beside. Plain Python."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.clinical.notes import Note, Section
from telemed_desk.clinical.people import Programme
from telemed_desk.ui import words
from telemed_desk.ui.text import t
from telemed_desk.workflow.finding import Record, Spans, Visit, matched

UNFINISHED = frozenset({ConsultationState.IN_CALL, ConsultationState.WRITING})
_TONE = {"signed": "ok", "writing": "warn", "in-call": "warn", "not-joined": "warn"}


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
class State:
    """What the screen shows."""

    name: str = ""
    line: str = ""
    allergies: str = ""
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
    """

    def __init__(
        self, port: RecordPort, now_ms: Callable[[], int], show: Callable[[State], None]
    ) -> None:
        self._port = port
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
        self._set(State())
        self._port.record(patient, lambda record: self._read(asked, record))

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
        self._visits, self._typed = (), ""
        self.state = State()

    # ---- the answer ----------------------------------------------------------------------------

    def _read(self, asked: int, record: Record) -> None:
        if asked != self._asked:
            return
        if record.problem is not None:
            said = record.problem
            self._set(State(problem=said.sentence, problem_words=said.next_step))
            return
        patient = record.patient
        state = State(name=t("search.unknown_patient"))
        if patient is not None:
            year = words.local(self._now_ms()).year
            line = words.patient_line(patient, year)
            state = State(
                name=patient.name,
                line=" · ".join(part for part in (line, patient.phone) if part),
                allergies=t("record.allergies", what=", ".join(patient.allergies))
                if patient.allergies
                else "",
                remarks=patient.remarks,
                remarks_spans=matched(patient.remarks, self._typed),
            )
        self._visits = record.visits
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
        return replace(
            state,
            visits=tuple(self._row(n, v) for n, v in enumerate(self._visits)),
            title=f"{day}, {t(f'programme.{booked.programme.value}')}",
            reason=booked.reason,
            reason_spans=matched(booked.reason, self._typed),
            note_state=_note_state(note, visit.author) if note is not None else "",
            is_signed=note is not None and note.is_signed,
            versions=t("record.versions", n=len(visit.texts)) if many else "",
            passages=tuple(self._passages(visit)),
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
        for number, text in enumerate(visit.texts, start=1):
            if len(visit.texts) > 1:
                passages.append(Passage(t("record.version", n=number)))
            for section in Section:
                written = text.section(section)
                passages.append(
                    Passage(
                        t(f"section.{section.value}"),
                        section.value,
                        written,
                        matched(written, self._typed),
                    )
                )
        return passages


def _note_state(note: Note, author: str) -> str:
    at_ms = note.signed_ms if note.signed_ms is not None else note.changed_ms
    when = {"day": words.day(at_ms), "time": words.clock(at_ms)}
    if author:
        return t("record.signed_by" if note.is_signed else "record.draft_by", who=author, **when)
    return t("record.signed_at" if note.is_signed else "record.draft_at", **when)
