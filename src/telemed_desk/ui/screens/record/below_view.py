"""Below a signed note: what was added to it, and the field in which one more is written."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.screens.record.presenter import BelowLine, Writing
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner
from telemed_desk.ui.widgets.fields import GrowingText
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import clear, column, frame, row
from telemed_desk.ui.widgets.marked import MarkedText


class BelowView(QWidget):
    """Emits what is typed; fills the field only when another note is to be written below."""

    typed = Signal(str)
    signed = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._lines: tuple[BelowLine, ...] = ()
        self._writing: Writing | None = None
        self._loading = False
        self._list = column(gap=sizes.L)
        self.field = GrowingText(t("record.below.name"), t("record.below.prompt"))
        self.field.textChanged.connect(self._changed)
        self.sign = Button(t("record.below.sign"), "primary", icon="lock", keys=t("key.ctrl_enter"))
        self.sign.clicked.connect(self.signed)
        self.close_button = Button(t("record.below.close"))
        self.close_button.clicked.connect(self.left)
        self.problem = Banner("danger")
        self.editor = frame(
            column(
                Text(t("record.below.name"), "title"),
                self.field,
                self.problem,
                Text(t("record.below.words"), "caption", "second", wrap=True),
                row(None, self.close_button, self.sign),
                gap=sizes.M,
                pad=(sizes.CARD_PAD,) * 4,
            ),
            well="true",
        )
        self.setLayout(column(self._list, self.editor, gap=sizes.L))
        on_key(self.editor, "Ctrl+Return", self.signed.emit)

    def show_state(self, lines: tuple[BelowLine, ...], writing: Writing | None) -> None:
        """Show it. What is being typed is never replaced."""
        if lines != self._lines:
            self._lines = lines
            clear(self._list)
            for line in lines:
                self._list.addWidget(_addendum(line))
        before, self._writing = self._writing, writing
        self.editor.setVisible(writing is not None)
        self.setVisible(bool(lines) or writing is not None)
        if writing is None:
            if before is not None:
                self._fill("")
            return
        if before is None or before.note != writing.note:
            self._fill(writing.text)
            self.field.setFocus(Qt.FocusReason.OtherFocusReason)
        self.field.setReadOnly(writing.busy)
        self.sign.setEnabled(not writing.busy)
        self.problem.show_words("", writing.problem)

    def _fill(self, text: str) -> None:
        self._loading = True
        self.field.setPlainText(text)
        self._loading = False

    def _changed(self) -> None:
        if not self._loading:
            self.typed.emit(self.field.toPlainText())


def _addendum(line: BelowLine) -> QWidget:
    text = MarkedText(line.text, line.spans, wrap=True)
    text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    head = row(Icon("corner-down-left", "accentInk", sizes.ICON_SMALL), gap=sizes.S)
    head.addWidget(Text(line.head, "strong", wrap=True), 1)
    box = column(head, text, gap=sizes.XS)
    if line.warning:
        box.addWidget(Text(line.warning, "caption", "danger", wrap=True))
    return frame(box)
