"""The versions screen."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QHideEvent, QResizeEvent
from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.notes import Section
from telemed_desk.ui.screens.versions.history import HistoryDialog
from telemed_desk.ui.screens.versions.section import ResultPanel, SectionBox
from telemed_desk.ui.screens.versions.state import State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, Card
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import column, panel, row, scroll


class VersionsView(QWidget):
    """Emits intentions; shows a :class:`State`."""

    taken = Signal(str, int)
    edited = Signal(str)
    typed = Signal(str, str)
    kept = Signal(str)
    undone = Signal()
    newer_asked = Signal()
    saved = Signal()
    left = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self.setAccessibleName(t("versions.screen"))
        self._state = State()
        self._dialog: HistoryDialog | None = None
        self.header = self._header()
        self.news = Banner("info")
        self.show_newer = Button(t("versions.news.show"))
        self.show_newer.clicked.connect(self.newer_asked)
        self.news.buttons.addWidget(self.show_newer)
        self.problem = Banner("danger")
        self.matter = Banner("warn")
        self.boxes = {section: SectionBox(section) for section in Section}
        pile = column(
            self.news, self.problem, self.matter, gap=sizes.L, pad=(sizes.XL, sizes.L, 0, sizes.L)
        )
        for section, box in self.boxes.items():
            pile.addWidget(box)
            box.taken.connect(self.taken)
            box.edited.connect(self.edited)
            box.typed.connect(self.typed)
            box.kept.connect(self.kept)
            on_key(self, f"Alt+{section.value}", partial(self._go_to, box))
        pile.addStretch(1)
        self.area = scroll(panel(pile))
        self.result = self._result()
        body = row(gap=sizes.L, pad=(0, 0, sizes.XL, 0))
        body.addWidget(self.area, 1)
        body.addLayout(column(self.result, gap=0, pad=(0, sizes.L, 0, sizes.L)))
        whole = column(self.header, gap=0)
        whole.addLayout(body, 1)
        self.setLayout(whole)
        self.panels = [*self.boxes.values(), self.result, self.header]
        self._keys()

    def _keys(self) -> None:
        on_key(self, "Ctrl+Return", self.saved.emit)
        on_key(self, "Ctrl+Z", self.undone.emit)
        on_key(self, "Alt+Left", lambda: self._take_here(0))
        on_key(self, "Alt+Right", lambda: self._take_here(1))

    def _header(self) -> QWidget:
        self.back = Button("", "neutral", icon="chevron-left", name=t("versions.back"))
        self.back.clicked.connect(self.left)
        self.name = Text("", "title")
        self.facts = Text("", "caption")
        self.undo = Button(t("button.undo"), keys="Ctrl+Z")
        self.undo.clicked.connect(self.undone)
        self.history = Button(t("versions.history"), icon="history")
        self.history.clicked.connect(self.show_history)
        box = row(self.back, gap=sizes.L, pad=(sizes.XL, 0, sizes.XL, 0))
        box.addLayout(column(None, self.name, self.facts, None, gap=0), 1)
        box.addWidget(self.undo)
        box.addWidget(self.history)
        head = panel(box, topbar="true")
        head.setFixedHeight(sizes.CALL_HEADER)
        return head

    def _result(self) -> Card:
        card = Card(t("versions.result"))
        self.lines = {section: ResultPanel(section) for section in Section}
        pad = (sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M)
        pile = column(
            Text(t("versions.result.words"), "caption", "third", wrap=True), gap=sizes.L, pad=pad
        )
        for line in self.lines.values():
            pile.addWidget(line)
        pile.addStretch(1)
        card.add(scroll(panel(pile)), 1)
        self.why_not = Text("", "caption", "second", wrap=True)
        self.save = Button(t("versions.save"), "primary", icon="check", keys=t("key.ctrl_enter"))
        self.save.clicked.connect(self.saved)
        foot = column(self.why_not, row(None, self.save), gap=sizes.S, pad=pad)
        card.add(panel(foot, footer="true"))
        return card

    def show_state(self, state: State) -> None:
        """Show it."""
        self._state = state
        self.name.setText(state.name)
        self.facts.setText(state.facts)
        self.news.show_words(state.newer, state.newer_words)
        self.problem.show_words(state.problem, state.problem_words)
        self.matter.show_words(state.title, state.words, state.tone)
        for view in state.sections:
            self.boxes[view.section].show_state(view, read_only=state.read_only)
        for line in state.result:
            self.lines[line.section].show_line(line.text, is_open=line.open, by_hand=line.by_hand)
        self.result.setVisible(not state.read_only and not state.nothing)
        self.why_not.setText(state.why_not)
        self.why_not.setVisible(bool(state.why_not))
        self.save.setEnabled(state.may_save)
        self.save.setToolTip(state.why_not)
        self.save.show_as(t("versions.save.working" if state.saving else "versions.save"))
        self.undo.setEnabled(state.may_undo)
        self.undo.setVisible(not state.read_only)

    def show_history(self) -> None:
        """Show every version that there ever was."""
        self._dialog = HistoryDialog(self.window(), self._state.history)
        self._dialog.finished.connect(self._history_closed)
        self._dialog.open()

    def _history_closed(self) -> None:
        self._dialog = None

    def hideEvent(self, event: QHideEvent) -> None:
        """A locked PC keeps nothing of a patient in its windows."""
        super().hideEvent(event)
        if self._dialog is not None:
            self._dialog.close()

    def focus_first(self) -> None:
        """Put the keyboard on the first section that differs."""
        for box in self.boxes.values():
            target = box.first_focus()
            if target is not None and target.isVisibleTo(self):
                target.setFocus(Qt.FocusReason.OtherFocusReason)
                return
        self.back.setFocus(Qt.FocusReason.OtherFocusReason)

    def _go_to(self, box: SectionBox) -> None:
        self.area.ensureWidgetVisible(box)
        target = box.first_focus()
        if target is not None:
            target.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _take_here(self, place: int) -> None:
        box = next((b for b in self.boxes.values() if b.has_keyboard()), None)
        if box is not None and place < len(box.boxes):
            self.taken.emit(box.section.value, box.boxes[place].key)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The versions come before the preview in narrow windows."""
        super().resizeEvent(event)
        narrow = self.width() < sizes.NARROW_BELOW
        self.result.setFixedWidth(sizes.RESULT_NARROW if narrow else sizes.RESULT)
