"""Writing a small file so that after a power cut it is either the old one or the new one."""

import os
from pathlib import Path


def fsync_directory(path: Path) -> None:
    """Make renames inside a directory durable; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, data: bytes, *, copies: int = 0) -> None:
    """Replace a file: write beside it, fsync, rename, fsync the directory.

    Args:
        path: Readable by the owner only.
        data: Its whole content.
        copies: How many older versions to keep as ``.1``, ``.2``...; at no moment is there none.
    """
    fresh = path.with_name(path.name + ".new")
    handle = os.open(
        fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600
    )
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    for number in range(copies, 0, -1):
        older = path if number == 1 else copy_of(path, number - 1)
        if not older.exists():
            continue
        if number == 1:
            # The newest copy is written anew, not renamed: the file itself must never be absent.
            write_durably(copy_of(path, 1), older.read_bytes())
        else:
            older.replace(copy_of(path, number))
    fresh.replace(path)
    fsync_directory(path.parent)


def copy_of(path: Path, number: int) -> Path:
    """Name of an older version."""
    return path.with_name(f"{path.name}.{number}")
