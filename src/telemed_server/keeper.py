"""What the server's keeper does by hand: codes, a full check, backups, moving to another store."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import sqlalchemy as sa
import sqlcipher3.dbapi2 as driver

from telemed_protocol.codes import EnrolCode
from telemed_server import clinics
from telemed_server.address import StoreAddress
from telemed_server.checking import CheckReport, check_records
from telemed_server.errors import BackupFailed, DatabaseNotOurs, MoveFailed
from telemed_server.moving import TableSum, copy_all
from telemed_server.places import (
    Place,
    keepers_engine,
    reading,
    reading_file,
    said_plainly,
)
from telemed_server.storage import (
    DATABASE_NAME,
    MOVED_NAME,
    FolderLock,
    copy_to,
    migrate,
    open_engine,
)


class MoveReport(msgspec.Struct):
    """What was moved: rows by table, and the check of the target."""

    ok: bool
    rows: dict[str, int]
    check: CheckReport


def make_codes(place: Place, count: int, now: float) -> list[str]:
    """Make founding codes; the server may run meanwhile. Only hashes are stored.

    Raises:
        KnownError: The database cannot be used.
    """
    codes = [EnrolCode.generate("TMC") for _ in range(count)]
    with keepers_engine(place) as engine, engine.begin() as db:
        for code in codes:
            clinics.add_founding_code(db, now, code.lookup_hash)
    return [code.text for code in codes]


def bring_tables_along(place: Place) -> None:
    """Give an older database this version's tables; servers of the version before may go on.

    Raises:
        KnownError: The database cannot be used.
    """
    with keepers_engine(place, migrating=True):
        pass


def check(place: Place) -> CheckReport:
    """Read everything: member chains, every segment's signature, every log's hash chain, photos.

    Raises:
        DatabaseNotOurs: There is no database, or it does not open.
        KnownError: Other reasons that PostgreSQL may have.
    """
    with reading(place) as db:
        return check_records(db)


def check_file(path: Path) -> CheckReport:
    """Check one database file (see :func:`check`)."""
    with reading_file(path) as db:
        return check_records(db)


def backup(place: Place, target: Path) -> CheckReport:
    """Copy the records into a new SQLite file while servers may run, check it, then give it its name.

    Raises:
        BackupFailed: The target exists or cannot be written, or the copy does not check.
        KnownError: The source cannot be read.
    """
    if isinstance(place, Path) and not (place / DATABASE_NAME).is_file():
        raise DatabaseNotOurs("no database in this folder")
    if target.exists():
        raise BackupFailed("the file exists")
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        if isinstance(place, Path):
            copy_to(place / DATABASE_NAME, part)
        else:
            _write_file(place, part)
        report = check_file(part)
        if not report.ok:
            raise BackupFailed("the copy has faults; run 'telemed-server check'")
        part.replace(target)
        _sync_folder(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise BackupFailed(type(error).__name__) from error
    finally:
        for name in (part.name, part.name + "-wal", part.name + "-shm"):
            part.with_name(name).unlink(missing_ok=True)
    return report


def _write_file(place: StoreAddress, path: Path) -> None:
    """Write a shared store's records, as they were at one moment, into a file like a small server's."""
    path.touch(mode=0o600)
    file = open_engine(path)
    try:
        migrate(file)
        with reading(place) as source, _writing_file(file) as target:
            copy_all(source, target)
        with contextlib.closing(file.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        file.dispose()


@contextlib.contextmanager
def _writing_file(engine: sa.Engine) -> Iterator[sa.Connection]:
    try:
        with engine.begin() as db:
            yield db
    except sa.exc.DBAPIError as error:
        if not isinstance(error.orig, driver.Error):
            raise  # it is the source's
        raise BackupFailed("the file cannot be written") from error


def move_store(data: Path, target: StoreAddress) -> MoveReport:
    """Move a folder's records into PostgreSQL; the server must be stopped.

    The file is kept under another name, so that no server starts with it by mistake. Safe to repeat
    after an interruption at any moment.

    Raises:
        KnownError: Nothing was changed; the error says why.
    """
    source, moved = data / DATABASE_NAME, data / MOVED_NAME
    if not source.is_file():
        raise DatabaseNotOurs("no database in this folder")
    lock = FolderLock(data)
    try:
        if moved.exists():
            raise MoveFailed(f"{MOVED_NAME} is in the way: it is from an earlier move")
        with keepers_engine(data):  # the tables of this version, as the target has them
            pass
        report = _copy_file(source, target)
        # From here on the folder's own server refuses to start; before, the target counted for nothing.
        source.rename(moved)
        for ending in ("-wal", "-shm"):  # what is not in the file yet goes with it
            with contextlib.suppress(FileNotFoundError):
                source.with_name(source.name + ending).rename(moved.with_name(moved.name + ending))
        _sync_folder(data)
    finally:
        lock.release()
    return report


def restore(backup_file: Path, target: StoreAddress) -> MoveReport:
    """Fill an empty PostgreSQL with the records of a backup.

    Raises:
        KnownError: Nothing was changed; the error says why.
    """
    if not backup_file.is_file():
        raise MoveFailed("there is no such backup")
    part = backup_file.with_name(backup_file.name + ".part")
    part.unlink(missing_ok=True)
    try:
        copy_to(backup_file, part)  # brought to this version's tables without touching the backup
        file = open_engine(part)
        try:
            migrate(file)
        finally:
            file.dispose()
        return _copy_file(part, target)
    except (OSError, sqlite3.Error) as error:
        raise MoveFailed("the backup cannot be read") from error
    finally:
        for name in (part.name, part.name + "-wal", part.name + "-shm"):
            part.with_name(name).unlink(missing_ok=True)


def _copy_file(path: Path, target: StoreAddress) -> MoveReport:
    with reading_file(path) as source:
        found = check_records(source)
        if not found.ok:
            raise MoveFailed("the source has faults: run 'telemed-server check'")
        with keepers_engine(target) as engine, said_plainly(target), engine.begin() as db:
            sums: dict[str, TableSum] = copy_all(source, db)
            report = check_records(db)
            if not report.ok:
                raise MoveFailed("the copy has faults")
    rows = {name: table.rows for name, table in sums.items()}
    return MoveReport(ok=True, rows=rows, check=report)


def _sync_folder(folder: Path) -> None:
    """Make a rename durable; Windows has no such call, and does it by itself."""
    with contextlib.suppress(PermissionError):
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
