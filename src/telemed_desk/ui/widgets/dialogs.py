"""Dialogs: only when something cannot be undone, or something must be shown apart."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QLayout, QWidget

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.focus_ring import FocusRing
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import column, row


class Dialog(QDialog):
    """Title, words, whatever else, and buttons at the right; the last one is the main action.

    Args:
        parent: The window it belongs to.
        title: Says what is asked.
        words: What follows from saying yes.
        cancel: Word of the safe choice.
    """

    def __init__(self, parent: QWidget | None, title: str, words: str, cancel: str) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumWidth(sizes.DIALOG)
        self.setWindowModality(Qt.WindowModality.WindowModal)
        self._words = Text(words, "body", "second", wrap=True)
        self.ring = FocusRing(self)
        self.body = column(gap=sizes.L)
        self.cancel = Button(cancel)
        self.cancel.clicked.connect(self.reject)
        self.buttons = row(None, self.cancel)
        self.setLayout(
            column(
                Text(title, "title", wrap=True),
                self._words,
                self.body,
                sizes.XS,
                self.buttons,
                gap=sizes.M,
                pad=(sizes.XL + sizes.XXS, sizes.XL, sizes.XL + sizes.XXS, sizes.XL),
            )
        )

    def set_words(self, words: str) -> None:
        """Say something else under the title; nothing takes no room."""
        self._words.setText(words)
        self._words.setVisible(bool(words))

    def add(self, item: QWidget | QLayout) -> None:
        """Put something between the words and the buttons."""
        if isinstance(item, QWidget):
            self.body.addWidget(item)
        else:
            self.body.addLayout(item)

    def add_action(self, button: Button) -> None:
        """Add a button that the caller connects."""
        self.buttons.addWidget(button)
