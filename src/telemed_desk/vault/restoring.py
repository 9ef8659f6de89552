"""Putting a backup into the place of the records; what stood there is kept beside it."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import sqlcipher3.dbapi2 as sqlcipher

from telemed_desk.vault.atomic import fsync_directory
from telemed_desk.vault.connection import faults_of, known_errors, raw_connection
from telemed_desk.vault.core import DATABASE_NAME
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.opening import LOCK_NAME
from telemed_desk.vault.problems import BackupUnreadable
from telemed_desk.vault.repair import set_aside
from telemed_desk.vault.settings import SETTING_HELD
from telemed_desk.vault.space import InstanceLock


@dataclass(frozen=True, slots=True)
class Restored:
    """What was done: facts in the restored copy, and the name of what stood there before."""

    facts: int
    kept_as: str


def restore(
    folder: Path,
    backup: Path,
    master: MasterKey,
    wall_ms: Callable[[], int],
    progress: Callable[[str], None],
) -> Restored:
    """Replace the database by a verified copy of a backup.

    The copy may not send under its PC's old name: since the backup was made, or on the PC that it
    came from, numbers went out that it does not know (the same number is the same key). What the
    outbox journal beside it holds is added when it is opened.

    Raises:
        BackupUnreadable: Damaged, or of other records; nothing was changed.
        VaultInUse: The desk is open.
        DiskFull, DiskTrouble: Nothing was changed.
    """
    database = folder / DATABASE_NAME
    part = database.with_name(DATABASE_NAME + ".restoring")
    with known_errors():
        lock = InstanceLock(folder / LOCK_NAME)
        try:
            progress("verify")
            faults = faults_of(backup, master.database_key())
            if faults:
                raise BackupUnreadable(faults[0])
            progress("copy")
            shutil.copyfile(backup, part)
            part.chmod(0o600)
            facts = _hold(part, master)
            kept_as = set_aside(database, wall_ms(), "before-restore")
            part.replace(database)
            fsync_directory(folder)
        finally:
            part.unlink(missing_ok=True)
            lock.release()
    return Restored(facts, kept_as)


def _hold(part: Path, master: MasterKey) -> int:
    try:
        with raw_connection(part, master.database_key(), read_only=False) as connection:
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute(
                "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)",
                (SETTING_HELD, b"restored"),
            )
            return int(connection.execute("SELECT count(*) FROM op").fetchone()[0])
    except sqlcipher.DatabaseError as error:
        raise BackupUnreadable(type(error).__name__) from None
