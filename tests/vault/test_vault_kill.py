"""Kill -9 at random moments: nothing that was acknowledged is missing, and no op is numbered twice."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from telemed_desk.vault import Vault
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import PASSPHRASE, Place

CHILD = Path(__file__).with_name("kill_child.py")
KILLS = int(os.environ.get("TELEMED_SEEDS", "12"))


def run_until_killed(folder: Path, note: bytes, lines: int) -> list[str]:
    """Kill the child after this many acknowledgements; return all that reached us."""
    child = subprocess.Popen(
        [sys.executable, str(CHILD), str(folder), PASSPHRASE, note.hex()],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    heard = []
    for line in child.stdout:
        heard.append(line.strip())
        if len(heard) > lines:
            child.kill()
            break
    heard += child.stdout.read().splitlines()
    child.stdout.close()
    assert child.wait() == -9, heard[-3:]
    assert heard[0] == "ready"
    return heard[1:]


def numbers(vault: Vault) -> list[int]:
    with vault._read() as connection:
        found = connection.exec_driver_sql("SELECT number FROM op WHERE own = 1 ORDER BY number")
        return list(found.scalars())


@pytest.mark.timeout(400 if KILLS <= 12 else 0)
def test_no_acknowledged_commit_and_no_acknowledged_keystroke_is_lost(place: Place) -> None:
    rng = random.Random(20261123)
    note = new_id()
    place.vault.lock()
    recovered = 0
    for _ in range(KILLS):
        heard = run_until_killed(place.directory.path, note, rng.randrange(1, 60))
        acknowledged = {int(line.split()[1]) for line in heard if line.startswith("op ")}
        typed = [int(line.split()[1]) for line in heard if line.startswith("typed ")]
        vault = place.unlock()
        there = numbers(vault)
        assert acknowledged <= set(there)
        assert there == list(range(1, len(there) + 1)), "numbers without gaps"
        drafts = vault.recovered_drafts()
        recovered += len(drafts)
        assert not drafts or drafts[0].note == note
        text = vault.note_text(note).subjective
        assert len(text) >= typed[-1], "every acknowledged keystroke is there"
        assert vault.verify_file() == []
        vault.lock()
    assert recovered > 0, "some kill must have left a draft, or this test shows nothing"
