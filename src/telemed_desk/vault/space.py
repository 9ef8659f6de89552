"""Space kept free for the worst day, and the lock that keeps a second desk out."""

import contextlib
import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal

from telemed_desk.vault.problems import VaultInUse

RESERVE_BYTES: Final = 32 * 1024 * 1024
"""Enough for some thousand notes after the disk has run full."""


_LEAST_BYTES: Final = 128 * 1024
"""Less than this would not hold the write-ahead log's index."""


LOW_BYTES: Final = 1024**3
"""Below this it is time to say so: a day of photos may be larger."""

PHOTO_STOP_BYTES: Final = 500 * 1024 * 1024
"""Below this no photo is taken any more: what is left is for the notes of some weeks."""

SpaceLevel = Literal["plenty", "low", "no-photos", "notes-only"]


@dataclass(frozen=True, slots=True)
class SpaceLeft:
    """Room on the disk of the vault."""

    level: SpaceLevel
    free_bytes: int


def space_left(
    folder: Path, *, notes_only: bool, photo_stop_bytes: int = PHOTO_STOP_BYTES
) -> SpaceLeft:
    """Return the room there is; ``low`` and 0 bytes when the system cannot tell."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError:
        return SpaceLeft("notes-only" if notes_only else "low", 0)
    if notes_only:
        return SpaceLeft("notes-only", free)
    if free < photo_stop_bytes:
        return SpaceLeft("no-photos", free)
    return SpaceLeft("plenty" if free >= LOW_BYTES else "low", free)


class SpaceReserve:
    """A file of nothing that is given up when the disk is full, so that notes still fit.

    Args:
        path: The file.
        size: Bytes to keep; 0 keeps none.
    """

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size = size

    def refill(self) -> bool:
        """Take all of the space if there is plenty; return whether it is held now."""
        return self._size == 0 or self._take(self._size)

    def keep_what_fits(self) -> None:
        """Take as much as there is: on a full disk even opening again needs some."""
        size = self._size
        while size >= _LEAST_BYTES and not self._take(size):
            size //= 2

    def _take(self, size: int) -> bool:
        part = self._path.with_name(self._path.name + ".new")
        try:
            if self._path.exists() and self._path.stat().st_size >= size:
                return True
            with part.open("wb") as file:
                if hasattr(os, "posix_fallocate"):
                    os.posix_fallocate(file.fileno(), 0, size)
                else:
                    file.write(bytes(size))
            part.replace(self._path)
        except OSError:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            return False
        return True

    def release(self) -> None:
        """Give the space back to the disk."""
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


class InstanceLock:
    """Held while a vault is open; the operating system drops it when the process dies.

    Raises:
        VaultInUse: Somebody else holds it.
    """

    def __init__(self, path: Path) -> None:
        self._file: IO[bytes] = path.open("ab")
        try:
            _lock(self._file)
        except OSError:
            self._file.close()
            raise VaultInUse from None

    def release(self) -> None:
        """Let others in. Doing it twice changes nothing."""
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    def _lock(file: IO[bytes]) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(file: IO[bytes]) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
