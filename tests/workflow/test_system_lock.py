"""What logind says, as ``gdbus monitor`` prints it (recorded from systemd 252)."""

import asyncio
import sys

import pytest

from telemed_desk.workflow.auto_lock import Why
from telemed_desk.workflow.system_lock import SystemLock, event_in, session_path

OWN = "/org/freedesktop/login1/session/_32"
OTHER = "/org/freedesktop/login1/session/c4"
CHANGED = "org.freedesktop.DBus.Properties.PropertiesChanged"
MANAGER = "/org/freedesktop/login1: org.freedesktop.login1.Manager"


@pytest.mark.parametrize(
    ("line", "own", "why"),
    [
        (f"{MANAGER}.PrepareForSleep (true,)", OWN, "sleep"),
        (f"{MANAGER}.PrepareForSleep (false,)", OWN, ""),
        (f"{OWN}: org.freedesktop.login1.Session.Lock ()", OWN, "system-lock"),
        (f"{OWN}: org.freedesktop.login1.Session.Unlock ()", OWN, ""),
        (f"{OTHER}: org.freedesktop.login1.Session.Lock ()", OWN, ""),
        (f"{OTHER}: org.freedesktop.login1.Session.Lock ()", "", "system-lock"),
        (
            f"{OWN}: {CHANGED} ('org.freedesktop.login1.Session', {{'LockedHint': <true>}}, @as [])",
            OWN,
            "system-lock",
        ),
        (
            f"{OWN}: {CHANGED} ('org.freedesktop.login1.Session', {{'LockedHint': <false>}}, @as [])",
            OWN,
            "",
        ),
        (
            f"{OWN}: {CHANGED} ('org.freedesktop.login1.Session', {{'Active': <false>}}, @as [])",
            OWN,
            "system-lock",
        ),
        (
            f"{OTHER}: {CHANGED} ('org.freedesktop.login1.Session', {{'Active': <false>}}, @as [])",
            "",
            "",
        ),
        (f"{MANAGER}.SessionNew ('5', objectpath '/org/freedesktop/login1/session/_35')", OWN, ""),
        ("Monitoring signals from all objects owned by org.freedesktop.login1", OWN, ""),
        ("The name org.freedesktop.login1 is owned by :1.5", OWN, ""),
        ("", OWN, ""),
    ],
)
def test_only_lock_sleep_and_leaving_are_heard(line: str, own: str, why: Why) -> None:
    assert event_in(line, own) == why


def test_a_sessions_name_becomes_its_path() -> None:
    assert session_path("2") == OWN
    assert session_path("c4") == OTHER
    assert session_path("12").endswith("/_312")


async def test_what_the_monitor_prints_is_handed_on_and_it_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_SESSION_ID", "2")
    program = (
        f"import time; print({MANAGER + '.PrepareForSleep (true,)'!r}, flush=True); time.sleep(600)"
    )
    heard: asyncio.Queue[Why] = asyncio.Queue()
    lock = SystemLock(heard.put_nowait, (sys.executable, "-c", program))
    running = asyncio.create_task(lock.run())
    assert await asyncio.wait_for(heard.get(), 60) == "sleep"
    await lock.aclose()
    await asyncio.wait_for(running, 60)


async def test_without_the_program_or_a_bus_nothing_happens() -> None:
    heard: list[Why] = []
    await SystemLock(heard.append, ("no-such-program-here",)).run()
    ends = SystemLock(heard.append, (sys.executable, "-c", "raise SystemExit(1)"))
    await asyncio.wait_for(ends.run(), 60)
    await ends.aclose()
    assert heard == []
