"""Puts the screen of a colleague's call together. GUI thread."""

from collections.abc import Callable

from PySide6.QtCore import Qt

from telemed_desk.clinical.ladder import Rung
from telemed_desk.ui.screens.joined.presenter import JoinDialog, JoinedPresenter
from telemed_desk.ui.screens.joined.view import JoinedView, JoinQuestion
from telemed_desk.ui.shell.frames import open_frames
from telemed_desk.ui.shell.window import Shell
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.joining import JoinedState
from telemed_desk.workflow.session import Session


class JoinedScreen:
    """View, presenter and the question for a link.

    Args:
        shell: The window.
        session: What is unlocked.
        back: Goes back to Today.
    """

    def __init__(self, shell: Shell, session: Session, back: Callable[[], None]) -> None:
        self._shell = shell
        self._session = session
        self._back = back
        self._question: JoinQuestion | None = None
        self.view = JoinedView(open_frames)
        self.presenter = JoinedPresenter(session.people, wall_ms, self.view.show_state, self._ask)
        self.view.mute.connect(self.presenter.toggle_mute)
        self.view.camera.connect(self.presenter.toggle_camera)
        self.view.share.connect(self.presenter.toggle_share)
        self.view.share_confirmed.connect(self.presenter.confirm_share)
        self.view.share_declined.connect(self.presenter.decline_share)
        self.view.rung_chosen.connect(lambda rung: self.presenter.choose_rung(Rung(rung)))
        self.view.left.connect(self.presenter.leave)

    @property
    def in_call(self) -> bool:
        """Whether this desk takes part in a call now."""
        joined = self._session.people.joined.value
        return joined is not None and joined.phase != "ended"

    def joined(self, state: JoinedState | None) -> None:
        """The joined call moved."""
        self.presenter.joined(state)
        if state is None:
            if self._shell.current == "joined":
                self._back()
        elif self._shell.current != "joined":
            self._session.checking.preview(on=False)
            self._shell.open("joined")
            self.view.show_state(self.presenter.state)

    def tick(self) -> None:
        """Once a second."""
        self.presenter.tick()

    def _ask(self, dialog: JoinDialog | None) -> None:
        if dialog is None:
            if self._question is not None:
                question, self._question = self._question, None
                question.close()
            return
        if self._question is None:
            self._question = JoinQuestion(self._shell)
            self._question.pasted.connect(self.presenter.paste)
            self._question.wanted.connect(self.presenter.join)
            self._question.rejected.connect(self.presenter.close_dialog)
            self._question.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
            self._question.open()
        self._question.show_dialog(dialog)
