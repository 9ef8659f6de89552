"""What past checks on this PC measured: numbers only, in a small file beside the vault.

One line of JSON a check: when, how far it went, the verdict, and each figure by its check's name.
No picture, no sound, no address, no name of a person, a network or a device. Places and cameras are
told apart by keyed hashes whose key is made on this PC and lies in the same file: whoever has the file
can tell that two checks were made at the same place, not at which (docs/adr/0019). Lines older than 90
days go when the next one is written. A line that cannot be read is left out; the history is a
convenience, and never stops a check.

Blocking file access of a few milliseconds: call it off the GUI thread.
"""

import hashlib
import hmac
import json
import os
import secrets
import statistics
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from telemed_desk.clinical.ladder import Rung

HISTORY_FILE = "check-history.jsonl"
DAY_MS = 86_400_000
KEEP_MS = 90 * DAY_MS
MOST_LINES = 3000
"""Ninety days of a check every forty minutes; a clock that jumps must not let the file grow."""
SALT_BYTES = 16
_HASH_CHARS = 16
_log = structlog.get_logger("check_history")


@dataclass(frozen=True, slots=True)
class PastCheck:
    """One line.

    Attributes:
        at_ms: Unix milliseconds, cut to the minute.
        mode: ``quick``, ``standard`` or ``thorough``.
        rung: The verdict.
        decided_by: Checks that held it there.
        site: Keyed hash of the place; empty = not known.
        camera: Keyed hash of the camera; empty = none or not known.
        values: Figures by check, in the units of the table of limits.
    """

    at_ms: int
    mode: str
    rung: Rung
    decided_by: tuple[str, ...] = ()
    site: str = ""
    camera: str = ""
    values: Mapping[str, float] = field(default_factory=dict)


class CheckHistory:
    """The file of one PC. Not for two threads at once.

    Args:
        folder: This user's profile folder; must exist.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / HISTORY_FILE
        self._salt, self._checks = _read(self._path)

    def hashed(self, text: str) -> str:
        """Return a keyed hash that tells two places or cameras apart; empty stays empty."""
        if not text:
            return ""
        return hmac.new(self._salt, text.encode(), hashlib.sha256).hexdigest()[:_HASH_CHARS]

    def add(self, check: PastCheck) -> None:
        """Keep a check, and drop what is too old. A disk that refuses costs the line, no more."""
        # Lines of a later time stay: a clock that once fell back must not cost the history.
        kept = [past for past in self._checks if check.at_ms - past.at_ms <= KEEP_MS]
        self._checks = [*kept, check][-MOST_LINES:]
        try:
            _write(self._path, self._salt, self._checks)
        except OSError as error:
            _log.warning("history_not_written", error_type=type(error).__name__)

    def last(self, count: int) -> Sequence[PastCheck]:
        """Return the newest checks, oldest first."""
        return tuple(self._checks[-count:])

    def values(self, check: str, *, since_ms: int, site: str | None = None) -> list[float]:
        """Return the figures of one check since a time, oldest first.

        Args:
            check: Its name.
            since_ms: Unix milliseconds.
            site: Only those of this place; None = of any.
        """
        return [
            past.values[check]
            for past in self._checks
            if past.at_ms >= since_ms
            and check in past.values
            and (site is None or past.site == site)
        ]

    def usual(self, check: str, *, since_ms: int, camera: str, least_days: int) -> float | None:
        """Return what a check usually gives of a camera: the median of its days' medians.

        Twenty checks on one dim afternoon are no usual, and count as one day.

        Args:
            check: Its name.
            since_ms: Unix milliseconds.
            camera: Keyed hash of the camera.
            least_days: With fewer days of checks there is no usual: None.
        """
        days: dict[int, list[float]] = {}
        for past in self._checks:
            if past.at_ms >= since_ms and check in past.values and past.camera == camera:
                days.setdefault(past.at_ms // DAY_MS, []).append(past.values[check])
        if len(days) < max(1, least_days):
            return None
        return statistics.median(statistics.median(values) for values in days.values())


def _read(path: Path) -> tuple[bytes, list[PastCheck]]:
    fresh = secrets.token_bytes(SALT_BYTES)
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return fresh, []
    salt = _salt_of(lines[0]) if lines else None
    if salt is None:
        # Without its key the hashes of the other lines mean nothing; their figures would be
        # compared across places.
        return fresh, []
    checks = [check for line in lines[1:] if (check := _check_of(line)) is not None]
    return salt, checks


def _salt_of(line: str) -> bytes | None:
    try:
        salt = bytes.fromhex(json.loads(line)["salt"])
    except (ValueError, KeyError, TypeError):
        return None
    return salt if len(salt) == SALT_BYTES else None


def _check_of(line: str) -> PastCheck | None:
    try:
        stored = json.loads(line)
        return PastCheck(
            int(stored["at"]),
            str(stored["mode"]),
            Rung(stored["rung"]),
            tuple(str(check) for check in stored["by"]),
            str(stored["site"]),
            str(stored["camera"]),
            {str(check): float(value) for check, value in stored["values"].items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _write(path: Path, salt: bytes, checks: Sequence[PastCheck]) -> None:
    lines = [{"history": 1, "salt": salt.hex()}, *(_plain(check) for check in checks)]
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines) + "\n"
    fresh = path.with_suffix(".new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    # Created for this user alone; then the old file is replaced whole or not at all.
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    fresh.replace(path)


def _plain(check: PastCheck) -> dict[str, object]:
    return {
        "at": check.at_ms // 60_000 * 60_000,
        "mode": check.mode,
        "rung": int(check.rung),
        "by": list(check.decided_by),
        "site": check.site,
        "camera": check.camera,
        "values": dict(check.values),
    }
