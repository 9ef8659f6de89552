"""The search field and the record's window: keys, focus, and that text stays text."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QTextDocument
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from telemed_desk.desk import Post
from telemed_desk.ui.gallery_days import NOW_MS
from telemed_desk.ui.gallery_search import LAST, RECORD, Finds, _found
from telemed_desk.ui.screens.record.presenter import RecordPresenter
from telemed_desk.ui.screens.record.view import RecordView
from telemed_desk.ui.screens.search.presenter import SearchPresenter
from telemed_desk.ui.screens.search.screen import SearchScreen
from telemed_desk.ui.screens.search.view import FoundList
from telemed_desk.ui.shell.window import Shell
from telemed_desk.ui.widgets.marked import marked
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.finding import SearchResult
from telemed_desk.workflow.photo_opening import PhotoOpening
from telemed_protocol.ids import new_id
from tests.ui.test_photo_in_full import jpeg
from tests.ui.windows import Heard, shown
from tests.vault.vault_kit import booking, make_place, patient_set

RED = jpeg("red")


@pytest.mark.parametrize("text", ["<b>5 mg</b>", "a & b < c", '"quoted"  twice', "one\ntwo"])
def test_what_looks_like_a_tag_stays_text(text: str) -> None:
    document = QTextDocument()
    document.setHtml(marked(text, ((0, 2),)))
    assert document.toPlainText() == text


class Found:
    """A window with the field and list, and what the keys say."""

    def __init__(self, qtbot: QtBot) -> None:
        self.page = QWidget()
        self.shell = shown(qtbot, "today", self.page)
        self.field = self.shell.top_bar.search
        self.list = FoundList(self.shell, self.field)


def test_ctrl_k_goes_to_the_field_from_a_page_and_not_in_a_call(qtbot: QtBot) -> None:
    found = Found(qtbot)
    qtbot.keyClick(found.shell, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(found.field.hasFocus)
    call = QWidget()
    call.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    found.shell.add_screen("call", call)
    found.shell.open("call")
    call.setFocus()
    qtbot.keyClick(found.shell, Qt.Key.Key_K, Qt.KeyboardModifier.ControlModifier)
    assert not found.field.hasFocus()


def test_the_lists_keys_leave_the_typed_text_alone(qtbot: QtBot) -> None:
    found = Found(qtbot)
    moved, opened, closed = Heard(), Heard(), Heard()
    found.field.moved.connect(moved)
    found.field.opened.connect(opened)
    found.field.closed.connect(closed)
    found.field.setFocus()
    qtbot.keyClicks(found.field, "pain")
    for key in (Qt.Key.Key_Down, Qt.Key.Key_Up, Qt.Key.Key_Return, Qt.Key.Key_Escape):
        qtbot.keyClick(found.field, key)
    assert moved.said == [(1,), (-1,)]
    assert (opened.said, closed.said) == ([()], [()])
    assert found.field.text() == "pain"


def test_esc_in_the_field_is_not_the_screens_esc(qtbot: QtBot) -> None:
    view = RecordView()
    shell = shown(qtbot, "record", view)
    back, closed = Heard(), Heard()
    view.back.connect(back)
    shell.top_bar.search.closed.connect(closed)
    shell.top_bar.search.setFocus()
    qtbot.keyClick(shell.top_bar.search, Qt.Key.Key_Escape)
    assert (len(closed.said), len(back.said)) == (1, 0)
    view.back_button.setFocus()
    qtbot.keyClick(view.back_button, Qt.Key.Key_Escape)
    assert len(back.said) == 1


def test_the_record_walks_with_the_keyboard(qtbot: QtBot) -> None:
    view = RecordView()
    presenter = RecordPresenter(Finds(SearchResult()), lambda: NOW_MS, view.show_state)
    view.chosen.connect(presenter.choose)
    view.moved.connect(presenter.move)
    presenter.open(b"n" * 16, LAST.entity, "constip")
    shown(qtbot, "record", view)
    line = view.lines[LAST.entity]
    qtbot.waitUntil(line.hasFocus)
    qtbot.keyClick(line, Qt.Key.Key_Up)
    first = view.lines[RECORD.visits[0].consultation.entity]
    assert first.hasFocus()
    assert first.property("row") == "chosen"
    assert line.property("row") == "plain"
    assert view.open_note.isVisible()


def wait_and_type(qtbot: QtBot, shell: Shell, typed: str) -> FoundList:
    field = shell.top_bar.search
    field.setFocus()
    field.clear()
    qtbot.keyClicks(field, typed)
    (found,) = [w for w in shell.findChildren(FoundList) if w.isVisible()]
    return found


def test_from_a_typed_word_to_the_record_and_gone_at_the_lock(qtbot: QtBot, tmp_path: Path) -> None:
    core = CoreThread(Post(), lambda _error: None)
    core.start()
    place = make_place(tmp_path / "vault")
    patient, visit = new_id(), new_id()
    place.vault.commit(
        patient_set(patient, given_name="Nyambura", family_name="Mfano", year_of_birth=1959)
    ).result()
    place.vault.commit(booking(visit, patient)).result()
    place.vault.put_photo(visit, RED, RED, 64, 48, source="page", at_ms=1).result()
    shell = shown(qtbot, "today", QWidget())
    session = SimpleNamespace(
        core=core,
        vault=place.vault,
        checking=SimpleNamespace(preview=lambda *, on: None),  # noqa: ARG005 - the real one's name
        review_note=lambda _consultation: None,
        photos=PhotoOpening(core, place.vault, None),  # type: ignore[arg-type]  # nothing is fetched
    )
    screen = SearchScreen(shell, session, shell.open)  # type: ignore[arg-type]  # what it asks of a session
    try:
        found = wait_and_type(qtbot, shell, "nyam mf")
        qtbot.waitUntil(lambda: len(found.rows) == 1, timeout=60_000)
        qtbot.keyClick(shell.top_bar.search, Qt.Key.Key_Return)
        qtbot.waitUntil(lambda: bool(screen.view.lines), timeout=60_000)
        assert shell.current == "record"
        assert shell.rail.isVisible()
        assert screen.view.name.text() == "Nyambura Mfano"
        assert not found.isVisible()
        qtbot.waitUntil(lambda: len(screen.photos.thumbnails) == 1, timeout=60_000)
        assert screen.photos.isVisible()
        assert screen.export.button.isVisible()
        screen.photos.thumbnails[0].click()
        window = screen.extras.photo.window
        qtbot.waitUntil(
            lambda: window.dialog is not None and not window.dialog.picture.pixmap().isNull(),
            timeout=60_000,
        )
        screen.extras.photo.leave()
        qtbot.keyClick(screen.view, Qt.Key.Key_Escape)
        assert shell.current == "today"
        found = wait_and_type(qtbot, shell, "rash")
        qtbot.waitUntil(lambda: len(found.rows) == 1, timeout=60_000)
    finally:
        screen.leave()
        place.close()
        core.stop()
    shell.top_bar.search.undo()
    assert shell.top_bar.search.text() == "", "not even with Ctrl+Z"
    QApplication.processEvents()
    assert not any(w.isVisible() for w in shell.findChildren(FoundList))


def test_the_list_is_no_taller_than_the_window(qtbot: QtBot) -> None:
    found = Found(qtbot)
    found.shell.resize(1180, 660)
    presented = SearchResult(_found("constip").found * 5)
    presenter = SearchPresenter(
        Finds(presented),
        lambda _ms, call: call(),
        lambda: NOW_MS,
        found.list.show_state,
        lambda *_: None,
    )
    presenter.typed("constip")
    QApplication.processEvents()
    foot = found.list.mapTo(found.shell, found.list.rect().bottomLeft()).y()
    assert foot < found.shell.status_line.mapTo(found.shell, found.shell.rect().topLeft()).y()
    qtbot.waitUntil(lambda: found.list.rows[-1].y() > found.list.height())
    assert found.list.rows[-1].visibleRegion().isEmpty()
    presenter.move(-1)
    qtbot.waitUntil(lambda: not found.list.rows[-1].visibleRegion().isEmpty())
