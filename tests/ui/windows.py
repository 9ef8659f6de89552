"""Shows a screen in its window, and listens to its signals."""

from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from telemed_desk.ui.gallery_screens import framed
from telemed_desk.ui.shell.window import Shell


class Heard:
    """Collects what a signal says."""

    def __init__(self) -> None:
        self.said: list[tuple[object, ...]] = []

    def __call__(self, *values: object) -> None:
        self.said.append(values)


def shown(qtbot: QtBot, screen: str, view: QWidget) -> Shell:
    shell = framed(screen, view)
    qtbot.addWidget(shell)
    shell.show()
    shell.activateWindow()
    qtbot.waitUntil(shell.isActiveWindow)
    return shell
