"""The versions screen with its presenter, as the desk puts it into the window. GUI thread."""

from collections.abc import Callable

from telemed_desk.clinical.notes import Section
from telemed_desk.ui.screens.versions.presenter import VersionsPresenter
from telemed_desk.ui.screens.versions.view import VersionsView
from telemed_desk.ui.shell.window import Shell
from telemed_desk.ui.text import t
from telemed_desk.workflow.note_choosing import ChoosingState
from telemed_desk.workflow.session import Session

SCREEN = "versions"


class VersionsScreen:
    """Opens when the workflow has read the versions, and goes back to where the doctor was.

    Args:
        shell: The window.
        session: Its choosing is shown.
        go: Opens a page of the rail, or the call screen.
    """

    def __init__(self, shell: Shell, session: Session, go: Callable[[str], None]) -> None:
        self._shell = shell
        self._session = session
        self._go = go
        self._from = ""
        self._leaving = False
        self.view = VersionsView()
        self.presenter = VersionsPresenter(session.choosing, self._leave, self.view.show_state)
        view, presenter = self.view, self.presenter
        view.taken.connect(lambda section, key: presenter.take(Section(section), key))
        view.edited.connect(lambda section: presenter.edit(Section(section)))
        view.typed.connect(lambda section, text: presenter.typed(Section(section), text))
        view.kept.connect(lambda section: presenter.keep(Section(section)))
        view.undone.connect(presenter.undo)
        view.newer_asked.connect(presenter.show_newer)
        view.saved.connect(presenter.save)
        view.left.connect(presenter.leave)
        shell.add_screen(SCREEN, view)

    def ask(self, consultation: bytes) -> None:
        """Show the versions of a consultation's note."""
        self._session.open_versions(consultation)

    def choosing(self, state: ChoosingState | None) -> None:
        """The workflow moved."""
        if state is None:
            self._leaving = False
        elif self._leaving:
            return  # read before the workflow heard that the doctor had left
        elif self._shell.current != SCREEN:
            self._from = self._shell.current
            self.presenter.choosing(state)
            self._shell.open(SCREEN)
            return
        elif state.saved:
            self._shell.say(t("versions.saved"))
        self.presenter.choosing(state)

    def _leave(self) -> None:
        if self._shell.current == SCREEN and not self._leaving:
            self._leaving = True
            self._session.leave_versions()
            self._go(self._from or "today")
