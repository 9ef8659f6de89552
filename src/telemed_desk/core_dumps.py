"""Keeps what a process of ours holds out of crash dumps: keys, words of patients, their pictures."""

import contextlib
import ctypes
import sys
from typing import Final

_PR_SET_DUMPABLE: Final = 4


def leave_none() -> None:
    """Let this process leave no core dump, whatever becomes of it.

    On Linux other processes of the same user can no longer look into its memory either. On Windows
    the error report service is the installer's to switch off.
    """
    with contextlib.suppress(ImportError):
        import resource  # noqa: PLC0415 - POSIX only

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        # A core pattern that is a pipe (systemd, apport) is fed whatever the limit says: prctl(2).
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
