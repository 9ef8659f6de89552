"""What the server refuses, and what stops it from starting."""

from telemed_protocol.errors import KnownError


class RequestRefused(KnownError):
    """A request or frame that is answered with a :class:`telemed_protocol.api.Problem`.

    Args:
        status: HTTP status, 4xx, or 503/507 when the server itself cannot.
        problem: Stable code in snake case.
        detail: Words without content, for the log of the other side.
        retry_after_s: For 429 and 503.
    """

    code = "TD-SRV-001"
    sentence = "The server refused a request."
    next_step = "Try again. If it stays, tell your IT contact the code."

    def __init__(
        self, status: int, problem: str, detail: str = "", retry_after_s: int | None = None
    ) -> None:
        super().__init__(problem)
        self.status = status
        self.problem = problem
        self.words = detail
        self.retry_after_s = retry_after_s


class DataFolderInUse(KnownError):
    """Another server process owns this data folder."""

    code = "TD-SRV-010"
    sentence = "Another server is already running with this data folder."
    next_step = "Stop the other one, or give this one a folder of its own."


class DatabaseNotOurs(KnownError):
    """The database does not open, is damaged, or was written by a newer server."""

    code = "TD-SRV-011"
    sentence = "The server's database cannot be used."
    next_step = (
        "Nothing was changed. Run 'telemed-server check', then restore a backup if it fails."
    )


class SqliteTooOld(KnownError):
    """This SQLite can corrupt a write-ahead log (fixed in 3.51.3)."""

    code = "TD-SRV-012"
    sentence = "This computer's SQLite library is too old to keep records safely."
    next_step = "Install the server again with its locked requirements."


class PortTaken(KnownError):
    """The address cannot be listened on."""

    code = "TD-SRV-013"
    sentence = "The server cannot listen on this address."
    next_step = "Choose another --port or --host, or stop the program that uses it."


class BadSetting(KnownError):
    """Options that do not fit together."""

    code = "TD-SRV-014"
    sentence = "The server's options do not fit together."
    next_step = "See 'telemed-server serve --help' and docs/server.md."


class BackupFailed(KnownError):
    """A backup was not made; nothing was overwritten."""

    code = "TD-SRV-015"
    sentence = "The backup was not made."
    next_step = "Give a new file name in a folder with enough free space."


class DatabaseNewer(DatabaseNotOurs):
    """The tables are of a newer server than this one."""

    code = "TD-SRV-016"
    sentence = "The database was written by a newer version of the server."
    next_step = "Nothing was changed. Install that version or a newer one, and start again."


class DatabaseOlder(KnownError):
    """The tables of a shared database are of an older version; no process changes them by itself."""

    code = "TD-SRV-017"
    sentence = "The database's tables are older than this version of the server."
    next_step = (
        "Make a backup, then run 'telemed-server migrate' once; servers may go on meanwhile."
    )


class DatabaseAway(KnownError):
    """PostgreSQL does not answer."""

    code = "TD-SRV-018"
    sentence = "The database does not answer."
    next_step = "See that PostgreSQL runs and that --store names its address, then start again."


class DatabaseRefusesUs(KnownError):
    """PostgreSQL answers, and does not let this server in."""

    code = "TD-SRV-019"
    sentence = "The database does not let the server in."
    next_step = (
        "Check user and password (--store-password-file), that the database exists and belongs to "
        "that user, and what pg_hba.conf says about this computer."
    )


class DatabaseForgets(KnownError):
    """PostgreSQL's settings would lose confirmed changes in a power cut."""

    code = "TD-SRV-020"
    sentence = "The database is set up to forget confirmed records when the power fails."
    next_step = "Set fsync, full_page_writes and synchronous_commit to on, then start again."


class DatabaseTooOld(KnownError):
    """This PostgreSQL is older than the ones we test with."""

    code = "TD-SRV-021"
    sentence = "This version of PostgreSQL is too old for the server."
    next_step = "Use PostgreSQL 13 or newer; Debian 12 brings 15."


class DatabaseMoved(KnownError):
    """This folder's records live in PostgreSQL now."""

    code = "TD-SRV-022"
    sentence = "The records of this folder were moved to PostgreSQL."
    next_step = "Start the server with --store, or give this one a folder of its own."


class MoveFailed(KnownError):
    """Records were not moved or restored; source and target are as they were."""

    code = "TD-SRV-023"
    sentence = "The records were not moved. Nothing was changed."
    next_step = "Do what the words above say, then run the command again."


class DatabaseFull(KnownError):
    """PostgreSQL has no room left."""

    code = "TD-SRV-024"
    sentence = "The disk of the database is full."
    next_step = "Make room on the computer that runs PostgreSQL, then start again."
