"""Writing a patient's record: allergies, medicines, fields, and addenda below signed notes.

GUI thread; each call returns at once and ``done`` is called there when it is on the disk, or says why
it is not. What is typed of an addendum is kept, encrypted, on this PC until it is signed.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from telemed_desk.clinical.entries import Entry, EntryKind
from telemed_desk.vault import Vault
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.note_taking import AUTOSAVE_S
from telemed_protocol.errors import KnownError
from telemed_protocol.op import Op, OpId


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a change: the fact that was recorded and when, or what stood in the way."""

    fact: OpId | None = None
    at_ms: int = 0
    problem: KnownError | None = None


Done = Callable[[Written], None]


class RecordWriting:
    """Writes into one open vault.

    Args:
        core: The core thread, whose clock of seconds it uses.
        vault: Unlocked.
        now_ms: Wall clock.
    """

    def __init__(self, core: CoreThread, vault: Vault, now_ms: Callable[[], int]) -> None:
        self._core = core
        self._vault = vault
        self._now_ms = now_ms
        self._typed: dict[bytes, str] = {}

    def add(
        self, patient: bytes, kind: EntryKind, what: str, instead_of: Entry | None, done: Done
    ) -> None:
        """Add an allergy or a medicine, or put other words in the place of one."""
        at_ms = self._now_ms()
        self._tell(self._vault.add_entry(patient, kind, what, at_ms, instead_of), at_ms, done)

    def take_off(self, patient: bytes, kind: EntryKind, entry: Entry, done: Done) -> None:
        """Take one off, as it stood on the screen."""
        at_ms = self._now_ms()
        self._tell(self._vault.take_off_entry(patient, kind, entry, at_ms), at_ms, done)

    def change(
        self,
        patient: bytes,
        fields: Mapping[str, Any],
        seen: Mapping[str, tuple[OpId, ...]],
        done: Done,
    ) -> None:
        """Change fields over the values that were on the screen."""
        self._tell(self._vault.change_patient(patient, fields, seen), self._now_ms(), done)

    def add_below(self, note: bytes, text: str, done: Done) -> None:
        """Sign an addendum and record it below a signed note."""
        at_ms = self._now_ms()
        try:
            future = self._vault.add_addendum(note, text, at_ms)
        except KnownError as error:
            done(Written(problem=error))
            return

        def recorded(written: Written) -> None:
            if written.problem is None:
                self._typed.pop(note, None)
                self._vault.set_setting(_typed_key(note), b"")
            done(written)

        self._tell(future, at_ms, recorded)

    def keep(self, note: bytes, text: str) -> None:
        """Keep what is typed of an addendum; at most half a second late."""
        armed = note in self._typed
        self._typed[note] = text
        if not armed:
            self._core.call(lambda: self._arm(note))

    def _arm(self, note: bytes) -> None:
        back = partial(self._core.post, partial(self._keep_one, note))
        self._core.loop.call_later(AUTOSAVE_S, back)

    def flush(self) -> None:
        """Keep what is typed at once: the PC locks."""
        for note in list(self._typed):
            self._keep_one(note)

    def _keep_one(self, note: bytes) -> None:
        text = self._typed.pop(note, None)
        if text is not None and not self._vault.is_locked:
            self._vault.set_setting(_typed_key(note), text.encode())

    def _tell(self, future: "Future[list[Op]]", at_ms: int, done: Done) -> None:
        def ended(finished: "Future[list[Op]]") -> None:
            error = finished.exception()
            if isinstance(error, KnownError):
                problem = error
                self._core.post(lambda: done(Written(problem=problem)))
            elif error is not None:
                raise error
            else:
                fact = finished.result()[0].op_id
                self._core.post(lambda: done(Written(fact, at_ms)))

        future.add_done_callback(ended)


def typed_below(vault: Vault, note: bytes) -> str:
    """Return what was typed of an addendum and not signed."""
    return (vault.setting(_typed_key(note)) or b"").decode()


def _typed_key(note: bytes) -> str:
    return f"addendum.{note.hex()}"
