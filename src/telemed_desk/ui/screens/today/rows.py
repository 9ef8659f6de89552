"""Rows of the waiting room and of what comes next."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from telemed_desk.ui.screens.today.state import NextRow, WaitingRow
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.chip import Chip
from telemed_desk.ui.widgets.labels import ElidedText, Icon, ProgrammeTag, Text
from telemed_desk.ui.widgets.ladder import LadderWord
from telemed_desk.ui.widgets.layouts import column, line, row


class WaitingWidget(QWidget):
    """One patient who has arrived; Enter is the first action that can be taken."""

    acted = Signal(str, str)

    def __init__(self, state: WaitingRow, *, starting: bool) -> None:
        super().__init__()
        self.seat = state.seat
        self._state = state
        self.setProperty("row", "urgent" if state.urgent_reason else "plain")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(state.spoken)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.buttons: list[Button] = []
        head = row(Text(state.name, "title"))
        if state.urgent_reason:
            head.addWidget(Chip(t("today.urgent"), "solid", "flag"))
        else:
            head.addWidget(Chip(state.chip))
        head.addStretch(1)
        head.addWidget(Text(state.waited, "number", "warn" if state.long_wait else ""))
        under = row(gap=sizes.M)
        under.addWidget(ElidedText(state.facts, "caption"), 1)
        under.addWidget(Text(state.arrived, "caption", "second"))
        whole = column(
            head,
            under,
            gap=sizes.HAIR,
            pad=(sizes.CARD_PAD, sizes.M + 2, sizes.CARD_PAD, sizes.M + 2),
        )
        for words, tone in ((state.urgent_reason, ""), (state.warning, "warn")):
            if words:
                whole.addSpacing(sizes.XS)
                whole.addWidget(Text(words, "caption", tone, wrap=True))
        whole.addSpacing(sizes.S)
        whole.addLayout(self._foot(state, starting=starting))
        self.setLayout(whole)

    def _foot(self, state: WaitingRow, *, starting: bool) -> QHBoxLayout:
        foot = row(ProgrammeTag(state.programme, state.programme_name), gap=sizes.M)
        rule = line(vertical=True)
        rule.setFixedHeight(sizes.ICON)
        foot.addWidget(rule)
        if state.rung is None:
            foot.addWidget(Icon("loader-circle", "ink2", sizes.ICON_SMALL))
            foot.addWidget(Text(state.rung_word, "caption"))
        else:
            foot.addWidget(LadderWord(state.rung, state.rung_word))
        foot.addStretch(1)
        for action in state.actions:
            button = Button(
                t("today.starting") if starting and action.kind != "unflag" else action.label,
                "primary" if action.primary else "normal",
                scale="small",
                icon=action.icon,
            )
            button.set_reason(enabled=action.enabled and not starting, reason=action.reason)
            button.clicked.connect(
                lambda _checked=False, kind=action.kind: self.acted.emit(self.seat, kind)
            )
            self.buttons.append(button)
            foot.addWidget(button)
        return foot

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter starts."""
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            for action in self._state.actions:
                if action.enabled and action.kind != "unflag":
                    self.acted.emit(self.seat, action.kind)
                    return
        super().keyPressEvent(event)


class NextWidget(QWidget):
    """One booked visit, or a note to finish."""

    link_asked = Signal(bytes)
    note_asked = Signal(bytes)
    phone_asked = Signal(bytes)
    record_asked = Signal(bytes, bytes)

    def __init__(self, state: NextRow) -> None:
        super().__init__()
        self.entity = state.entity
        self.setProperty("row", "plain")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        time = Text(state.time, "strong", "warn" if state.late else "")
        if state.late:
            time.setToolTip(t("today.late"))
        time.setFixedWidth(sizes.TIME_COLUMN)
        who = column(
            ElidedText(state.name, "strong"),
            ElidedText(
                state.reason, "caption", "warn" if state.unfinished and not state.taken else ""
            ),
            gap=0,
        )
        if state.taken:
            self.button = Button(t("today.open_record"), scale="small", icon="file-text")
            self.button.clicked.connect(lambda: self.record_asked.emit(state.patient, state.entity))
        elif state.unfinished:
            self.button = Button(t("today.open_note"), scale="small", icon="pen-line")
            self.button.clicked.connect(lambda: self.note_asked.emit(self.entity))
        else:
            self.button = Button(t("today.send_link"), scale="small", icon="link")
            self.button.clicked.connect(lambda: self.link_asked.emit(self.entity))
        self.button.setAccessibleName(f"{self.button.text()}, {state.name}")
        box = row(time, gap=sizes.L, pad=(sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M))
        box.addLayout(who, 1)
        box.addWidget(ProgrammeTag(state.programme, state.programme_name))
        self._way = Text(state.way, "caption")
        box.addWidget(self._way)
        if state.may_phone:
            self.phone = Button(
                icon="phone", kind="neutral", scale="small", name=t("today.phone", name=state.name)
            )
            self.phone.setToolTip(t("today.phone.tip"))
            self.phone.clicked.connect(lambda: self.phone_asked.emit(self.entity))
            box.addWidget(self.phone)
        box.addWidget(self.button)
        self.setLayout(box)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The way and its minutes go first when it gets narrow."""
        super().resizeEvent(event)
        self._way.setVisible(self.width() >= sizes.SET_UP_FORM)
