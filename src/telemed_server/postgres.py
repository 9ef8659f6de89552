"""The grown-up store: PostgreSQL, shared by as many server processes as wanted.

Transactions run at READ COMMITTED and hold the rows that put them in order
(:func:`telemed_server.store.in_turn`); docs/adr/0023 has the measurements. What clashes is done
again; a database that is being restarted is waited for.
"""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import psycopg
import sqlalchemy as sa
import structlog

from telemed_server import tables
from telemed_server.address import StoreAddress
from telemed_server.errors import (
    DatabaseForgets,
    DatabaseNewer,
    DatabaseNotOurs,
    DatabaseOlder,
    DatabaseTooOld,
    RequestRefused,
)
from telemed_server.postgres_bell import PostgresBell
from telemed_server.postgres_faults import Fault, fault_of, known_error
from telemed_server.store import MAX_WAITING, PATIENCE_S, Store, Work

T = TypeVar("T")

CONNECTIONS: Final = 8
"""Transactions of one process at a time; two more connections are the bell's."""
LEAST_VERSION: Final = 130_000
MOST_CLASHES: Final = 100
MOST_SAME_ROW: Final = 5
CLOCKS_DIFFER_S: Final = 5.0
_TABLES_LOCK: Final = 0x7E1E_3ED0
_SERVING: Final = {
    # A process that hangs with a clinic's row in its hand must not stop that clinic for good.
    "statement_timeout": 30_000,
    "lock_timeout": 10_000,
    "idle_in_transaction_session_timeout": 30_000,
}


class _DoAgain(Exception):
    """The transaction was rolled back (or nobody knows), and may be repeated."""

    def __init__(self, fault: Fault, error: sa.exc.DBAPIError) -> None:
        super().__init__(fault.name)
        self.fault = fault
        self.error = error


def open_postgres(
    address: StoreAddress, *, connections: int = CONNECTIONS, serving: bool = True
) -> sa.Engine:
    """Make an engine; connects when it is first used.

    Args:
        address: Where.
        connections: At most so many at a time.
        serving: Whether statements are cut when they take too long; a keeper's work may take hours.
    """
    arguments: dict[str, Any] = address.connect_arguments()
    settings = _SERVING if serving else {}
    arguments["options"] = " ".join(f"-c {name}={value}" for name, value in settings.items())

    def creator() -> Any:
        return psycopg.connect(**arguments)

    return sa.create_engine(
        "postgresql+psycopg://",
        creator=creator,
        isolation_level="READ COMMITTED",
        poolclass=sa.pool.QueuePool,
        pool_size=connections,
        max_overflow=0,
        use_native_hstore=False,
        hide_parameters=True,  # an error's text must not carry what was stored
    )


def check_settings(db: sa.Connection) -> None:
    """Refuse a database that can lose what it confirmed.

    Raises:
        DatabaseTooOld, DatabaseForgets: See there.
    """
    if int(_show(db, "server_version_num")) < LEAST_VERSION:
        raise DatabaseTooOld(f"version {_show(db, 'server_version').split()[0]}")
    off = [
        name
        for name in ("fsync", "full_page_writes", "synchronous_commit")
        if _show(db, name) == "off"
    ]
    if off:
        raise DatabaseForgets(f"{', '.join(off)} is off")


def _show(db: sa.Connection, name: str) -> str:
    return str(db.execute(sa.select(sa.func.current_setting(name))).scalar_one())


def prepare(engine: sa.Engine, *, migrate: bool = False, make: bool = True) -> None:
    """Check the database and its tables; make them if there are none.

    Args:
        engine: Of :func:`open_postgres`.
        migrate: Also change tables of an older version. Serving processes never do: others may be
            at work with them.
        make: Make the tables if there are none.

    Raises:
        KnownError: It cannot be used; the error says what to do.
    """
    try:
        with engine.begin() as db:
            check_settings(db)
            # Two processes that start at once must not both make the tables.
            db.execute(sa.select(sa.func.pg_advisory_xact_lock(_TABLES_LOCK)))
            age = tables.age_of(db)
            if age is tables.Age.NEWER:
                raise DatabaseNewer
            if age is tables.Age.FOREIGN:
                raise DatabaseNotOurs("it holds another program's tables")
            if age is tables.Age.EMPTY and not make:
                raise DatabaseNotOurs("it holds no tables yet")
            if age is tables.Age.OLDER and not migrate:
                raise DatabaseOlder
            if age is not tables.Age.CURRENT:
                tables.upgrade(db)
            _compare_clocks(db)
    except sa.exc.DBAPIError as error:
        raise known_error(error) from error


def _compare_clocks(db: sa.Connection) -> None:
    """Warn of a clock that is off: leases and links are times that several processes compare."""
    now = db.execute(sa.select(sa.extract("epoch", sa.func.clock_timestamp()))).scalar_one()
    off_s = abs(time.time() - float(now))
    if off_s > CLOCKS_DIFFER_S:
        structlog.get_logger().warning("clock_differs_from_database", count=round(off_s))


class PostgresStore(Store):
    """Runs work on several connections at a time, each in a thread of its own.

    Raises:
        KnownError: The database cannot be used; see :func:`prepare`.
    """

    def __init__(self, address: StoreAddress) -> None:
        self._address = address
        self._engine = open_postgres(address)
        try:
            prepare(self._engine)
        except BaseException:
            self._engine.dispose()
            raise
        self._threads = ThreadPoolExecutor(CONNECTIONS, thread_name_prefix="store")
        self._waiting = 0

    def bell(self) -> PostgresBell:
        """Return how to reach the other processes (see :meth:`Store.bell`)."""
        return PostgresBell(self._address)

    async def run(self, work: Work[T], *, patience_s: float = PATIENCE_S) -> T:
        """Run ``work`` in a transaction; durable when this returns (see :meth:`Store.run`)."""
        if self._waiting >= MAX_WAITING:
            raise RequestRefused(503, "busy", retry_after_s=2)
        self._waiting += 1
        try:
            return await self._until_done(work, time.monotonic() + patience_s)
        finally:
            self._waiting -= 1

    async def _until_done(self, work: Work[T], deadline: float) -> T:
        loop = asyncio.get_running_loop()
        tries = 0
        while True:
            try:
                return await loop.run_in_executor(self._threads, self._transact, work)
            except _DoAgain as again:
                tries += 1
                if time.monotonic() >= deadline or tries > MOST_CLASHES:
                    problem = "database_away" if again.fault is Fault.AWAY else "busy"
                    raise RequestRefused(503, problem, retry_after_s=2) from again
                if again.fault is Fault.SAME_ROW and tries > MOST_SAME_ROW:
                    raise again.error from None
                pause_s = 0.25 if again.fault is Fault.AWAY else min(0.2, 0.005 * 2**tries)
            # Apart from each other, or those who clashed would meet again.
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def _transact(self, work: Work[T]) -> T:
        try:
            with self._engine.begin() as connection:
                return work(connection)
        except sa.exc.DBAPIError as error:
            fault = fault_of(error)
            if fault is Fault.FULL:
                raise RequestRefused(507, "disk_full", retry_after_s=60) from error
            if fault is Fault.OTHER:
                raise
            raise _DoAgain(fault, error) from error

    def close(self) -> None:
        """Finish what was asked for, then let the connections go."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()
