"""The slot files of a vault's folder: the one in use, its copies, and those beside the backups."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from telemed_desk.vault.atomic import copy_of, write_durably
from telemed_desk.vault.backups import BACKUPS_NAME, BackupFolder
from telemed_desk.vault.connection import known_errors
from telemed_desk.vault.core import DATABASE_NAME
from telemed_desk.vault.journal import JOURNAL_NAME
from telemed_desk.vault.problems import (
    BackupUnreadable,
    VaultDamaged,
    VaultFromNewerVersion,
    VaultMissing,
)
from telemed_desk.vault.slots import (
    COPIES,
    SLOTS_NAME,
    Slot,
    SlotFile,
    decode_slot_file,
    encode_slot_file,
    read_slot_file,
    write_slot_file,
)


class SlotStore:
    """Reads and replaces slots. Methods block on the disk.

    Args:
        folder: The vault's.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / SLOTS_NAME

    def is_vault(self) -> bool:
        """Whether there is any part of a vault here, even one that lost its slot file."""
        names = (DATABASE_NAME, JOURNAL_NAME, BACKUPS_NAME)
        parts = [*self._files(), *(self._folder / name for name in names)]
        return any(part.exists() for part in parts)

    def _files(self) -> list[Path]:
        return [self._path, *(copy_of(self._path, n) for n in range(1, COPIES + 1))]

    def read(self) -> SlotFile:
        """Return the newest intact one; one of a backup's is put back when there is no other.

        Raises:
            VaultMissing: There is no vault.
            VaultDamaged: None is intact.
            VaultFromNewerVersion: As it says.
        """
        with known_errors():
            try:
                return read_slot_file(self._path)
            except (VaultMissing, VaultDamaged) as error:
                found = self._of_a_backup()
                if found is not None:
                    return found
                if isinstance(error, VaultMissing) and (self._folder / DATABASE_NAME).exists():
                    raise VaultDamaged("slot file is gone") from None
                raise

    def write(self, file: SlotFile) -> None:
        """Replace the file in use; the two before it stay as copies."""
        with known_errors():
            write_slot_file(self._path, file)

    def put(self, fresh: Slot) -> None:
        """Add a slot, in place of the same clinician's of the same kind; copies keep the old one."""
        self.write(self.read().with_slot(fresh))

    def settle(self, slot: Slot) -> None:
        """Put a slot in the place of its clinician's older ones in every copy and beside every backup.

        An older slot opens with the passphrase alone, or needs a second key that is about to go.
        """
        header = slot.header
        with known_errors():
            for path, file in self._intact():
                old = file.passphrase_slot(header.clinician)
                if old is not None and file.vault == header.vault and old != slot:
                    write_durably(path, encode_slot_file(file.with_slot(slot)))

    def is_named(self, salt: bytes) -> bool:
        """Whether any slot of any of these files has this salt."""
        with known_errors():
            return any(s.header.salt == salt for _, file in self._intact() for s in file.slots)

    def adopt(self, slots: Path) -> bool:
        """Take over the slot file that lies beside a backup; False = there is a vault here already.

        Raises:
            BackupUnreadable: It is missing or damaged, or of other records than those here.
        """
        with known_errors():
            try:
                theirs = decode_slot_file(slots.read_bytes())
            except (FileNotFoundError, VaultDamaged):
                raise BackupUnreadable("slot file") from None
            if self.is_vault():
                if self.read().check_value != theirs.check_value:
                    raise BackupUnreadable("another vault")
                return False
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_slot_file(self._path, theirs)
            return True

    def _intact(self) -> Iterator[tuple[Path, SlotFile]]:
        beside = [backup.slots for backup in BackupFolder(self._folder / BACKUPS_NAME).all()]
        for path in (*self._files(), *beside):
            with contextlib.suppress(FileNotFoundError, VaultDamaged, VaultFromNewerVersion):
                yield path, decode_slot_file(path.read_bytes())

    def _of_a_backup(self) -> SlotFile | None:
        """The newest slot file that was kept with a backup, put back into its place."""
        for backup in BackupFolder(self._folder / BACKUPS_NAME).all():
            with contextlib.suppress(OSError, VaultDamaged):
                file = decode_slot_file(backup.slots.read_bytes())
                write_slot_file(self._path, file)
                return file
        return None
