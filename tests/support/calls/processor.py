"""Processor time and memory of all processes of a session."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def session_cpu_s(session: int) -> float:
    """Return seconds used by a session's living processes and the children they waited for."""
    ticks = 0
    for _, fields in _living(session):
        ticks += sum(int(fields[i]) for i in (11, 12, 13, 14))
    return ticks / _TICKS_PER_S


def session_memory_mb(session: int, kind: str = "Pss") -> float:
    """Return the memory of a session's processes, shared pages counted by their share (PSS).

    ``Pss_Anon`` leaves files out, whose share depends on who else has them open.
    """
    kilobytes = 0
    for folder, _ in _living(session):
        with contextlib.suppress(OSError):
            for line in (folder / "smaps_rollup").read_text().splitlines():
                if line.startswith(f"{kind}:"):
                    kilobytes += int(line.split()[1])
    return kilobytes * 1024 / 1e6


def _living(session: int) -> Iterator[tuple[Path, list[str]]]:
    """Folder in /proc and the fields of ``stat`` after the name, of each process of a session."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session:
                yield stat.parent, fields


def machine_busy_s() -> float:
    """Return seconds of processor time that everything on this machine used, all cores together."""
    with Path("/proc/stat").open() as file:
        values = [int(word) for word in file.readline().split()[1:9]]
    return (sum(values) - values[3] - values[4]) / _TICKS_PER_S
