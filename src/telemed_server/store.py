"""What the server asks of its store, whichever database is behind it.

Work is a function over one transaction. It may be run again if another process got in between or the
database went away, so it changes nothing but the database, and repeating it is harmless: whether a
lost commit had happened cannot be known.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Final, Protocol, TypeVar, TypeVarTuple

import sqlalchemy as sa

T = TypeVar("T")
Work = Callable[[sa.Connection], T]
Columns = TypeVarTuple("Columns")

MAX_WAITING: Final = 2000
"""Calls that may wait for the database; more are told to come back."""
PATIENCE_S: Final = 10.0
"""A database that is being restarted is waited for so long before a request is refused."""


class Bell(Protocol):
    """Tells the other processes that something changed. A lost ring delays, it never loses."""

    def ring(self, clinic: bytes) -> None:
        """Have the others look at a clinic soon. Event loop only; never waits."""

    async def keep(self, heard: Callable[[set[bytes] | None], None]) -> None:
        """Send and receive until cancelled; ``None`` means that anything may have been missed."""


class Store(ABC):
    """Runs work in transactions."""

    @abstractmethod
    async def run(self, work: Work[T], *, patience_s: float = PATIENCE_S) -> T:
        """Run ``work`` in a transaction; durable when this returns.

        Args:
            work: See the module's words on what it may do.
            patience_s: How long a database that went away is waited for.

        Raises:
            RequestRefused: 503 when too many wait or the database is away, 507 when its disk is
                full; and what ``work`` raises, after rolling back.
        """

    @abstractmethod
    def close(self) -> None:
        """Finish what was asked for, then let the database go."""

    def bell(self) -> Bell | None:
        """Return how to reach other processes that share the store; None = there are none."""
        return None


def in_turn(query: "sa.Select[*Columns]") -> "sa.Select[*Columns]":
    """Hold the rows that a query finds until the transaction ends; others who ask so wait.

    This is what puts changes in order where several processes write: whoever is second sees what
    the first left. Foreign keys may point at such a row meanwhile (``FOR NO KEY UPDATE``). SQLite
    has one writer, and leaves the clause out.
    """
    return query.with_for_update(key_share=True)
