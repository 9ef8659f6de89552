"""Puts search and the record together: the field finds, the record shows. GUI thread."""

from collections.abc import Callable

from PySide6.QtCore import QTimer

from telemed_desk.ui.screens.record.presenter import RecordPresenter
from telemed_desk.ui.screens.record.view import RecordView
from telemed_desk.ui.screens.search.presenter import SearchPresenter
from telemed_desk.ui.screens.search.view import FoundList
from telemed_desk.ui.shell.state import PAGES, RECORD, TODAY
from telemed_desk.ui.shell.window import Shell
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.finding import Finding, Found, Record
from telemed_desk.workflow.session import Session


class SearchScreen:
    """From unlock to lock.

    Args:
        shell: The window; the field is in its top bar.
        session: What is unlocked.
        go: Opens a page of the rail.
    """

    def __init__(self, shell: Shell, session: Session, go: Callable[[str], None]) -> None:
        self._shell = shell
        self._session = session
        self._go = go
        self._from = TODAY
        self._finding = Finding(session.core, session.vault)
        self._field = shell.top_bar.search
        self._list = FoundList(shell, self._field)
        self.view = RecordView()
        self.record_presenter = RecordPresenter(self, wall_ms, self.view.show_state)
        self.presenter = SearchPresenter(
            self._finding, self._later, wall_ms, self._list.show_state, self._open
        )
        self._field.textChanged.connect(self.presenter.typed)
        self._field.entered.connect(self.presenter.begin)
        self._field.left.connect(self.presenter.close)
        self._field.moved.connect(self.presenter.move)
        self._field.opened.connect(self.presenter.open)
        self._field.closed.connect(self._close)
        self._list.picked.connect(self.presenter.pick)
        self.view.back.connect(self._back)
        self.view.chosen.connect(self.record_presenter.choose)
        self.view.moved.connect(self.record_presenter.move)
        self.view.write.connect(self.record_presenter.write)
        shell.add_screen(RECORD, self.view)

    def leave(self) -> None:
        """The PC locks: nothing of a patient stays in the window."""
        self._field.textChanged.disconnect(self.presenter.typed)
        self._field.entered.disconnect(self.presenter.begin)
        self._field.left.disconnect(self.presenter.close)
        self._field.moved.disconnect(self.presenter.move)
        self._field.opened.disconnect(self.presenter.open)
        self._field.closed.disconnect(self._close)
        # Not clear(): Ctrl+Z would bring a name back for whoever unlocks next.
        self._field.setText("")
        self.presenter.forget()
        self.record_presenter.forget()
        self._list.hide()
        self._list.deleteLater()
        self._shell.drop(RECORD)

    # ---- the record's port ---------------------------------------------------------------------

    def record(self, patient: bytes, done: Callable[[Record], None]) -> None:
        """Read a record."""
        self._finding.record(patient, done)

    def review_note(self, consultation: bytes) -> None:
        """Open an unfinished note for writing."""
        self._session.review_note(consultation)

    # ---- ways ----------------------------------------------------------------------------------

    def _later(self, ms: int, call: Callable[[], None]) -> None:
        QTimer.singleShot(ms, self._list, call)

    def _open(self, found: Found, typed: str) -> None:
        visit = found.consultation
        patient = found.patient.entity if found.patient else visit.patient if visit else None
        if patient is None:
            return
        if self._shell.current in PAGES:
            self._from = self._shell.current
        self._session.checking.preview(on=False)
        self.record_presenter.open(patient, visit.entity if visit else None, typed)
        self._shell.open(RECORD)

    def _back(self) -> None:
        self._go(self._from)

    def _close(self) -> None:
        self.presenter.close()
        view = self._shell.stack.currentWidget()
        focus_first = getattr(view, "focus_first", None)
        if callable(focus_first):
            focus_first()
