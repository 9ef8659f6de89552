"""SQL handed to the driver as it is, for what runs with every fact.

Building a statement anew each time cost more than SQLite took to carry it out: most of a save, two
thirds of taking in what another PC recorded. Names of tables and columns come from our own schema.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from telemed_desk.vault.rows import Row


def query(connection: sa.Connection, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run a statement inside the connection's transaction; return all its rows."""
    rows: list[tuple[Any, ...]] = _driver(connection).execute(sql, values).fetchall()
    return rows


def begin_reading(connection: sa.Connection) -> None:
    """Make what follows on a reading connection one view; the pool ends it."""
    _driver(connection).execute("BEGIN")


def query_in(
    connection: sa.Connection, sql: str, among: Sequence[Any], *before: Any
) -> list[tuple[Any, ...]]:
    """Run a statement that ends in ``IN``.

    Args:
        connection: Inside a transaction.
        sql: All of it but the list.
        among: The list; at most some hundred values.
        before: Values of the marks that stand earlier.
    """
    marks = ", ".join("?" * len(among))
    return query(connection, f"{sql} ({marks})", *before, *among)


def insert(connection: sa.Connection, table: sa.Table, rows: Sequence[Row]) -> None:
    """Insert rows that all have the same columns; none is no error."""
    if not rows:
        return
    names = list(rows[0])
    marks = ", ".join(f":{name}" for name in names)
    sql = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})"  # noqa: S608 - our names
    _driver(connection).executemany(sql, rows)


def change(connection: sa.Connection, sql: str, *values: Any) -> int:
    """Run a statement; return how many rows it changed."""
    changed: int = _driver(connection).execute(sql, values).rowcount
    return changed


def change_many(connection: sa.Connection, sql: str, values: Sequence[tuple[Any, ...]]) -> None:
    """Run a statement once for each set of values."""
    _driver(connection).executemany(sql, values)


def _driver(connection: sa.Connection) -> Any:
    return connection.connection.dbapi_connection
