"""A photo in the strip opens in full: the preview at once, the photo when it is here."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from PySide6.QtCore import QBuffer, QIODevice, Qt
from PySide6.QtGui import QColor, QImage
from pytestqt.qtbot import QtBot

from telemed_desk.sync.problems import OriginalNotThere
from telemed_desk.ui.gallery_call import frames
from telemed_desk.ui.gallery_days import NOW_MS
from telemed_desk.ui.screens.call.photo import OpenPhoto, PhotoPresenter
from telemed_desk.ui.screens.call.photo_screen import PhotoScreen
from telemed_desk.ui.screens.call.photo_view import Thumbnail
from telemed_desk.ui.screens.call.state import PhotoTile, State
from telemed_desk.ui.screens.call.view import CallView
from telemed_desk.vault.problems import PhotoForged
from telemed_desk.workflow.photo_opening import OpenedPhoto
from telemed_protocol.errors import KnownError
from tests.ui.windows import shown


def jpeg(colour: str, width: int = 64, height: int = 48) -> bytes:
    image = QImage(width, height, QImage.Format.Format_RGB888)
    image.fill(QColor(colour))
    buffer = QBuffer()
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    image.save(buffer, "JPG")  # type: ignore[call-overload]  # the stub wants bytes, Qt wants text
    return bytes(buffer.data().data())


TILE = PhotoTile(b"p" * 16, jpeg("red"), "10:36")


class Opens:
    """Stands where the session's photos are; the test says what comes of it."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.show: Callable[[OpenedPhoto], None] = lambda _opened: None

    def open(self, photo: bytes, show: Callable[[OpenedPhoto], None]) -> None:
        self.asked.append(photo)
        self.show = show


def opened() -> tuple[Opens, PhotoPresenter, list[OpenPhoto | None]]:
    port, states = Opens(), list[OpenPhoto | None]()
    presenter = PhotoPresenter(port, states.append)
    presenter.open(TILE)
    return port, presenter, states


def test_the_preview_stands_until_the_photo_is_here() -> None:
    port, presenter, states = opened()
    first = presenter.state
    assert first is not None
    assert (first.jpeg, first.title, first.working) == (TILE.preview_jpeg, "Photo 10:36", True)
    port.show(OpenedPhoto(TILE.entity, b"", 65_536, 300_000))
    said = presenter.state
    assert said is not None
    assert "66 kB of 300 kB" in said.words
    assert said.jpeg == TILE.preview_jpeg
    port.show(OpenedPhoto(TILE.entity, b"full"))
    last = presenter.state
    assert last is not None
    assert (last.jpeg, last.words, last.working) == (b"full", "", False)
    presenter.close()
    assert states[-1] is None


@pytest.mark.parametrize(
    ("state", "receipt_ms", "said"),
    [
        ("on-this-pc", None, "Saved on this PC"),
        ("waiting", None, "On its way"),
        ("sent", NOW_MS, "Sent, confirmed 09:24"),
        ("needs-help", None, "Needs help"),
        ("", None, ""),
    ],
)
def test_an_opened_photo_says_where_it_is_in_one_word(
    state: str, receipt_ms: int | None, said: str
) -> None:
    port, presenter, _ = opened()
    port.show(OpenedPhoto(TILE.entity, b"full", state=state, receipt_ms=receipt_ms))
    assert presenter.state is not None
    assert presenter.state.words == said


@pytest.mark.parametrize("problem", [OriginalNotThere(), PhotoForged("content")])
def test_why_it_is_not_here_is_said_and_it_can_be_tried_again(problem: KnownError) -> None:
    port, presenter, _ = opened()
    presenter.again()
    assert len(port.asked) == 1  # it is still being opened
    port.show(OpenedPhoto(TILE.entity, problem=problem))
    said = presenter.state
    assert said is not None
    assert (said.problem, said.problem_words) == (problem.sentence, problem.next_step)
    assert said.jpeg == TILE.preview_jpeg
    presenter.again()
    assert port.asked == [TILE.entity] * 2
    assert presenter.state is not None
    assert presenter.state.problem == ""


def test_an_answer_for_a_photo_that_was_closed_opens_nothing() -> None:
    port, presenter, states = opened()
    presenter.close()
    late = port.show
    late(OpenedPhoto(TILE.entity, b"late"))
    presenter.open(replace(TILE, entity=b"q" * 16))
    late(OpenedPhoto(TILE.entity, b"late"))
    assert all(state is None or state.jpeg != b"late" for state in states)


def test_a_press_on_the_strip_opens_it_and_close_forgets_it(qtbot: QtBot) -> None:
    view, port = CallView(frames), Opens()
    screen = PhotoScreen(view, port)
    view.show_state(replace(State(), live=True, photos=(TILE,)))
    shown(qtbot, "call", view)
    thumbnail = view.strip.itemAt(0).widget()
    assert isinstance(thumbnail, Thumbnail)
    assert thumbnail.accessibleName() == "Photo 10:36"
    thumbnail.setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(thumbnail, Qt.Key.Key_Space)
    assert port.asked == [TILE.entity]
    dialog = screen.window.dialog
    assert dialog is not None
    qtbot.waitUntil(dialog.isVisible)
    middle = dialog.picture.pixmap().rect().center()
    assert QColor(dialog.picture.pixmap().toImage().pixel(middle)).red() > 200
    port.show(OpenedPhoto(TILE.entity, problem=OriginalNotThere()))
    assert dialog.again.isVisible()
    qtbot.mouseClick(dialog.again, Qt.MouseButton.LeftButton)
    assert len(port.asked) == 2
    port.show(OpenedPhoto(TILE.entity, jpeg("blue", 1600, 1200)))
    assert not dialog.again.isVisible()
    middle = dialog.picture.pixmap().rect().center()
    assert QColor(dialog.picture.pixmap().toImage().pixel(middle)).blue() > 200
    qtbot.mouseClick(dialog.cancel, Qt.MouseButton.LeftButton)
    assert screen.presenter.state is None
    assert screen.window.dialog is None
    qtbot.mouseClick(thumbnail, Qt.MouseButton.LeftButton)
    assert len(port.asked) == 3
    screen.leave()
    assert screen.window.dialog is None
