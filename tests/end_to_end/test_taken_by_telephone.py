"""A session without a server: a booked visit is taken by telephone, and the day says who has it."""

import asyncio
from pathlib import Path

from telemed_desk.clinical.consultations import ConsultationState, Way
from telemed_desk.vault import VaultDirectory
from telemed_desk.workflow import practice_data
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.day import DAY_MS, start_of_day_ms
from tests.end_to_end.headless_desk import new_vault, running_desk, running_server, until


async def test_a_booked_visit_is_taken_by_telephone_without_a_server(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    async with running_server(tmp_path) as server:
        made = await new_vault(folder, server)
        await asyncio.to_thread(made.lock)
    directory = VaultDirectory(folder)
    clinician = directory.clinicians()[0].entity
    vault = await asyncio.to_thread(directory.unlock, clinician, practice_data.PASSPHRASE)
    today = start_of_day_ms(wall_ms())
    visit = vault.today(today - DAY_MS, today + 2 * DAY_MS)[0][0].entity
    # Nobody listens on this port: a desk without a server.
    async with running_desk(vault, "http://localhost:9", media=False) as desk:
        session = desk.session
        assert session.claiming.drafts(visit)
        session.claiming.take_by_phone(visit)
        await until(lambda: session.note.value, "its note opens")
        await until(lambda: visit in session.records.value.holders, "the day says who has it")
        held = session.records.value.holders[visit]
        assert (held.mine, held.tentative) == (True, True)
        assert session.claiming.drafts(visit) == []
        found = vault.consultation(visit)
        assert found is not None
        assert (found.state, found.way) == (ConsultationState.WRITING, Way.PHONE)
        assert session.records.value.lost == ()
