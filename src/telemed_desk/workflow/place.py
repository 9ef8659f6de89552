"""What this PC remembers in clear, beside the vault: nothing that tells of a patient.

The server's address, and how much waited to be sent when the desk was last locked in order. While it
is open, or after a crash, that number is unknown, and the unlock screen says so.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import structlog

PLACE_FILE = "desk.json"
_log = structlog.get_logger("place")


@dataclass(frozen=True, slots=True)
class PlaceMemory:
    """See the module; ``waiting`` None = cannot tell."""

    server_url: str = ""
    waiting: int | None = None
    waiting_bytes: int = 0


def recall(data: Path) -> PlaceMemory:
    """Read it; whatever is missing or odd is unknown."""
    try:
        stored = json.loads((data / PLACE_FILE).read_text("utf-8"))
        url, waiting, size = stored["server_url"], stored["waiting"], stored["waiting_bytes"]
    except (OSError, ValueError, KeyError, TypeError):
        return PlaceMemory()
    if not isinstance(url, str) or not isinstance(size, int):
        return PlaceMemory()
    return PlaceMemory(url, waiting if isinstance(waiting, int) else None, size)


def remember(data: Path, memory: PlaceMemory) -> None:
    """Write it, replacing the old file whole."""
    fresh = data / f"{PLACE_FILE}.new"
    try:
        fresh.write_text(
            json.dumps(
                {
                    "server_url": memory.server_url,
                    "waiting": memory.waiting,
                    "waiting_bytes": memory.waiting_bytes,
                }
            ),
            "utf-8",
        )
        fresh.replace(data / PLACE_FILE)
    except OSError as error:
        # Only the unlock screen depends on it; the address is in the vault too.
        _log.warning("place_not_written", error_type=type(error).__name__)
