"""Backups on this PC: made while the vault is open, each opened and checked before it counts.

They lie beside the vault: against damage of the file, not against a stolen or broken PC. For that
``telemed-desk vault backup --to`` writes one wherever it is told.
"""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import sqlcipher3.dbapi2 as sqlcipher

from telemed_desk.vault.atomic import fsync_directory, write_durably
from telemed_desk.vault.connection import faults_of, known_errors, raw_connection
from telemed_desk.vault.problems import BackupFailed, DiskFull

BACKUPS_NAME: Final = "backups"
HOURLY, DAILY, WEEKLY = 3, 7, 4
CAP_BYTES: Final = 2 * 1024**3
LEAST_KEPT: Final = 2
"""So many stay whatever their size."""
EVERY_MS: Final = 3600_000
_NAME_FORMAT: Final = "%Y%m%dT%H%M%S.%fZ"
_SUFFIX: Final = ".db"
SLOTS_SUFFIX: Final = ".slots"
_SPARE: Final = 1.2


@dataclass(frozen=True, slots=True)
class Backup:
    """One backup: the database under the same key, and the slot file that opens it."""

    path: Path
    at_ms: int
    size: int

    @property
    def slots(self) -> Path:
        """Its slot file."""
        return self.path.with_suffix(SLOTS_SUFFIX)


def worth_keeping(times_ms: Iterable[int]) -> set[int]:
    """Return which to keep: the newest of each of 3 hours, 7 days and 4 weeks that have any.

    Counted in hours that have a backup, not from now: a clock that jumps costs none.
    """
    newest_first = sorted(times_ms, reverse=True)
    kept: set[int] = set()
    for most, bucket_of in ((HOURLY, _hour), (DAILY, _day), (WEEKLY, _week)):
        buckets: dict[tuple[int, ...], int] = {}
        for at_ms in newest_first:
            buckets.setdefault(bucket_of(at_ms), at_ms)
        kept |= set(list(buckets.values())[:most])
    return kept


def _hour(at_ms: int) -> tuple[int, ...]:
    return (at_ms // 3600_000,)


def _day(at_ms: int) -> tuple[int, ...]:
    return (at_ms // 86_400_000,)


def _week(at_ms: int) -> tuple[int, ...]:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isocalendar()[:2]


class BackupFolder:
    """``backups/`` in a vault's folder. One thread at a time.

    Args:
        path: The folder; made when needed.
        cap_bytes: What all of them together may take, save the newest two.
    """

    def __init__(self, path: Path, cap_bytes: int = CAP_BYTES) -> None:
        self._path = path
        self._cap_bytes = cap_bytes

    def all(self) -> list[Backup]:
        """Return what is there, newest first; not verified again."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for path in self._path.iterdir():
                if path.suffix == _SUFFIX:
                    with contextlib.suppress(ValueError, OSError):
                        found.append(Backup(path, _time_in(path.stem), path.stat().st_size))
        return sorted(found, key=lambda backup: backup.at_ms, reverse=True)

    def newest_good(self, key: bytes) -> Backup | None:
        """Return the newest that verifies now, page by page."""
        return next((b for b in self.all() if not faults_of(b.path, key)), None)

    def make(self, database: Path, slots: Path, key: bytes, at_ms: int) -> Backup:
        """Copy the database as it stands, verify the copy, then let old ones go.

        Raises:
            BackupFailed: The copy does not verify, and was removed.
            DiskFull: There is no room for it.
        """
        with known_errors():
            self._path.mkdir(mode=0o700, exist_ok=True)
            backup = self.path_for(at_ms)
            write_copy(database, backup.path, key)
            write_durably(backup.slots, slots.read_bytes())
            fsync_directory(self._path)
        self.rotate()
        return Backup(backup.path, at_ms, backup.path.stat().st_size)

    def path_for(self, at_ms: int) -> Backup:
        """Return where a backup of this time lies."""
        when = datetime.fromtimestamp(at_ms / 1000, UTC)
        return Backup(self._path / (when.strftime(_NAME_FORMAT) + _SUFFIX), at_ms, 0)

    def rotate(self) -> list[Backup]:
        """Remove those not worth keeping, and the oldest above the cap; return them."""
        have = self.all()
        kept = worth_keeping(backup.at_ms for backup in have)
        gone = []
        total = 0
        for i, backup in enumerate(have):
            total += backup.size
            if backup.at_ms in kept and (i < LEAST_KEPT or total <= self._cap_bytes):
                continue
            try:
                backup.slots.unlink(missing_ok=True)
                backup.path.unlink(missing_ok=True)
            except OSError:
                continue  # the new one is good all the same; this one is tried again with the next
            gone.append(backup)
            total -= backup.size
        return gone


def write_copy(
    database: Path, target: Path, key: bytes, progress: Callable[[str], None] | None = None
) -> None:
    """Write a verified copy of an open or closed database under the same key.

    Raises:
        BackupFailed: It does not verify; nothing is left.
        DiskFull: There is no room.
    """
    tell = progress or (lambda _step: None)
    if shutil.disk_usage(target.parent).free < database.stat().st_size * _SPARE:
        raise DiskFull
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        tell("copy")
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with raw_connection(database, key, read_only=False) as connection:
            ops = connection.execute("SELECT count(*) FROM op").fetchone()[0]
            connection.execute("VACUUM INTO ?", (str(part.resolve()),))
        _fsync(part)
        tell("verify")
        faults = faults_of(part, key)
        if faults:
            raise BackupFailed(faults[0])
        with raw_connection(part, key) as connection:
            if connection.execute("SELECT count(*) FROM op").fetchone()[0] < ops:
                raise BackupFailed("ops")
        part.replace(target)
        fsync_directory(target.parent)
    except sqlcipher.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlcipher.SQLITE_FULL:
            raise DiskFull from None
        raise
    finally:
        part.unlink(missing_ok=True)


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _time_in(stem: str) -> int:
    when = datetime.strptime(stem, _NAME_FORMAT).replace(tzinfo=UTC)
    return round(when.timestamp() * 1000)
