"""What stands at the foot of a card: tests that a person takes part in."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QWidget

from telemed_desk.ui.screens.self_check.state import GuidedWords
from telemed_desk.ui.text import t
from telemed_desk.ui.theme import sizes
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.labels import Text
from telemed_desk.ui.widgets.layouts import column, row
from telemed_desk.ui.widgets.meters import Progress


class CameraFoot(QWidget):
    """Is this camera good enough for skin? Looks for a colour chart."""

    wanted = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self._looking = False
        self.chart = Button(t("check.chart"), scale="small", icon="contrast")
        self.chart.clicked.connect(lambda: self.wanted.emit(not self._looking))
        self.words = Text("", "caption", "second", wrap=True)
        inner = row(self.chart, gap=sizes.M)
        inner.addWidget(self.words, 1)
        self.setLayout(inner)

    def show_words(self, state: GuidedWords) -> None:
        """Show it."""
        self._looking = state.looking
        self.chart.show_as(t("check.chart.stop" if state.looking else "check.chart"))
        self.words.setText(state.camera)
        self.words.set_tone(state.camera_tone)


class MicrophoneFoot(QWidget):
    """Five seconds recorded, and played back as the patient would hear them."""

    record = Signal()
    play = Signal()
    halt = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.recording = Button(t("check.record"), scale="small", icon="mic")
        self.playing = Button(t("check.play_back"), scale="small", icon="play")
        self.stopping = Button(t("check.stop"), scale="small")
        self.bar = Progress(t("check.trial"))
        self.words = Text("", "caption", "second", wrap=True)
        self.recording.clicked.connect(self.record)
        self.playing.clicked.connect(self.play)
        self.stopping.clicked.connect(self.halt)
        buttons = row(self.recording, self.playing, self.stopping, gap=sizes.M)
        buttons.addWidget(self.bar, 1)
        buttons.addStretch(0)
        self.setLayout(column(buttons, self.words, gap=sizes.XS))

    def show_words(self, state: GuidedWords) -> None:
        """Show it."""
        busy = state.microphone_busy
        self.recording.setVisible(not busy)
        self.playing.setVisible(state.can_play and not busy)
        self.stopping.setVisible(busy)
        self.bar.setVisible(busy)
        self.bar.setValue(round(100 * state.share))
        self.words.setText(state.microphone)
        self.words.setVisible(bool(state.microphone))


class SpeakerFoot(QWidget):
    """A rising tone, heard by the microphone or by the doctor."""

    play = Signal()
    answered = Signal(bool)

    def __init__(self) -> None:
        super().__init__()
        self.playing = Button(t("check.sweep"), scale="small", icon="play")
        self.question = Text(t("check.sweep.heard"), "body", wrap=True)
        self.yes = Button(t("check.sweep.yes"), scale="small")
        self.no = Button(t("check.sweep.no"), scale="small")
        self.words = Text("", "caption", "second", wrap=True)
        self.playing.clicked.connect(self.play)
        self.yes.clicked.connect(lambda: self.answered.emit(True))
        self.no.clicked.connect(lambda: self.answered.emit(False))
        self.setLayout(
            column(
                self.question,
                row(self.yes, self.no, self.playing, None, gap=sizes.M),
                self.words,
                gap=sizes.XS,
            )
        )

    def show_words(self, state: GuidedWords) -> None:
        """Show it."""
        for widget in (self.question, self.yes, self.no):
            widget.setVisible(state.ask_heard)
        self.playing.setEnabled(not state.speaker_busy)
        self.words.setText(state.speaker)
        self.words.setVisible(bool(state.speaker))
