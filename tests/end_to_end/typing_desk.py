"""A desk on which somebody types without end, to be killed by its test.

``python -m tests.end_to_end.typing_desk FOLDER``: unlocks the vault, opens the first consultation's
note and types. Prints ``<unix ms> <characters typed>`` for every stroke.
"""

import asyncio
import sys
import time
from pathlib import Path

from telemed_desk import logs
from telemed_desk.clinical.notes import Section
from telemed_desk.vault import VaultDirectory
from telemed_desk.workflow import practice_data
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.day import DAY_MS, start_of_day_ms
from tests.end_to_end.headless_desk import running_desk, until

STROKE_S = 0.03


async def main() -> None:
    """Type until killed."""
    logs.configure(None)
    directory = VaultDirectory(Path(sys.argv[1]))
    clinician = directory.clinicians()[0].entity
    vault = await asyncio.to_thread(directory.unlock, clinician, practice_data.PASSPHRASE)
    today = start_of_day_ms(wall_ms())
    consultation = vault.today(today - DAY_MS, today + 2 * DAY_MS)[0][0].entity
    # Nobody listens on this port: a desk without a server.
    async with running_desk(vault, "http://localhost:9", media=False) as desk:
        desk.session.open_note(consultation)
        await until(lambda: desk.session.note.value, "the note opens")
        note = desk.session.note.value
        text = note.text.subjective if note else ""
        while True:
            text += "abcdefghij"[len(text) % 10]
            desk.session.edit(Section.SUBJECTIVE, text)
            sys.stdout.write(f"{time.time_ns() // 1_000_000} {len(text)}\n")
            sys.stdout.flush()
            await asyncio.sleep(STROKE_S)


if __name__ == "__main__":
    asyncio.run(main())
