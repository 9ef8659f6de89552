"""Choosing between the versions of a note that several PCs wrote side by side.

Nothing is merged here: a clinician takes or writes each section, and the result is recorded as one
revision built on every version that was on the screen. What they wrote by hand and have not saved
is kept, encrypted, on this PC, so that a lock or a crash in the middle costs none of it.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import Any, Final

import msgspec

from telemed_desk.clinical.notes import Note, NoteText, Section
from telemed_desk.clinical.people import Patient
from telemed_desk.vault import NoteVersion, Vault
from telemed_desk.workflow.core_thread import Post
from telemed_desk.workflow.note_taking import AUTOSAVE_S, Later
from telemed_desk.workflow.watched import Watched
from telemed_protocol.errors import KnownError
from telemed_protocol.op import OpId

_kept: Final = msgspec.json.Decoder(dict[str, str])


@dataclass(frozen=True, slots=True)
class Version:
    """A version and where it comes from. Names are empty while they have not arrived by sync.

    Attributes:
        revision: Which.
        author: Who wrote it.
        mine: Whether that is who works here now.
        place: What the clinic calls the PC.
        here: Whether it was written on this PC.
        at_ms: When, by that PC's clock.
        text: The whole text.
        stands: Whether nobody has built on it.
        signed: Whether it is what was signed.
    """

    revision: OpId
    author: str
    mine: bool
    place: str
    here: bool
    at_ms: int
    text: NoteText = field(repr=False)
    stands: bool = True
    signed: bool = False


@dataclass(frozen=True, slots=True)
class ChoosingState:
    """A note with its versions.

    Attributes:
        note: Which.
        consultation: What it records.
        patient: Whose; None while that is not known here.
        versions: Those that stand, oldest first; one = there is nothing to choose.
        history: All there ever were, oldest first.
        signed_ms: When it was signed; what else stands was written beside the signed text.
        kept: What was written by hand here before and not saved, by section.
        saving: A choice is being recorded.
        saved: The choice is on the disk of this PC.
        problem: Why it is not.
    """

    note: bytes
    consultation: bytes
    patient: Patient | None = None
    versions: tuple[Version, ...] = ()
    history: tuple[Version, ...] = ()
    signed_ms: int | None = None
    kept: Mapping[Section, str] = field(default_factory=dict, repr=False)
    saving: bool = False
    saved: bool = False
    problem: KnownError | None = None


class NoteChoosing:
    """The one note whose versions are on the screen.

    Args:
        vault: Unlocked.
        call: Runs something on the core thread, soon.
        post: Runs something on the GUI thread.
        later: Runs something on the core thread after seconds.
        now_ms: Wall clock.
    """

    def __init__(
        self,
        vault: Vault,
        *,
        call: Callable[[Callable[[], None]], None],
        post: Post,
        later: Later,
        now_ms: Callable[[], int],
    ) -> None:
        self._vault = vault
        self._call = call
        self._later = later
        self._now_ms = now_ms
        self._seen: dict[tuple[OpId, ...], tuple[OpId, ...]] = {}
        self._edits: dict[str, str] | None = None
        self._kept: dict[bytes, dict[str, str]] = {}
        self.state: Watched[ChoosingState | None] = Watched(post, None)

    # ---- the clinician (GUI thread) ------------------------------------------------------------

    def settle(self, text: NoteText, shown: tuple[OpId, ...]) -> None:
        """Record one text instead of the versions that were shown."""
        self._call(lambda: self._settle(text, shown))

    def keep(self, edits: Mapping[Section, str]) -> None:
        """Keep what is written by hand, until it is saved; at most half a second late."""
        self._call(lambda: self._keep({section.value: text for section, text in edits.items()}))

    # ---- the session (core thread) -------------------------------------------------------------

    @property
    def consultation(self) -> bytes | None:
        """Whose note is open."""
        return self.state.value.consultation if self.state.value is not None else None

    def open(self, consultation: bytes) -> None:
        """Show the versions of a consultation's note; what was typed and not rolled is one of them."""
        draft = next(
            (d for d in self._vault.recovered_drafts() if d.consultation == consultation), None
        )
        if draft is None:
            self._opened(consultation, None)
        else:
            rolled = self._vault.roll_draft(draft.note)
            self._on_core(rolled, lambda error: self._opened(consultation, error))

    def _opened(self, consultation: bytes, error: BaseException | None) -> None:
        if error is not None and not isinstance(error, KnownError):
            raise error
        note = self._vault.note_of(consultation)
        if note is None:
            return
        found = self._kept.get(note.entity)  # newer than the disk while that is being written
        if found is None:
            kept = self._vault.setting(_setting(note.entity))
            found = _kept.decode(kept) if kept else {}
        state = self._read(ChoosingState(note.entity, consultation), note)
        known = {Section(letter): text for letter, text in found.items()}
        self.state.set(replace(state, kept=known, problem=error))

    def look(self) -> None:
        """Something was recorded: versions may have come or gone."""
        before = self.state.value
        note = self._vault.note(before.note) if before is not None else None
        if before is None or note is None or before.saved:
            return
        after = self._read(before, note)
        if after != before:
            self.state.set(after)

    def close(self) -> None:
        """Forget the note; what was written by hand stays kept."""
        self._write_kept()
        self.state.set(None)

    # ---- within --------------------------------------------------------------------------------

    def _read(self, state: ChoosingState, note: Note) -> ChoosingState:
        standing = self._vault.note_versions(note.entity)
        seen = tuple(version.revision for version in standing)
        if note.leaves <= 1 and not note.is_signed and standing:
            # Several that became one text without asking count as that text.
            standing = [replace(standing[-1], text=note.text)]
        versions = self._named(standing, note)
        self._seen[tuple(version.revision for version in versions)] = seen
        booked = self._vault.consultation(state.consultation)
        return replace(
            state,
            patient=self._vault.patient(booked.patient) if booked is not None else None,
            versions=versions,
            history=self._named(self._vault.note_history(note.entity), note),
            signed_ms=note.signed_ms,
        )

    def _named(self, found: list[NoteVersion], note: Note) -> tuple[Version, ...]:
        names = {who.entity: who.name for who in self._vault.clinicians()}
        labels = self._vault.device_labels()
        me, here = self._vault.clinician, self._vault.identity.device
        names.setdefault(me.entity, me.name)
        return tuple(
            Version(
                revision=version.revision,
                author=names.get(version.author, ""),
                mine=version.author == me.entity,
                place=labels.get(version.revision.device, ""),
                here=version.revision.device == here,
                at_ms=version.at_ms,
                text=version.text,
                stands=version.stands,
                signed=note.is_signed and version.stands and version.text == note.text,
            )
            for version in found
        )

    def _settle(self, text: NoteText, shown: tuple[OpId, ...]) -> None:
        state = self.state.value
        if state is None or state.saving or state.saved:
            return
        self.state.set(replace(state, saving=True, problem=None))
        seen = self._seen.get(shown, shown)
        future = self._vault.settle_note(state.note, text, seen, self._now_ms())
        self._on_core(future, lambda error: self._settled(state.note, error))

    def _settled(self, note: bytes, error: BaseException | None) -> None:
        state = self.state.value
        if error is not None and not isinstance(error, KnownError):
            raise error
        if error is None:
            self._edits = None
            self._kept[note] = {}
            self._vault.set_setting(_setting(note), b"")
        if state is None or state.note != note:
            return
        self.state.set(replace(state, saving=False, saved=error is None, problem=error))
        self.look()

    def _keep(self, edits: dict[str, str]) -> None:
        armed = self._edits is not None
        self._edits = edits
        if not armed:
            self._later(AUTOSAVE_S, self._write_kept)

    def _write_kept(self) -> None:
        state, edits = self.state.value, self._edits
        self._edits = None
        if state is not None and edits is not None and not state.saved:
            self._kept[state.note] = edits
            written = msgspec.json.encode(edits) if edits else b""
            self._vault.set_setting(_setting(state.note), written)

    def _on_core(self, future: "Future[Any]", then: Callable[[BaseException | None], None]) -> None:
        future.add_done_callback(lambda ended: self._later(0, lambda: then(ended.exception())))


def _setting(note: bytes) -> str:
    return f"choosing.{note.hex()}"
