"""The small store: one SQLite file, one thread that touches it, one transaction per call.

SQLite comes from ``sqlcipher3`` (without a key) because it bundles a version that is free of the
WAL-reset bug. ``synchronous=FULL``: when :meth:`Store.run` returns, the change survives a power cut.
"""

import asyncio
import os
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import sqlalchemy as sa
import sqlcipher3.dbapi2 as driver

from telemed_server import tables
from telemed_server.errors import (
    DatabaseMoved,
    DatabaseNewer,
    DatabaseNotOurs,
    DataFolderInUse,
    RequestRefused,
    SqliteTooOld,
)
from telemed_server.store import MAX_WAITING, PATIENCE_S, Store, Work

T = TypeVar("T")

DATABASE_NAME: Final = "server.sqlite"
MOVED_NAME: Final = "server.sqlite.moved"
"""What the file is called after its records went to PostgreSQL: kept, and never served again."""
MIN_SQLITE: Final = (3, 51, 3)
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "fullfsync=1",  # macOS: fsync alone does not reach the platter
    "checkpoint_fullfsync=1",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "journal_size_limit=67108864",
)
_DISK_FULL: Final = "database or disk is full"


def assert_sqlite() -> None:
    """Refuse a SQLite that can lose a committed transaction.

    Raises:
        SqliteTooOld: Older than 3.51.3.
    """
    if tuple(driver.sqlite_version_info) < MIN_SQLITE:
        raise SqliteTooOld(driver.sqlite_version)


def open_engine(path: Path, *, read_only: bool = False) -> sa.Engine:
    """Make an engine with one connection.

    Raises:
        SqliteTooOld: See :func:`assert_sqlite`.
    """
    assert_sqlite()

    def creator() -> Any:
        connection = driver.connect(
            f"{path.resolve().as_uri()}?mode={'ro' if read_only else 'rwc'}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=10,
        )
        for pragma in _PRAGMAS[1:] if read_only else _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    engine = sa.create_engine(
        "sqlite://",
        creator=creator,
        module=driver,
        poolclass=sa.pool.QueuePool,
        pool_size=1,
        max_overflow=0,
        hide_parameters=True,  # an error's text must not carry what was stored
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def migrate(engine: sa.Engine) -> None:
    """Bring the tables to this version, in one transaction.

    Raises:
        DatabaseNotOurs: Not a database, or damaged.
        DatabaseNewer: Of a newer server.
    """
    try:
        with engine.begin() as connection:
            if tables.age_of(connection) is tables.Age.NEWER:
                raise DatabaseNewer
            tables.upgrade(connection)
    except sa.exc.DatabaseError as error:
        raise DatabaseNotOurs("does not open") from error


class FolderLock:
    """Keeps a second server out of a data folder; the system frees it when the process dies."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._fd = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            if sys.platform == "win32":
                import msvcrt  # noqa: PLC0415 - exists on Windows only

                msvcrt.locking(self._fd, msvcrt.LK_NBLCK, 1)
            else:
                import fcntl  # noqa: PLC0415 - does not exist on Windows

                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._fd)
            raise DataFolderInUse from error

    def release(self) -> None:
        """Let the folder go."""
        os.close(self._fd)


class SqliteStore(Store):
    """Runs work on the database in its own thread, in the order it was asked for.

    One writer needs no retry on lock errors and gives every change a place in one order. Reads go
    the same way: the server's questions are single-row look-ups.
    """

    def __init__(self, folder: Path) -> None:
        self._lock = FolderLock(folder)
        try:
            refuse_moved(folder)
            self._engine = open_engine(folder / DATABASE_NAME)
            migrate(self._engine)
        except BaseException:
            self._lock.release()
            raise
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._waiting = 0

    async def run(self, work: Work[T], *, patience_s: float = PATIENCE_S) -> T:  # noqa: ARG002 - a file does not go away
        """Run ``work`` in a transaction; durable when this returns (see :meth:`Store.run`)."""
        if self._waiting >= MAX_WAITING:
            raise RequestRefused(503, "busy", retry_after_s=2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, self._transact, work
            )
        finally:
            self._waiting -= 1

    def _transact(self, work: Work[T]) -> T:
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except sa.exc.OperationalError as error:
            if _DISK_FULL in str(error.orig):
                raise RequestRefused(507, "disk_full", retry_after_s=60) from error
            raise

    def close(self) -> None:
        """Finish what was asked for, then close the file."""
        self._thread.shutdown(wait=True)
        self._engine.dispose()
        self._lock.release()


def refuse_moved(folder: Path) -> None:
    """Refuse a folder whose records went elsewhere: an empty server would greet its desks.

    Raises:
        DatabaseMoved: They did.
    """
    if (folder / MOVED_NAME).exists() and not (folder / DATABASE_NAME).exists():
        raise DatabaseMoved


def copy_to(source: Path, target: Path) -> None:
    """Write a consistent copy of a database that may be in use (``VACUUM INTO``).

    Raises:
        OSError: The target cannot be written.
        sqlite3.Error: The source cannot be read.
    """
    connection = driver.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
    try:
        connection.execute("VACUUM INTO ?", (str(target),))
    except driver.Error as error:
        raise sqlite3.OperationalError(str(error)) from error
    finally:
        connection.close()
    with target.open("rb+") as file:
        os.fsync(file.fileno())
