"""What is kept of a patient beside the visits, and how it is changed. Plain Python.

Every change can be taken back for a while (Ctrl+Z): nothing is ever removed, so taking back is only
one more fact. A value that somebody else wrote at the same time is shown until one is chosen.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

from telemed_desk.clinical.entries import Entry, EntryKind, compared
from telemed_desk.clinical.people import FIELDS, Patient
from telemed_desk.ui import words
from telemed_desk.ui.screens.record.field_values import (
    MOST_CHARACTERS,
    read_of,
    stored_of,
    typed_of,
    value_of,
)
from telemed_desk.ui.text import t
from telemed_desk.vault import OtherValue
from telemed_desk.workflow.patient_record import About
from telemed_desk.workflow.record_writing import Done, Written
from telemed_protocol.op import OpId

Say = Callable[[str, Callable[[], None] | None], None]
"""Shows a line for a while, with a way to take back what it tells."""


class WritingPort(Protocol):
    """What this part needs of the workflow; ``done`` is called on the GUI thread."""

    def add(
        self, patient: bytes, kind: EntryKind, what: str, instead_of: Entry | None, done: Done
    ) -> None:
        """Add an entry, or put other words in the place of one."""
        ...

    def take_off(self, patient: bytes, kind: EntryKind, entry: Entry, done: Done) -> None:
        """Take an entry off."""
        ...

    def change(
        self,
        patient: bytes,
        fields: Mapping[str, Any],
        seen: Mapping[str, tuple[OpId, ...]],
        done: Done,
    ) -> None:
        """Change fields."""
        ...


@dataclass(frozen=True, slots=True)
class EntryLine:
    """An allergy or a medicine; ``note`` says who and when, or who took it off and why."""

    kind: EntryKind
    number: int
    what: str
    note: str
    choose: str = ""

    @property
    def spoken(self) -> str:
        """For screen readers."""
        return ", ".join(part for part in (self.what, self.note, self.choose) if part)


@dataclass(frozen=True, slots=True)
class OtherLine:
    """One of several values of a field."""

    number: int
    value: str
    note: str
    shown: bool


@dataclass(frozen=True, slots=True)
class FieldLine:
    """A field: as it reads, as it is typed, and what else was written."""

    name: str
    label: str
    value: str
    typed: str
    others: tuple[OtherLine, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class AboutState:
    """What the cards beside the note show."""

    there: bool = False
    incomplete: bool = False
    allergies: tuple[EntryLine, ...] = ()
    medicines: tuple[EntryLine, ...] = ()
    gone: tuple[EntryLine, ...] = ()
    fields: tuple[FieldLine, ...] = ()
    editing: bool = False
    saved: str = ""
    saved_tone: Literal["", "ok"] = ""
    problem: str = ""
    problem_words: str = ""


class AboutPresenter:
    """Decides what the cards show and records what is changed. GUI thread.

    Args:
        port: The workflow.
        now_ms: Wall clock.
        show: Gets every new state.
        say: Tells what was done, with a way to take it back.
    """

    def __init__(
        self,
        port: WritingPort,
        now_ms: Callable[[], int],
        show: Callable[[AboutState], None],
        say: Say,
    ) -> None:
        self._port = port
        self._now_ms = now_ms
        self._show = show
        self._say = say
        self._patient: Patient | None = None
        self._about = About()
        self._undo: Callable[[], None] | None = None
        self._saved_ms = 0
        self._begun: dict[str, tuple[OpId, ...]] = {}
        self.state = AboutState()

    def _set(self, **changes: object) -> None:
        state = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        if state != self.state:
            self.state = state
            self._show(state)

    # ---- facts in ------------------------------------------------------------------------------

    def read(self, patient: Patient | None, about: About) -> None:
        """This is the patient, as read from the vault now."""
        if patient is None or self._patient is None or patient.entity != self._patient.entity:
            self.forget()
        self._patient, self._about = patient, about
        if patient is None:
            return
        errors = {line.name: line.error for line in self.state.fields}
        self._set(
            there=True,
            incomplete=patient.incomplete,
            allergies=self._lines(EntryKind.ALLERGY),
            medicines=self._lines(EntryKind.MEDICINE),
            gone=self._gone(),
            fields=tuple(self._field(name, patient, errors.get(name, "")) for name in FIELDS),
            saved=self._saved(),
            saved_tone="ok" if self._saved_ms else "",
        )

    def forget(self) -> None:
        """Another patient, or the PC locks."""
        self._patient, self._about, self._undo, self._saved_ms = None, About(), None, 0
        self._begun = {}
        self._set(**{name: getattr(AboutState(), name) for name in AboutState.__slots__})

    # ---- intentions ----------------------------------------------------------------------------

    def add(self, kind: EntryKind, typed: str) -> None:
        """Add an allergy or a medicine."""
        what = " ".join(typed.split())[:MOST_CHARACTERS]
        if self._patient is None or not what:
            return
        standing = {compared(e.what) for e in self._about.of(kind) if e.gone is None}
        if compared(what) in standing:
            self._say(t(f"record.{kind.value}.there", what=what), None)
            return
        self._add(kind, what, None)

    def put(self, kind: EntryKind, number: int, typed: str) -> None:
        """Put other words in the place of an entry: a new dose."""
        entry, what = self._entry(kind, number), " ".join(typed.split())[:MOST_CHARACTERS]
        if entry is not None and what and what != entry.what:
            self._add(kind, what, entry)

    def take_off(self, kind: EntryKind, number: int) -> None:
        """Take an entry off; it stays in the record with who and when."""
        entry = self._entry(kind, number)
        if entry is not None:
            self._take_off(kind, entry)

    def undo(self) -> None:
        """Take the last change back (Ctrl+Z)."""
        undo, self._undo = self._undo, None
        if undo is not None:
            undo()

    def edit(self, *, on: bool) -> None:
        """Open the fields for writing, or close them."""
        self._set(editing=on)

    def begin(self, name: str) -> None:
        """Somebody types into a field: what arrives from now on they have not seen in it."""
        self._begun.setdefault(name, self._about.seen.get(name, ()))

    def change(self, name: str, typed: str) -> None:
        """A field was left with this in it."""
        patient = self._patient
        if patient is None or typed == typed_of(name, getattr(patient, name)):
            self._begun.pop(name, None)
            self._set_error(name, "")
            return
        value = value_of(name, typed, words.local(self._now_ms()).year)
        if value is None:
            self._set_error(name, t("record.year_of_birth.wrong"))
            return
        self._set_error(name, "")
        self._change(patient.entity, name, value, back=stored_of(name, getattr(patient, name)))

    def choose(self, name: str, number: int) -> None:
        """Keep one of the values of a field."""
        others = [o for o in self._about.others if o.field == name]
        if self._patient is not None and number < len(others):
            self._change(self._patient.entity, name, others[number].value, back=None)

    # ---- writing -------------------------------------------------------------------------------

    def _add(self, kind: EntryKind, what: str, instead_of: Entry | None) -> None:
        patient = self._patient
        if patient is None:
            return

        def done(written: Written) -> None:
            if not self._took(written) or written.fact is None:
                return
            added = Entry(what, ((written.fact.device, written.fact.number),), b"", 0)

            def back() -> None:
                if instead_of is None:
                    self._port.take_off(patient.entity, kind, added, self._quietly)
                else:
                    self._port.add(patient.entity, kind, instead_of.what, added, self._quietly)

            self._may_undo(t(f"record.{kind.value}.added", what=what), back)

        self._port.add(patient.entity, kind, what, instead_of, done)

    def _take_off(self, kind: EntryKind, entry: Entry) -> None:
        patient = self._patient
        if patient is None:
            return

        def done(written: Written) -> None:
            if self._took(written):
                back = lambda: self._port.add(  # noqa: E731 - read once, beside its use
                    patient.entity, kind, entry.what, None, self._quietly
                )
                self._may_undo(t(f"record.{kind.value}.taken_off", what=entry.what), back)

        self._port.take_off(patient.entity, kind, entry, done)

    def _change(self, patient: bytes, name: str, value: Any, *, back: Any) -> None:
        def done(written: Written) -> None:
            if not self._took(written) or written.fact is None:
                return
            mine = {name: (written.fact,)}
            undo = None
            if back is not None:
                undo = lambda: self._port.change(  # noqa: E731 - read once, beside its use
                    patient, {name: back}, mine, self._quietly
                )
            self._may_undo(t("record.field.saved", field=t(f"record.field.{name}")), undo)

        seen = self._begun.pop(name, self._about.seen.get(name, ()))
        self._port.change(patient, {name: value}, {name: seen}, done)

    def _may_undo(self, told: str, back: Callable[[], None] | None) -> None:
        self._undo = back
        self._say(told, self.undo if back is not None else None)

    def _quietly(self, written: Written) -> None:
        self._took(written)

    def _took(self, written: Written) -> bool:
        if written.problem is not None:
            self._set(problem=written.problem.sentence, problem_words=written.problem.next_step)
            return False
        self._saved_ms = written.at_ms
        self._set(problem="", problem_words="", saved=self._saved(), saved_tone="ok")
        return True

    # ---- words ---------------------------------------------------------------------------------

    def _entry(self, kind: EntryKind, number: int) -> Entry | None:
        entries = self._about.of(kind)
        return entries[number] if number < len(entries) else None

    def _lines(self, kind: EntryKind) -> tuple[EntryLine, ...]:
        return tuple(
            EntryLine(
                kind,
                number,
                entry.what,
                self._by(entry.by, entry.at_ms),
                t("record.beside") if entry.beside else "",
            )
            for number, entry in enumerate(self._about.of(kind))
            if entry.gone is None
        )

    def _gone(self) -> tuple[EntryLine, ...]:
        found = [
            (entry.gone.at_ms, EntryLine(kind, number, entry.what, self._taken_off_by(entry)))
            for kind in EntryKind
            for number, entry in enumerate(self._about.of(kind))
            if entry.gone is not None
        ]
        return tuple(line for _, line in sorted(found, key=lambda f: -f[0]))

    def _taken_off_by(self, entry: Entry) -> str:
        gone = entry.gone
        if gone is None:
            return ""
        told = t("record.off_by", note=self._by(gone.by, gone.at_ms))
        return f"{told}: {gone.reason}" if gone.reason else told

    def _by(self, by: bytes, at_ms: int) -> str:
        who = self._about.names.get(by, "")
        when = {"day": words.day(at_ms), "time": words.clock(at_ms)}
        return t("record.by", who=who, **when) if who else t("record.by.nobody", **when)

    def _field(self, name: str, patient: Patient, error: str) -> FieldLine:
        value = getattr(patient, name)
        others = [o for o in self._about.others if o.field == name]
        return FieldLine(
            name,
            t(f"record.field.{name}"),
            read_of(name, value),
            typed_of(name, value),
            tuple(
                self._other(n, other, last=n == len(others) - 1) for n, other in enumerate(others)
            ),
            error,
        )

    def _other(self, number: int, other: OtherValue, *, last: bool) -> OtherLine:
        note = self._by(other.by, other.at_ms)
        told = t("record.also.shown" if last else "record.also.other", note=note)
        return OtherLine(number, read_of(other.field, other.value), told, last)

    def _set_error(self, name: str, error: str) -> None:
        self._set(
            fields=tuple(
                replace(line, error=error) if line.name == name else line
                for line in self.state.fields
            )
        )

    def _saved(self) -> str:
        if not self._saved_ms:
            return ""
        saved = t("record.saved", time=words.clock(self._saved_ms))
        sync = self._about.sync
        return saved if sync is None else f"{saved} · {t(f'record.sync.{sync.state.value}')}"
