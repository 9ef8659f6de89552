"""What may die in a visit, one after the other, and what goes on."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from telemed_desk import practice
from telemed_desk.clinical.notes import Section
from tests.end_to_end.headless_desk import (
    HeadlessDesk,
    new_vault,
    running_desk,
    running_server,
    until,
)
from tests.end_to_end.patient import Patient, patient_at
from tests.end_to_end.steps import arrived, in_call, saved, shown, sign, visit
from tests.end_to_end.tapped_line import TappedLine, tapped_line


@dataclass
class Running:
    """A visit in its call."""

    folder: Path
    line: TappedLine
    server: practice.PracticeServer
    desk: HeadlessDesk
    patient: Patient


@contextlib.asynccontextmanager
async def running_call(folder: Path) -> AsyncIterator[Running]:
    """Set up, arrive, admit, picture both ways."""
    port = practice.free_port(0)
    async with (
        tapped_line(port) as line,
        running_server(folder, port=port, also_reached_at=(line.origin,)) as server,
    ):
        vault = await new_vault(folder / "a", server)
        async with running_desk(vault, line.origin) as desk:
            link = await desk.link()
            async with patient_at(link.url) as patient:
                await in_call(desk, patient, await arrived(desk, patient))
                yield Running(folder, line, server, desk, patient)


def receiving(desk: HeadlessDesk) -> bool:
    """Sound or picture of the patient arrives now."""
    stats = visit(desk).stats
    return stats is not None and stats.receive_bps > 5000


async def test_a_killed_media_process_calls_again_inside_the_same_consultation(
    tmp_path: Path,
) -> None:
    async with running_call(tmp_path) as running:
        desk = running.desk
        before = visit(desk)
        desk.session.edit(Section.PLAN, "goes on")
        pid = desk.hub.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        await until(lambda: visit(desk).restarts == 1, "a new media process")
        await until(
            lambda: visit(desk).phase == "connected" and visit(desk).call != before.call,
            "connected again",
        )
        await until(shown(desk), "pictures again")
        await running.patient.sees_the_doctor()
        after = visit(desk)
        assert after.waiting.consultation.entity == before.waiting.consultation.entity
        assert after.started_ms == before.started_ms
        await until(saved(desk), "the note was saved all the same")


async def test_a_killed_server_ends_neither_the_call_nor_doubles_a_note(tmp_path: Path) -> None:
    async with running_call(tmp_path) as running:
        desk = running.desk
        running.server.process.kill()
        running.server.process.wait()
        await until(lambda: desk.session.status.value.link == "offline", "the status line says so")
        desk.session.edit(Section.PLAN, "written without a server")
        await until(saved(desk), "saved without a server")
        call = visit(desk).call
        frames = visit(desk).stats
        await until(lambda: visit(desk).stats is not frames and receiving(desk), "the call goes on")
        assert visit(desk).call == call
        assert visit(desk).phase == "connected"
        port = running.line.target_port
        again = await asyncio.to_thread(
            practice.start_server,
            running.folder / "server",
            port,
            running.folder / "server.log",
            (running.line.origin,),
        )
        try:
            await until(lambda: desk.session.status.value.link == "online", "the link is back")
            desk.session.end_visit([])
            await sign(desk)
            await until(lambda: desk.vault.outbox().count == 0, "all is sent")
            head = desk.vault.cursor().sseq
            heads = [desk.vault.log_head_of(desk.vault.identity.device, n).n for n in range(5)]
            await until(lambda: desk.vault.cursor().sseq >= sum(heads), "own log read back")
            assert desk.vault.cursor().sseq == sum(heads)
            assert head <= sum(heads)
        finally:
            await asyncio.to_thread(again.stop)


async def test_without_the_network_notes_go_on_and_the_screen_says_so(tmp_path: Path) -> None:
    async with running_call(tmp_path) as running:
        desk = running.desk
        running.line.cut()
        await until(lambda: desk.session.status.value.link == "offline", "offline is shown")
        desk.session.edit(Section.ASSESSMENT, "no link, no matter")
        await until(saved(desk), "saved on this PC")
        assert visit(desk).phase == "connected"  # media does not pass through the server
        desk.session.end_visit([])
        await sign(desk)
        await until(lambda: desk.session.status.value.waiting_to_sync > 0, "waiting is shown")
        assert desk.vault.outbox().count > 0
        running.line.mend()
        desk.session.sync_now()
        await until(lambda: desk.vault.outbox().count == 0, "sent when the link is back")
        await until(lambda: desk.session.status.value.waiting_to_sync == 0, "nothing waits")


async def test_a_patient_who_reloads_in_the_call_comes_back_to_it(tmp_path: Path) -> None:
    async with running_call(tmp_path) as running:
        before = visit(running.desk).call
        await running.patient.page.reload()
        await until(lambda: visit(running.desk).call != before, "a fresh offer")
        await running.patient.sees_the_doctor()
        await until(shown(running.desk), "pictures again")
        assert visit(running.desk).phase == "connected"
