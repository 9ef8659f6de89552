"""An open vault is backed up when there is news, and its pages are checked once a day."""

from pathlib import Path

import pytest

from telemed_desk.vault import Vault
from telemed_desk.vault.backups import BackupFolder
from telemed_desk.workflow.vault_care import VaultCare
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import Place, make_place, patient_set

HOUR_MS = 3600_000


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return make_place(tmp_path / "vault")


def backups(vault: Vault) -> list[int]:
    return [b.at_ms for b in BackupFolder(vault.folder / "backups").all()]


async def test_a_backup_an_hour_and_none_without_news(place: Place) -> None:
    vault, clock = place.vault, place.clock
    care = VaultCare(vault, clock)
    stop = vault.on_change(lambda _changes: care._heard())
    await care.look()
    assert backups(vault) == [clock.now_ms]
    vault.commit(patient_set(new_id(), remarks="x")).result()
    clock.now_ms += HOUR_MS - 1
    await care.look()
    assert len(backups(vault)) == 1
    clock.now_ms += 1
    await care.look()
    assert len(backups(vault)) == 2
    clock.now_ms += 5 * HOUR_MS
    await care.look()
    assert len(backups(vault)) == 2, "nothing was written since"
    vault.commit(patient_set(new_id(), remarks="y")).result()
    clock.now_ms -= 9 * HOUR_MS  # the clock was set back: the newest is from the future
    await care.look()
    assert len(backups(vault)) == 3
    stop()
    vault.lock()
    await care.look()  # locked meanwhile: no error


async def test_a_page_that_does_not_verify_is_repaired_at_the_next_unlock(place: Place) -> None:
    vault, clock = place.vault, place.clock
    for _ in range(30):
        vault.commit(patient_set(new_id(), remarks="x" * 900)).result()
    care = VaultCare(vault, clock)
    await care.look()
    suspect = vault.folder / "suspect"
    assert not suspect.exists()
    vault.lock()
    database = vault.folder / "vault.db"
    data = bytearray(database.read_bytes())
    data[-2000] ^= 1
    database.write_bytes(data)
    vault = place.unlock()
    care = VaultCare(vault, clock)
    clock.now_ms += 23 * HOUR_MS
    await care._check() if care._check_is_due() else None
    assert not suspect.exists(), "once a day"
    clock.now_ms += 2 * HOUR_MS
    await care.look()
    assert suspect.exists()
    vault.lock()
    vault = place.unlock()
    assert vault.repair_report is not None
    assert len(vault.patients()) == 30
    assert not suspect.exists()
    vault.lock()
