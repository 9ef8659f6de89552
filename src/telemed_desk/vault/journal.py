"""The outbox journal as a file: appended to, fsynced, taken back, replaced whole.

One thread at a time: the vault's writer, or whoever is opening it.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from telemed_desk.vault.atomic import write_durably
from telemed_desk.vault.journal_frames import Frame, Scan, scan, seal_frame

JOURNAL_NAME: Final = "outbox.jrn"


class JournalFile:
    """Frames on disk; :attr:`broken` until the first :meth:`replace` or a clean :meth:`resume`.

    Args:
        path: The file.
        key: Of the frames.
    """

    def __init__(self, path: Path, key: bytes) -> None:
        self._path = path
        self._key = key
        self._handle: int | None = None
        self._end = 0
        self._before = 0
        self.broken = True

    @property
    def size(self) -> int:
        """Bytes of whole frames."""
        return self._end

    def read(self) -> Scan | None:
        """Read it; None when there is no such file.

        Raises:
            OSError: It is there and cannot be read.
        """
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return None
        return scan(self._key, data)

    def resume(self, found: Scan) -> None:
        """Go on writing behind the last frame that verifies."""
        self.close()
        self._handle = os.open(self._path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        os.ftruncate(self._handle, found.end)
        self._end = self._before = found.end
        self.broken = False

    def replace(self, frames: Iterable[Frame], *, settled: bool = True) -> None:
        """Write it anew, durably; until that is done the old one stands.

        Args:
            frames: All of it.
            settled: False when some of them belong to a transaction that is not committed yet.

        Raises:
            OSError: It could not be written.
        """
        data = b"".join(seal_frame(self._key, frame) for frame in frames)
        self.close()
        self.broken = True
        write_durably(self._path, data)
        self._handle = os.open(self._path, os.O_RDWR | getattr(os, "O_BINARY", 0))
        self._end = len(data)
        self._before = self._end if settled else 0
        self.broken = False

    def settle(self) -> None:
        """What was appended is committed: it is not taken back any more."""
        self._before = self._end

    def append(self, frames: Iterable[Frame]) -> None:
        """Write frames and wait until they are durable.

        Raises:
            OSError: They are not; the journal is broken and must be replaced.
        """
        if self._handle is None:
            raise OSError("the journal is not open")
        data = b"".join(seal_frame(self._key, frame) for frame in frames)
        self._before = self._end
        try:
            os.lseek(self._handle, self._end, os.SEEK_SET)
            view = memoryview(data)
            while view:
                view = view[os.write(self._handle, view) :]
            os.fsync(self._handle)
        except OSError:
            # After a failed fsync nobody knows what the disk holds: it is never trusted again.
            self.broken = True
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._before)
            raise
        self._end += len(data)

    def take_back(self) -> None:
        """Remove what the last :meth:`append` wrote: its transaction was rolled back.

        Not fsynced: if the power goes now, the facts come back on opening, as a commit whose
        outcome nobody heard may. The next frame overwrites them.
        """
        if self._handle is None or self._end == self._before:
            return
        if not self._before:
            self.broken = True  # written anew with it inside: once more, then
            return
        self._end = self._before
        try:
            os.ftruncate(self._handle, self._end)
        except OSError:
            self.broken = True

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
