"""Records from one store into another, all or none, compared row by row before anybody relies on it.

The same copying moves a folder into PostgreSQL, writes a backup of PostgreSQL as one SQLite file, and
restores one. What lives for minutes stays behind: connections, and nonces that were spent.
"""

import hashlib
import struct
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from telemed_server.errors import MoveFailed
from telemed_server.schema import desk_lines, metadata, server_processes, spent_nonces

_LEFT_BEHIND: Final = frozenset({desk_lines.name, server_processes.name, spent_nonces.name})
ROWS_AT_ONCE: Final = 200


class TableSum(msgspec.Struct, frozen=True):
    """How many rows a table has, and a SHA-256 over all of them in the order of their keys."""

    rows: int
    sha256: bytes


def moved_tables() -> list[sa.Table]:
    """Return the tables that are copied, each after those it points to."""
    return [table for table in metadata.sorted_tables if table.name not in _LEFT_BEHIND]


def copy_all(source: sa.Connection, target: sa.Connection) -> dict[str, TableSum]:
    """Copy every record into empty tables and compare both sides, inside the callers' transactions.

    Raises:
        MoveFailed: The target holds something else, or what was read back differs. The caller rolls
            back.
    """
    sums = sums_of(source)
    held = sums_of(target)
    if held == sums:
        return sums
    if any(table.rows for name, table in held.items() if name != "server_keys"):
        raise MoveFailed("the target already holds other records: give an empty one")
    for table in moved_tables():
        target.execute(table.delete())
        for rows in _in_batches(source, table):
            target.execute(table.insert(), rows)
    if sums_of(target) != sums:
        raise MoveFailed("what was written reads back differently")
    return sums


def sums_of(db: sa.Connection) -> dict[str, TableSum]:
    """Read every record and sum it up; equal sums mean equal records, whatever the database."""
    return {table.name: _sum(db, table) for table in moved_tables()}


def _sum(db: sa.Connection, table: sa.Table) -> TableSum:
    digest, count = hashlib.sha256(), 0
    # Neither database's order of texts and bytes is trusted: hashes of rows are sorted here.
    hashes = []
    for rows in _in_batches(db, table):
        for row in rows:
            hashes.append(
                hashlib.sha256(b"".join(_field(value) for value in row.values())).digest()
            )
            count += 1
    for one in sorted(hashes):
        digest.update(one)
    return TableSum(count, digest.digest())


def _field(value: object) -> bytes:
    """Write a value so that no two different rows read the same."""
    match value:
        case None:
            said = b"n"
        case bool() | int():  # SQLite knows no truth values, PostgreSQL does
            said = b"i%d" % int(value)
        case float():
            said = b"f" + struct.pack(">d", value)
        case str():
            said = b"s" + value.encode()
        case bytes() | memoryview():
            said = b"b" + bytes(value)
        case _:
            raise MoveFailed(f"a value of an odd kind: {type(value).__name__}")
    return len(said).to_bytes(4) + said


def _in_batches(db: sa.Connection, table: sa.Table) -> Iterator[list[dict[str, Any]]]:
    query = sa.select(table).execution_options(stream_results=True, yield_per=ROWS_AT_ONCE)
    for rows in db.execute(query).mappings().partitions():
        yield [dict(row) for row in rows]
