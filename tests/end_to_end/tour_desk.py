"""The real desk offscreen, driven as a person drives it: keys and clicks on what is visible."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget

from telemed_desk import logs
from telemed_desk.desk import Desk, make_application
from telemed_desk.media.control import Devices
from telemed_desk.ui.desk_screens import OpenScreens
from telemed_desk.ui.theme.theme import theme
from telemed_desk.workflow.session import Session
from tests.support.media import speech_file, talk_file

W = TypeVar("W", bound=QWidget)
WAIT_S = 90.0


class TourFailed(Exception):
    """Something that must be on the screen is not."""


class TourDesk:
    """The window, and a way to wait that lets it live."""

    def __init__(self, data: Path, server_url: str) -> None:
        data.mkdir(parents=True)
        logs.configure(data / "logs")
        self.app = make_application()
        theme().apply("light")
        devices = Devices(
            camera=f"file:{talk_file(1280, 720)}",
            microphone=f"file:{speech_file()}",
            speaker="null",
        )
        self.desk = Desk(data, server_url, devices, practice=True)
        self.desk.start()
        self.pump()

    @property
    def session(self) -> Session:
        """The session behind the window."""
        if self.desk.session is None:
            raise TourFailed("no session is open")
        return self.desk.session

    @property
    def screens(self) -> OpenScreens:
        """The screens of the session."""
        if self.desk.open_screens is None:
            raise TourFailed("the desk is locked")
        return self.desk.open_screens

    def pump(self) -> None:
        """Let Qt work."""
        QApplication.processEvents()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)

    def until(self, condition: Callable[[], object], what: str, timeout_s: float = WAIT_S) -> None:
        """Pump until a condition holds."""
        deadline = time.monotonic() + timeout_s
        while not condition():
            if time.monotonic() > deadline:
                raise TourFailed(f"not seen in {timeout_s:.0f} s: {what}")
            QTest.qWait(20)

    def click(self, widget: QWidget) -> None:
        """Click the middle of a widget that can be seen and used."""
        self.until(lambda: widget.isVisible() and widget.isEnabled(), widget.accessibleName())
        middle = QPoint(widget.width() // 2, widget.height() // 2)
        QTest.mouseClick(widget, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, middle)
        self.pump()

    def button(self, name: str, within: QWidget | None = None) -> QWidget:
        """Return the visible button that is called so."""
        scope = within or self.desk.shell
        self.until(lambda: self._find(scope, name), f"a button “{name}”")
        found = self._find(scope, name)
        assert found is not None
        return found

    def _find(self, scope: QWidget, name: str) -> QWidget | None:
        for widget in scope.findChildren(QWidget):
            text = getattr(widget, "text", None)
            words = text() if callable(text) else ""
            if widget.isVisible() and name in (words, widget.accessibleName()):
                return widget
        return None

    def words_with(self, *names: str) -> list[str]:
        """Return what any widget of the window, shown or not, says with one of these names."""
        said = []
        for widget in self.desk.shell.findChildren(QWidget):
            text = getattr(widget, "text", None)
            words = f"{text() if callable(text) else ''} {widget.accessibleName()}"
            if any(name in words for name in names):
                said.append(words)
        return said

    def type_into(self, field: QWidget, text: str) -> None:
        """Put the keyboard somewhere and type."""
        field.setFocus(Qt.FocusReason.TabFocusReason)
        QTest.keyClicks(field, text)
        self.pump()

    def press(
        self, key: Qt.Key, modifier: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier
    ) -> None:
        """Press a key in the window."""
        target = self.dialog() or self.desk.shell
        target.activateWindow()
        QTest.qWaitForWindowActive(target)
        QTest.keyClick(target.focusWidget() or target, key, modifier)
        self.pump()

    def dialog(self) -> QDialog | None:
        """Return the dialog that is open."""
        for dialog in self.desk.shell.findChildren(QDialog):
            if dialog.isVisible():
                return dialog
        return None

    def screenshot(self, path: Path) -> None:
        """Keep what a person sees: the window, with the dialog on it if one is open."""
        QTest.qWait(120)
        picture = self.desk.shell.grab()
        dialog = self.dialog()
        if dialog is not None:
            from PySide6.QtGui import QPainter  # noqa: PLC0415 - only here

            painter = QPainter(picture)
            at = self.desk.shell.rect().center() - dialog.rect().center()
            painter.drawPixmap(at, dialog.grab())
            painter.end()
        picture.save(str(path))

    def stop(self) -> None:
        """Close the window in order."""
        self.desk.close()
        self.pump()
