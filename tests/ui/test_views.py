"""The windows: what is typed arrives, keys work, focus goes where the design says."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication, QDialog, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from telemed_desk.clinical.notes import NoteText, Section
from telemed_desk.ui.gallery_call import Drawn, frames
from telemed_desk.ui.gallery_days import NOW_MS, booked, waiting
from telemed_desk.ui.screens.call.state import NoteView, SignDialog
from telemed_desk.ui.screens.call.state import State as CallState
from telemed_desk.ui.screens.call.view import CallView
from telemed_desk.ui.screens.sync.view import SyncView
from telemed_desk.ui.screens.today.presenter import TodayPresenter
from telemed_desk.ui.screens.today.rows import WaitingWidget
from telemed_desk.ui.screens.today.view import TodayView
from telemed_desk.ui.widgets.video import VideoTile
from telemed_protocol.errors import KnownError
from tests.ui.windows import Heard, shown


class Today:
    def __init__(self, qtbot: QtBot) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.view = TodayView()
        self.presenter = TodayPresenter(self, self, lambda: NOW_MS, self.view.show_state)
        self.view.acted.connect(self.presenter.act)
        self.view.unflagged.connect(self.presenter.unflag)
        self.view.start_first.connect(self.presenter.start_first)
        self.view.link_asked.connect(self.presenter.open_link)
        self.view.link_closed.connect(self.presenter.close_link)
        self.presenter.room(waiting())
        self.presenter.day(booked())
        self.shell = shown(qtbot, "today", self.view)

    def start_visit(self, seat: str) -> None:
        self.calls.append(("start", seat))

    def clear_urgent(self, seat: str, reason: str) -> None:
        self.calls.append(("clear", seat, reason))

    def link_for(self, consultation: bytes, done: Callable[..., None]) -> None:
        self.calls.append(("link", consultation))
        self.linked = done

    def open_note(self, consultation: bytes) -> None:
        self.calls.append(("note", consultation))

    def open_self_check(self) -> None:
        self.calls.append(("check",))

    def row(self, seat: str) -> WaitingWidget:
        return next(w for w in self.view.findChildren(WaitingWidget) if w.seat == seat)


def test_enter_on_a_waiting_row_starts_the_visit(qtbot: QtBot) -> None:
    today = Today(qtbot)
    row = today.row("nyambura")
    row.setFocus()
    qtbot.keyClick(row, Qt.Key.Key_Return)
    assert today.calls == [("start", "nyambura")]


def test_a_patient_who_is_still_tested_cannot_be_started_and_says_why(qtbot: QtBot) -> None:
    today = Today(qtbot)
    (button,) = today.row("kamau").buttons
    assert not button.isEnabled()
    assert "still being tested" in button.toolTip()
    qtbot.keyClick(today.row("kamau"), Qt.Key.Key_Return)
    assert today.calls == []


def test_focus_stays_with_the_patient_when_the_list_is_drawn_anew(qtbot: QtBot) -> None:
    today = Today(qtbot)
    today.row("chebet").setFocus()
    room = list(waiting())
    today.presenter.room([replace(w, arrived_ms=w.arrived_ms - 60_000) for w in room])
    assert today.view.focusWidget() is today.row("chebet")


def test_ctrl_n_starts_with_the_first(qtbot: QtBot) -> None:
    today = Today(qtbot)
    qtbot.keyClick(today.view, Qt.Key.Key_N, Qt.KeyboardModifier.ControlModifier)
    assert today.calls == [("start", "halima")]


def test_removing_the_urgent_flag_asks_for_a_reason(qtbot: QtBot) -> None:
    today = Today(qtbot)
    unflag = today.row("halima").buttons[0]
    qtbot.mouseClick(unflag, Qt.MouseButton.LeftButton)
    dialog = next(d for d in today.shell.findChildren(QDialog) if d.isVisible())
    reason = next(iter(dialog.findChildren(QLineEdit)))
    yes = dialog.findChildren(QPushButton)[-1]
    assert not yes.isEnabled()
    qtbot.keyClicks(reason, "Seen by the nurse")
    qtbot.mouseClick(yes, Qt.MouseButton.LeftButton)
    assert today.calls == [("clear", "halima", "Seen by the nurse")]


def test_the_link_dialog_opens_once_and_its_closing_forgets_the_link(qtbot: QtBot) -> None:
    today = Today(qtbot)
    today.presenter.open_link(today.presenter.state.next_rows[1].entity)
    dialogs = [d for d in today.shell.findChildren(QDialog) if d.isVisible()]
    assert len(dialogs) == 1
    dialogs[0].reject()
    assert today.presenter.state.link is None


def call_state(**changes: object) -> CallState:
    text = NoteText()
    state = CallState(note=NoteView(key=(b"n", False), text=text, there=True), live=True)
    return replace(state, **changes)  # type: ignore[arg-type]  # names checked by replace


def call_view(qtbot: QtBot) -> CallView:
    view = CallView(frames)
    view.show_state(call_state())
    shown(qtbot, "call", view)
    return view


def test_every_word_typed_in_the_note_arrives(qtbot: QtBot) -> None:
    view = call_view(qtbot)
    heard = Heard()
    view.edited.connect(heard)
    qtbot.keyClick(view, Qt.Key.Key_P, Qt.KeyboardModifier.AltModifier)
    field = view.editor.fields[Section.PLAN]
    assert view.focusWidget() is field
    qtbot.keyClicks(field, "rest")
    assert heard.said == [("P", "r"), ("P", "re"), ("P", "res"), ("P", "rest")]


def test_a_state_never_replaces_what_is_being_typed(qtbot: QtBot) -> None:
    view = call_view(qtbot)
    field = view.editor.fields[Section.SUBJECTIVE]
    qtbot.keyClicks(field, "new words")
    view.show_state(call_state(note=NoteView(key=(b"n", False), text=NoteText("old"), there=True)))
    assert field.toPlainText() == "new words"
    view.show_state(
        call_state(note=NoteView(key=(b"x", False), text=NoteText("other"), there=True))
    )
    assert field.toPlainText() == "other"


@pytest.mark.parametrize(
    ("key", "modifiers", "signal"),
    [
        (Qt.Key.Key_F2, Qt.KeyboardModifier.NoModifier, "mute"),
        (
            Qt.Key.Key_M,
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
            "mute",
        ),
        (Qt.Key.Key_F3, Qt.KeyboardModifier.NoModifier, "camera"),
        (Qt.Key.Key_F8, Qt.KeyboardModifier.NoModifier, "photo"),
        (
            Qt.Key.Key_E,
            Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier,
            "end",
        ),
        (Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier, "review"),
        (Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier, "notes_toggled"),
    ],
)
def test_call_keys_work_while_typing(
    qtbot: QtBot, key: Qt.Key, modifiers: Qt.KeyboardModifier, signal: str
) -> None:
    view = call_view(qtbot)
    heard = Heard()
    getattr(view, signal).connect(heard)
    field = view.editor.fields[Section.SUBJECTIVE]
    field.setFocus()
    qtbot.keyClick(field, key, modifiers)
    assert heard.said == [()]
    assert field.toPlainText() == ""


def test_leaving_a_field_saves_and_esc_discards_nothing(qtbot: QtBot) -> None:
    view = call_view(qtbot)
    heard = Heard()
    view.left_field.connect(heard)
    field = view.editor.fields[Section.SUBJECTIVE]
    field.setFocus()
    qtbot.keyClicks(field, "kept")
    qtbot.keyClick(field, Qt.Key.Key_Escape)
    assert heard.said
    assert field.toPlainText() == "kept"
    assert not field.hasFocus()


def test_tab_goes_through_the_sections_and_on_to_sign(qtbot: QtBot) -> None:
    view = call_view(qtbot)
    fields = list(view.editor.fields.values())
    fields[0].setFocus()
    for before, after in pairwise(fields):
        qtbot.keyClick(before, Qt.Key.Key_Tab)
        assert view.focusWidget() is after
    qtbot.keyClick(fields[-1], Qt.Key.Key_Tab)
    assert view.focusWidget() is view.editor.sign


def test_rail_and_top_bar_are_hidden_in_a_call_and_the_status_line_is_not(qtbot: QtBot) -> None:
    view = CallView(frames)
    shell = shown(qtbot, "call", view)
    assert not shell.rail.isVisible()
    assert not shell.top_bar.isVisible()
    assert shell.status_line.isVisible()


def test_the_sign_dialog_opens_once_and_closes_with_the_state(qtbot: QtBot) -> None:
    view = call_view(qtbot)
    heard = Heard()
    view.sign.connect(heard)
    for _ in range(3):
        view.show_state(call_state(live=False, sign=SignDialog("Still empty: Plan.")))
    dialogs = [d for d in view.window().findChildren(QDialog) if d.isVisible()]
    assert len(dialogs) == 1
    qtbot.mouseClick(dialogs[0].findChildren(QPushButton)[-1], Qt.MouseButton.LeftButton)
    assert heard.said == [()]
    view.show_state(call_state(live=False))
    qtbot.waitUntil(lambda: not any(d.isVisible() for d in view.window().findChildren(QDialog)))


def test_the_end_question_is_safe_by_default(qtbot: QtBot) -> None:
    view = call_view(qtbot)
    on, off = Heard(), Heard()
    view.went_on.connect(on)
    view.end_confirmed.connect(off)
    view.show_state(call_state(asks_end=True))
    (dialog,) = [d for d in view.window().findChildren(QDialog) if d.isVisible()]
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    assert (len(on.said), len(off.said)) == (1, 0)


def test_a_picture_is_polled_only_while_it_can_be_seen(qtbot: QtBot) -> None:
    tile = VideoTile("patient")
    qtbot.addWidget(tile)
    tile.set_source(Drawn("pPall"))
    assert not tile._timer.isActive()
    tile.show()
    qtbot.waitUntil(tile.has_picture)
    assert tile._timer.isActive()
    tile.hide()
    assert not tile._timer.isActive()


def test_the_own_picture_is_mirrored_and_the_patients_is_not(qtbot: QtBot) -> None:
    half = QImage(20, 20, QImage.Format.Format_RGB888)
    half.fill(Qt.GlobalColor.black)
    for y in range(20):
        for x in range(10):
            half.setPixelColor(x, y, Qt.GlobalColor.white)
    seen = []
    for mirrored in (False, True):
        tile = VideoTile("tile", mirrored=mirrored)
        qtbot.addWidget(tile)
        tile.resize(100, 100)
        tile.present(half)
        seen.append(tile.grab().toImage().pixelColor(20, 50).lightness() > 200)
    assert seen == [True, False]


def test_a_stream_that_has_gone_is_no_crash(qtbot: QtBot) -> None:
    class Gone(KnownError):
        """The memory is gone."""

    def gone(_name: str) -> Drawn:
        raise Gone

    view = CallView(gone)
    qtbot.addWidget(view)
    view.show_state(call_state(stage=replace(CallState().stage, remote_memory="away")))
    assert not view.stage.remote.has_picture()


def test_f6_moves_between_panels_and_back(qtbot: QtBot) -> None:
    today = Today(qtbot)
    today.row("halima").setFocus()
    visited = []
    for _ in range(len(today.view.panels) + 2):
        qtbot.keyClick(today.shell, Qt.Key.Key_F6)
        visited.append(today.shell.focusWidget())
    assert len(set(map(id, visited))) >= 5
    before = today.shell.focusWidget()
    qtbot.keyClick(today.shell, Qt.Key.Key_F6)
    qtbot.keyClick(today.shell, Qt.Key.Key_F6, Qt.KeyboardModifier.ShiftModifier)
    assert today.shell.focusWidget() is before


def test_rail_keys_and_lock(qtbot: QtBot) -> None:
    today = Today(qtbot)
    pages, locks = Heard(), Heard()
    today.shell.page_chosen.connect(pages)
    today.shell.lock_asked.connect(locks)
    qtbot.keyClick(today.shell, Qt.Key.Key_2, Qt.KeyboardModifier.ControlModifier)
    qtbot.keyClick(today.shell, Qt.Key.Key_L, Qt.KeyboardModifier.ControlModifier)
    qtbot.mouseClick(today.shell.status_line.link, Qt.MouseButton.LeftButton)
    assert pages.said == [("sync",), ("self_check",)]
    assert locks.said == [()]


def test_the_focus_ring_follows_the_keyboard(qtbot: QtBot) -> None:
    today = Today(qtbot)
    today.view.verdict.setFocus(Qt.FocusReason.TabFocusReason)
    assert today.shell.ring.target is today.view.verdict
    assert today.shell.ring.isVisible()
    corner = today.view.verdict.mapTo(today.shell, today.view.verdict.rect().topLeft())
    assert today.shell.ring.geometry().contains(corner)


def test_f5_syncs_now(qtbot: QtBot) -> None:
    view = SyncView()
    shown(qtbot, "sync", view)
    heard = Heard()
    view.try_now.connect(heard)
    qtbot.keyClick(view, Qt.Key.Key_F5)
    assert heard.said == [()]


def test_twenty_thousand_calls_into_qt(qtbot: QtBot) -> None:
    """PySide6 6.12.0 aborted on Python 3.11 after some 5,000; the pinned version must not."""
    view = call_view(qtbot)
    states = [
        call_state(header=replace(CallState().header, name=str(i), timer=str(i))) for i in range(50)
    ]
    calls = 0
    while calls < 20_000:
        for state in states:
            view.show_state(state)
            calls += 60
        QApplication.processEvents()
    assert view.name.text() == "49"
