"""A note at the lower left that goes by itself."""

from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAccessible, QAccessibleEvent
from PySide6.QtWidgets import QFrame, QGraphicsDropShadowEffect, QWidget

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import row

STAYS_MS = 8000


class Toast(QFrame):
    """Shows one line for 8 s, with Undo where something can be undone."""

    def __init__(self, parent: QWidget, undo: str) -> None:
        super().__init__(parent)
        self.setProperty("raised", "true")
        self._icon = Icon("check", "ok")
        self._words = Text("", "body")
        self._undo = Button(undo, "ghost", scale="small")
        self._undo.clicked.connect(self._undone)
        self._on_undo: Callable[[], None] | None = None
        pad = (sizes.L, sizes.M, sizes.L, sizes.M)
        self.setLayout(row(self._icon, self._words, self._undo, pad=pad))
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(STAYS_MS)
        self._timer.timeout.connect(self.hide)
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(sizes.CARD_PAD)
        shadow.setOffset(0, sizes.XS)
        shadow.setColor(colour("shadow"))
        self.setGraphicsEffect(shadow)
        self.hide()

    def say(
        self, words: str, *, warn: bool = False, undo: Callable[[], None] | None = None
    ) -> None:
        """Show a line and have screen readers say it."""
        self._icon.show_icon("triangle-alert" if warn else "check", "warn" if warn else "ok")
        self._words.setText(words)
        self.setAccessibleName(words)
        self._on_undo = undo
        self._undo.setVisible(undo is not None)
        self.adjustSize()
        self.place()
        self.show()
        self.raise_()
        self._timer.start()
        QAccessible.updateAccessibility(QAccessibleEvent(self, QAccessible.Event.Alert))

    def place(self) -> None:
        """Stand at the lower left of the parent, above the status line."""
        parent = self.parentWidget()
        if parent is not None:
            below = parent.height() - self.height() - sizes.STATUS_LINE - sizes.XL
            self.move(sizes.RAIL + sizes.XL, below)

    def _undone(self) -> None:
        self.hide()
        if self._on_undo is not None:
            self._on_undo()
