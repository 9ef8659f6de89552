"""Every scene of the gallery: inside the window at each size, and named for screen readers."""

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible
from PySide6.QtWidgets import QApplication, QLineEdit, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from telemed_desk.ui.gallery_screens import SCENES


@pytest.mark.parametrize("name", SCENES)
@pytest.mark.parametrize("size", [(1440, 900), (1366, 768), (1180, 660)])
def test_every_screen_keeps_its_controls_inside_the_window(
    qtbot: QtBot, name: str, size: tuple[int, int]
) -> None:
    window = SCENES[name]()
    qtbot.addWidget(window)
    window.resize(*size)
    window.show()
    QApplication.processEvents()
    assert (window.width(), window.height()) == size
    for button in window.findChildren(QPushButton):
        if button.isVisibleTo(window) and button.window() is window:
            left = button.mapTo(window, button.rect().topLeft()).x()
            assert left >= 0
            assert left + button.width() <= window.width(), button.text()


def unnamed(window: QWidget) -> list[str]:
    found = []
    for widget in window.findChildren(QWidget):
        if not widget.isVisibleTo(window) or not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
            continue
        face = QAccessible.queryAccessibleInterface(widget)
        name = face.text(QAccessible.Text.Name) if face is not None else ""
        role = face.role() if face is not None else QAccessible.Role.NoRole
        if not name or role is QAccessible.Role.NoRole:
            found.append(f"{type(widget).__name__} {widget.objectName()}")
    return found


@pytest.mark.parametrize("name", SCENES)
def test_everything_that_takes_the_keyboard_has_a_name_and_a_role(qtbot: QtBot, name: str) -> None:
    window = SCENES[name]()
    qtbot.addWidget(window)
    window.show()
    QApplication.processEvents()
    assert unnamed(window) == []


def test_the_walk_finds_what_has_no_name(qtbot: QtBot) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    QLineEdit(window)
    window.show()
    assert unnamed(window)
