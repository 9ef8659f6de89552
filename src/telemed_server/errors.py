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
