"""The Sync screen."""

from functools import partial

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QWidget

from telemed_desk.ui.screens.sync.desks_view import DesksList
from telemed_desk.ui.screens.sync.presenter import Row, State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, BannerTone, Card, EmptyState
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import ElidedText, Icon, Text
from telemed_desk.ui.widgets.layouts import clear, column, panel, row, scroll
from telemed_desk.ui.widgets.meters import Progress

SHOWN = 60
"""Rows drawn; older ones are counted, not drawn."""


class SyncRow(QWidget):
    """One thing that was recorded here, and where it is."""

    def __init__(self, state: Row) -> None:
        super().__init__()
        self.setProperty("row", "plain")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setAccessibleName(state.spoken)
        self.setFixedHeight(sizes.ROW)
        made, size = Text(state.made), Text(state.size, "body", "second")
        made.setFixedWidth(sizes.TIME_COLUMN)
        size.setFixedWidth(sizes.RAIL)
        said = Text(state.state, "medium", state.tone)
        said.setFixedWidth(sizes.PREVIEW[0])
        box = row(Icon(state.icon, "ink3"), gap=sizes.M, pad=(sizes.CARD_PAD, 0, sizes.CARD_PAD, 0))
        box.addWidget(ElidedText(state.title, "strong"), 1)
        self.choose = Button(t("sync.choose"), scale="small")
        if state.consultation:
            box.addWidget(self.choose)
        for part in (size, made, Icon(state.state_icon, _tint(state.tone)), said):
            box.addWidget(part)
        self.setLayout(box)


def _tint(tone: str) -> str:
    return "ink2" if tone == "second" else tone


class SyncView(QWidget):
    """Emits intentions; shows a :class:`State`."""

    try_now = Signal()
    paused = Signal()
    add_desk = Signal()
    code_closed = Signal()
    versions_asked = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self._rows: tuple[Row, ...] | None = None
        self._dialog: CodeDialog | None = None
        self.headline = Text("", "heading", wrap=True)
        self.words = Text("", "body", "second", wrap=True)
        self.activity = Text("", "label")
        self.progress = Progress(t("sync.progress"))
        self.progress.setRange(0, 0)
        self.pause = Button(t("sync.pause"), icon="pause")
        self.pause.clicked.connect(self.paused)
        self.now = Button(t("sync.now"), "primary", icon="refresh-cw", keys="F5")
        self.now.clicked.connect(self.try_now)
        doing = panel(column(None, self.activity, self.progress, None, gap=sizes.S))
        doing.setFixedWidth(sizes.SYNC_PROGRESS)
        top = row(gap=sizes.XXL, pad=(sizes.XL + sizes.XS, sizes.XL, sizes.XL + sizes.XS, sizes.XL))
        top.addLayout(column(self.headline, self.words, gap=sizes.XXS), 1)
        for part in (doing, self.pause, self.now):
            top.addWidget(part)
        self.head = QFrame()
        self.head.setProperty("card", "true")
        self.head.setLayout(top)
        self.problem = Banner("warn")
        columns = row(gap=sizes.CARD_PAD)
        columns.addWidget(self._list_card(), 1)
        columns.addWidget(self._side())
        whole = column(self.head, self.problem, gap=sizes.CARD_PAD, pad=(sizes.XL,) * 4)
        whole.addLayout(columns, 1)
        self.setLayout(whole)
        self.panels = [self.head, self.list_card, self.desks]
        on_key(self, "F5", self.try_now.emit)

    def _list_card(self) -> Card:
        self.list_card = Card(t("sync.list"))
        self._list = column(gap=0)
        self.empty = EmptyState("circle-check")
        self.empty.show_words(t("sync.empty"), t("sync.empty.words"))
        self.area = scroll(panel(column(self._list, self.empty, None, gap=0)))
        self.area.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.area.setAccessibleName(t("sync.list"))
        self.list_card.add(self.area, 1)
        foot = row(
            Icon("info"), gap=sizes.M, pad=(sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M)
        )
        foot.addWidget(ElidedText(t("sync.order"), "caption"), 1)
        self.list_card.add(panel(foot, footer="true"))
        return self.list_card

    def _side(self) -> QWidget:
        self.desks = Card(t("sync.desks"))
        self.desks.setFixedWidth(sizes.SYNC_SIDE)
        self.add = Button(t("sync.add_desk"), icon="plus")
        self.add.clicked.connect(self.add_desk)
        pad = (sizes.CARD_PAD, sizes.L, sizes.CARD_PAD, sizes.CARD_PAD)
        words = Text(t("sync.add_desk.words"), "body", "second", wrap=True)
        self.members = DesksList()
        self.desks.add(self.members)
        self.adding = panel(column(words, row(self.add, None), gap=sizes.L, pad=pad))
        self.desks.add(self.adding)
        meaning = Card(t("sync.meaning"))
        meaning.setFixedWidth(sizes.SYNC_SIDE)
        lines = column(gap=sizes.M, pad=pad)
        for key, icon, tint in (
            ("saved", "hard-drive", "ink2"),
            ("waiting", "arrow-up", "warn"),
            ("sent", "check", "ok"),
            ("conflict", "git-merge", "warn"),
            ("needs-help", "circle-alert", "danger"),
        ):
            glyph = Icon(icon, tint)
            entry = row(glyph, gap=sizes.M)
            entry.setAlignment(glyph, Qt.AlignmentFlag.AlignTop)
            entry.addWidget(Text(t(f"sync.meaning.{key}"), "body", "second", wrap=True), 1)
            lines.addLayout(entry)
        meaning.add(lines)
        side = scroll(panel(column(self.desks, meaning, None, gap=sizes.CARD_PAD)))
        side.setFixedWidth(sizes.SYNC_SIDE + sizes.L)
        return side

    def show_state(self, state: State) -> None:
        """Show it."""
        self.headline.setText(state.headline)
        self.words.setText(state.words)
        self.activity.setText(state.activity)
        stopped = state.offline or state.paused or state.needs_help
        self.activity.set_tone("warn" if stopped else "")
        self.progress.setVisible(state.busy)
        for useless in (self.adding, self.pause):
            useless.setVisible(not state.is_out)
        self.pause.show_as(
            t("sync.go_on" if state.paused else "sync.pause"),
            icon="play" if state.paused else "pause",
        )
        tone: BannerTone = "danger" if state.needs_help else "warn"
        self.problem.show_words(state.problem, state.problem_words, tone)
        self.empty.setVisible(not state.rows)
        if state.rows != self._rows:
            self._rows = state.rows
            self._show_rows(state.rows)
        self._show_code(state)

    def _show_rows(self, rows: tuple[Row, ...]) -> None:
        at = self.area.verticalScrollBar().value()
        clear(self._list)
        for entry in rows[:SHOWN]:
            line = SyncRow(entry)
            line.choose.clicked.connect(partial(self.versions_asked.emit, entry.consultation))
            self._list.addWidget(line)
        self.list_card.chip.show_as(str(len(rows)) if rows else "", "neutral")
        self.area.verticalScrollBar().setValue(at)

    def _show_code(self, state: State) -> None:
        if state.add_desk is None:
            if self._dialog is not None:
                dialog, self._dialog = self._dialog, None
                dialog.close()
            return
        if self._dialog is None:
            self._dialog = CodeDialog(self.window())
            self._dialog.finished.connect(self._code_closed)
            self._dialog.open()
        shown = state.add_desk
        self._dialog.code.setText(t("sync.code.working") if shown.working else shown.code)
        self._dialog.code.setVisible(not shown.problem)
        self._dialog.problem.show_words(shown.problem, shown.problem_words)

    def _code_closed(self) -> None:
        self._dialog = None
        self.code_closed.emit()

    def focus_first(self) -> None:
        """Put the keyboard on Sync now."""
        self.now.setFocus(Qt.FocusReason.OtherFocusReason)


class CodeDialog(Dialog):
    """Shows the code that another PC types."""

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent, t("sync.code.title"), t("sync.code.words"), t("button.close"))
        self.code = Text("", "code", wrap=True)
        self.code.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse
            | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.code.setAccessibleName(t("sync.code.title"))
        self.problem = Banner("danger")
        self.add(self.code)
        self.add(self.problem)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
