"""The two kinds of place for records, opened by their address: a folder, or PostgreSQL.

PostgreSQL's driver is asked for only when it is needed: a small server runs without it.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from telemed_protocol.errors import KnownError
from telemed_server.address import StoreAddress
from telemed_server.errors import BadSetting, DatabaseNotOurs
from telemed_server.storage import (
    DATABASE_NAME,
    SqliteStore,
    migrate,
    open_engine,
    refuse_moved,
)
from telemed_server.store import Store

Place = Path | StoreAddress


def _require_driver() -> None:
    try:
        import psycopg  # noqa: F401, PLC0415 - an optional part of the server
    except ImportError as error:
        raise BadSetting(
            "PostgreSQL needs the packages of requirements/server-postgresql.txt"
        ) from error


def open_store(place: Place) -> Store:
    """Open a store for serving.

    Raises:
        KnownError: It cannot be used; the error says what to do.
    """
    if isinstance(place, Path):
        return SqliteStore(place)
    _require_driver()
    from telemed_server.postgres import PostgresStore  # noqa: PLC0415 - see the module's words

    return PostgresStore(place)


@contextlib.contextmanager
def keepers_engine(
    place: Place, *, migrating: bool = False, making: bool = True
) -> Iterator[sa.Engine]:
    """Open a place for a keeper's command, while servers may run.

    Args:
        place: Where.
        making: Make the tables if there are none.
        migrating: Also bring PostgreSQL's older tables along (a file's always are).

    Raises:
        KnownError: It cannot be used.
    """
    if isinstance(place, Path):
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        refuse_moved(place)
        engine = open_engine(place / DATABASE_NAME)
    else:
        _require_driver()
        from telemed_server.postgres import open_postgres  # noqa: PLC0415 - as above

        engine = open_postgres(place, connections=1, serving=False)
    try:
        if isinstance(place, Path):
            migrate(engine)
        else:
            from telemed_server.postgres import prepare  # noqa: PLC0415 - as above

            prepare(engine, migrate=migrating, make=making)
        with said_plainly(place):
            yield engine
    finally:
        engine.dispose()


@contextlib.contextmanager
def reading(place: Place) -> Iterator[sa.Connection]:
    """Read a place as it was at one moment; changes nothing.

    Raises:
        DatabaseNotOurs: There is no database, or it does not open.
        KnownError: Other reasons that PostgreSQL may have.
    """
    if isinstance(place, Path):
        with reading_file(place / DATABASE_NAME) as db:
            yield db
        return
    with keepers_engine(place, making=False) as engine:
        snapshot = engine.execution_options(
            isolation_level="REPEATABLE READ", postgresql_readonly=True
        )
        with snapshot.connect() as db, db.begin():
            yield db


@contextlib.contextmanager
def reading_file(path: Path) -> Iterator[sa.Connection]:
    """Read one database file; changes nothing.

    Raises:
        DatabaseNotOurs: There is none, or it does not open.
    """
    if not path.is_file():
        raise DatabaseNotOurs("no database in this folder")
    engine = open_engine(path, read_only=True)
    try:
        with engine.begin() as db:
            yield db
    except sa.exc.DatabaseError as error:
        raise DatabaseNotOurs("does not open") from error
    finally:
        engine.dispose()


@contextlib.contextmanager
def said_plainly(place: Place) -> Iterator[None]:
    """Turn the database's own errors into ones that say what to do.

    Raises:
        KnownError: For every error of the database.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise _known(place, error) from error


def _known(place: Place, error: sa.exc.DBAPIError) -> KnownError:
    if isinstance(place, Path):
        return DatabaseNotOurs("does not open")
    from telemed_server.postgres_faults import known_error  # noqa: PLC0415 - as above

    return known_error(error)
