"""The Today screen."""

from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.ui.screens.today.link_dialog import LinkDialog
from telemed_desk.ui.screens.today.rows import NextWidget, WaitingWidget
from telemed_desk.ui.screens.today.schedule import Schedule
from telemed_desk.ui.screens.today.state import State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, Card, EmptyState
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.fields import Field
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import ElidedText, Icon, Text
from telemed_desk.ui.widgets.ladder import LadderGlyph
from telemed_desk.ui.widgets.layouts import clear, column, panel, row, scroll


class TodayView(QWidget):
    """Emits intentions; shows a :class:`State`."""

    acted = Signal(str, str)
    start_first = Signal()
    unflagged = Signal(str, str)
    link_asked = Signal(bytes)
    link_closed = Signal()
    note_asked = Signal(bytes)
    self_check_asked = Signal()
    recovered_read = Signal()
    phone_asked = Signal(bytes)
    record_asked = Signal(bytes, bytes)
    lost_read = Signal()
    lost_opened = Signal()
    lost_taken = Signal()
    join_asked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self._state = State()
        self._dialog: LinkDialog | None = None
        self.heading = Text("", "heading")
        self.summary = Text("", "body", "second")
        self.glyph = LadderGlyph(Rung.NO_LINK, "")
        self.verdict = Button("", icon="activity")
        self.verdict.clicked.connect(self.self_check_asked)
        self.join = Button(t("today.join"), icon="users", name=t("joined.ask"))
        self.join.setToolTip(t("call.tip", name=t("joined.ask"), key="Ctrl+J"))
        self.join.clicked.connect(self.join_asked)
        self.call = Button(t("today.call"), "primary", icon="video", keys=t("key.ctrl_n"))
        self.call.clicked.connect(self.start_first)
        head = row(
            column(self.heading, self.summary, gap=0),
            None,
            self.glyph,
            self.verdict,
            self.join,
            self.call,
        )
        self.offline = Banner("warn")
        self.recovered = Banner("info")
        dismiss = Button(t("button.ok"), scale="small")
        dismiss.clicked.connect(self.recovered_read)
        self.recovered.buttons.addWidget(dismiss)
        self.lost = self._lost_banner()
        self.room = self._room_card()
        middle = column(self._schedule_card(), gap=sizes.CARD_PAD)
        middle.addWidget(self._next_card(), 1)
        columns = row(self.room, gap=sizes.CARD_PAD)
        columns.addLayout(middle, 1)
        banners = (self.offline, self.lost, self.recovered)
        whole = column(head, *banners, gap=sizes.CARD_PAD, pad=(sizes.XL,) * 4)
        whole.addLayout(columns, 1)
        self.setLayout(whole)
        self.panels = [self.room, self.schedule, self.coming, self.verdict]
        on_key(self, "Ctrl+N", self.start_first.emit)
        on_key(self, "Ctrl+J", self.join_asked.emit)
        order = (self.schedule, self.verdict, self.join, self.call)
        for before, after in pairwise(order):
            QWidget.setTabOrder(before, after)

    def _lost_banner(self) -> Banner:
        banner = Banner("warn")
        self.lost_buttons = {
            "open": Button(t("today.open_record"), scale="small", icon="file-text"),
            "take": Button(t("today.take_over"), scale="small"),
            "read": Button(t("button.ok"), scale="small"),
        }
        for button, signal in zip(
            self.lost_buttons.values(),
            (self.lost_opened, self.lost_taken, self.lost_read),
            strict=True,
        ):
            button.clicked.connect(signal)
            banner.buttons.addWidget(button)
        return banner

    def _room_card(self) -> Card:
        card = Card(t("today.room"))
        self.room_title = card
        self.as_of = Text("", "caption", "warn")
        card.header.addWidget(self.as_of)
        card.header.addWidget(Text(t("today.order"), "caption", "third"))
        self._list = column(gap=0)
        self.empty = EmptyState("users")
        self.empty_button = Button(t("today.send_link"), scale="small", icon="link")
        self.empty_button.clicked.connect(lambda: self.link_asked.emit(self._state.next_entity))
        inner = column(self._list, self.empty, None, gap=0)
        card.add(scroll(panel(inner)), 1)
        self.unknown = ElidedText("", "caption")
        self.missed = ElidedText("", "caption")
        self._unknown_row = panel(
            row(Icon("info"), self.unknown, pad=self._foot_pad()), footer="true"
        )
        self._missed_row = panel(
            row(Icon("clock"), self.missed, pad=self._foot_pad()), footer="true"
        )
        card.add(self._unknown_row)
        card.add(self._missed_row)
        return card

    @staticmethod
    def _foot_pad() -> tuple[int, int, int, int]:
        return (sizes.CARD_PAD, sizes.M + 1, sizes.CARD_PAD, sizes.M + 1)

    def _schedule_card(self) -> Card:
        card = Card(t("today.schedule"))
        self.schedule = Schedule()
        self.schedule.opened.connect(self._open_block)
        card.add(self.schedule)
        return card

    def _next_card(self) -> Card:
        self.coming = Card(t("today.next"))
        self.coming.header.insertWidget(1, Text(t("today.next.words"), "caption", "third"))
        self._next_list = column(gap=0)
        self.nothing = Text(t("today.next.none"), "body", "second")
        self.nothing.setContentsMargins(*self._foot_pad())
        self.coming.add(scroll(panel(column(self._next_list, self.nothing, None, gap=0))), 1)
        return self.coming

    def show_state(self, state: State) -> None:
        """Show it."""
        before, self._state = self._state, state
        self.heading.setText(state.date)
        self.summary.setText(state.summary)
        self._show_verdict(state)
        self.offline.show_words(state.offline_title, state.offline_words)
        self.recovered.show_words(state.recovered_title, state.recovered_words)
        if state.lost is None:
            self.lost.show_words("")
        else:
            self.lost.show_words(state.lost.title, state.lost.words)
        count = len(state.waiting)
        self.room_title.chip.show_as(str(count) if count else "", "neutral")
        self.as_of.setText(state.as_of)
        if (state.waiting, state.starting) != (before.waiting, before.starting):
            self._show_waiting(state)
        self.empty.setVisible(not state.waiting)
        if not state.waiting:
            actions = (self.empty_button,) if state.next_entity else ()
            self.empty.show_words(t("today.empty"), state.empty_words, *actions)
        for widget, box, words in (
            (self.unknown, self._unknown_row, state.unknown),
            (self.missed, self._missed_row, state.missed),
        ):
            widget.setText(words)
            box.setVisible(bool(words))
        ready = any(a.enabled and a.kind != "unflag" for r in state.waiting for a in r.actions)
        self.call.set_reason(enabled=ready and not state.starting, reason=t("today.call.reason"))
        self.schedule.show_day(state.lanes, state.hours, state.now_min)
        if state.next_rows != before.next_rows:
            self._show_next(state)
        self.nothing.setVisible(not state.next_rows)
        self._show_link(state)

    def _show_verdict(self, state: State) -> None:
        chip = state.verdict
        if chip is None:
            return
        self.glyph.setVisible(chip.rung is not None)
        if chip.rung is not None:
            self.glyph.set_rung(chip.rung, chip.word)
        words = f"{chip.word} · {chip.note}" if chip.note else chip.word
        self.verdict.show_as(words)
        self.verdict.setToolTip(t("today.verdict.tip"))

    def _show_waiting(self, state: State) -> None:
        held = self._held_seat()
        clear(self._list)
        for entry in state.waiting:
            widget = WaitingWidget(entry, starting=state.starting == entry.seat)
            widget.acted.connect(self._act)
            self._list.addWidget(widget)
            if entry.seat == held:
                # Only what is shown takes the focus; the layout would show it a moment later.
                widget.show()
                widget.setFocus(Qt.FocusReason.OtherFocusReason)

    def _held_seat(self) -> str:
        step: QWidget | None = self.focusWidget()
        while step is not None:
            if isinstance(step, WaitingWidget):
                return step.seat
            step = step.parentWidget()
        return ""

    def _show_next(self, state: State) -> None:
        clear(self._next_list)
        for entry in state.next_rows:
            widget = NextWidget(entry)
            widget.link_asked.connect(self.link_asked)
            widget.note_asked.connect(self.note_asked)
            widget.phone_asked.connect(self.phone_asked)
            widget.record_asked.connect(self.record_asked)
            self._next_list.addWidget(widget)

    def focus_first(self) -> None:
        """Put the keyboard on who is first."""
        first = next(iter(self.findChildren(WaitingWidget)), self.schedule)
        first.setFocus(Qt.FocusReason.OtherFocusReason)

    def _show_link(self, state: State) -> None:
        if state.link is None:
            if self._dialog is not None:
                dialog, self._dialog = self._dialog, None
                dialog.close()
                dialog.deleteLater()
            return
        if self._dialog is None:
            self._dialog = LinkDialog(self.window(), state.link.name)
            self._dialog.finished.connect(lambda _code: self.link_closed.emit())
            self._dialog.open()
        self._dialog.show_state(state.link)

    def _act(self, seat: str, kind: str) -> None:
        if kind == "unflag":
            self._ask_unflag(seat)
        else:
            self.acted.emit(seat, kind)

    def _ask_unflag(self, seat: str) -> None:
        dialog = Dialog(
            self.window(), t("today.unflag.title"), t("today.unflag.words"), t("button.cancel")
        )
        reason = Field(t("today.unflag.reason"))
        dialog.add(reason)
        yes = Button(t("today.unflag"), "primary")
        yes.setEnabled(False)
        reason.changed.connect(lambda text: yes.setEnabled(bool(text.strip())))
        yes.clicked.connect(dialog.accept)
        dialog.add_action(yes)
        dialog.accepted.connect(lambda: self.unflagged.emit(seat, reason.text))
        dialog.finished.connect(dialog.deleteLater)
        dialog.open()
        reason.edit.setFocus(Qt.FocusReason.TabFocusReason)

    def _open_block(self, entity: bytes) -> None:
        for entry in self._state.next_rows:
            if entry.entity == entity and not entry.taken:
                (self.note_asked if entry.unfinished else self.link_asked).emit(entity)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Give the schedule room in narrow windows."""
        super().resizeEvent(event)
        narrow = self.width() < sizes.NARROW_BELOW
        self.room.setFixedWidth(sizes.WAITING_COLUMN_NARROW if narrow else sizes.WAITING_COLUMN)
