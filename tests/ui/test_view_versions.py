"""The versions screen: keys, what is typed, and what is only read."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog
from pytestqt.qtbot import QtBot

from telemed_desk.clinical.differences import pieces_of
from telemed_desk.clinical.notes import Section
from telemed_desk.ui.gallery_versions import MINE, SIGNED, THEIRS, THREE, TWO
from telemed_desk.ui.screens.versions.view import VersionsView
from telemed_desk.ui.widgets.marked_text import MarkedText
from telemed_desk.workflow.note_choosing import ChoosingState
from tests.ui.test_presenter_versions import Desk
from tests.ui.windows import Heard, shown

A, P = Section.ASSESSMENT, Section.PLAN


class Screen(Desk):
    def __init__(self, qtbot: QtBot, state: ChoosingState = TWO) -> None:
        self.view = VersionsView()
        super().__init__(state)
        presenter, view = self.presenter, self.view
        presenter._show = view.show_state
        view.taken.connect(lambda section, key: presenter.take(Section(section), key))
        view.edited.connect(lambda section: presenter.edit(Section(section)))
        view.typed.connect(lambda section, text: presenter.typed(Section(section), text))
        view.kept.connect(lambda section: presenter.keep(Section(section)))
        view.undone.connect(presenter.undo)
        view.newer_asked.connect(presenter.show_newer)
        view.saved.connect(presenter.save)
        view.left.connect(presenter.leave)
        view.show_state(presenter.state)
        self.shell = shown(qtbot, "versions", view)
        self.qtbot = qtbot

    def press(self, key: Qt.Key, modifier: Qt.KeyboardModifier) -> None:
        self.qtbot.keyClick(self.shell.focusWidget() or self.view, key, modifier)


@pytest.fixture
def screen(qtbot: QtBot) -> Screen:
    return Screen(qtbot)


def test_the_whole_choice_can_be_made_with_the_keyboard(screen: Screen) -> None:
    alt, ctrl = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.ControlModifier
    assert screen.view.boxes[A].has_keyboard()  # the first section that differs
    screen.press(Qt.Key.Key_Right, alt)
    screen.press(Qt.Key.Key_P, alt)
    assert screen.view.boxes[P].has_keyboard()
    screen.press(Qt.Key.Key_Left, alt)
    screen.press(Qt.Key.Key_Z, ctrl)
    assert not screen.state.may_save
    screen.press(Qt.Key.Key_Left, alt)
    screen.press(Qt.Key.Key_Return, ctrl)
    ((text, _),) = screen.settled
    assert (text.assessment, text.plan) == (THEIRS.assessment, MINE.plan)


def test_the_field_opens_with_the_keyboard_in_it_and_is_not_replaced_while_typing(
    screen: Screen,
) -> None:
    box = screen.view.boxes[A]
    box.edit.setFocus()
    screen.qtbot.keyClick(box.edit, Qt.Key.Key_Space)
    assert box.field.hasFocus()
    box.field.selectAll()
    screen.qtbot.keyClicks(box.field, "Pain is less.")
    assert screen.result(A) == "Pain is less."
    cursor = box.field.textCursor().position()
    screen.presenter.choosing(THREE)
    screen.presenter.show_newer()
    assert box.field.toPlainText() == "Pain is less."
    assert box.field.textCursor().position() == cursor
    assert screen.view.lines[A].words.text() == "Pain is less."


def test_the_taken_version_is_marked_and_focus_stays_on_its_button(screen: Screen) -> None:
    left, right = screen.view.boxes[P].boxes
    right.use.setFocus()
    right.use.click()
    assert (left.property("version"), right.property("version")) == ("open", "picked")
    assert right.use.hasFocus()
    assert right.use.accessibleDescription() == "Result"


def test_saving_waits_and_says_why(screen: Screen) -> None:
    assert not screen.view.save.isEnabled()
    assert screen.view.why_not.text() == "Still to choose: Assessment, Plan"
    assert not screen.view.undo.isEnabled()


def test_news_has_a_button_that_shows_it(screen: Screen) -> None:
    assert not screen.view.news.isVisibleTo(screen.view)
    screen.presenter.choosing(THREE)
    assert screen.view.news.isVisibleTo(screen.view)
    screen.view.show_newer.click()
    assert not screen.view.news.isVisibleTo(screen.view)
    assert len(screen.view.boxes[P].boxes) == 3


def test_a_signed_note_has_nothing_to_press_but_history_and_back(qtbot: QtBot) -> None:
    screen = Screen(qtbot, SIGNED)
    for box in screen.view.boxes.values():
        assert not box.edit.isVisibleTo(screen.view)
        assert not any(card.use.isVisibleTo(screen.view) for card in box.boxes)
    assert not screen.view.result.isVisibleTo(screen.view)
    left = Heard()
    screen.view.left.connect(left)
    screen.view.back.click()
    assert len(left.said) == 1


def test_the_history_closes_with_the_screen(screen: Screen) -> None:
    screen.view.history.click()
    (dialog,) = screen.shell.findChildren(QDialog)
    assert dialog.isVisible()
    screen.view.hide()
    assert not dialog.isVisible()


def test_text_is_shown_as_it_was_written_and_never_as_markup(qtbot: QtBot) -> None:
    label = MarkedText()
    qtbot.addWidget(label)
    said = "<b>BP</b> & < 5\nleft"
    label.show_pieces(pieces_of(said, [said]), "nothing")
    assert "&lt;b&gt;" in label.text()
    assert "<b>" not in label.text()
    assert "<br>" in label.text()
    assert label.accessibleName() == said
    label.show_pieces((), "nothing")
    assert "nothing" in label.text()
