"""Asks before sound comes out of another speaker than the headset that is gone. GUI thread."""

from collections.abc import Callable
from typing import Final, Protocol

from telemed_desk.ui.screens.call.question import Question
from telemed_desk.ui.shell.window import Shell
from telemed_desk.ui.text import t
from telemed_desk.ui.widgets.buttons import Button
from telemed_desk.workflow.sounds import SoundsState, SpeakerQuestion

PAGES: Final = ("call", "joined", "self_check")
"""Where sound is used, or about to be: elsewhere nobody is interrupted for it."""


class SpeakerPort(Protocol):
    """What the question needs of the workflow."""

    def answer(self, *, use_other: bool) -> None:
        """Let sound come out of the other speaker, or keep it off."""
        ...


class AskForSpeaker:
    """One question over whatever screen uses sound.

    Args:
        shell: The window.
        port: Takes the answer.
    """

    def __init__(self, shell: Shell, port: SpeakerPort) -> None:
        self._shell = shell
        self._port = port
        self._asked: SpeakerQuestion | None = None
        self._open: SpeakerQuestion | None = None
        self._dialog = Question(shell, self._button, self._yes, self._no)

    def sounds(self, state: SoundsState) -> None:
        """The devices or the question changed."""
        self._asked = state.question
        self.page_changed()

    def page_changed(self) -> None:
        """Another screen is shown, or the devices changed."""
        asked = self._asked if self._shell.current in PAGES else None
        if asked == self._open:
            return
        if self._open is not None:
            self._open = None
            self._dialog.show("", "", "", asked=False)
        if asked is not None:
            self._open = asked
            title = t("speaker.away", name=asked.away) if asked.away else t("speaker.gone")
            key = "speaker.ask.worn" if asked.worn else "speaker.ask"
            words = t(key, name=asked.other)
            self._dialog.show(title, words, t("speaker.off"), asked=True)

    def leave(self) -> None:
        """The session closes."""
        self._asked = None
        self.page_changed()

    def _button(self) -> Button:
        name = self._open.other if self._open is not None else ""
        return Button(t("speaker.use", name=name), "primary", icon="volume-2")

    def _yes(self) -> None:
        self._answered(lambda: self._port.answer(use_other=True))

    def _no(self) -> None:
        self._answered(lambda: self._port.answer(use_other=False))

    def _answered(self, answer: Callable[[], None]) -> None:
        # Closing the dialog says no once more: only the first answer counts.
        if self._open is None:
            return
        self._open = self._asked = None
        answer()
        self._dialog.show("", "", "", asked=False)
