"""Form fields: label above, error below, and a text area that grows with what is written."""

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QSizePolicy, QWidget

from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import column, panel, restyle, row


class Field(QWidget):
    """A labelled line to type in.

    Args:
        label: Above it; also its accessible name.
        placeholder: An example, in grey.
        hint: Below it, while there is no error.
    """

    changed = Signal(str)
    submitted = Signal()

    def __init__(self, label: str, placeholder: str = "", hint: str = "") -> None:
        super().__init__()
        self.edit = QLineEdit()
        self.edit.setPlaceholderText(placeholder)
        self.edit.setAccessibleName(label)
        self._hint = hint
        self._below = Text(hint, "caption", "third", wrap=True)
        self._below.setVisible(bool(hint))
        self._mark = Icon("circle-alert", "danger", sizes.ICON_SMALL)
        self._mark.hide()
        self._caption = Text(label, "label")
        self._caption.setBuddy(self.edit)
        self.line = row(self.edit, gap=sizes.S)
        below = row(self._mark, gap=sizes.XS)
        below.addWidget(self._below, 1)
        self.setLayout(column(self._caption, self.line, below, gap=sizes.XS))
        self.edit.textChanged.connect(self.changed)
        self.edit.returnPressed.connect(self.submitted)
        self.setFocusProxy(self.edit)

    @property
    def text(self) -> str:
        """What is typed."""
        return self.edit.text()

    def forget(self) -> None:
        """Drop what is typed and the way back to it: after ``clear`` Ctrl+Z would bring it back."""
        self.edit.setText("")

    def set_label(self, label: str) -> None:
        """Change what stands above it."""
        self._caption.setText(label)
        self.edit.setAccessibleName(label)

    def set_hint(self, words: str) -> None:
        """Change what stands below while there is no error."""
        self._hint = words
        self.set_error("")

    def set_error(self, words: str) -> None:
        """Show an error below, or take it away."""
        restyle(self.edit, "state", "error" if words else "")
        self._below.set_tone("danger" if words else "third")
        self._below.setText(words or self._hint)
        self._below.setVisible(bool(words or self._hint))
        self._mark.setVisible(bool(words))
        self.edit.setAccessibleDescription(words or self._hint)


class PassphraseField(Field):
    """A passphrase, hidden until asked to show."""

    def __init__(self, label: str, show: str, hide: str, *, big: bool = False) -> None:
        super().__init__(label)
        self._show, self._hide = show, hide
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setInputMethodHints(
            Qt.InputMethodHint.ImhSensitiveData | Qt.InputMethodHint.ImhNoPredictiveText
        )
        if big:
            self.edit.setProperty("big", "true")
        self.toggle = Button(show, "neutral", icon="eye")
        self.toggle.clicked.connect(self.flip)
        self.line.addWidget(self.toggle)

    def forget(self) -> None:
        """Drop it, and hide what is typed next."""
        super().forget()
        if self.edit.echoMode() is QLineEdit.EchoMode.Normal:
            self.flip()

    def flip(self) -> None:
        """Show or hide what is typed."""
        hidden = self.edit.echoMode() is QLineEdit.EchoMode.Password
        self.edit.setEchoMode(QLineEdit.EchoMode.Normal if hidden else QLineEdit.EchoMode.Password)
        self.toggle.show_as(
            self._hide if hidden else self._show, icon="eye-off" if hidden else "eye"
        )


class GrowingText(QPlainTextEdit):
    """A text area as tall as its text, at least two lines. Tab leaves it."""

    left = Signal()

    def __init__(self, name: str, placeholder: str = "") -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setPlaceholderText(placeholder)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.document().setDocumentMargin(sizes.XS)
        self.document().documentLayout().documentSizeChanged.connect(self._grow)
        self.textChanged.connect(self._grow)

    def sizeHint(self) -> QSize:
        """Two lines to begin with."""
        return QSize(sizes.UNLOCK_FORM, sizes.SECTION_LEAST)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lines break anew."""
        super().resizeEvent(event)
        self._grow()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Esc leaves the field and discards nothing."""
        if event.key() == Qt.Key.Key_Escape:
            self.clearFocus()
            self.left.emit()
            return
        super().keyPressEvent(event)

    def _grow(self) -> None:
        lines = max(2, int(self.document().size().height()))
        height = lines * QFontMetrics(self.font()).lineSpacing() + 2 * sizes.L - sizes.XXS
        if height != self.height():
            self.setFixedHeight(height)


def field_row(*fields: QWidget) -> QWidget:
    """Put fields side by side, tops aligned."""
    box = row(gap=sizes.L)
    for field in fields:
        box.addWidget(field, 1, Qt.AlignmentFlag.AlignTop)
    return panel(box)
