"""What the doctor does to the open note, said on the GUI thread and done on the core thread."""

from abc import ABC, abstractmethod
from collections.abc import Callable

from telemed_desk.clinical.notes import Section
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.note_choosing import NoteChoosing
from telemed_desk.workflow.note_taking import NoteTaking
from telemed_protocol.errors import KnownError


class NoteIntentions(ABC):
    """Part of the session; without a note nothing happens."""

    core: CoreThread
    choosing: NoteChoosing
    _note: NoteTaking | None

    @abstractmethod
    def _open_note(self, consultation: bytes) -> None: ...

    @abstractmethod
    def _is_in_call(self) -> bool: ...

    @abstractmethod
    def _reviewed(self) -> bytes | None: ...

    def open_note(self, consultation: bytes) -> None:
        """Open a consultation's note without a call."""
        self.core.call(lambda: self._open_note(consultation))

    def edit(self, section: Section, text: str) -> None:
        """Take what was typed."""
        self._with_note(lambda note: note.edit(section, text))

    def save_now(self) -> None:
        """Write what was typed at once."""
        self._with_note(lambda note: note.save_now())

    def sign(self, done: Callable[[KnownError | None], None]) -> None:
        """Sign and lock the open note; ``done`` is called on the GUI thread."""
        self._with_note(lambda note: note.sign(lambda p: self.core.post(lambda: done(p))))

    def open_versions(self, consultation: bytes) -> None:
        """Show the versions of a note, unless this desk is in a call; what is typed is saved first."""
        self.core.call(lambda: self._open_versions(consultation))

    def leave_versions(self) -> None:
        """Go back to the note, or to where one was; choices that were not saved are undone."""
        self.core.call(self._leave_versions)

    def _open_versions(self, consultation: bytes) -> None:
        note = self._note
        if self._is_in_call():
            return
        if note is None or note.state.consultation != consultation:
            self.choosing.open(consultation)
            return

        def rested() -> None:
            # The text in the editor is older than what may be chosen: it is read anew afterwards.
            self._note = None
            self.choosing.open(consultation)

        note.rest(rested)

    def _leave_versions(self) -> None:
        self.choosing.close()
        reviewed = self._reviewed()
        if reviewed is not None and self._note is None:
            self._open_note(reviewed)

    def _with_note(self, action: Callable[[NoteTaking], None]) -> None:
        def run() -> None:
            if self._note is not None:
                action(self._note)

        self.core.call(run)
