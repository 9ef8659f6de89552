"""Who unlocked lately: a convenience that may be lost, in a file beside the vault."""

import contextlib
from pathlib import Path
from typing import Final

import msgspec

from telemed_desk.vault.atomic import write_durably

RECENT_NAME: Final = "recent"
_KEPT: Final = 50


def recent(folder: Path) -> list[bytes]:
    """Return ids of clinicians, last first; none where there is nothing readable."""
    with contextlib.suppress(OSError, msgspec.DecodeError):
        return msgspec.msgpack.decode((folder / RECENT_NAME).read_bytes(), type=list[bytes])
    return []


def remember(folder: Path, clinician: bytes) -> None:
    """Put one first."""
    ids = [clinician, *(c for c in recent(folder) if c != clinician)]
    with contextlib.suppress(OSError):  # a full disk must not keep anybody out
        write_durably(folder / RECENT_NAME, msgspec.msgpack.encode(ids[:_KEPT]))
