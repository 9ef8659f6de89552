"""A named block of memory that two processes of this PC map, without ``SharedMemory``'s traps.

On Python 3.11 a process that merely attached a ``multiprocessing.shared_memory.SharedMemory``
unlinks it when it exits. Here only the maker removes the name. On Linux and macOS the block is a file
(``/dev/shm`` where there is one, so that pictures stay in RAM), readable by this user only; on Windows
it is a named section of the page file, which vanishes with its last handle (written from the
documents of :mod:`mmap`).
"""

import mmap
import os
import re
import secrets
import tempfile
from pathlib import Path

from telemed_desk.devices.system import ON_WINDOWS
from telemed_protocol.errors import KnownError

_NAME = re.compile(r"telemed-video-(\d+)-[a-z]+-[0-9a-f]{12}-(\d+)")


class SharedBlockMissing(KnownError):
    """The other process has gone, and its picture with it."""

    code = "TD-MED-010"
    sentence = "The picture's source has closed."
    next_step = "Wait a moment; the call comes back by itself."


def new_block_name(use: str, size: int) -> str:
    """Return a name that cannot be guessed; it carries the size and who made it."""
    return f"telemed-video-{os.getpid()}-{use}-{secrets.token_hex(6)}-{size}"


def _folder() -> Path:
    shm = Path("/dev/shm")  # noqa: S108 - the kernel's RAM disk; files in it are made 0600 below
    return shm if shm.is_dir() else Path(tempfile.gettempdir())


def make_block(name: str) -> mmap.mmap:
    """Create the block of this name, zeroed. Raises FileExistsError, ValueError."""
    size = _size_of(name)
    if ON_WINDOWS:
        return mmap.mmap(-1, size, tagname=name)  # type: ignore[call-arg, unused-ignore]
    handle = os.open(_folder() / name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(handle, size)
        return mmap.mmap(handle, size)
    finally:
        os.close(handle)


def open_block(name: str) -> mmap.mmap:
    """Map a block that the other process made. Raises SharedBlockMissing."""
    size = _size_of(name)
    if ON_WINDOWS:
        return mmap.mmap(-1, size, tagname=name)  # type: ignore[call-arg, unused-ignore]
    try:
        handle = os.open(_folder() / name, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        raise SharedBlockMissing(type(error).__name__) from error
    try:
        return mmap.mmap(handle, size, prot=mmap.PROT_READ)
    except ValueError as error:  # shorter than its name says
        raise SharedBlockMissing("short") from error
    finally:
        os.close(handle)


def remove_block(name: str) -> None:
    """Remove the name; who has it mapped keeps it until then. No error if it is gone."""
    if not ON_WINDOWS and _NAME.fullmatch(name):
        (_folder() / name).unlink(missing_ok=True)


def remove_orphans() -> int:
    """Remove blocks whose maker was killed; return how many."""
    if ON_WINDOWS:
        return 0
    removed = 0
    for path in _folder().glob("telemed-video-*"):
        match = _NAME.fullmatch(path.name)
        if match is None or _is_running(int(match[1])):
            continue
        try:
            path.unlink()
        except OSError:  # another user's, or just removed
            continue
        removed += 1
    return removed


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _size_of(name: str) -> int:
    match = _NAME.fullmatch(name)
    if match is None:
        raise SharedBlockMissing("not a name of ours")
    return int(match[2])
