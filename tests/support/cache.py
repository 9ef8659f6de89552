"""A folder for things that are slow to make and the same in every run (programs, test films)."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


class CacheUnsafe(Exception):
    """The folder belongs to somebody else, who could put anything into it."""


def cached(name: str, make: Callable[[Path], None]) -> Path:
    """Return the file of this name, making it first if need be.

    Args:
        name: Must change when what ``make`` writes changes: put a hash or version into it.
        make: Writes the file to the path it is given; may run twice at once in two processes.
    """
    folder = Path(tempfile.gettempdir()) / f"telemed-tests-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid():
        raise CacheUnsafe(str(folder))
    path = folder / name
    if not path.exists():
        fresh = folder / f"{name}.{os.getpid()}"
        try:
            make(fresh)
            fresh.replace(path)  # atomic: others see all of it or nothing
        finally:
            fresh.unlink(missing_ok=True)
    return path
