"""The screen of a colleague's call, and the question for its link."""

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.ui import words
from telemed_desk.ui.screens.call.choice import RungChoice
from telemed_desk.ui.screens.call.question import Question
from telemed_desk.ui.screens.call.stage import OpenFrames, StageView
from telemed_desk.ui.screens.joined.presenter import JoinDialog, State
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button, CallButton
from telemed_desk.ui.widgets.cards import Banner, Card
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.ui.widgets.keys import on_key
from telemed_desk.ui.widgets.labels import ElidedText, Text
from telemed_desk.ui.widgets.ladder import LadderWord
from telemed_desk.ui.widgets.layouts import column, panel, row


class JoinedView(QWidget):
    """Emits intentions; shows a :class:`State`.

    Args:
        open_frames: Opens a stream's pictures by the name of its memory.
    """

    mute = Signal()
    camera = Signal()
    share = Signal()
    share_confirmed = Signal()
    share_declined = Signal()
    rung_chosen = Signal(int)
    left = Signal()

    def __init__(self, open_frames: OpenFrames) -> None:
        super().__init__()
        self.setProperty("page", "true")
        self.title = Text("", "title")
        self.clinic = Text("", "caption")
        self.people = ElidedText("", "body", "second")
        self.timer = Text("", "title")
        head = row(gap=sizes.L, pad=(sizes.XL, 0, sizes.XL, 0))
        head.addLayout(column(None, self.title, self.clinic, None, gap=0))
        head.addWidget(self.people, 1)
        head.addWidget(self.timer)
        self.header = panel(head, topbar="true")
        self.header.setFixedHeight(sizes.CALL_HEADER)
        self.header.setAccessibleName(t("call.header"))
        self.banner = Banner("danger")
        self.sharing = Banner("warn")
        self._share_question = Question(
            self,
            lambda: Button(t("call.share"), "primary", icon="screen-share"),
            self.share_confirmed.emit,
            self.share_declined.emit,
        )
        self.stage = StageView(open_frames)
        self.controls = self._controls()
        body = column(self.banner, self.sharing, gap=sizes.M + 2, pad=(sizes.L,) * 4)
        body.addWidget(self.stage, 1)
        body.addWidget(self.controls)
        whole = column(self.header, gap=0)
        whole.addLayout(body, 1)
        self.setLayout(whole)
        self.panels = [self.controls, self.header]
        for keys in ("F2", "Ctrl+Shift+M"):
            on_key(self, keys, self.mute.emit)
        on_key(self, "F3", self.camera.emit)
        on_key(self, "Ctrl+Shift+S", self.share.emit)
        on_key(self, "Ctrl+Shift+L", self.choice.open)
        on_key(self, "Ctrl+Shift+E", self.left.emit)

    def _controls(self) -> Card:
        card = Card()
        card.setAccessibleName(t("call.controls"))
        self.mute_button = CallButton(t("call.mute"), "mic")
        self.camera_button = CallButton(t("call.camera"), "video")
        self.share_button = CallButton(t("call.share"), "screen-share")
        self.share_button.setCheckable(True)
        self.share_button.clicked.connect(self.share)
        self.leave_button = CallButton(t("joined.leave"), "log-out", "danger")
        self.leave_button.setToolTip(t("call.tip", name=t("joined.leave"), key="Ctrl+Shift+E"))
        self.back_button = Button(t("call.back"), "primary", scale="large")
        self.rung = LadderWord(Rung.NO_LINK, words.rung_word(Rung.NO_LINK), "strong")
        self.choice = RungChoice()
        self.choice.chosen.connect(self.rung_chosen)
        self.mute_button.clicked.connect(self.mute)
        self.camera_button.clicked.connect(self.camera)
        self.leave_button.clicked.connect(self.left)
        self.back_button.clicked.connect(self.left)
        card.add(
            row(
                self.mute_button,
                self.camera_button,
                self.share_button,
                self.rung,
                self.choice,
                None,
                self.back_button,
                self.leave_button,
                gap=sizes.M,
                pad=(sizes.M, sizes.S, sizes.M, sizes.S),
            )
        )
        return card

    def show_state(self, state: State) -> None:
        """Show it."""
        self.title.setText(state.title)
        self.clinic.setText(state.clinic)
        self.people.setText(state.people)
        self.timer.setText(state.timer)
        self.banner.show_words(state.problem, state.next_step)
        self.stage.show_state(state.stage)
        self.rung.set_rung(state.rung, state.rung_word)
        in_call = (self.mute_button, self.camera_button, self.share_button, self.choice)
        for button in (*in_call, self.leave_button):
            button.setVisible(state.live)
        self.choice.show_chosen(state.chosen)
        self.back_button.setVisible(not state.live)
        said = t("call.unmute" if state.muted else "call.mute")
        self.mute_button.show_as(
            t("call.speaking") if state.speaking_while_muted else said,
            "mic-off" if state.muted else "mic",
            "off" if state.muted else "plain",
            t("call.tip", name=said, key="F2"),
        )
        said = t("call.camera.off" if state.camera_off else "call.camera")
        self.camera_button.show_as(
            said,
            "video-off" if state.camera_off else "video",
            "off" if state.camera_off else "plain",
            t("call.tip", name=said, key="F3"),
        )
        self._show_share(state)

    def _show_share(self, state: State) -> None:
        self.sharing.show_words(state.banner, state.banner_words)
        said = t("call.share.stop" if state.sharing else "call.share")
        self.share_button.setChecked(state.sharing)
        self.share_button.show_as(
            said,
            "screen-share",
            "accent" if state.sharing else "plain",
            t("call.tip", name=said, key="Ctrl+Shift+S"),
        )
        self._share_question.show(
            t("call.share.title"),
            t("call.share.words"),
            t("button.cancel"),
            asked=state.asks_share,
        )

    def focus_first(self) -> None:
        """Put the keyboard on the first control."""
        first = self.mute_button if self.mute_button.isVisible() else self.back_button
        first.setFocus(Qt.FocusReason.OtherFocusReason)


class JoinQuestion(Dialog):
    """Asks for the link that a colleague sent."""

    pasted = Signal(str)
    wanted = Signal()

    def __init__(self, parent: QWidget | None) -> None:
        super().__init__(parent, t("joined.ask"), t("joined.ask.words"), t("button.cancel"))
        self.address = QLineEdit()
        self.address.setAccessibleName(t("today.link.address"))
        self.address.setPlaceholderText(t("joined.ask.placeholder"))
        self.problem = Banner("danger")
        self.join = Button(t("joined.ask.join"), "primary", icon="video")
        self.add(self.address)
        self.add(self.problem)
        self.add_action(self.join)
        self.address.textEdited.connect(self.pasted)
        self.address.returnPressed.connect(self.wanted)
        self.join.clicked.connect(self.wanted)
        self.join.setAutoDefault(False)
        self.cancel.setAutoDefault(False)

    def show_dialog(self, dialog: JoinDialog) -> None:
        """Show it."""
        self.problem.show_words(dialog.problem)
        if self.address.text() != dialog.url:
            self.address.setText(dialog.url)
        self.address.setFocus(Qt.FocusReason.TabFocusReason)
