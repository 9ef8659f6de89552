"""Puts search and the record together: the field finds, the record shows. GUI thread."""

from collections.abc import Callable

from PySide6.QtCore import QTimer

from telemed_desk.clinical.entries import EntryKind
from telemed_desk.ui.screens.record.about import AboutPresenter
from telemed_desk.ui.screens.record.extras import ExportPart, PhotoStrip, RecordExtras
from telemed_desk.ui.screens.record.presenter import RecordPresenter, State
from telemed_desk.ui.screens.record.view import RecordView
from telemed_desk.ui.screens.search.presenter import SearchPresenter
from telemed_desk.ui.screens.search.view import FoundList
from telemed_desk.ui.shell.state import PAGES, RECORD, TODAY
from telemed_desk.ui.shell.window import Shell
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.finding import Finding, Found, Record
from telemed_desk.workflow.record_writing import RecordWriting
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
        self._writing = RecordWriting(session.core, session.vault, wall_ms)
        self.view = RecordView()
        self.about = AboutPresenter(self._writing, wall_ms, self.view.about.show_state, self._told)
        self.photos, self.export = PhotoStrip(), ExportPart()
        self.view.note.add(self.photos)
        self.view.head.addWidget(self.export)
        self.extras = RecordExtras(shell, session, self.photos, self.export)
        self.record_presenter = RecordPresenter(
            self, wall_ms, self._show_record, self._writing, self._also
        )
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
        self._connect_writing()
        shell.add_screen(RECORD, self.view)

    def _connect_writing(self) -> None:
        view, about, below = self.view.about, self.about, self.view.below
        view.added.connect(lambda kind, what: about.add(EntryKind(kind), what))
        view.put.connect(lambda kind, number, what: about.put(EntryKind(kind), number, what))
        view.off.connect(lambda kind, number: about.take_off(EntryKind(kind), number))
        view.undone.connect(about.undo)
        view.details.edit_asked.connect(lambda on: about.edit(on=on))
        view.details.begun.connect(about.begin)
        view.details.changed.connect(about.change)
        view.open_values.chosen.connect(about.choose)
        self.view.below_asked.connect(self.record_presenter.add_below)
        below.typed.connect(self.record_presenter.type_below)
        below.signed.connect(self.record_presenter.sign_below)
        below.left.connect(self.record_presenter.leave_below)

    def leave(self) -> None:
        """The PC locks: nothing of a patient stays in the window."""
        self._writing.flush()
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
        self.extras.leave()
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

    def open_record(self, patient: bytes, consultation: bytes) -> None:
        """Open a patient's record at a visit, from wherever one is."""
        if self._shell.current in PAGES:
            self._from = self._shell.current
        self._session.checking.preview(on=False)
        self.record_presenter.open(patient, consultation, "")
        self._shell.open(RECORD)

    def changed(self) -> None:
        """The vault holds something new: the record that is open shows it."""
        if self._shell.current == RECORD:
            self.record_presenter.look()

    def _show_record(self, state: State) -> None:
        self.view.show_state(state)
        shown = next((line.entity for line in state.visits if line.chosen), b"")
        self.extras.shown(state.name, shown)

    def _also(self, record: Record) -> None:
        self.extras.patient(record.patient.entity if record.patient is not None else b"")
        self.about.read(record.patient, record.about)

    def _told(self, words: str, undo: Callable[[], None] | None) -> None:
        self._shell.toast.say(words, undo=undo)

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
