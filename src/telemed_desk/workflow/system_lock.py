"""Hears from the system that its screen is locked or that it goes to sleep. Linux: logind.

Listens with ``gdbus monitor``, which every GNOME, KDE and Xfce desktop has with GLib; where it is
missing, sleep is still noticed afterwards by :class:`telemed_desk.workflow.auto_lock.AutoLock`.
"""

import asyncio
import contextlib
import os
import re
import shutil
from collections.abc import Callable
from typing import Final

import structlog

from telemed_desk.workflow.auto_lock import Why

_log = structlog.get_logger("system_lock")
_LISTEN: Final = ("gdbus", "monitor", "--system", "--dest", "org.freedesktop.login1")
_LINE: Final = re.compile(r"(?P<path>/\S+): (?P<member>[\w.]+) \((?P<rest>.*)\)\s*$")
_MANAGER: Final = "org.freedesktop.login1.Manager"
_SESSION: Final = "org.freedesktop.login1.Session"
_SESSIONS: Final = "/org/freedesktop/login1/session/"


def session_path(session: str) -> str:
    """Return the bus path of a logind session; what is no letter or digit is written in hex."""
    escaped = "".join(
        c if c.isascii() and (c.isalpha() or (c.isdigit() and i)) else f"_{ord(c):02x}"
        for i, c in enumerate(session)
    )
    return _SESSIONS + escaped


def event_in(line: str, own_path: str) -> Why:
    """Return what a line of the monitor asks for; empty = nothing.

    Args:
        line: As printed.
        own_path: Our session; empty = not known, so that any session's lock counts.
    """
    found = _LINE.match(line)
    if found is None:
        return ""
    member, rest, path = found["member"], found["rest"], found["path"]
    if member == f"{_MANAGER}.PrepareForSleep":
        return "sleep" if rest.startswith("true") else ""
    if not path.startswith(_SESSIONS) or (own_path and path != own_path):
        return ""
    if member == f"{_SESSION}.Lock":
        return "system-lock"
    if member.endswith(".PropertiesChanged") and _SESSION in rest:
        left = own_path and "'Active': <false>" in rest  # somebody else sits at the PC now
        return "system-lock" if "'LockedHint': <true>" in rest or left else ""
    return ""


class SystemLock:
    """Runs the monitor and hands on what it says. Core thread.

    Args:
        on_event: Called on the core thread.
        command: What to listen with.
    """

    def __init__(self, on_event: Callable[[Why], None], command: tuple[str, ...] = _LISTEN) -> None:
        self._on_event = on_event
        self._command = command
        self._process: asyncio.subprocess.Process | None = None
        session = os.environ.get("XDG_SESSION_ID", "")
        self._own_path = session_path(session) if session else ""

    async def run(self) -> None:
        """Listen until :meth:`aclose`; without the program or a bus it returns at once."""
        if shutil.which(self._command[0]) is None:
            _log.info("no_system_lock_watch")
            return
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        assert process.stdout is not None  # noqa: S101 - asked for above
        async for line in process.stdout:
            why = event_in(line.decode(errors="replace"), self._own_path)
            if why:
                self._on_event(why)
        await process.wait()

    async def aclose(self) -> None:
        """End the monitor."""
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
