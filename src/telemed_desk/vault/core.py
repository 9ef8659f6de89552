"""What every part of the vault stands on: the engines, the writer, listeners, and locking."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from telemed_desk.clinical.people import Clinician
from telemed_desk.vault.attachments import AttachmentFolder
from telemed_desk.vault.connection import known_errors, open_engine
from telemed_desk.vault.journal import JournalFile
from telemed_desk.vault.journal_frames import Scan
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.oplog import OpLog
from telemed_desk.vault.problems import (
    NoRoomForPhotos,
    NotesOnly,
    RestoredCopy,
    VaultDamaged,
    VaultLocked,
)
from telemed_desk.vault.repair import RepairReport
from telemed_desk.vault.second_copy import SecondCopy
from telemed_desk.vault.space import (
    PHOTO_STOP_BYTES,
    InstanceLock,
    SpaceLeft,
    SpaceReserve,
    space_left,
)
from telemed_desk.vault.values import Change
from telemed_desk.vault.writer import Writer
from telemed_protocol.errors import KnownError
from telemed_protocol.identity import DeviceIdentity

DATABASE_NAME: Final = "vault.db"
ATTACHMENTS_NAME: Final = "att"
SUSPECT_NAME: Final = "suspect"
"""A file that says: a page did not verify; check all before trusting the database again."""

Listener = Callable[[frozenset[Change]], None]


@dataclass(slots=True)
class Opened:
    """What unlocking found, handed to the vault."""

    folder: Path
    master: MasterKey
    signing_seed: bytearray
    identity: DeviceIdentity
    clinician: Clinician
    clinic: bytes | None
    held: str
    floor: int
    repair: RepairReport | None
    journal: JournalFile
    journal_found: Scan | None
    instance: InstanceLock
    reserve: SpaceReserve
    wall_ms: Callable[[], int]


class VaultCore:
    """An unlocked vault: one write engine behind one thread, readers for everybody.

    Attributes:
        photo_stop_bytes: With less free space than this no photo is taken.
    """

    def __init__(self, opened: Opened) -> None:
        self.identity: DeviceIdentity = opened.identity
        self.clinician: Clinician = opened.clinician
        self.folder: Path = opened.folder
        self._clinic = opened.clinic
        self._master = opened.master
        self._signing_seed = opened.signing_seed
        self._instance = opened.instance
        self._reserve = opened.reserve
        self._wall_ms = opened.wall_ms
        self.photo_stop_bytes = PHOTO_STOP_BYTES
        self._locked = False
        self._reading = threading.Condition()
        self._readers_inside = 0
        self._listeners: list[Listener] = []
        self._listeners_gate = threading.Lock()
        self._attachments = AttachmentFolder(opened.folder / ATTACHMENTS_NAME)
        self._oplog = OpLog(opened.identity.device, opened.wall_ms, opened.floor)
        self.repair_report: RepairReport | None = opened.repair
        self.push_held: KnownError | None = RestoredCopy(opened.held) if opened.held else None
        self._journal = opened.journal
        database = opened.folder / DATABASE_NAME
        self._readers = open_engine(database, opened.master.database_key, "read")
        with known_errors(), self._readers.connect():
            pass  # makes the log's index while there is space, and keeps it: the pool stays open
        writing = open_engine(database, opened.master.database_key, "write")
        self._second = SecondCopy(opened.journal, opened.identity, database)
        with known_errors(), self._readers.connect() as connection:
            self._second.begin(connection, opened.journal_found)
        self._writer = Writer(writing, self._second, self._tell, self._disk_is_full, self.suspect)
        self._notes_only = not opened.reserve.refill()

    @property
    def clinic(self) -> bytes | None:
        """The clinic this PC belongs to; None before enrolment."""
        return self._clinic

    @property
    def is_locked(self) -> bool:
        """Whether :meth:`lock` was called."""
        return self._locked

    @property
    def notes_only(self) -> bool:
        """Whether the disk ran full: notes are saved, photos are refused until it has space."""
        return self._notes_only

    def look_at_space(self) -> SpaceLeft:
        """Return how much room there is; takes the reserve back when it fits. Not the GUI thread."""
        if self._notes_only:
            self._notes_only = not self._reserve.refill()
        return space_left(
            self.folder, notes_only=self._notes_only, photo_stop_bytes=self.photo_stop_bytes
        )

    def check_room_for_photo(self) -> None:
        """See that a photo may be written now.

        Raises:
            NotesOnly: The disk ran full.
            NoRoomForPhotos: It soon will be.
        """
        level = self.look_at_space().level
        if level == "notes-only":
            raise NotesOnly
        if level == "no-photos":
            raise NoRoomForPhotos

    def on_change(self, listener: Listener) -> Callable[[], None]:
        """Call a listener after each commit, in the writer thread, with what changed.

        It must hand over quickly and must not wait for the vault.

        Returns:
            Call it to stop listening.
        """
        with self._listeners_gate:
            self._listeners.append(listener)

        def stop() -> None:
            with self._listeners_gate, contextlib.suppress(ValueError):
                self._listeners.remove(listener)

        return stop

    @property
    def has_second_copy(self) -> bool:
        """Whether what is not sent yet lies in the outbox journal as well."""
        return not self._journal.broken

    def lock(self) -> None:
        """Finish queued writes and running reads, close every handle, drop the keys.

        Doing it twice is harmless. Not from the writer thread, so not from a listener.
        """
        self._writer.close()
        with self._reading:
            if self._locked:
                return
            self._locked = True
            self._reading.wait_for(lambda: self._readers_inside == 0)
        with contextlib.suppress(KnownError), known_errors(), self._readers.connect() as connection:
            self._second.close(connection)
        self._journal.close()
        self._readers.dispose()
        self._reserve.keep_what_fits()
        self._master.wipe()
        for i in range(len(self._signing_seed)):
            self._signing_seed[i] = 0
        with self._listeners_gate:
            self._listeners.clear()
        self._instance.release()

    def reading(self) -> contextlib.AbstractContextManager[sa.Connection]:
        """A consistent view for the vault package's own tools: checks, exports. Any thread."""
        return self._read()

    @contextlib.contextmanager
    def _read(self) -> Iterator[sa.Connection]:
        """A consistent view for reading, in any thread.

        Raises:
            VaultLocked: It was locked.
            VaultDamaged: A page does not verify.
        """
        with self._reading:
            if self._locked:
                raise VaultLocked
            self._readers_inside += 1
        try:
            with known_errors(), self._readers.connect() as connection:
                yield connection
        except VaultDamaged:
            self.suspect()
            raise
        finally:
            with self._reading:
                self._readers_inside -= 1
                self._reading.notify_all()

    def _tell(self, changes: frozenset[Change]) -> None:
        with self._listeners_gate:
            listeners = list(self._listeners)
        for listener in listeners:
            listener(changes)

    def suspect(self) -> None:
        """Have every page checked, and the file repaired, before it is opened again."""
        with contextlib.suppress(OSError):
            (self.folder / SUSPECT_NAME).touch()

    def _disk_is_full(self) -> None:
        self._reserve.release()
        self._notes_only = True
