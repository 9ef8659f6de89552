"""Two real desks at two server processes over one PostgreSQL, and each of the three dies once."""

import asyncio
import contextlib
from pathlib import Path

from telemed_desk.clinical.notes import Section
from telemed_desk.sync.desk_socket import DeskSocket
from telemed_server import keeper
from tests.server.rig import WIDE, ServerProcess
from tests.support.postgres import Postgres
from tests.support.waiting import until
from tests.sync.real_desk import RealDesk, at_rest
from tests.sync.test_two_desks import NOTE, found, join, write_note

PATIENCE_S = 90.0


def is_signed(desk: RealDesk, note: bytes) -> bool:
    known = desk.vault.note(note)
    return known is not None and known.is_signed


async def test_desks_at_two_processes_hold_the_same_whatever_dies(
    mortal_postgres: Postgres, tmp_path: Path
) -> None:
    own = mortal_postgres
    store = own.fresh()
    here = ServerProcess(tmp_path / "here", *WIDE, store=store)
    there = ServerProcess(tmp_path / "there", *WIDE, store=store)
    with here, there:
        a = RealDesk(tmp_path / "a", "Dr Amina Mfano", here.url)
        b = RealDesk(tmp_path / "b", "Dr Brian Mfano", there.url)
        await found(here, a)
        await join(a, b)  # asked for at one process, granted at the other
        notes = []
        async with a.syncing() as drive_a, b.syncing() as drive_b:
            socket = DeskSocket(
                b.client,
                on_room=lambda _room: None,
                on_box=lambda _seat, _box, _n: None,
                on_head=drive_b.head_announced,
                on_enrol=lambda: None,
                on_link=lambda state, _rtt: drive_b.link_changed(up=state == "up"),
            )
            line = asyncio.create_task(socket.run())
            first = write_note(a, NOTE)
            drive_a.poke()
            # What A sends to its process is announced to B by the other one.
            await until(lambda: is_signed(b, first), "the first note on desk B", PATIENCE_S)
            for turn in range(9):
                text = NOTE.with_section(Section.OBJECTIVE, f"turn {turn}")
                desk, driver = (a, drive_a) if turn % 2 else (b, drive_b)
                notes.append(write_note(desk, text))
                driver.poke()
                if turn == 2:
                    await asyncio.to_thread(here.kill)
                    await asyncio.to_thread(here.start)
                if turn == 4:
                    await asyncio.to_thread(own.stop, crash=True)
                    await asyncio.to_thread(own.start)
                if turn == 6:
                    await asyncio.to_thread(there.kill)
                    await asyncio.to_thread(there.start)
            for desk, driver in ((a, drive_a), (b, drive_b)):
                driver.try_now()
                await at_rest(driver, desk)
            for desk, driver in ((a, drive_a), (b, drive_b)):
                driver.head_announced(10_000)
                await until(
                    lambda desk=desk: all(is_signed(desk, n) for n in notes),  # type: ignore[misc]
                    "every note on both desks",
                    PATIENCE_S,
                )
            await until(lambda: a.vault.cursor() == b.vault.cursor(), "the same log", PATIENCE_S)
            line.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await line
        for desk in (a, b):
            await desk.close()
    report = keeper.check(store)
    assert report.faults == []
    assert report.member_records >= 2
