"""The self-check's screen: verdict above, one card for each part below."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group
from telemed_desk.ui import words
from telemed_desk.ui.screens.self_check.presenter import CardState, FindingRow, State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, Card
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import ElidedText, Icon, Text
from telemed_desk.ui.widgets.ladder import RungsBar
from telemed_desk.ui.widgets.layouts import clear, column, grid, line, panel, restyle, row, scroll
from telemed_desk.ui.widgets.meters import LevelMeter, Progress
from telemed_desk.ui.widgets.video import FrameSource, VideoTile

GROUP_ICONS = {
    Group.CAMERA: "camera",
    Group.MICROPHONE: "mic",
    Group.SPEAKER: "volume-2",
    Group.NETWORK: "wifi",
    Group.COMPUTER: "cpu",
}


class CheckCard(Card):
    """One part of the PC: chip, findings, and the first thing to do."""

    def __init__(
        self, group: Group, *, above: QWidget | None = None, beside: QWidget | None = None
    ) -> None:
        super().__init__(t(f"check.group.{group.value}"), GROUP_ICONS[group])
        self._shown: tuple[FindingRow, ...] | None = None
        self._rows = column(gap=0)
        self.advice = Banner("warn")
        self.waiting = Text(t("check.group.none"), "caption", "third")
        found = column(self._rows, self.waiting, None, gap=sizes.M)
        inner = row(gap=sizes.CARD_PAD)
        if beside is not None:
            inner.addWidget(beside, 0, Qt.AlignmentFlag.AlignTop)
        inner.addLayout(found, 1)
        whole = column(gap=sizes.M, pad=(sizes.CARD_PAD, sizes.M, sizes.CARD_PAD, sizes.M))
        if above is not None:
            whole.addWidget(above)
        whole.addLayout(inner, 1)
        self.add(scroll(panel(whole)), 1)
        foot = column(self.advice, pad=(sizes.CARD_PAD, 0, sizes.CARD_PAD, sizes.CARD_PAD))
        self.add(foot)

    def show_card(self, state: CardState) -> None:
        """Show it."""
        self.chip.show_as(state.chip, state.tone, state.chip_icon)  # type: ignore[arg-type]  # one of the tones
        tone = "danger" if state.tone == "danger" else "info" if state.tone == "neutral" else "warn"
        self.advice.show_words(state.cause, state.action, tone)  # type: ignore[arg-type]  # as above
        self.waiting.setVisible(not state.rows)
        if state.rows != self._shown:
            self._shown = state.rows
            clear(self._rows)
            for number, finding in enumerate(state.rows):
                if number:
                    self._rows.addWidget(line())
                self._rows.addWidget(_finding(finding))


def _finding(finding: FindingRow) -> QWidget:
    title = Text(finding.title)
    value = ElidedText(
        finding.value, "caption", {"warn": "warn", "danger": "danger"}.get(finding.tint, "")
    )
    value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
    line_row = row(Icon(finding.icon, finding.tint), title, gap=sizes.M)
    line_row.addWidget(value, 1)
    widget = panel(line_row)
    widget.setMinimumHeight(sizes.FINDING_ROW)
    widget.setAccessibleName(finding.spoken)
    return widget


class SelfCheckView(QWidget):
    """Emits intentions; shows a :class:`State`."""

    run = Signal()
    stop = Signal()
    back = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self.mark = Icon("activity", "ink2", sizes.ICON_EMPTY)
        self.heading = Text("", "verdict")
        self.sentence = Text("", "body", "second", wrap=True)
        self.when = Text("", "caption", "third")
        self.today = Button(t("check.back"), "primary")
        self.again = Button(t("check.run"), icon="refresh-cw", keys=t("key.f9"))
        self.halt = Button(t("check.stop"), keys=t("key.esc"))
        self.today.clicked.connect(self.back)
        self.again.clicked.connect(self.run)
        self.halt.clicked.connect(self.stop)
        self.progress = Progress(t("check.progress"))
        self.rungs = RungsBar(tuple(words.rung_word(r) for r in Rung if r is not Rung.NO_LINK))
        self.rungs.setMaximumWidth(sizes.RUNGS_BAR)
        self.preview = VideoTile(t("check.preview"), mirrored=True)
        self.preview.setFixedSize(*sizes.PREVIEW)
        self.level = LevelMeter(t("check.level"))
        self.refused = Banner("warn")
        voice = panel(column(Text(t("check.level"), "label"), self.level, gap=sizes.XS))
        self.cards = {
            Group.CAMERA: CheckCard(Group.CAMERA, beside=self.preview),
            Group.MICROPHONE: CheckCard(Group.MICROPHONE, above=voice),
            Group.SPEAKER: CheckCard(Group.SPEAKER),
            Group.NETWORK: CheckCard(Group.NETWORK),
            Group.COMPUTER: CheckCard(Group.COMPUTER),
        }
        self.verdict = self._verdict_card()
        places = grid(sizes.CARD_PAD, sizes.CARD_PAD)
        places.addWidget(self.cards[Group.CAMERA], 0, 0, 1, 6)
        places.addWidget(self.cards[Group.MICROPHONE], 0, 6, 1, 5)
        places.addWidget(self.cards[Group.SPEAKER], 0, 11, 1, 4)
        places.addWidget(self.cards[Group.NETWORK], 1, 0, 1, 8)
        places.addWidget(self.cards[Group.COMPUTER], 1, 8, 1, 7)
        for at in range(15):
            places.setColumnStretch(at, 1)
        places.setRowStretch(0, 8)
        places.setRowStretch(1, 5)
        whole = column(self.verdict, self.refused, gap=sizes.CARD_PAD, pad=(sizes.XL,) * 4)
        whole.addLayout(places, 1)
        self.setLayout(whole)
        self.panels = [self.verdict, *self.cards.values()]
        on_key(self, "F9", self.run.emit)
        on_key(self, "Esc", self.stop.emit)

    def _verdict_card(self) -> Card:
        card = Card()
        card.setAccessibleName(t("check.verdict"))
        left = column(
            row(self.mark, self.heading, None, gap=sizes.M),
            self.sentence,
            row(self.today, self.again, self.halt, self.when, None),
            gap=sizes.M,
        )
        right = column(None, self.rungs, self.progress, None, gap=sizes.M)
        both = row(gap=sizes.XXL, pad=(sizes.XXL, sizes.XL, sizes.XXL, sizes.XL))
        both.addLayout(left, 1)
        both.addLayout(right, 1)
        card.add(both)
        return card

    def show_state(self, state: State) -> None:
        """Show it."""
        self.mark.show_icon(state.icon, state.tone if state.tone != "neutral" else "ink2")
        self.heading.setText(state.title)
        self.sentence.setText(state.sentence)
        self.when.setText(state.when)
        restyle(self.verdict, "verdict", "none" if state.tone == "neutral" else state.tone)
        self.rungs.setVisible(not state.running)
        self.rungs.set_rung(state.rung, state.rung_word)
        self.progress.setVisible(state.running)
        self.progress.setValue(round(state.share * 100))
        self.again.setVisible(not state.running)
        self.halt.setVisible(state.running)
        self.refused.show_words(state.refused)
        self.level.set_level(state.microphone_dbfs)
        for card in state.cards:
            self.cards[card.group].show_card(card)

    def show_preview(self, source: FrameSource | None) -> None:
        """Draw the own picture from here."""
        self.preview.set_source(source)

    def focus_first(self) -> None:
        """Put the keyboard on the verdict's buttons."""
        self.today.setFocus(Qt.FocusReason.OtherFocusReason)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Findings need their words more than the preview its size."""
        super().resizeEvent(event)
        narrow = self.width() < sizes.NARROW_BELOW - sizes.RAIL
        self.preview.setFixedSize(*(sizes.PREVIEW_NARROW if narrow else sizes.PREVIEW))
