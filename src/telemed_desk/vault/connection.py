"""How we open the SQLCipher file: one recipe for writer and readers, and what its errors mean."""

import contextlib
import errno
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa
import sqlcipher3.dbapi2 as sqlcipher

from telemed_desk.vault.problems import (
    DiskFull,
    DiskTrouble,
    UnsafeDatabase,
    VaultDamaged,
    VaultInUse,
    VaultLocked,
    VaultMissing,
)
from telemed_protocol.errors import KnownError

OLDEST_SQLITE: Final = (3, 51, 3)
"""First release without the WAL-reset bug that could corrupt a file (sqlite.org, 3.51.3 notes)."""
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",  # NORMAL lost acknowledged commits in a power-cut replay
    "fullfsync=1",  # macOS
    "checkpoint_fullfsync=1",
    "foreign_keys=ON",
    "trusted_schema=OFF",
    "secure_delete=ON",
    "mmap_size=0",
    "temp_store=MEMORY",
    "cache_size=-32000",
    "journal_size_limit=67108864",
)
_KEY_BYTES: Final = 32
_FULL: Final = 13
_BUSY: Final = 5
_CORRUPT: Final = 11
_NOT_A_DATABASE: Final = 26
_IO_ERROR: Final = 10
_CANNOT_OPEN: Final = 14
_READ_ONLY: Final = 8

Mode = Literal["create", "write", "read"]


def assert_safe_sqlite() -> None:
    """Refuse a database library without encryption or with the WAL-reset bug.

    Raises:
        UnsafeDatabase: It is one of those.
    """
    version = tuple(int(part) for part in sqlcipher.sqlite_version.split("."))
    if version < OLDEST_SQLITE:
        raise UnsafeDatabase(sqlcipher.sqlite_version)
    probe = sqlcipher.connect(":memory:")
    try:
        if probe.execute("PRAGMA cipher_version").fetchone() is None:
            raise UnsafeDatabase("no cipher")
    finally:
        probe.close()


def _hex_key(raw: bytes) -> str:
    if len(raw) != _KEY_BYTES:
        raise ValueError("a database key has 32 bytes")
    return raw.hex()


def open_engine(path: Path, key: Callable[[], bytes], mode: Mode) -> sa.Engine:
    """Make an engine whose connections hold the raw key.

    Args:
        path: The file; only mode ``create`` makes it.
        key: Called for each new connection, so that no key text lives longer than needed.
        mode: ``read`` refuses to write.
    """
    opening = {"create": "rwc", "write": "rw", "read": "rw"}[mode]
    uri = f"{path.resolve().as_uri()}?mode={opening}"

    def connect() -> object:
        connection = sqlcipher.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10
        )
        try:
            connection.execute(f"PRAGMA key = \"x'{_hex_key(key())}'\"")
            connection.execute("PRAGMA cipher_log_level = NONE")
            connection.execute("SELECT count(*) FROM sqlite_master")  # forces the key check
            for pragma in _PRAGMAS:
                connection.execute(f"PRAGMA {pragma}")
            if mode == "read":
                connection.execute("PRAGMA query_only=ON")
        except BaseException:
            connection.close()
            raise
        return connection

    # module=: without it driver errors would escape unwrapped, as another library's types.
    engine = sa.create_engine(
        "sqlite://",
        creator=connect,
        module=sqlcipher,
        poolclass=sa.pool.QueuePool,
        pool_size=1 if mode != "read" else 4,
        max_overflow=0 if mode != "read" else 12,
        hide_parameters=True,  # an error's text must not show what was written
    )
    begin = "BEGIN" if mode == "read" else "BEGIN IMMEDIATE"

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


def translate(error: BaseException) -> KnownError | None:
    """Return what a database error means for a person, or None when it is a bug of ours.

    The text of the original is left out: it could quote values.
    """
    origin = getattr(error, "orig", error)
    if isinstance(origin, OSError):
        return DiskFull() if origin.errno in {errno.ENOSPC, errno.EDQUOT} else DiskTrouble("os")
    if isinstance(error, sa.exc.TimeoutError):
        return VaultInUse("no reader free")
    if not isinstance(origin, sqlcipher.Error):
        return None
    if isinstance(origin, sqlcipher.ProgrammingError) and "closed" in str(origin):
        return VaultLocked()
    code = getattr(origin, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    known: dict[int | None, KnownError] = {
        _FULL: DiskFull(),
        _CORRUPT: VaultDamaged(f"sqlite {code}"),
        _NOT_A_DATABASE: VaultDamaged(f"sqlite {code}"),
        _BUSY: VaultInUse("database busy"),
        _CANNOT_OPEN: VaultMissing("database file"),
        _IO_ERROR: DiskTrouble(f"sqlite {code}"),
        _READ_ONLY: DiskTrouble(f"sqlite {code}"),
    }
    return known.get(primary)


@contextlib.contextmanager
def raw_connection(path: Path, key: bytes, *, read_only: bool = True) -> Iterator[Any]:
    """Open a file outside the pool, as it is: no setting of it is changed.

    Args:
        path: The file.
        key: Raw.
        read_only: For a file that nobody writes: its log, if any, is not looked at.
    """
    mode = "ro&immutable=1" if read_only else "rw"
    connection = sqlcipher.connect(
        f"{path.resolve().as_uri()}?mode={mode}", uri=True, isolation_level=None, timeout=10
    )
    try:
        connection.execute(f"PRAGMA key = \"x'{_hex_key(key)}'\"")
        connection.execute("PRAGMA cipher_log_level = NONE")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("SELECT count(*) FROM sqlite_master")
        yield connection
    finally:
        connection.close()


def faults_of(path: Path, key: bytes) -> list[str]:
    """Check every page of a file that nobody writes; return what is wrong with it."""
    try:
        if not path.stat().st_size:
            return ["empty"]  # no page is wrong in it, and SQLite takes it for a new database
        with raw_connection(path, key) as connection:
            return faults_in(connection)
    except (sqlcipher.Error, OSError) as error:
        return [type(error).__name__]


def faults_in(connection: Any) -> list[str]:
    """Check every page, then the trees they make; return what is wrong."""
    faults = [str(row[0]) for row in connection.execute("PRAGMA cipher_integrity_check")]
    if not faults:
        told = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(20)")]
        faults = [line for line in told if line != "ok"]
    return faults


@contextlib.contextmanager
def known_errors() -> Iterator[None]:
    """Turn database and disk errors into known ones; anything else passes as the bug it is."""
    try:
        yield
    except (sa.exc.SQLAlchemyError, sqlcipher.Error, OSError) as error:
        known = translate(error)
        if known is None:
            raise
        raise known from None
