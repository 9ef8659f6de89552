"""Before sound comes out of a loudspeaker the doctor is asked, where sound is used and nowhere else."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from telemed_desk.ui.gallery_call import frames
from telemed_desk.ui.screens.call.view import CallView
from telemed_desk.ui.speaker_question import AskForSpeaker
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.ui.widgets.dialogs import Dialog
from telemed_desk.workflow.sounds import SoundsState, SpeakerQuestion
from tests.ui.windows import shown

ASKED = SoundsState(question=SpeakerQuestion("Headset", "Loudspeaker", "id:pulse:loud", worn=False))


class Answers:
    def __init__(self) -> None:
        self.given: list[bool] = []

    def answer(self, *, use_other: bool) -> None:
        self.given.append(use_other)


def dialogs() -> list[Dialog]:
    return [w for w in QApplication.topLevelWidgets() if isinstance(w, Dialog) and w.isVisible()]


def asking(qtbot: QtBot) -> tuple[AskForSpeaker, Answers]:
    answers = Answers()
    shell = shown(qtbot, "call", CallView(frames))
    shell.current = "call"
    return AskForSpeaker(shell, answers), answers


def test_the_loudspeaker_is_named_and_silence_is_the_way_back(qtbot: QtBot) -> None:
    ask, answers = asking(qtbot)
    ask.sounds(ASKED)
    (dialog,) = dialogs()
    assert dialog.windowTitle() == "Headset is not connected"
    assert "everybody in the room" in dialog._words.text()
    qtbot.waitUntil(dialog.cancel.hasFocus)
    assert dialog.cancel.text() == "Keep sound off"
    qtbot.keyClick(dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not dialogs())
    assert answers.given == [False]


def test_yes_is_said_once(qtbot: QtBot) -> None:
    ask, answers = asking(qtbot)
    ask.sounds(ASKED)
    (dialog,) = dialogs()
    (use,) = [b for b in dialog.findChildren(Button) if b.text() == "Use Loudspeaker"]
    qtbot.mouseClick(use, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not dialogs())
    assert answers.given == [True]


def test_it_waits_for_a_screen_with_sound_and_goes_when_the_headset_is_back(qtbot: QtBot) -> None:
    ask, answers = asking(qtbot)
    ask._shell.current = "today"
    ask.sounds(ASKED)
    assert dialogs() == []
    ask._shell.current = "self_check"
    ask.page_changed()
    assert len(dialogs()) == 1
    ask.sounds(SoundsState())
    qtbot.waitUntil(lambda: not dialogs())
    assert answers.given == []
