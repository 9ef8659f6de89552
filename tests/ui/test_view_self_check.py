"""The self-check's screen itself: its buttons, its lists, its report."""

import json
import re
import zlib
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication, QHelpEvent
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Finding, Group
from telemed_desk.devices.limits import LIMITS
from telemed_desk.ui.gallery_check import PAST, SEEN, TROUBLED, Nowhere, changed, done, running
from telemed_desk.ui.screens.self_check.presenter import SelfCheckPresenter
from telemed_desk.ui.screens.self_check.report_dialog import ReportDialog
from telemed_desk.ui.screens.self_check.report_pdf import report_html
from telemed_desk.ui.screens.self_check.view import SelfCheckView
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.workflow.it_report import report_of
from tests.ui.windows import Heard, shown

SECRET = "192.168.4.17"


@pytest.fixture
def screen(qtbot: QtBot) -> tuple[SelfCheckView, SelfCheckPresenter]:
    view = SelfCheckView()
    presenter = SelfCheckPresenter(Nowhere(), view.show_state)
    shown(qtbot, "self_check", view)
    return view, presenter


def buttons(widget: QWidget) -> list[str]:
    return [b.text() for b in widget.findChildren(QPushButton) if b.isVisible()]


def test_each_problem_stands_with_its_button_in_its_card(
    screen: tuple[SelfCheckView, SelfCheckPresenter], qtbot: QtBot
) -> None:
    view, presenter = screen
    presenter.checked(done(TROUBLED))
    heard = Heard()
    view.fixed.connect(heard)
    QApplication.processEvents()  # new widgets show with the next layout
    network = view.cards[Group.NETWORK]
    assert buttons(network).count("Check again") == 2
    settings = next(b for b in network.findChildren(QPushButton) if "clock" in b.text())
    qtbot.mouseClick(settings, Qt.MouseButton.LeftButton)  # type: ignore[no-untyped-call]  # pytest-qt
    assert heard.said == [("N4",)]


def test_running_offers_to_stop_and_nothing_else(
    screen: tuple[SelfCheckView, SelfCheckPresenter], qtbot: QtBot
) -> None:
    view, presenter = screen
    presenter.checked(running())
    assert buttons(view.verdict) == ["Stop"]
    heard = Heard()
    view.stop.connect(heard)
    qtbot.keyClick(view, Qt.Key.Key_Escape)  # type: ignore[no-untyped-call]  # pytest-qt
    assert heard.said == [()]
    presenter.checked(done(TROUBLED))
    assert "Run again" in buttons(view.verdict)
    assert "Stop" not in buttons(view.verdict)


def test_the_thorough_check_runs_only_after_its_cost_was_agreed_to(
    screen: tuple[SelfCheckView, SelfCheckPresenter], qtbot: QtBot
) -> None:
    view, _presenter = screen
    heard = Heard()
    view.thorough.connect(heard)
    for answer, said in (("reject", []), ("accept", [()])):
        qtbot.mouseClick(view.longer, Qt.MouseButton.LeftButton)  # type: ignore[no-untyped-call]  # pytest-qt
        dialog = next(d for d in view.window().findChildren(Dialog) if d.isVisible())
        words = " ".join(label.text() for label in dialog.findChildren(type(view.sentence)))
        assert "60 MB" in words
        getattr(dialog, answer)()
        assert heard.said == said


def test_a_device_is_picked_from_the_list(
    screen: tuple[SelfCheckView, SelfCheckPresenter],
) -> None:
    view, presenter = screen
    presenter.devices(SEEN)
    heard = Heard()
    view.picked.connect(heard)
    choice = view.cards[Group.CAMERA].choice
    assert choice.isVisible()
    choice.menu_of_devices.actions()[1].trigger()
    assert heard.said == [(Group.CAMERA, "id:document")]


def test_choose_another_opens_the_list(screen: tuple[SelfCheckView, SelfCheckPresenter]) -> None:
    view, presenter = screen
    presenter.devices(SEEN)
    presenter.checked(done(changed(LIMITS["C4"].judge(480))))
    presenter.fix("C4")
    menu = view.cards[Group.CAMERA].choice.menu_of_devices
    assert menu.isVisible()
    menu.close()


def test_the_newest_bars_are_kept_where_there_is_little_room(
    screen: tuple[SelfCheckView, SelfCheckPresenter],
) -> None:
    view, presenter = screen
    presenter.past(PAST)
    bars = view.past
    bars.resize(100, bars.height())
    newest = bars.bar_at(2 * 24 + 5)  # of all bars, the third would be a lower one
    assert newest is not None
    assert newest.rung is PAST[-1].rung is Rung.HD_VIDEO
    assert bars.bar_at(4000) is None
    at = QPoint(5, 5)
    QApplication.sendEvent(bars, QHelpEvent(QHelpEvent.Type.ToolTip, at, bars.mapToGlobal(at)))


# ---- the report ----------------------------------------------------------------------------------


def report(*findings: Finding) -> dict[str, object]:
    state = done(findings or TROUBLED)
    return report_of(state, seconds=13.0, at_ms=1_800_000_000_000, history=PAST, known=())


def pdf_text(path: Path) -> bytes:
    """Return all that a PDF holds, unpacked."""
    raw = path.read_bytes()
    found = [raw]
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", raw, re.DOTALL):
        try:
            found.append(zlib.decompress(stream))
        except zlib.error:
            continue
    return b"".join(found)


def test_it_is_shown_before_it_is_saved_and_saved_as_pdf_and_json(
    qtbot: QtBot, tmp_path: Path
) -> None:
    made = report(LIMITS["N5"].failed(f"The relay {SECRET} is away."), *TROUBLED)
    said: list[tuple[str, bool]] = []
    chosen = tmp_path / "report.pdf"
    dialog = ReportDialog(
        None, made, lambda words, warn: said.append((words, warn)), lambda _p, _n: str(chosen)
    )
    qtbot.addWidget(dialog)
    assert "Use the phone for now" in dialog.text.toPlainText()
    assert SECRET not in dialog.text.toPlainText()
    dialog.save_files()
    assert chosen.read_bytes().startswith(b"%PDF-")
    assert len(pdf_text(chosen)) > 10_000
    assert SECRET.encode() not in pdf_text(chosen)
    assert json.loads(chosen.with_suffix(".json").read_text("utf-8")) == made
    assert said == [("The report was saved as PDF and as JSON.", False)]


def test_a_folder_that_cannot_be_written_is_said(qtbot: QtBot, tmp_path: Path) -> None:
    said: list[tuple[str, bool]] = []
    nowhere = str(tmp_path / "no such folder" / "report.pdf")
    dialog = ReportDialog(
        None, report(), lambda words, warn: said.append((words, warn)), lambda _p, _n: nowhere
    )
    qtbot.addWidget(dialog)
    dialog.save_files()
    assert [warn for _, warn in said] == [True]


def test_saving_nowhere_writes_nothing(qtbot: QtBot, tmp_path: Path) -> None:
    dialog = ReportDialog(None, report(), lambda _w, _b: None, lambda _p, _n: "")
    qtbot.addWidget(dialog)
    dialog.save_files()
    assert list(tmp_path.iterdir()) == []


def test_the_words_go_to_the_clipboard(qtbot: QtBot) -> None:
    dialog = ReportDialog(None, report(), lambda _w, _b: None)
    qtbot.addWidget(dialog)
    dialog.copy_text()
    assert "Use the phone for now" in QGuiApplication.clipboard().text()


def test_the_paper_says_all_of_it_and_nothing_is_taken_for_markup() -> None:
    html = report_html(report(LIMITS["N5"].failed("A <b>bold</b> cause & more.")))
    assert "&lt;b&gt;bold&lt;/b&gt;" in html
    assert "Relay for calls" in html
