"""Cards of allergies and medicines: lines that can be changed and taken off, and one to add."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QSizePolicy, QWidget

from telemed_desk.clinical.entries import EntryKind
from telemed_desk.ui.screens.record.about import EntryLine
from telemed_desk.ui.screens.record.field_values import MOST_CHARACTERS
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Card
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.layouts import clear, column, panel, row

_ICON = {EntryKind.ALLERGY: ("triangle-alert", "danger"), EntryKind.MEDICINE: ("pill", "ink2")}


class EntryRow(QWidget):
    """One entry; Enter changes its words, Delete takes it off."""

    off = Signal(int)
    put = Signal(int, str)

    def __init__(self, state: EntryLine) -> None:
        super().__init__()
        self.state = state
        self.setProperty("row", "plain")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(state.spoken)
        self.setAccessibleDescription(t("record.entry.keys"))
        words = column(Text(state.what, "strong", wrap=True), gap=sizes.XXS)
        words.addWidget(Text(state.note, "caption", "third", wrap=True))
        if state.choose:
            words.addWidget(Text(state.choose, "caption", "warn", wrap=True))
        mark = Icon(*_ICON[state.kind])
        change = Button(icon="pen-line", kind="neutral", scale="small", name=t("record.entry.put"))
        change.setAccessibleName(t("record.entry.put_name", what=state.what))
        change.clicked.connect(lambda: self.put.emit(state.number, state.what))
        self.off_button = Button(
            icon="x", kind="neutral", scale="small", name=t("record.entry.off")
        )
        self.off_button.setAccessibleName(t("record.entry.off_name", what=state.what))
        self.off_button.clicked.connect(lambda: self.off.emit(state.number))
        pad = (sizes.CARD_PAD, sizes.M, sizes.M, sizes.M)
        whole = row(mark, gap=sizes.M, pad=pad)
        whole.setAlignment(mark, Qt.AlignmentFlag.AlignTop)
        whole.addLayout(words, 1)
        for button in (change, self.off_button):
            whole.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.setLayout(whole)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter changes, Delete takes off."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_F2}:
            self.put.emit(self.state.number, self.state.what)
        elif event.key() in {Qt.Key.Key_Delete, Qt.Key.Key_Backspace}:
            self.off.emit(self.state.number)
        else:
            super().keyPressEvent(event)


class EntryField(QLineEdit):
    """Where an entry is typed; Esc gives up a change, and leaves the field when there is none."""

    escaped = Signal()


class EntryCard(Card):
    """One list. Emits what is added, changed and taken off."""

    added = Signal(str)
    put = Signal(int, str)
    off = Signal(int)

    def __init__(self, kind: EntryKind) -> None:
        super().__init__(t(f"record.{kind.value}.title"))
        self._kind = kind
        self._lines: tuple[EntryLine, ...] = ()
        self._changes: int | None = None
        self.rows: list[EntryRow] = []
        self._list = column(gap=0)
        self.none = Text(t(f"record.{kind.value}.none"), "body", "second", wrap=True)
        self.none.setContentsMargins(sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.XXS)
        self.field = EntryField()
        self.field.setMaxLength(MOST_CHARACTERS)
        self.field.returnPressed.connect(self._submit)
        self.field.escaped.connect(self._escape)
        self.button = Button(t("record.entry.add"), icon="plus")
        self.field.textChanged.connect(lambda text: self.button.setEnabled(bool(text.strip())))
        self.button.clicked.connect(self._submit)
        foot = row(gap=sizes.M, pad=(sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.CARD_PAD))
        foot.addWidget(self.field, 1)
        foot.addWidget(self.button)
        self.add(column(self._list, self.none, panel(foot), gap=0))
        self._begin(None, "")

    def show_lines(self, lines: tuple[EntryLine, ...]) -> None:
        """Show them; what is being typed stays, and so does the keyboard's place."""
        self.none.setVisible(not lines)
        if lines == self._lines:
            return
        held = next((n for n, r in enumerate(self.rows) if r.hasFocus()), None)
        if self._changes is not None and self._changed_words(lines) != self._changed_words(
            self._lines
        ):
            self._begin(None, "")
        self._lines = lines
        clear(self._list)
        self.rows = []
        for line in lines:
            widget = EntryRow(line)
            widget.off.connect(self.off)
            widget.put.connect(self._begin)
            self.rows.append(widget)
            self._list.addWidget(widget)
        if held is not None and self.rows:
            widget = self.rows[min(held, len(self.rows) - 1)]
            widget.show()
            widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def say_none(self, *, incomplete: bool) -> None:
        """Say what an empty list means: nothing, or nothing yet."""
        self.none.setText(
            t("record.entry.unread" if incomplete else f"record.{self._kind.value}.none")
        )

    def forget(self) -> None:
        """Another patient, or the PC locks; Ctrl+Z brings nothing back."""
        self._begin(None, "")
        self.show_lines(())

    def _changed_words(self, lines: tuple[EntryLine, ...]) -> str:
        return next((line.what for line in lines if line.number == self._changes), "")

    def _begin(self, number: int | None, words: str) -> None:
        self._changes = number
        self.field.setText(words)
        adding = number is None
        prompt = t(f"record.{self._kind.value}.prompt")
        self.field.setPlaceholderText(prompt)
        self.field.setAccessibleName(
            t(f"record.{self._kind.value}.add" if adding else "record.entry.put")
        )
        self.button.show_as(
            t("record.entry.add" if adding else "record.entry.change"),
            icon="plus" if adding else "check",
        )
        self.button.setEnabled(bool(words.strip()))
        if not adding:
            self.field.setFocus(Qt.FocusReason.OtherFocusReason)
            self.field.selectAll()

    def _submit(self) -> None:
        text = self.field.text()
        if not text.strip():
            return
        number = self._changes
        self._begin(None, "")
        if number is None:
            self.added.emit(text)
        else:
            self.put.emit(number, text)

    def _escape(self) -> None:
        if self._changes is not None:
            self._begin(None, "")
        else:
            self.field.clearFocus()
