"""Logs that cannot tell who the patient is: fixed event names, allow-listed keys.

A key that is not on the list is dropped and counted, so a name, a note, a number, an address or SDP
has no way in.
"""

import logging
import sys
from collections.abc import MutableMapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

import structlog

ALLOWED_KEYS = frozenset(
    {
        "event", "level", "timestamp", "logger", "code", "kind", "phase", "reason", "error_type",
        "count", "bytes", "seconds", "ms", "rung", "state", "check", "outcome", "version", "pid",
        "lane", "n", "sseq", "tries", "dropped_keys", "port", "signal", "where",
    }
)  # fmt: skip
MAX_LOG_BYTES = 2 * 1024 * 1024


def keep_allowed(
    _logger: object, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Drop every key that is not on the list (a structlog processor)."""
    dropped = [key for key in event if key not in ALLOWED_KEYS]
    for key in dropped:
        del event[key]
    if dropped:
        event["dropped_keys"] = len(dropped)
    for key, value in event.items():
        if not isinstance(value, str | int | float | bool | None):
            event[key] = type(value).__name__
    return event


def configure(folder: Path | None, *, to_stderr: bool = False) -> None:
    """Send JSON lines to ``<folder>/desk.log`` (rotated) or to standard error."""
    handlers: list[logging.Handler] = []
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handlers.append(
            RotatingFileHandler(
                folder / "desk.log", maxBytes=MAX_LOG_BYTES, backupCount=3, encoding="utf-8"
            )
        )
    if to_stderr or not handlers:
        handlers.append(logging.StreamHandler(sys.stderr))
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    for handler in handlers:
        handler.setFormatter(logging.Formatter("%(message)s"))
        root.addHandler(handler)
    root.setLevel(logging.INFO)
    # Libraries log addresses and SDP; of them only that something went wrong may be known.
    for library in ("aiortc", "aioice", "httpx", "httpcore", "websockets", "libav", "asyncio"):
        logging.getLogger(library).setLevel(logging.CRITICAL)
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            keep_allowed,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
