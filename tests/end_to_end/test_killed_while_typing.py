"""Kill -9 of the desk while somebody types: at most the last second is missing."""

import asyncio
import contextlib
import sys
import time
from pathlib import Path

from telemed_desk.vault import VaultDirectory
from telemed_desk.workflow import practice_data
from tests.end_to_end.headless_desk import new_vault, running_server

KILLS = 4
PROMISE_MS = 1000
SLACK_MS = 1500
"""A loaded machine may be late with a stroke's own bookkeeping; the promise is for the product."""


async def test_at_most_the_last_second_of_typing_is_lost(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    async with running_server(tmp_path) as server:
        vault = await new_vault(folder, server)
        await asyncio.to_thread(vault.lock)
    for kill in range(KILLS):
        strokes, killed_ms = await _type_and_kill(folder, 40 + 25 * kill)
        directory = VaultDirectory(folder)
        clinician = directory.clinicians()[0].entity
        vault = await asyncio.to_thread(directory.unlock, clinician, practice_data.PASSPHRASE)
        try:
            recovered = vault.recovered_drafts()
            assert len(recovered) == 1
            text = vault.note_text(recovered[0].note).subjective
            assert text == ("abcdefghij" * (len(text) // 10 + 1))[: len(text)]
            assert recovered[0].characters == len(text)
            promised = max(n for at, n in strokes if at <= killed_ms - PROMISE_MS - SLACK_MS)
            assert len(text) >= promised
        finally:
            await asyncio.to_thread(vault.lock)


async def _type_and_kill(folder: Path, strokes_wanted: int) -> tuple[list[tuple[int, int]], int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.end_to_end.typing_desk", str(folder),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdout is not None
    strokes: list[tuple[int, int]] = [(0, 0)]
    try:
        while len(strokes) < strokes_wanted + 60:
            line = await asyncio.wait_for(process.stdout.readline(), 60)
            assert line, "the typing desk ended by itself"
            at, count = line.split()
            if count.isdigit():
                strokes.append((int(at), int(count)))
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        killed_ms = time.time_ns() // 1_000_000
        await process.communicate()
    return strokes, killed_ms
