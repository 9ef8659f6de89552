"""What PostgreSQL's errors mean for us. Sorted by SQLSTATE; its words are never passed on.

Codes: PostgreSQL 15 manual, appendix A.
"""

from enum import Enum
from typing import Final

import psycopg
import sqlalchemy as sa

from telemed_protocol.errors import KnownError
from telemed_server.errors import (
    DatabaseAway,
    DatabaseFull,
    DatabaseNotOurs,
    DatabaseRefusesUs,
)


class Fault(Enum):
    """What to do about an error."""

    CLASH = "another got in between: do it again"
    SAME_ROW = "another wrote the same row first: do it again, and see that row"
    AWAY = "the database is not there: wait, then do it again"
    FULL = "no room"
    OTHER = "a bug of ours, or damage"


_CLASH: Final = frozenset({"40001", "40P01", "55P03", "57014", "25P03"})
_SAME_ROW: Final = frozenset({"23503", "23505"})
# Shut down, crashed, starting, too many connections, and a stand-by that is not ours to write yet.
_AWAY: Final = frozenset({"57P01", "57P02", "57P03", "57P05", "53300", "25006"})
_FULL: Final = frozenset({"53100"})
_NOT_LET_IN: Final = frozenset({"28000", "28P01", "3D000", "42501"})
# A refused connection has no SQLSTATE in libpq: its words have to do. Another language than English
# makes a wrong password look like a database that is away; both say where to look.
_NOT_LET_IN_WORDS: Final = (
    ("password authentication failed", "wrong password or user"),
    ("no password supplied", "a password is needed"),
    ("authentication failed", "wrong user"),
    ("no pg_hba.conf entry", "pg_hba.conf has no line for us"),
    ("permission denied for database", "no right to connect"),
    ("is not permitted to log in", "the user may not log in"),
    ("does not exist", "there is no database or no user of that name"),
)
_AWAY_WORDS: Final = (
    ("Connection refused", "nobody listens there"),
    ("No such file or directory", "no socket there"),
    ("could not translate host name", "unknown name"),
    ("failed to resolve host", "unknown name"),
    ("timeout expired", "no answer in time"),
    ("starting up", "it is starting"),
    ("shutting down", "it is shutting down"),
    ("SSL", "no agreement on TLS"),
    ("too many", "it has too many connections"),
)


def fault_of(error: sa.exc.DBAPIError) -> Fault:
    """Sort an error of a transaction."""
    state = getattr(error.orig, "sqlstate", None) or ""
    if state in _CLASH:
        return Fault.CLASH
    if state in _SAME_ROW:
        return Fault.SAME_ROW
    if state in _FULL:
        return Fault.FULL
    if state in _AWAY or state.startswith("08"):
        return Fault.AWAY
    gone = isinstance(error.orig, psycopg.OperationalError | psycopg.InterfaceError)
    if not state and (error.connection_invalidated or gone):
        return Fault.AWAY
    return Fault.OTHER


def known_error(error: sa.exc.DBAPIError | psycopg.Error) -> KnownError:
    """Say an error of the start, or of a command, in the keeper's words."""
    orig = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    state = getattr(orig, "sqlstate", None) or ""
    words = str(orig)
    code = f"SQLSTATE {state}" if state else ""
    known: KnownError = DatabaseNotOurs(code or type(orig).__name__)
    if state in _FULL:
        known = DatabaseFull()
    elif state in _NOT_LET_IN:
        known = DatabaseRefusesUs("no right to do that" if state == "42501" else code)
    elif isinstance(orig, psycopg.OperationalError | psycopg.InterfaceError):
        refused = "" if state else _first(_NOT_LET_IN_WORDS, words)
        away = code or _first(_AWAY_WORDS, words)
        known = DatabaseRefusesUs(refused) if refused else DatabaseAway(away)
    return known


def _first(signs: tuple[tuple[str, str], ...], words: str) -> str:
    return next((meaning for sign, meaning in signs if sign in words), "")
