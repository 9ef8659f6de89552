"""Writing the note beside the call: every word on disk within a second, and said so only then.

Lives on the core thread; the editor on the GUI thread calls :meth:`NoteTaking.edit` through it.
"""

import itertools
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, replace
from typing import Any

from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.clinical.notes import Note, NoteText, Section
from telemed_desk.vault import OpDraft, Vault
from telemed_protocol.errors import KnownError
from telemed_protocol.ids import new_id

AUTOSAVE_S = 0.5
"""After the first unsaved keystroke; well below the promise of one second."""
ROLL_AFTER_S = 20.0
"""Idle time after which the draft becomes a revision that travels."""

Later = Callable[[float, Callable[[], None]], None]
_loads = itertools.count(1)


@dataclass(frozen=True, slots=True)
class NoteState:
    """What the editor shows; ``loaded`` is another number whenever the text was read anew."""

    note: bytes
    consultation: bytes
    text: NoteText
    saved_ms: int | None = None
    unsaved: bool = False
    signed: Note | None = None
    problem: KnownError | None = None
    leaves: int = 1
    recovered_characters: int = 0
    loaded: int = 0


class NoteTaking:
    """One open note. Core thread only."""

    def __init__(
        self,
        consultation: bytes,
        vault: Vault,
        *,
        later: Later,
        now_ms: Callable[[], int],
        on_state: Callable[[NoteState], None],
    ) -> None:
        self._vault = vault
        self._later = later
        self._now_ms = now_ms
        self._on_state = on_state
        self._saving = False
        self._timer_armed = False
        self._edits = 0
        self._at_rest = False
        note = vault.note_of(consultation)
        # Text that was typed before a crash may belong to a note that has no revision yet.
        draft = next((d for d in vault.recovered_drafts() if d.consultation == consultation), None)
        if note is not None:
            entity = note.entity
        else:
            entity = draft.note if draft is not None else bytes(new_id())
        text = vault.note_text(entity) if note or draft else NoteText()
        self.state = NoteState(
            note=entity,
            consultation=consultation,
            text=text,
            saved_ms=draft.at_ms if draft else note.changed_ms if note else None,
            signed=note if note and note.is_signed else None,
            leaves=note.leaves if note else 1,
            recovered_characters=draft.characters if draft else 0,
            loaded=next(_loads),
        )

    def _set(self, **changes: Any) -> None:
        self.state = replace(self.state, **changes)
        self._on_state(self.state)

    def edit(self, section: Section, text: str) -> None:
        """Take a section's new text; it is on disk within a second."""
        if self.state.signed is not None or self._at_rest:
            return
        self._edits += 1
        self._set(text=self.state.text.with_section(section, text), unsaved=True)
        if not self._timer_armed:
            self._timer_armed = True
            self._later(AUTOSAVE_S, self._autosave)

    def save_now(self) -> None:
        """Write at once: focus left, window closes, call ends."""
        if self.state.unsaved and not self._saving:
            self._autosave()

    def _autosave(self) -> None:
        self._timer_armed = False
        if self._saving or self._at_rest or not self.state.unsaved:
            return
        self._saving = True
        edits, at_ms = self._edits, self._now_ms()
        future = self._vault.journal_draft(
            self.state.note, self.state.consultation, self.state.text, at_ms
        )
        self._on_core(future, lambda error: self._saved(edits, at_ms, error))

    def _saved(self, edits: int, at_ms: int, error: BaseException | None) -> None:
        self._saving = False
        if isinstance(error, KnownError):
            # The text stays in the editor and in this object; the next try is soon.
            self._set(problem=error)
            self._timer_armed = True
            self._later(2.0, self._autosave)
            return
        if error is not None:
            raise error
        still = self._edits != edits
        self._set(saved_ms=at_ms, unsaved=still, problem=None)
        if still:
            self._timer_armed = True
            self._later(AUTOSAVE_S, self._autosave)
        else:
            self._later(ROLL_AFTER_S, lambda: self._roll_if_idle(edits))

    def _roll_if_idle(self, edits: int) -> None:
        if self._edits == edits and self.state.signed is None:
            self._vault.roll_draft(self.state.note)

    def look(self) -> None:
        """Something was recorded: another PC may have written a version of this note, or signed it."""
        note = self._vault.note_of(self.state.consultation)
        if note is None or note.entity != self.state.note:
            return
        if note.is_signed and self.state.signed is None and not self.state.unsaved:
            # What was typed here since stays, as a version beside the signed text.
            self._vault.roll_draft(self.state.note)
            self._set(signed=note, leaves=note.leaves)
        elif note.leaves != self.state.leaves:
            self._set(leaves=note.leaves)

    def rest(self, done: Callable[[], None]) -> None:
        """Make a revision of what was typed, for good; ``done`` runs once it is on the disk.

        When that fails the text stays here, is tried again, and ``done`` does not run.
        """

        def journalled(error: BaseException | None) -> None:
            if error is None:
                self._on_core(self._vault.roll_draft(self.state.note), rolled)
            else:
                rolled(error)

        def rolled(error: BaseException | None) -> None:
            if isinstance(error, KnownError):
                self._at_rest = False
                self._set(problem=error)
                self._later(2.0, self._autosave)
                return
            if error is not None:
                raise error
            done()

        self._at_rest = True
        if self.state.unsaved and self.state.signed is None:
            at_ms = self._now_ms()
            text = self.state.text
            saved = self._vault.journal_draft(self.state.note, self.state.consultation, text, at_ms)
            self._on_core(saved, journalled)
        else:
            journalled(None)

    def close(self) -> None:
        """Leave the note: what was typed is saved, and the draft becomes a revision."""
        if self.state.signed is not None or self.state.text.is_empty:
            return
        if self.state.unsaved:
            self._vault.journal_draft(
                self.state.note, self.state.consultation, self.state.text, self._now_ms()
            )
        self._vault.roll_draft(self.state.note)

    def sign(self, done: Callable[[KnownError | None], None]) -> None:
        """Sign and lock: the note never changes again. ``done`` runs on the core thread."""
        now = self._now_ms()
        if self.state.unsaved:
            self._vault.journal_draft(
                self.state.note, self.state.consultation, self.state.text, now
            )
        state = OpDraft(
            "consult.state",
            self.state.consultation,
            {"state": ConsultationState.SIGNED.value, "at_ms": now},
        )
        future = self._vault.sign_note(self.state.note, now, also=[state])

        def signed(error: BaseException | None) -> None:
            if isinstance(error, KnownError):
                self._set(problem=error)
                done(error)
                return
            if error is not None:
                raise error
            note = self._vault.note_of(self.state.consultation)
            self._set(signed=note, unsaved=False, saved_ms=now, problem=None)
            done(None)

        self._on_core(future, signed)

    def _on_core(self, future: "Future[Any]", then: Callable[[BaseException | None], None]) -> None:
        future.add_done_callback(lambda ended: self._later(0, lambda: then(ended.exception())))
