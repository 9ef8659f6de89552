"""The windows of a call of three: keys and buttons do what they say."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QDialog, QPushButton
from pytestqt.qtbot import QtBot

from telemed_desk.ui.gallery_call import frames, visit
from telemed_desk.ui.gallery_people import PEOPLE, Nobody
from telemed_desk.ui.screens.call.people import Invite, PeoplePresenter, State
from telemed_desk.ui.screens.call.state import State as CallState
from telemed_desk.ui.screens.call.view import CallView
from telemed_desk.ui.screens.joined.presenter import JoinDialog
from telemed_desk.ui.screens.joined.view import JoinQuestion
from telemed_desk.ui.screens.today.view import TodayView
from telemed_desk.workflow.people import PeopleState
from tests.ui.windows import Heard, shown


def button(view: CallView, name: str) -> QPushButton:
    return next(b for b in view.findChildren(QPushButton) if b.accessibleName() == name)


@pytest.fixture
def view(qtbot: QtBot) -> CallView:
    made = CallView(frames)
    shown(qtbot, "call", made)
    presenter = PeoplePresenter(Nobody(), made.people.show_state)
    presenter.visit(visit())
    presenter.people(PEOPLE)
    return made


def test_f7_asks_for_another_person(qtbot: QtBot, view: CallView) -> None:
    heard = Heard()
    view.add_person.connect(heard)
    qtbot.keyClick(view, Qt.Key.Key_F7)
    assert heard.said == [()]


def test_each_line_has_its_button_and_each_guest_a_picture(qtbot: QtBot, view: CallView) -> None:
    let_in, let_go = Heard(), Heard()
    view.people.admitted.connect(let_in)
    view.people.removed.connect(let_go)
    qtbot.mouseClick(button(view, "Let Taabu Jaribio in"), Qt.MouseButton.LeftButton)
    qtbot.keyClick(button(view, "Remove Wairimu Mfano from the call"), Qt.Key.Key_Space)
    assert (let_in.said, let_go.said) == ([("t",)], [("w",)])
    assert len(view.people.tiles) == 2
    assert all(tile.isVisible() for tile in view.people.tiles)


def test_nobody_there_takes_no_room(view: CallView) -> None:
    assert view.people.isVisible()
    view.people.show_state(State())
    assert not view.people.isVisible()
    assert view.people.tiles == []


def test_in_a_low_window_the_faces_come_before_the_photos(view: CallView) -> None:
    view.window().resize(1180, 660)
    view.show_state(CallState(live=True))
    QApplication.processEvents()
    assert not view.photos_card.isVisible()
    assert view.stage.height() > 200
    view.people.show_state(State())
    view.show_state(CallState(live=True))
    assert view.photos_card.isVisible()


def test_the_keyboard_stays_with_a_person_whose_state_changes(qtbot: QtBot, view: CallView) -> None:
    button(view, "Let Taabu Jaribio in").setFocus()
    presenter = PeoplePresenter(Nobody(), view.people.show_state)
    presenter.people(PeopleState(there=PEOPLE.there[:1], waiting=PEOPLE.waiting))
    qtbot.waitUntil(lambda: button(view, "Let Taabu Jaribio in").hasFocus())


def test_the_invitation_copies_its_link_and_closing_it_is_said(
    qtbot: QtBot, view: CallView
) -> None:
    closed = Heard()
    view.people.invite_closed.connect(closed)
    view.people.show_state(State(invite=Invite(url="https://visit.example/j/a#1.b")))
    (dialog,) = [d for d in view.window().findChildren(QDialog) if d.isVisible()]
    copy = next(b for b in dialog.findChildren(QPushButton) if b.text() == "Copy link")
    qtbot.mouseClick(copy, Qt.MouseButton.LeftButton)
    assert QApplication.clipboard().text() == "https://visit.example/j/a#1.b"
    dialog.reject()
    assert closed.said == [()]


def test_ctrl_j_on_today_asks_for_a_colleagues_link(qtbot: QtBot) -> None:
    today = TodayView()
    shown(qtbot, "today", today)
    heard = Heard()
    today.join_asked.connect(heard)
    qtbot.keyClick(today, Qt.Key.Key_J, Qt.KeyboardModifier.ControlModifier)
    assert heard.said == [()]


def test_a_pasted_link_is_opened_with_enter(qtbot: QtBot) -> None:
    question = JoinQuestion(None)
    qtbot.addWidget(question)
    question.show_dialog(JoinDialog())
    pasted, wanted = Heard(), Heard()
    question.pasted.connect(pasted)
    question.wanted.connect(wanted)
    question.show()
    qtbot.keyClicks(question.address, "abc")
    qtbot.keyClick(question.address, Qt.Key.Key_Return)
    assert (pasted.said[-1], wanted.said) == (("abc",), [()])
