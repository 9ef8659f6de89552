"""JSON lines on standard error: fixed event names, allow-listed keys, no content.

No patient, no link, no seat, no box, no address: a network appears as a hash salted afresh at every
start, so that one flood can be told from another and nobody can be found.
"""

import hashlib
import logging
import secrets
import sys
import traceback
from typing import Final

import structlog
from structlog.typing import EventDict, WrappedLogger

ALLOWED_KEYS: Final = frozenset(
    {
        "event",
        "level",
        "at",
        "route",
        "method",
        "status",
        "code",
        "ms",
        "bytes",
        "net",
        "device",
        "port",
        "version",
        "logger",
        "error",
        "where",
        "count",
    }
)
_SALT: Final = secrets.token_bytes(16)


def pseudonym(value: str | bytes) -> str:
    """Return a short name that means nothing outside this run."""
    data = value.encode() if isinstance(value, str) else value
    return hashlib.blake2b(data, key=_SALT, digest_size=5).hexdigest()


def allow_listed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Drop every key that is not allowed (structlog processor)."""
    return {key: value for key, value in event.items() if key in ALLOWED_KEYS}


def places_of(error: BaseException) -> list[str]:
    """Where an error passed, without its message: file, line, function."""
    frames = traceback.extract_tb(error.__traceback__)
    return [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}:{frame.name}" for frame in frames]


class _FromLibraries(logging.Handler):
    """Carries libraries' warnings: the template and the error's type, never their arguments."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write one line."""
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().log(
            record.levelno,
            "library",
            logger=record.name,
            where=places_of(error) if error else [f"{record.filename}:{record.lineno}"],
            error=type(error).__name__ if error else "",
        )


def configure_logs() -> None:
    """Send our events and the libraries' warnings to standard error as JSON."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
            allow_listed,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    root.handlers[:] = [_FromLibraries()]
    root.setLevel(logging.WARNING)
