"""The self-check's screen: verdict above, one card for each part below."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.findings import Group
from telemed_desk.ui import words
from telemed_desk.ui.screens.self_check.cards import CheckCard
from telemed_desk.ui.screens.self_check.guided_feet import CameraFoot, MicrophoneFoot, SpeakerFoot
from telemed_desk.ui.screens.self_check.history_bars import HistoryBars
from telemed_desk.ui.screens.self_check.state import State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.cards import Banner, Card
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import Icon, Text
from telemed_desk.ui.widgets.ladder import RungsBar
from telemed_desk.ui.widgets.layouts import column, grid, panel, restyle, row
from telemed_desk.ui.widgets.meters import LevelMeter, Progress
from telemed_desk.ui.widgets.video import FrameSource, VideoTile

_COLUMNS = 16
_PLACES = (
    (Group.CAMERA, 0, 0, 7),
    (Group.MICROPHONE, 0, 7, 5),
    (Group.SPEAKER, 0, 12, 4),
    (Group.NETWORK, 1, 0, 11),
    (Group.COMPUTER, 1, 11, 5),
)
"""Card, row, first column, columns."""


class SelfCheckView(QWidget):
    """Emits intentions; shows a :class:`State`."""

    run = Signal()
    thorough = Signal()
    stop = Signal()
    back = Signal()
    phone = Signal()
    report = Signal()
    fixed = Signal(str)
    picked = Signal(object, str)

    def __init__(self) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self.mark = Icon("activity", "ink2", sizes.ICON_EMPTY)
        self.heading = Text("", "verdict")
        self.sentence = Text("", "body", "second", wrap=True)
        self.when = Text("", "caption", "third", wrap=True)
        self.data = Text("", "caption", "third")
        self.progress_words = Text("", "caption", "third")
        self.today = Button(t("check.back"), "primary")
        self.again = Button(t("check.run.first"), icon="refresh-cw", keys=t("key.f9"))
        self.longer = Button(t("check.thorough"), "ghost")
        self.use_phone = Button(t("check.fix.phone"), icon="phone")
        self.for_it = Button(t("check.report"), "ghost", icon="file-text")
        self.halt = Button(t("check.stop"), keys=t("key.esc"))
        self.today.clicked.connect(self.back)
        self.again.clicked.connect(self.run)
        self.longer.clicked.connect(self.ask_thorough)
        self.use_phone.clicked.connect(self.phone)
        self.for_it.clicked.connect(self.report)
        self.halt.clicked.connect(self.stop)
        self.progress = Progress(t("check.progress"))
        self.progress.setFixedWidth(sizes.SYNC_PROGRESS)
        self.rungs = RungsBar(tuple(words.rung_word(r) for r in Rung if r is not Rung.NO_LINK))
        self.past = HistoryBars(t("check.past"))
        self.past_title = Text(t("check.past"), "label")
        self.past_words = Text("", "caption", "third")
        self.preview = VideoTile(t("check.preview"), mirrored=True)
        self.preview.setFixedSize(*sizes.PREVIEW)
        self.level = LevelMeter(t("check.level"))
        self.camera_foot, self.speaker_foot = CameraFoot(), SpeakerFoot()
        self.microphone_foot = MicrophoneFoot()
        self.refused = Banner("warn")
        voice = panel(column(Text(t("check.level"), "label"), self.level, gap=sizes.XS))
        self.cards = {
            Group.CAMERA: CheckCard(Group.CAMERA, beside=self.preview, below=self.camera_foot),
            Group.MICROPHONE: CheckCard(Group.MICROPHONE, above=voice, below=self.microphone_foot),
            Group.SPEAKER: CheckCard(Group.SPEAKER, below=self.speaker_foot),
            Group.NETWORK: CheckCard(Group.NETWORK),
            Group.COMPUTER: CheckCard(Group.COMPUTER),
        }
        for group, card in self.cards.items():
            card.fixed.connect(self.fixed)
            card.choice.picked.connect(lambda chosen, group=group: self.picked.emit(group, chosen))
        self._choosing: tuple[Group, int] | None = None
        self.verdict = self._verdict_card()
        whole = column(self.verdict, self.refused, gap=sizes.CARD_PAD, pad=(sizes.XL,) * 4)
        whole.addLayout(self._places(), 1)
        self.setLayout(whole)
        self.panels = [self.verdict, *self.cards.values()]
        on_key(self, "F9", self.run.emit)
        on_key(self, "Esc", self.stop.emit)

    def _places(self) -> QGridLayout:
        places = grid(sizes.CARD_PAD, sizes.CARD_PAD)
        for group, top, left, wide in _PLACES:
            places.addWidget(self.cards[group], top, left, 1, wide)
        for at in range(_COLUMNS):
            places.setColumnStretch(at, 1)
        places.setRowStretch(0, 1)
        places.setRowStretch(1, 1)
        return places

    def _verdict_card(self) -> Card:
        card = Card()
        card.setAccessibleName(t("check.verdict"))
        buttons = row(
            self.progress, self.halt, self.progress_words,
            self.today, self.use_phone, self.again, self.longer, self.for_it, None,
        )  # fmt: skip
        left = column(
            row(self.mark, self.heading, None, gap=sizes.M),
            self.sentence,
            buttons,
            self.when,
            gap=sizes.M,
        )
        past = row(
            column(self.past_title, self.past_words, self.data, None, gap=sizes.XXS),
            None,
            self.past,
        )
        right = column(None, self.rungs, past, None, gap=sizes.M)
        both = row(gap=sizes.XXL, pad=(sizes.XXL, sizes.L, sizes.XXL, sizes.L))
        both.addLayout(left, 5)
        both.addLayout(right, 4)
        card.add(both)
        return card

    def show_state(self, state: State) -> None:
        """Show it."""
        self.mark.show_icon(state.icon, state.tone if state.tone != "neutral" else "ink2")
        self.heading.setText(state.title)
        self.sentence.setText(state.sentence)
        for text, said in (
            (self.when, state.when),
            (self.data, state.data),
            (self.past_words, state.past_words),
        ):
            text.setText(said)
            text.setVisible(bool(said))
        restyle(self.verdict, "verdict", "none" if state.tone == "neutral" else state.tone)
        self.rungs.set_rung(state.at_least, state.rung_word, state.at_most)
        self.again.show_as(t("check.run" if state.has_report or state.when else "check.run.first"))
        self._show_running(state)
        self.past_title.setVisible(bool(state.past))
        self.past.setVisible(bool(state.past))
        self.past.show_bars(state.past, state.past_words)
        self.use_phone.setVisible(state.phone)
        self.for_it.setVisible(state.has_report)
        self.refused.show_words(state.refused)
        self.level.set_level(state.microphone_dbfs)
        self.camera_foot.show_words(state.guided)
        self.microphone_foot.show_words(state.guided)
        self.speaker_foot.show_words(state.guided)
        for card in state.cards:
            self.cards[card.group].show_card(card)
        if state.choosing != self._choosing:
            self._choosing = state.choosing
            if state.choosing is not None:
                self.cards[state.choosing[0]].choice.open()

    def _show_running(self, state: State) -> None:
        self.progress.setVisible(state.running)
        self.progress.setValue(round(state.share * 100))
        self.progress_words.setVisible(state.running)
        self.progress_words.setText(state.progress)
        self.again.setVisible(not state.running)
        self.longer.setVisible(not state.running)
        self.halt.setVisible(state.running)
        self.today.setVisible(not state.running)

    def ask_thorough(self) -> None:
        """Say what the thorough check costs, and run it when that is agreed to."""
        dialog = Dialog(
            self.window(),
            t("check.thorough.ask"),
            t("check.thorough.words"),
            t("check.thorough.no"),
        )
        agree = Button(t("check.thorough.yes"), "primary")
        agree.clicked.connect(dialog.accept)
        dialog.add_action(agree)
        dialog.accepted.connect(self.thorough)
        dialog.open()

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
