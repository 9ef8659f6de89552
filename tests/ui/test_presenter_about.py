"""The cards beside the note: what is changed, said, and taken back."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from telemed_desk.clinical.entries import Entry, EntryKind
from telemed_desk.ui.gallery_days import NOW_MS
from telemed_desk.ui.gallery_search import (
    ABOUT,
    LAST,
    NYAMBURA,
    PHONES,
    RECORD,
    UNFINISHED,
    WAMBUI,
)
from telemed_desk.ui.screens.record.about import AboutPresenter, AboutState
from telemed_desk.ui.screens.record.field_values import value_of
from telemed_desk.ui.screens.record.presenter import RecordPresenter, State
from telemed_desk.vault.problems import DiskFull
from telemed_desk.workflow.finding import Record
from telemed_desk.workflow.record_writing import Done, Written
from telemed_protocol.op import OpId

ALLERGY, MEDICINE = EntryKind.ALLERGY, EntryKind.MEDICINE
FACT = OpId(b"f" * 16, 7)


@dataclass
class Writes:
    """Remembers what it was asked to write; answers when told."""

    asked: list[tuple[Any, ...]] = field(default_factory=list)
    answers: list[Done] = field(default_factory=list)
    kept: list[tuple[bytes, str]] = field(default_factory=list)

    def add(
        self, patient: bytes, kind: EntryKind, what: str, instead_of: Entry | None, done: Done
    ) -> None:
        assert patient == NYAMBURA.entity
        self._ask(done, "add", kind, what, instead_of and instead_of.what)

    def take_off(self, patient: bytes, kind: EntryKind, entry: Entry, done: Done) -> None:
        assert patient == NYAMBURA.entity
        self._ask(done, "off", kind, entry.what, entry.facts)

    def change(
        self,
        patient: bytes,
        fields: Mapping[str, Any],
        seen: Mapping[str, tuple[OpId, ...]],
        done: Done,
    ) -> None:
        assert patient == NYAMBURA.entity
        self._ask(done, "change", dict(fields), dict(seen))

    def add_below(self, note: bytes, text: str, done: Done) -> None:
        self._ask(done, "below", note, text)

    def keep(self, note: bytes, text: str) -> None:
        self.kept.append((note, text))

    def _ask(self, done: Done, *what: Any) -> None:
        self.asked.append(what)
        self.answers.append(done)

    def answer(self, written: Written | None = None) -> None:
        self.answers.pop(0)(written or Written(FACT, NOW_MS))


class Cards:
    """A presenter with what it said."""

    def __init__(self) -> None:
        self.port = Writes()
        self.said: list[tuple[str, Callable[[], None] | None]] = []
        self.shown: list[AboutState] = []
        self.presenter = AboutPresenter(
            self.port,
            lambda: NOW_MS,
            self.shown.append,
            lambda words, undo: self.said.append((words, undo)),
        )
        self.presenter.read(NYAMBURA, ABOUT)

    @property
    def state(self) -> AboutState:
        return self.presenter.state


@pytest.fixture
def cards() -> Cards:
    return Cards()


def test_what_stands_and_what_was_taken_off_say_who_and_when(cards: Cards) -> None:
    (line,) = cards.state.allergies
    assert line.spoken == "penicillin (rash), Dr Achieng Odera, 25 August 2026, 09:24"
    assert [line.choose != "" for line in cards.state.medicines] == [False, True, True]
    (gone,) = cards.state.gone
    assert gone.what == "sulfa (hives)"
    assert gone.note.endswith("tolerated twice since")
    assert gone.note.startswith("Taken off by Dr Achieng Odera, 16 November 2026")


def test_an_allergy_is_added_told_and_taken_back(cards: Cards) -> None:
    cards.presenter.add(ALLERGY, "  latex   gloves ")
    assert cards.port.asked == [("add", ALLERGY, "latex gloves", None)]
    assert cards.state.saved == "", "not said before it is on the disk"
    cards.port.answer()
    assert cards.state.saved.startswith("Saved on this PC 09:24")
    words, undo = cards.said[-1]
    assert words == "Allergy added: latex gloves"
    assert undo is not None
    cards.presenter.undo()
    assert cards.port.asked[-1] == ("off", ALLERGY, "latex gloves", ((b"f" * 16, 7),))
    cards.presenter.undo()
    assert len(cards.port.asked) == 2, "once"


def test_what_is_there_already_is_not_added_again(cards: Cards) -> None:
    cards.presenter.add(ALLERGY, "Penicillin (RASH)")
    cards.presenter.add(ALLERGY, "   ")
    assert cards.port.asked == []
    assert cards.said == [("Penicillin (RASH) is among the allergies already.", None)]


def test_a_new_dose_replaces_the_one_that_was_shown(cards: Cards) -> None:
    cards.presenter.put(MEDICINE, 0, "Morphine 10 mg by mouth, every 4 h")
    old = "Morphine 5 mg by mouth, every 4 h"
    assert cards.port.asked == [("add", MEDICINE, "Morphine 10 mg by mouth, every 4 h", old)]
    cards.port.answer()
    cards.presenter.undo()
    assert cards.port.asked[-1] == ("add", MEDICINE, old, "Morphine 10 mg by mouth, every 4 h")
    cards.presenter.put(MEDICINE, 0, old)
    cards.presenter.put(MEDICINE, 99, "nobody")
    assert len(cards.port.asked) == 2


def test_taking_off_names_what_was_shown_and_can_be_taken_back(cards: Cards) -> None:
    cards.presenter.take_off(MEDICINE, 2)
    assert cards.port.asked == [("off", MEDICINE, "Bisacodyl 5 mg at night", ((WAMBUI, 5),))]
    cards.port.answer()
    cards.presenter.undo()
    assert cards.port.asked[-1] == ("add", MEDICINE, "Bisacodyl 5 mg at night", None)


def test_a_field_is_saved_over_what_was_seen_and_taken_back_over_that(cards: Cards) -> None:
    seen = {"phone": (OpId(b"d" * 16, 9),)}
    cards.presenter.read(NYAMBURA, replace(ABOUT, seen=seen))
    cards.presenter.change("phone", "+254 700 000 127")
    assert cards.port.asked == [], "nothing changed"
    cards.presenter.change("phone", " +254 700 000 199 ")
    assert cards.port.asked == [("change", {"phone": "+254 700 000 199"}, seen)]
    cards.port.answer()
    cards.presenter.undo()
    assert cards.port.asked[-1] == ("change", {"phone": "+254 700 000 127"}, {"phone": (FACT,)})


def test_a_value_that_arrives_while_one_is_typed_is_not_written_over_unseen(cards: Cards) -> None:
    before, after = (OpId(b"d" * 16, 9),), (OpId(b"e" * 16, 4),)
    cards.presenter.read(NYAMBURA, replace(ABOUT, seen={"phone": before, "remarks": before}))
    cards.presenter.begin("phone")
    arrived = replace(NYAMBURA, phone="+254 700 000 555")
    cards.presenter.read(arrived, replace(ABOUT, seen={"phone": after, "remarks": after}))
    cards.presenter.begin("phone")
    cards.presenter.change("phone", "+254 700 000 199")
    assert cards.port.asked[-1] == ("change", {"phone": "+254 700 000 199"}, {"phone": before})
    cards.presenter.change("phone", "+254 700 000 200")
    assert cards.port.asked[-1][2] == {"phone": after}
    cards.presenter.change("remarks", "deaf")
    assert cards.port.asked[-1][2] == {"remarks": after}


def test_a_year_that_cannot_be_is_said_at_its_field_and_not_saved(cards: Cards) -> None:
    for wrong in ("59", "2027", "19x9", "١٩٥٩"):
        cards.presenter.change("year_of_birth", wrong)
        (line,) = [f for f in cards.state.fields if f.name == "year_of_birth"]
        assert line.error == "Four digits, from 1900 to this year."
    assert cards.port.asked == []
    cards.presenter.change("year_of_birth", "1960")
    assert cards.port.asked[0][1] == {"year_of_birth": 1960}
    assert value_of("languages", "swahili, Dholuo ,", 2026) == ["sw", "Dholuo"]


def test_both_values_are_shown_with_who_wrote_them_until_one_is_chosen(cards: Cards) -> None:
    heads = tuple(o.fact for o in PHONES)
    cards.presenter.read(NYAMBURA, replace(ABOUT, others=tuple(PHONES), seen={"phone": heads}))
    (line,) = [f for f in cards.state.fields if f.others]
    assert [(o.value, o.shown) for o in line.others] == [
        ("+254 700 000 172", False),
        ("+254 700 000 127", True),
    ]
    assert line.others[0].note.startswith("Also written: Mercy Wambui, 23 November 2026")
    cards.presenter.choose("phone", 0)
    assert cards.port.asked == [("change", {"phone": "+254 700 000 172"}, {"phone": heads})]


def test_a_full_disk_is_said_and_nothing_is_called_saved(cards: Cards) -> None:
    cards.presenter.add(ALLERGY, "latex")
    cards.port.answer(Written(problem=DiskFull()))
    assert cards.state.problem == DiskFull.sentence
    assert cards.state.saved == ""
    assert cards.said == []


def test_locking_leaves_nothing_of_the_patient(cards: Cards) -> None:
    cards.presenter.read(None, ABOUT)
    assert cards.state == AboutState()
    cards.presenter.add(ALLERGY, "latex")
    cards.presenter.change("phone", "1")
    assert cards.port.asked == []


class Reading:
    """The record with its addenda."""

    def __init__(self, record: Record = RECORD) -> None:
        self.port = Writes()
        self.record_now = record
        self.presenter = RecordPresenter(self, lambda: NOW_MS, lambda _state: None, self.port)
        self.presenter.open(NYAMBURA.entity, LAST.entity, "")

    @property
    def state(self) -> State:
        return self.presenter.state

    def record(self, patient: bytes, done: Callable[[Record], None]) -> None:
        assert patient == NYAMBURA.entity
        done(self.record_now)

    def review_note(self, consultation: bytes) -> None:
        raise AssertionError(consultation)


def test_an_addendum_is_kept_while_typed_and_signed_below_the_note() -> None:
    reading = Reading()
    assert reading.state.below[0].head.startswith("Addendum, Mercy Wambui, 22 November 2026")
    assert reading.state.may_add
    reading.presenter.add_below()
    assert reading.state.writing is not None
    assert reading.state.writing.text == "Wairimu phoned: the rash is back. ", "begun before"
    note = reading.state.writing.note
    reading.presenter.type_below("The rash is back.")
    assert reading.port.kept == [(note, "The rash is back.")]
    reading.presenter.look()  # something else was recorded meanwhile
    assert reading.state.writing is not None
    reading.presenter.sign_below()
    reading.presenter.sign_below()
    assert reading.port.asked == [("below", note, "The rash is back.")], "once"
    reading.port.answer(Written(problem=DiskFull()))
    assert DiskFull.sentence in reading.state.writing.problem
    reading.presenter.sign_below()
    reading.port.answer()
    assert reading.state.writing is None


def test_an_empty_addendum_is_not_signed_and_closing_keeps_the_words() -> None:
    reading = Reading()
    reading.presenter.add_below()
    reading.presenter.type_below("  ")
    reading.presenter.sign_below()
    assert reading.port.asked == []
    assert reading.state.writing is not None
    assert reading.state.writing.problem
    reading.presenter.type_below("half a thought")
    reading.presenter.leave_below()
    reading.presenter.add_below()
    assert reading.state.writing is not None
    assert reading.state.writing.text == "half a thought"


def test_a_draft_has_no_addenda_and_another_visit_closes_the_field() -> None:
    reading = Reading()
    reading.presenter.add_below()
    reading.presenter.choose(UNFINISHED.entity)
    assert reading.state.writing is None
    assert not reading.state.may_add
    reading.presenter.add_below()
    assert reading.state.writing is None


def test_looking_again_stays_at_the_visit_that_is_read() -> None:
    reading = Reading()
    reading.presenter.choose(UNFINISHED.entity)
    reading.presenter.look()
    assert [row.chosen for row in reading.state.visits] == [True, False, False, False]
