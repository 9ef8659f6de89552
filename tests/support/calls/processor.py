"""Processor time of all processes of a session."""

import contextlib
import os
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def session_cpu_s(session: int) -> float:
    """Return seconds used by a session's living processes and the children they waited for."""
    ticks = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session:
                ticks += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return ticks / _TICKS_PER_S


def machine_busy_s() -> float:
    """Return seconds of processor time that everything on this machine used, all cores together."""
    with Path("/proc/stat").open() as file:
        values = [int(word) for word in file.readline().split()[1:9]]
    return (sum(values) - values[3] - values[4]) / _TICKS_PER_S
