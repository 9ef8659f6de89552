"""The yardstick: the same rows in plain SQLite, put there by hand.

Same tables, indexes and full-text index, same SQLite, same durability (WAL, ``synchronous=FULL``). No
encryption, no op is read or folded, no second copy, no thread, no SQLAlchemy: the rows are ready and
go in by ``executemany``. What the vault takes beside this is all that it does beyond storing.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlcipher3.dbapi2 as sqlite

from telemed_desk.vault import Vault
from telemed_desk.vault.fold import fold
from telemed_desk.vault.search import documents, fold_text
from telemed_protocol.op import Op

TABLES: Final = ("op", "patient", "consult", "note", "note_rev")
_DOC: Final = """SELECT * FROM search_doc WHERE entity = ?
    AND kind IN ('patient', 'consult', 'note')"""
_SHADOWS: Final = ("search_config", "search_data", "search_docsize", "search_idx")


@dataclass
class Batch:
    """Rows of one transaction, by table; and what the full-text index is given."""

    rows: dict[str, list[tuple[Any, ...]]] = field(default_factory=dict)
    words: list[tuple[int, str]] = field(default_factory=list)


class RowTap:
    """Reads from a vault which rows each batch of ops became."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._seen = dict.fromkeys(TABLES, 0)

    def schema(self) -> list[str]:
        """Return the statements that make the same tables."""
        with self._vault.reading() as connection:
            made = connection.exec_driver_sql(
                "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
            ).all()
        return [row.sql for row in made if row.name not in _SHADOWS]

    def batch(self, ops: Sequence[Op]) -> Batch:
        """Return the rows that were added since the last call, which ``ops`` became."""
        batch = Batch()
        by_entity: dict[bytes, list[Op]] = {}
        for op in ops:
            by_entity.setdefault(op.entity, []).append(op)
        with self._vault.reading() as connection:
            for table in TABLES:
                found = connection.exec_driver_sql(
                    f"SELECT rowid AS at, * FROM {table} WHERE rowid > ? ORDER BY rowid",
                    (self._seen[table],),
                ).all()
                batch.rows[table] = [tuple(row)[1:] for row in found]
                if found:
                    self._seen[table] = found[-1].at
            # Their numbers go with time and not with the order of arrival.
            batch.rows["search_doc"] = [
                tuple(row)
                for entity in by_entity
                for row in connection.exec_driver_sql(_DOC, (entity,)).all()
            ]
        words = {
            (found.kind, found.entity): fold_text(found.words)
            for entity, some in by_entity.items()
            for found in documents(entity, some, fold(entity, some))
        }
        batch.words = [
            (row[0], words[row[1], row[2]]) for row in batch.rows["search_doc"] if row[1:3] in words
        ]
        return batch


class PlainStore:
    """Plain SQLite with the vault's tables."""

    def __init__(self, path: Path, schema: Sequence[str]) -> None:
        self.connection = sqlite.connect(str(path), isolation_level=None)
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "cache_size=-32000"):
            self.connection.execute(f"PRAGMA {pragma}")
        for statement in schema:
            self.connection.execute(statement)

    def add(self, batch: Batch) -> None:
        """Put the rows in, in one durable transaction."""
        self.connection.execute("BEGIN IMMEDIATE")
        for table, rows in batch.rows.items():
            if rows:
                places = ", ".join("?" * len(rows[0]))
                self.connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)
        self.connection.executemany("INSERT INTO search (rowid, words) VALUES (?, ?)", batch.words)
        self.connection.execute("COMMIT")

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


@contextlib.contextmanager
def timed(into: list[float]) -> Iterator[None]:
    """Add how long a block took, ms."""
    began = time.perf_counter()
    yield
    into.append((time.perf_counter() - began) * 1000)
