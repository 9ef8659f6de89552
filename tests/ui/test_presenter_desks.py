"""The desks of the clinic: facts in, words out, and a question before anybody goes."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from telemed_desk.sync.letting_in import Asking
from telemed_desk.sync.problems import DeskRemoved, EnrolTooMany, ServerUnreachable
from telemed_desk.sync.status import Phase, SyncStatus
from telemed_desk.ui.gallery_days import NOW_MS, at
from telemed_desk.ui.gallery_screens import SYNC_ITEMS
from telemed_desk.ui.screens.sync.desks import DesksPresenter, State
from telemed_desk.ui.screens.sync.desks_screen import DesksScreen
from telemed_desk.ui.screens.sync.desks_view import DesksList
from telemed_desk.ui.screens.sync.presenter import SyncPresenter
from telemed_desk.workflow.desks import DesksState, Member
from telemed_desk.workflow.enrolment import CodeResult
from telemed_desk.workflow.status import DeskStatus
from telemed_protocol.codes import EnrolCode
from telemed_protocol.identity import DeviceIdentity

HERE = Member(b"a" * 16, "Room 4", at("08:00"), at("09:12"), this_pc=True, sheet=False)
THERE = Member(b"b" * 16, "Room 5", None, None, this_pc=False, sheet=False)
SHEET = Member(b"s" * 16, "", at("08:00"), None, this_pc=False, sheet=True)
CLINIC = DesksState((HERE, THERE, SHEET))
NEW = DeviceIdentity(b"n" * 16, b"n" * 32, b"n" * 32).public


class Desks:
    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.states: list[State] = []
        self.made: Callable[[CodeResult], None] = lambda _result: None
        self.presenter = DesksPresenter(self, self.states.append)
        self.presenter.desks(CLINIC)

    @property
    def state(self) -> State:
        return self.presenter.state

    def grant(self, device: bytes) -> None:
        self.calls.append(("grant", device))

    def refuse(self, device: bytes) -> None:
        self.calls.append(("refuse", device))

    def remove(self, device: bytes) -> None:
        self.calls.append(("remove", device))

    def make_sheet(self, done: Callable[[CodeResult], None]) -> None:
        self.calls.append(("sheet",))
        self.made = done


@pytest.fixture
def desks() -> Desks:
    return Desks()


def test_each_desk_says_since_when_and_when_it_was_heard(desks: Desks) -> None:
    here, there, sheet = desks.state.rows
    assert here.title == "Room 4 (this PC)"
    assert here.words.startswith("since ")
    assert here.words.endswith("09:12")
    assert there.words == "nothing from it has come here"
    assert sheet.title == "Recovery sheet of the clinic"
    assert [row.removable for row in desks.state.rows] == [False, True, True]
    assert not desks.state.can_make_sheet


def test_nobody_is_removed_without_a_yes(desks: Desks) -> None:
    desks.presenter.ask_to_remove(THERE.device)
    question = desks.state.question
    assert question is not None
    assert question.title == "Remove Room 5 from the clinic?"
    assert "stays readable there" in question.words
    desks.presenter.keep()
    desks.presenter.remove()
    assert desks.calls == []
    desks.presenter.ask_to_remove(HERE.device)
    assert desks.state.question is None
    desks.presenter.ask_to_remove(THERE.device)
    desks.presenter.remove()
    assert desks.calls == [("remove", THERE.device)]
    assert desks.state.question is None


def test_while_the_key_is_changed_nothing_else_can_be_asked_for(desks: Desks) -> None:
    desks.presenter.desks(replace(CLINIC, working=THERE.device))
    assert not any(row.removable for row in desks.state.rows)
    assert desks.state.note == "Changing the clinic's key"
    desks.presenter.desks(replace(CLINIC, problem=ServerUnreachable()))
    assert desks.state.problem == ServerUnreachable.sentence
    assert any(row.removable for row in desks.state.rows)


def test_a_pc_that_asks_shows_its_number_and_waits_for_a_person(desks: Desks) -> None:
    asking = Asking(NEW, EnrolCode.generate("TMD"), "482913", b"k" * 32)
    desks.presenter.desks(replace(CLINIC, asking=(asking,)))
    (row,) = desks.state.asking
    assert row.title == "A PC asks to join: 482 913"
    assert desks.calls == []
    desks.presenter.grant(row.key)
    desks.presenter.refuse(row.key)
    assert desks.calls == [("grant", b"k" * 32), ("refuse", b"k" * 32)]
    again = replace(asking, attempt=2)
    desks.presenter.desks(replace(CLINIC, asking=(again,), asking_problem=EnrolTooMany()))
    assert desks.state.asking[0].title == "A PC asks to join, attempt 2 with the same code: 482 913"
    assert desks.state.problem == EnrolTooMany.sentence


def test_the_recovery_sheet_is_missed_made_shown_once_and_never_printed_in_a_log(
    desks: Desks,
) -> None:
    desks.presenter.desks(DesksState((HERE, THERE)))
    assert desks.state.can_make_sheet
    assert desks.state.note.startswith("No recovery sheet")
    desks.presenter.make_sheet()
    desks.presenter.make_sheet()
    assert desks.calls == [("sheet",)]
    desks.made(CodeResult("TMK-7QK2"))
    assert desks.state.sheet is not None
    assert desks.state.sheet.code == "TMK-7QK2"
    assert "7QK2" not in repr(desks.states)
    desks.presenter.close_sheet()
    assert desks.state.sheet is None


def test_a_removed_desk_lists_but_changes_nothing(desks: Desks) -> None:
    desks.presenter.desks(replace(CLINIC, removed=True))
    assert desks.state.note.startswith("This PC was removed")
    assert not any(row.removable for row in desks.state.rows)


class Nobody:
    def sync_now(self) -> None: ...

    def pause_sync(self, *, paused: bool) -> None: ...

    def add_desk(self, done: Callable[[CodeResult], None]) -> None: ...


def test_a_removed_pc_says_how_much_was_never_sent_and_never_that_all_was() -> None:
    presenter = SyncPresenter(Nobody(), lambda: NOW_MS, lambda _state: None)
    presenter.items(SYNC_ITEMS)
    out = SyncStatus(Phase.REFUSED, problem=DeskRemoved.code)
    presenter.status(DeskStatus(link="offline", waiting_to_sync=3, sync=out))
    assert presenter.state.headline.startswith("3 items were never sent")
    assert presenter.state.problem == DeskRemoved.sentence
    assert "export" in presenter.state.problem_words
    assert presenter.state.needs_help
    assert presenter.state.rows[0].state == "Needs help"
    assert presenter.state.is_out
    assert presenter.state.activity == "Nothing is sent or fetched any more"
    presenter.status(DeskStatus(link="offline", sync=out))
    assert presenter.state.headline == "This PC is out of the clinic"
    assert "confirmed" not in presenter.state.words


def test_the_card_asks_before_it_removes(qtbot: QtBot) -> None:
    view, port = DesksList(), Desks()
    qtbot.addWidget(view)
    screen = DesksScreen(view, port)
    screen.desks(CLINIC)
    view.show()
    buttons = {b.accessibleName(): b for b in view.findChildren(QPushButton)}
    qtbot.mouseClick(buttons["Remove Room 5"], Qt.MouseButton.LeftButton)
    dialog = view._question
    assert dialog is not None
    assert port.calls == []
    qtbot.mouseClick(dialog.yes, Qt.MouseButton.LeftButton)
    assert port.calls == [("remove", THERE.device)]
    qtbot.waitUntil(lambda: view._question is None)
