"""The record: visits at the left, the chosen one's note beside, then what is kept of the patient.

Notes are for reading here; a signed one can be added to below.
"""

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QResizeEvent
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QSizePolicy, QWidget

from telemed_desk.ui.screens.record.about_view import AboutView
from telemed_desk.ui.screens.record.below_view import BelowView
from telemed_desk.ui.screens.record.entry_cards import EntryField
from telemed_desk.ui.screens.record.presenter import Passage, State, VisitRow
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, Card, EmptyState
from telemed_desk.ui.widgets.chip import Chip, Tone
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import ProgrammeTag, Text
from telemed_desk.ui.widgets.layouts import clear, column, panel, restyle, row, scroll
from telemed_desk.ui.widgets.marked import MarkedText


class VisitLine(QWidget):
    """One visit of the list."""

    picked = Signal(bytes)
    moved = Signal(int)

    def __init__(self, state: VisitRow) -> None:
        super().__init__()
        self.entity = state.entity
        self.setAccessibleName(state.spoken)
        self.setProperty("row", "chosen" if state.chosen else "plain")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        pad = (sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M)
        top = row(Text(state.day, "strong"), None, Text(state.state, "label", state.tone))
        tag = ProgrammeTag(state.programme, state.programme_name)
        self.setLayout(column(top, row(tag, None), gap=sizes.XXS, pad=pad))

    def set_chosen(self, *, chosen: bool) -> None:
        """Tint the one that is shown."""
        restyle(self, "row", "chosen" if chosen else "plain")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Show it."""
        if self.rect().contains(event.position().toPoint()):
            self.picked.emit(self.entity)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Up and Down walk; Enter and space show."""
        if event.key() in {Qt.Key.Key_Up, Qt.Key.Key_Down}:
            self.moved.emit(-1 if event.key() == Qt.Key.Key_Up else 1)
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}:
            self.picked.emit(self.entity)
        else:
            super().keyPressEvent(event)


class RecordView(QWidget):
    """Emits intentions; shows a :class:`State`."""

    back = Signal()
    chosen = Signal(bytes)
    moved = Signal(int)
    write = Signal()
    below_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self._state = State()
        self.about = AboutView()
        self.below = BelowView()
        self.lines: dict[bytes, VisitLine] = {}
        self.back_button = Button(t("record.back"), icon="chevron-left", keys=t("key.esc"))
        self.back_button.clicked.connect(self.back)
        self.name = Text("", "heading")
        self.line = Text("", "body", "second")
        self.allergies = Chip()
        self.remarks = MarkedText("", (), "body", "second", wrap=True)
        head = row(self.back_button, gap=sizes.XL)
        who = column(row(self.name, self.allergies, None), self.line, self.remarks, gap=sizes.XXS)
        head.addLayout(who, 1)
        self.head = head
        self.problem = Banner("danger")
        self.unread = Banner("warn")
        self.visits = Card(t("record.visits"))
        self._list = column(gap=0)
        self.visits.add(scroll(panel(column(self._list, None, gap=0))), 1)
        body = row(gap=sizes.CARD_PAD)
        body.addWidget(self.visits)
        body.addWidget(self._note_card(), 1)
        body.addWidget(self.about)
        whole = column(head, self.problem, self.unread, gap=sizes.CARD_PAD, pad=(sizes.XL,) * 4)
        whole.addLayout(body, 1)
        self.setLayout(whole)
        self.panels = [self.visits, self.note, self.about]
        on_key(self, "Esc", self._escape)

    def _note_card(self) -> Card:
        self.note = Card(t("record.note"))
        self.note_state = Chip()
        self.open_note = Button(t("today.open_note"), icon="pen-line")
        self.open_note.clicked.connect(self.write)
        self.add_below = Button(t("record.below.add"), scale="small", icon="plus")
        self.add_below.clicked.connect(self.below_asked)
        self.note.header.addWidget(self.open_note)
        self.taken = Banner("info")
        self.reason = MarkedText("", (), "body", "second", wrap=True)
        self.versions = Banner("warn")
        self._text = column(gap=sizes.S)
        self.empty = EmptyState("file-text")
        pad = (sizes.XL, sizes.L, sizes.XL, sizes.L)
        inside = column(
            row(self.note_state, None),
            self.taken,
            self.reason,
            self.versions,
            self._text,
            self.empty,
            self.below,
            row(self.add_below, None),
            None,
            gap=sizes.L,
            pad=pad,
        )
        self.area = scroll(panel(inside))
        self.area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.area.setAccessibleName(t("record.note"))
        self.note.add(self.area, 1)
        return self.note

    def show_state(self, state: State) -> None:
        """Show it."""
        before, self._state = self._state, state
        self.name.setText(state.name)
        self.line.setText(state.line)
        self.allergies.show_as(state.allergies, "danger", "triangle-alert")
        self.remarks.show_marked(state.remarks, state.remarks_spans)
        self.remarks.setVisible(bool(state.remarks))
        self.problem.show_words(state.problem, state.problem_words)
        self.unread.show_words(state.unread, state.unread_words)
        self.visits.setVisible(bool(state.visits))
        self.note.setVisible(not state.problem)
        self.note.title.setText(state.title or t("record.note"))
        tone: Tone = "ok" if state.is_signed else "neutral"
        icon = "lock" if state.is_signed else "pen-line"
        self.note_state.show_as(state.note_state, tone, icon)
        self.open_note.setVisible(state.may_write)
        self.reason.show_marked(state.reason, state.reason_spans)
        self.reason.setVisible(bool(state.reason))
        said = t("record.versions.words") if state.versions else ""
        self.versions.show_words(state.versions, said)
        self.empty.show_words(state.empty, state.empty_words)
        self.empty.setVisible(bool(state.empty))
        self.taken.show_words(state.taken)
        self.below.show_state(state.below, state.writing)
        self.add_below.setVisible(state.may_add and state.writing is None)
        if state.writing is not None and before.writing is None:
            QTimer.singleShot(0, self, self._to_field)
        if state.passages != before.passages:
            self._show_passages(state.passages)
        self._show_visits(state.visits, before.visits)

    def _show_passages(self, passages: tuple[Passage, ...]) -> None:
        clear(self._text)
        for passage in passages:
            if not passage.letter:
                self._text.addWidget(Text(passage.name, "title"))
                continue
            self._text.addWidget(Text(passage.name, "section"))
            if not passage.text.strip():
                self._text.addWidget(Text(t("record.not_written"), "body", "third"))
                continue
            text = MarkedText(passage.text, passage.spans, wrap=True)
            text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self._text.addWidget(text)
        self.area.verticalScrollBar().setValue(0)

    def _show_visits(self, rows: tuple[VisitRow, ...], before: tuple[VisitRow, ...]) -> None:
        if [r.entity for r in rows] != [r.entity for r in before]:
            clear(self._list)
            self.lines = {}
            for entry in rows:
                line = VisitLine(entry)
                line.picked.connect(self.chosen)
                line.moved.connect(self.moved)
                self.lines[entry.entity] = line
                self._list.addWidget(line)
        for entry in rows:
            self.lines[entry.entity].set_chosen(chosen=entry.chosen)
            if entry.chosen and any(line.hasFocus() for line in self.lines.values()):
                self.lines[entry.entity].setFocus(Qt.FocusReason.OtherFocusReason)

    def _escape(self) -> None:
        """Esc leaves a field first, and keeps what is in it; then it goes back."""
        focus = self.focusWidget()
        if isinstance(focus, EntryField) and focus.hasFocus():
            focus.escaped.emit()
        elif isinstance(focus, QLineEdit | QPlainTextEdit) and focus.hasFocus():
            focus.clearFocus()
        else:
            self.back.emit()

    def _to_field(self) -> None:
        self.area.ensureWidgetVisible(self.below.editor)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The note keeps its room in narrow windows."""
        super().resizeEvent(event)
        narrow = self.width() < sizes.NARROW_BELOW - sizes.RAIL
        self.visits.setFixedWidth(sizes.RECORD_VISITS_NARROW if narrow else sizes.RECORD_VISITS)
        self.about.setFixedWidth(sizes.RECORD_ABOUT_NARROW if narrow else sizes.RECORD_ABOUT)

    def focus_first(self) -> None:
        """Put the keyboard on the visit that is shown, or on the way back."""
        for entry in self._state.visits:
            if entry.chosen:
                self.lines[entry.entity].setFocus(Qt.FocusReason.OtherFocusReason)
                return
        self.back_button.setFocus(Qt.FocusReason.OtherFocusReason)
