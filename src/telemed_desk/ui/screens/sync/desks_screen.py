"""Puts the list of desks and its presenter together."""

from telemed_desk.ui.screens.sync.desks import DesksPort, DesksPresenter
from telemed_desk.ui.screens.sync.desks_view import DesksList
from telemed_desk.workflow.desks import DesksState


class DesksScreen:
    """GUI thread."""

    def __init__(self, view: DesksList, port: DesksPort) -> None:
        self.presenter = DesksPresenter(port, view.show_state)
        view.remove_asked.connect(self.presenter.ask_to_remove)
        view.removed.connect(self.presenter.remove)
        view.kept.connect(self.presenter.keep)
        view.granted.connect(self.presenter.grant)
        view.refused.connect(self.presenter.refuse)
        view.sheet_asked.connect(self.presenter.make_sheet)
        view.sheet_closed.connect(self.presenter.close_sheet)
        view.show_state(self.presenter.state)

    def desks(self, state: DesksState) -> None:
        """The list moved."""
        self.presenter.desks(state)

    def leave(self) -> None:
        """No code and no question stays on the screen of a locked PC."""
        self.presenter.keep()
        self.presenter.close_sheet()
