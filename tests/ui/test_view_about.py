"""The cards beside the note in a window: typed, changed and taken off by keyboard."""

from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from telemed_desk.clinical.entries import EntryKind
from telemed_desk.ui.gallery_days import NOW_MS
from telemed_desk.ui.gallery_search import ABOUT, LAST, NYAMBURA, PHONES, RECORD
from telemed_desk.ui.screens.record.about import AboutPresenter, AboutState
from telemed_desk.ui.screens.record.presenter import RecordPresenter
from telemed_desk.ui.screens.record.view import RecordView
from tests.ui.test_presenter_about import Reading, Writes

ALLERGY, MEDICINE = EntryKind.ALLERGY, EntryKind.MEDICINE


class Heard:
    """What a signal said."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def __call__(self, *values: object) -> None:
        self.said.append(values)


@pytest.fixture
def view(qtbot: QtBot) -> RecordView:
    shown = RecordView()
    qtbot.addWidget(shown)
    shown.resize(1340, 760)
    port = Writes()
    about = AboutPresenter(port, lambda: NOW_MS, shown.about.show_state, lambda _w, _u: None)
    reading = RecordPresenter(
        Reading(), lambda: NOW_MS, shown.show_state, port,
        lambda record: about.read(record.patient, record.about),
    )  # fmt: skip
    reading.open(NYAMBURA.entity, LAST.entity, "")
    shown.show()
    qtbot.waitExposed(shown)
    return shown


def state_of(view: RecordView) -> AboutState:
    return view.about._state


def test_an_entry_is_typed_and_added_with_enter(view: RecordView, qtbot: QtBot) -> None:
    heard = Heard()
    view.about.added.connect(heard)
    card = view.about.cards[ALLERGY]
    assert not card.button.isEnabled()
    qtbot.keyClicks(card.field, "latex")
    assert card.button.isEnabled()
    qtbot.keyClick(card.field, Qt.Key.Key_Return)
    assert heard.said == [("allergy", "latex")]
    assert card.field.text() == ""


def test_enter_changes_an_entry_and_esc_gives_the_change_up(view: RecordView, qtbot: QtBot) -> None:
    put, off = Heard(), Heard()
    view.about.put.connect(put)
    view.about.off.connect(off)
    card = view.about.cards[MEDICINE]
    qtbot.keyClick(card.rows[0], Qt.Key.Key_Return)
    assert card.field.text() == "Morphine 5 mg by mouth, every 4 h"
    back = Heard()
    view.back.connect(back)
    for _ in range(2):
        qtbot.keyClick(card.field, Qt.Key.Key_Escape)
    assert (card.field.text(), put.said, back.said) == ("", [], [])
    assert not card.field.hasFocus()
    qtbot.keyClick(view, Qt.Key.Key_Escape)
    assert back.said == [()]
    qtbot.keyClick(card.rows[0], Qt.Key.Key_Return)
    card.field.setText("Morphine 10 mg by mouth, every 4 h")
    qtbot.mouseClick(card.button, Qt.MouseButton.LeftButton)
    assert put.said == [("medicine", 0, "Morphine 10 mg by mouth, every 4 h")]
    qtbot.keyClick(card.rows[2], Qt.Key.Key_Delete)
    assert off.said == [("medicine", 2)]


def test_what_is_being_typed_survives_what_arrives(view: RecordView, qtbot: QtBot) -> None:
    card = view.about.cards[MEDICINE]
    qtbot.keyClicks(card.field, "parac")
    state = state_of(view)
    view.about.show_state(replace(state, medicines=state.medicines[:1]))
    assert card.field.text() == "parac"
    assert len(card.rows) == 1
    # The one that was being changed is another one now: its words must not go to that.
    qtbot.keyClick(card.rows[0], Qt.Key.Key_Return)
    view.about.show_state(replace(state, medicines=()))
    assert card.field.text() == ""
    assert card.none.isVisible()


def test_fields_are_saved_when_they_are_left(view: RecordView, qtbot: QtBot) -> None:
    heard = Heard()
    details = view.about.details
    details.changed.connect(heard)
    begun = Heard()
    details.begun.connect(begun)
    assert not details.fields["phone"].isVisible()
    view.about.show_state(replace(state_of(view), editing=True))
    edit = details.fields["phone"].edit
    assert edit.isVisible()
    edit.setText("+254 700 000 19")
    assert begun.said == []
    qtbot.keyClicks(edit, "9")
    assert begun.said == [("phone",)]
    qtbot.keyClick(edit, Qt.Key.Key_Return)
    assert ("phone", "+254 700 000 199") in heard.said


def test_both_values_stand_first_and_one_is_kept_by_its_button(view: RecordView) -> None:
    shown: list[AboutState] = []
    presenter = AboutPresenter(Writes(), lambda: NOW_MS, shown.append, lambda _w, _u: None)
    presenter.read(NYAMBURA, replace(ABOUT, others=tuple(PHONES)))
    view.about.show_state(shown[-1])
    heard = Heard()
    view.about.open_values.chosen.connect(heard)
    assert view.about.open_values.isVisible()
    buttons = list(view.about.open_values.findChildren(type(view.add_below)))
    buttons[1].click()
    assert heard.said == [("phone", 0)]


def test_an_addendum_is_typed_below_the_note(view: RecordView, qtbot: QtBot) -> None:
    heard, signed = Heard(), Heard()
    view.below_asked.connect(heard)
    view.below.typed.connect(heard)
    view.below.signed.connect(signed)
    qtbot.mouseClick(view.add_below, Qt.MouseButton.LeftButton)
    assert heard.said == [()]
    reading = Reading()
    reading.presenter.add_below()
    view.show_state(reading.state)
    assert view.below.field.toPlainText() == "Wairimu phoned: the rash is back. "
    assert heard.said == [()], "filling the field is not typing"
    qtbot.keyClicks(view.below.field, "x")
    assert heard.said[-1][0] in {
        "xWairimu phoned: the rash is back. ",
        "Wairimu phoned: the rash is back. x",
    }
    qtbot.mouseClick(view.below.sign, Qt.MouseButton.LeftButton)
    assert signed.said == [()]
    assert not view.add_below.isVisible()


def test_leaving_the_patient_empties_every_field_for_good(view: RecordView, qtbot: QtBot) -> None:
    card = view.about.cards[ALLERGY]
    qtbot.keyClicks(card.field, "latex")
    view.about.show_state(replace(state_of(view), editing=True))
    view.about.show_state(AboutState())
    assert not view.about.isVisible()
    for edit in (card.field, view.about.details.fields["phone"].edit):
        assert edit.text() == ""
        edit.undo()
        assert edit.text() == ""
    assert RECORD.patient is not None
