"""The field in the top bar, and the list that hangs below it."""

from PySide6.QtCore import QEvent, QPoint, QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import (
    QFocusEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
)
from PySide6.QtWidgets import QFrame, QGraphicsDropShadowEffect, QLineEdit, QSizePolicy, QWidget

from telemed_desk.ui.screens.search.presenter import Row, State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.theme.theme import colour
from telemed_desk.ui.widgets.labels import Icon, Text, draw_kbd, kbd_width
from telemed_desk.ui.widgets.layouts import clear, column, panel, restyle, row, scroll
from telemed_desk.ui.widgets.marked import MarkedText

_OWN_KEYS = {
    Qt.Key.Key_Escape,
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Return,
    Qt.Key.Key_Enter,
}


class KeyCap(QWidget):
    """The keys that lead here."""

    def __init__(self, keys: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._keys = keys
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFixedSize(QSize(kbd_width(keys), sizes.KBD))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        draw_kbd(painter, QRectF(self.rect()), self._keys, "ink3", "line")


class SearchField(QLineEdit):
    """Keeps the keyboard while the list is walked: Up, Down, Enter and Esc are the list's."""

    entered = Signal()
    left = Signal()
    moved = Signal(int)
    opened = Signal()
    closed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setPlaceholderText(t("search.placeholder"))
        self.setAccessibleName(t("search.name"))
        self.setFixedWidth(sizes.SEARCH)
        self.setMaxLength(sizes.SEARCH_LETTERS)
        self.setTextMargins(sizes.XL + sizes.XS, 0, 0, 0)
        glyph = Icon("search", "ink3")
        glyph.setParent(self)
        glyph.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        glyph.move(sizes.M + sizes.XXS, (sizes.CONTROL - glyph.height()) // 2)
        self._cap = KeyCap(t("search.keys"), self)
        self.textChanged.connect(lambda text: self._cap.setVisible(not text))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The key cap stands at the end."""
        super().resizeEvent(event)
        at = self.width() - self._cap.width() - sizes.M
        self._cap.move(at, (self.height() - self._cap.height()) // 2)

    def event(self, event: QEvent) -> bool:
        """Take the list's keys before a screen's shortcuts do."""
        if (
            event.type() == QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in _OWN_KEYS
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Walk, open, close; everything else is typing."""
        key = event.key()
        if key in {Qt.Key.Key_Up, Qt.Key.Key_Down}:
            self.moved.emit(-1 if key == Qt.Key.Key_Up else 1)
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.opened.emit()
        elif key == Qt.Key.Key_Escape:
            self.closed.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The list opens."""
        super().focusInEvent(event)
        self.entered.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The list closes, unless only the window lost the keyboard."""
        super().focusOutEvent(event)
        if event.reason() is not Qt.FocusReason.ActiveWindowFocusReason:
            self.left.emit()


class FoundRow(QWidget):
    """One line of what was found; pressing it opens it. The keyboard stays in the field."""

    picked = Signal(int)

    def __init__(self, number: int, state: Row) -> None:
        super().__init__()
        self.number = number
        self.setProperty("row", "plain")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(state.spoken)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        glyph = Icon(state.icon, "ink2")
        lines = column(
            MarkedText(state.title, state.title_spans, "strong"),
            MarkedText(state.more, state.more_spans, "caption"),
            gap=0,
        )
        if state.excerpt:
            lines.addWidget(MarkedText(state.excerpt, state.excerpt_spans, wrap=True))
        box = row(glyph, gap=sizes.L, pad=(sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M))
        box.setAlignment(glyph, Qt.AlignmentFlag.AlignTop)
        box.addLayout(lines, 1)
        self.setLayout(box)

    def set_chosen(self, *, chosen: bool) -> None:
        """Tint the one that Enter opens."""
        restyle(self, "row", "chosen" if chosen else "plain")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Open."""
        if self.rect().contains(event.position().toPoint()):
            self.picked.emit(self.number)


class FoundList(QFrame):
    """Hangs below the field, over whatever page is open."""

    picked = Signal(int)

    def __init__(self, window: QWidget, field: SearchField) -> None:
        super().__init__(window)
        self._field = field
        self._state = State()
        self.rows: list[FoundRow] = []
        self.setProperty("raised", "true")
        self.setAccessibleName(t("search.list"))
        self.setFixedWidth(sizes.SEARCH_LIST)
        self._title = Text("", "strong", wrap=True)
        self._words = Text("", "body", "second", wrap=True)
        pad = (sizes.CARD_PAD, sizes.L, sizes.CARD_PAD, sizes.L)
        self._message = panel(column(self._title, self._words, gap=sizes.XXS, pad=pad))
        self._lines = column(gap=0)
        self._area = scroll(panel(self._lines))
        self._foot = Text("", "caption")
        foot_pad = (sizes.CARD_PAD, sizes.S, sizes.CARD_PAD, sizes.S)
        self._footer = panel(row(self._foot, pad=foot_pad), footer="true")
        self.setLayout(column(self._message, self._area, self._footer, gap=0))
        shadow = QGraphicsDropShadowEffect(self)
        shadow.setBlurRadius(sizes.CARD_PAD)
        shadow.setOffset(0, sizes.XS)
        shadow.setColor(colour("shadow"))
        self.setGraphicsEffect(shadow)
        self.hide()

    def show_state(self, state: State) -> None:
        """Show it, or nothing."""
        before, self._state = self._state, state
        self.setVisible(state.is_open)
        if state.rows != before.rows:
            clear(self._lines)
            self.rows = [FoundRow(number, found) for number, found in enumerate(state.rows)]
            for entry in self.rows:
                entry.picked.connect(self.picked)
                self._lines.addWidget(entry)
        for entry in self.rows:
            entry.set_chosen(chosen=entry.number == state.chosen)
        self._title.setText(state.title)
        self._title.set_tone("danger" if state.is_problem else "")
        self._words.setText(state.words)
        self._message.setVisible(not state.rows)
        self._area.setVisible(bool(state.rows))
        self._foot.setText(state.foot)
        self._footer.setVisible(bool(state.foot))
        spoken = state.rows[state.chosen].spoken if state.rows else f"{state.title} {state.words}"
        self._field.setAccessibleDescription(spoken if state.is_open else "")
        if state.is_open:
            self.place()
            self.raise_()
            # Rows that were just made have no place before the layout has run.
            QTimer.singleShot(0, self, self._follow)

    def _follow(self) -> None:
        if self.rows:
            self._area.ensureWidgetVisible(self.rows[self._state.chosen], 0, 0)

    def place(self) -> None:
        """Stand below the field, no lower than the status line."""
        window = self.parentWidget()
        if window is None:
            return
        at = self._field.mapTo(window, QPoint(0, self._field.height() + sizes.XS))
        self.move(at)
        room = window.height() - at.y() - sizes.STATUS_LINE - sizes.XL
        if self._state.rows:
            width = self.width() - 2 * sizes.HAIR
            lines = sum(max(r.heightForWidth(width), r.sizeHint().height()) for r in self.rows)
            wanted = lines + self._footer.sizeHint().height() + 2 * sizes.HAIR
        else:
            wanted = self._message.sizeHint().height() + 2 * sizes.HAIR
        self.setFixedHeight(max(sizes.ROW, min(wanted, room)))
