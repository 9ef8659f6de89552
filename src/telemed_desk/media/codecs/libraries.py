"""Finds libopus and libvpx inside the installed av wheel and loads them.

The wheel keeps them beside the package: ``av.libs/`` on Linux and Windows, ``av/.dylibs/`` on macOS
(where delocate put them). Loading the very file that FFmpeg itself uses avoids two copies of one
library in the process and any dependency on what the operating system ships.
"""

import ctypes
import functools
from pathlib import Path

import av

from telemed_protocol.errors import KnownError


class CodecLibraryMissing(KnownError):
    """A codec library is not where the av wheel puts it, or has another interface."""

    code = "TD-MED-010"
    sentence = "A part needed for calls is missing or of another version."
    next_step = "Install TeleMed Desk again. If it stays, send the report for IT."


def library_folders() -> list[Path]:
    """Return the folders that may hold the wheel's shared libraries, best first."""
    package = Path(av.__file__).resolve().parent
    return [package.parent / "av.libs", package / ".dylibs", package]


def find_library(stem: str, folders: list[Path] | None = None) -> Path:
    """Return the file of e.g. ``libopus``. Raises CodecLibraryMissing."""
    for folder in library_folders() if folders is None else folders:
        for pattern in (
            f"{stem}[-.]*.so*",
            f"{stem}.so*",
            f"{stem}[-.]*.dylib",
            f"{stem}[-.]*.dll",
            f"{stem}.dll",
        ):
            found = sorted(folder.glob(pattern))
            if found:
                return found[0]
    raise CodecLibraryMissing(stem)


@functools.cache
def load_library(stem: str) -> ctypes.CDLL:
    """Load a library once. Any thread. Raises CodecLibraryMissing."""
    path = find_library(stem)
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise CodecLibraryMissing(stem) from error
