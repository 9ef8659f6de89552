"""The gallery's scenes of search and the record, with fictional patients."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.consultations import Consultation, ConsultationState, Way
from telemed_desk.clinical.entries import Entry, EntryKind, TakenOff
from telemed_desk.clinical.notes import Addendum, Note, NoteText
from telemed_desk.clinical.people import Patient, Programme, Sex
from telemed_desk.ui.gallery_days import NOW_MS
from telemed_desk.ui.screens.record.about import AboutPresenter
from telemed_desk.ui.screens.record.presenter import RecordPresenter
from telemed_desk.ui.screens.record.view import RecordView
from telemed_desk.ui.screens.search.presenter import SearchPresenter
from telemed_desk.ui.screens.search.view import FoundList
from telemed_desk.ui.shell.window import Shell
from telemed_desk.vault import EntitySync, OtherValue, SyncState
from telemed_desk.vault.problems import DiskFull
from telemed_desk.workflow.finding import (
    Below,
    Found,
    Record,
    SearchResult,
    Text,
    Visit,
    excerpt_of,
)
from telemed_desk.workflow.patient_record import About
from telemed_desk.workflow.record_writing import Done, Written
from telemed_protocol.op import OpId

Scene = Callable[[], QWidget]
Framed = Callable[[str, QWidget], Shell]
DAY_MS = 86_400_000
NYAMBURA = Patient(
    b"n" * 16, "Nyambura", "Mfano", "TD-004127", 1959, Sex.FEMALE, "+254 700 000 127", ("ki",),
    "daughter Wairimu joins too", ("penicillin",),
)  # fmt: skip
KENDI = Patient(b"k" * 16, "Kendi", "Jaribio", "TD-003380", 1984, Sex.FEMALE, "+254 700 000 380")
TEXT = NoteText(
    "Pain in left chest wall and arm is better since the dose went up on Thursday. "
    "Two breakthrough doses in 24 h. Sleeping 6 h. Bowels last opened 2 days ago.",
    "Looks comfortable. Moves the left arm to shoulder height.",
    "Cancer pain, improving, not yet at goal (3 or less). Constipation on opioid.",
    "Keep morphine as it is.\nBisacodyl 10 mg at night for constipation.\nNurse visits Thursday.",
)
OTHER = NoteText(plan="Keep morphine as it is.\nBisacodyl 5 mg at night for constipation.")


def visit(
    number: int, state: ConsultationState, patient: Patient = NYAMBURA, reason: str = "Pain review"
) -> Consultation:
    """Return a fictional visit, so many weeks ago."""
    booked_ms = NOW_MS - number * 7 * DAY_MS
    return Consultation(
        bytes([number]) * 16, patient.entity, Programme.PALLIATIVE_CARE, Way.VIDEO, state,
        booked_ms, 20, b"a" * 16, reason,
    )  # fmt: skip


def note(of: Consultation, *, signed: bool, leaves: int = 1) -> Note:
    """Return its note."""
    at_ms = of.booked_ms + 1_200_000
    return Note(
        b"N" + of.entity[1:], of.entity, TEXT, 3, b"a" * 16, at_ms, at_ms if signed else None,
        leaves=leaves,
    )  # fmt: skip


LAST = visit(1, ConsultationState.SIGNED)
UNFINISHED = visit(0, ConsultationState.WRITING, reason="Pain, follow-up")
KENDIS = visit(2, ConsultationState.SIGNED, KENDI, "Constipation since the new tablets")


def _found(typed: str) -> SearchResult:
    texts = (TEXT.assessment, TEXT.plan)
    return SearchResult(
        (
            Found(
                "note", NYAMBURA, UNFINISHED, NOW_MS, note(UNFINISHED, signed=False),
                excerpt_of(texts, typed),
            ),
            Found(
                "note", NYAMBURA, LAST, LAST.booked_ms, note(LAST, signed=True),
                excerpt_of(texts, typed),
            ),
            Found("consult", KENDI, KENDIS, KENDIS.booked_ms, None, KENDIS.reason),
            Found("patient", NYAMBURA, None, LAST.booked_ms, None, ""),
        )
    )  # fmt: skip


ODERA, WAMBUI = b"a" * 16, b"w" * 16
ADDED = Addendum(
    WAMBUI, NOW_MS - 86_400_000,
    "Heel and sacrum checked at home: skin whole. Bowels opened this morning.",
)  # fmt: skip
PHONES = [
    OtherValue("phone", "+254 700 000 172", OpId(b"e" * 16, 4), WAMBUI, NOW_MS - 900_000),
    OtherValue("phone", "+254 700 000 127", OpId(b"d" * 16, 9), ODERA, NOW_MS - 600_000),
]
ABOUT = About(
    (
        Entry("penicillin (rash)", ((ODERA, 1),), ODERA, NOW_MS - 90 * DAY_MS),
        Entry(
            "sulfa (hives)", ((ODERA, 2),), WAMBUI, NOW_MS - 60 * DAY_MS,
            gone=TakenOff(frozenset(), ODERA, NOW_MS - 7 * DAY_MS, "tolerated twice since"),
        ),
    ),
    (
        Entry("Morphine 5 mg by mouth, every 4 h", ((ODERA, 3),), ODERA, NOW_MS - 7 * DAY_MS),
        Entry("Bisacodyl 10 mg at night", ((ODERA, 4),), ODERA, NOW_MS, beside=True),
        Entry("Bisacodyl 5 mg at night", ((WAMBUI, 5),), WAMBUI, NOW_MS, beside=True),
    ),
    names={ODERA: "Dr Achieng Odera", WAMBUI: "Mercy Wambui"},
    me=ODERA,
    sync=EntitySync(SyncState.WAITING, None),
)  # fmt: skip

RECORD = Record(
    NYAMBURA,
    (
        Visit(UNFINISHED, (note(UNFINISHED, signed=False),), (Text(TEXT),), "Dr Achieng Odera"),
        Visit(
            LAST,
            (note(LAST, signed=True),),
            (Text(TEXT, "Dr Achieng Odera", NOW_MS, signed=True),),
            "Dr Achieng Odera",
            (Below(ADDED, "Mercy Wambui"),),
            "Wairimu phoned: the rash is back. ",
        ),
        Visit(
            visit(3, ConsultationState.WRITING),
            (note(visit(3, ConsultationState.WRITING), signed=False, leaves=2),),
            (
                Text(TEXT, "Mercy Wambui", NOW_MS),
                Text(OTHER, "Dr Achieng Odera", NOW_MS + 180_000),
            ),
            "Mercy Wambui",
        ),
        Visit(visit(6, ConsultationState.NOT_JOINED)),
    ),
    about=ABOUT,
)


class Finds:
    """Answers at once with what it was given."""

    def __init__(self, result: SearchResult, record: Record = RECORD) -> None:
        self._result, self._record = result, record

    def search(self, _typed: str, done: Callable[[SearchResult], None]) -> None:
        """Answer."""
        done(self._result)

    def record(self, _patient: bytes, done: Callable[[Record], None]) -> None:
        """Answer."""
        done(self._record)

    def review_note(self, consultation: bytes) -> None:
        """Open nothing."""

    def add_below(self, note: bytes, text: str, done: Done) -> None:
        """Sign nothing."""

    def keep(self, note: bytes, text: str) -> None:
        """Keep nothing."""

    def add(
        self, patient: bytes, _kind: EntryKind, _what: str, _instead: Entry | None, done: Done
    ) -> None:
        """Say that it is on the disk."""
        done(Written(OpId(patient, 1), NOW_MS))

    def take_off(self, patient: bytes, _kind: EntryKind, _entry: Entry, done: Done) -> None:
        """Say that it is on the disk."""
        done(Written(OpId(patient, 1), NOW_MS))

    def change(
        self,
        _patient: bytes,
        _fields: Mapping[str, Any],
        _seen: Mapping[str, tuple[OpId, ...]],
        done: Done,
    ) -> None:
        """Say that the disk is full."""
        done(Written(problem=DiskFull()))


def _search(today: Scene, typed: str, result: SearchResult) -> Scene:
    def scene() -> QWidget:
        window = today()
        if not isinstance(window, Shell):
            raise TypeError("no window in this scene")
        below = FoundList(window, window.top_bar.search)
        presenter = SearchPresenter(
            Finds(result), lambda _ms, call: call(), lambda: NOW_MS, below.show_state,
            lambda _found, _typed: None,
        )  # fmt: skip
        window.top_bar.search.setText(typed)
        window.show()
        window.top_bar.search.setFocus()
        presenter.typed(typed)
        return window

    return scene


def _quiet(_view: RecordView, _reading: RecordPresenter, _about: AboutPresenter) -> None:
    return


Then = Callable[[RecordView, RecordPresenter, AboutPresenter], None]


def _record(framed: Framed, record: Record, at: Consultation | None, then: Then = _quiet) -> Scene:
    def scene() -> QWidget:
        view = RecordView()
        finds = Finds(SearchResult(), record)
        about = AboutPresenter(
            finds, lambda: NOW_MS, view.about.show_state, lambda _words, _undo: None
        )
        presenter = RecordPresenter(
            finds, lambda: NOW_MS, view.show_state, finds,
            lambda read: about.read(read.patient, read.about),
        )  # fmt: skip
        presenter.open(NYAMBURA.entity, at.entity if at else None, "constip")
        then(view, presenter, about)
        return framed("record", view)

    return scene


def _adds(_view: RecordView, reading: RecordPresenter, about: AboutPresenter) -> None:
    reading.add_below()
    about.add(EntryKind.ALLERGY, "latex")


def _edits(view: RecordView, _reading: RecordPresenter, about: AboutPresenter) -> None:
    about.edit(on=True)
    view.about.cards[EntryKind.MEDICINE].rows[0].put.emit(0, "Morphine 5 mg by mouth, every 4 h")
    about.change("year_of_birth", "59")


def search_scenes(framed: Framed, today: Scene) -> dict[str, Scene]:
    """Return the scenes; the lists hang over ``today``."""
    return {
        "14-search": _search(today, "constip", _found("constip")),
        "14-search-hint": _search(today, "", SearchResult()),
        "14-search-none": _search(today, "xyz", SearchResult()),
        "14-search-problem": _search(today, "pain", SearchResult(problem=DiskFull())),
        "15-record": _record(framed, RECORD, LAST),
        "15-record-draft": _record(framed, RECORD, UNFINISHED),
        "15-record-versions": _record(framed, RECORD, RECORD.visits[2].consultation),
        "15-record-no-note": _record(framed, RECORD, RECORD.visits[3].consultation),
        "15-record-addendum": _record(framed, RECORD, LAST, _adds),
        "15-record-edit": _record(framed, RECORD, LAST, _edits),
        "15-record-also": _record(
            framed, replace(RECORD, about=replace(ABOUT, others=tuple(PHONES))), LAST
        ),
        "15-record-unread": _record(
            framed,
            Record(replace(NYAMBURA, allergies=(), incomplete=True), RECORD.visits[:2]),
            LAST,
        ),
        "15-record-empty": _record(framed, Record(NYAMBURA), None),
        "15-record-problem": _record(framed, Record(problem=DiskFull()), None),
    }
