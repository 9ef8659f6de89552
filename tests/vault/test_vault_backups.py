"""Backups that are known to be good, and what a restored copy may and may not do."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from telemed_desk.vault import OpDraft, VaultDirectory
from telemed_desk.vault import backups as backups_module
from telemed_desk.vault.backups import BackupFolder, worth_keeping
from telemed_desk.vault.connection import faults_of
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.passphrase import TriesGuard
from telemed_desk.vault.problems import (
    BackupFailed,
    BackupUnreadable,
    DiskFull,
    RestoredCopy,
    VaultDamaged,
    VaultInUse,
)
from telemed_desk.vault.restoring import restore
from telemed_protocol.ids import new_id
from tests.vault.test_vault_segments import seal, seal_all
from tests.vault.vault_kit import PASSPHRASE, Place, patient_set

HOUR_MS = 3600_000
DAY_MS = 24 * HOUR_MS
MONDAY_MS = 1_790_553_600_000 - 1_790_553_600_000 % DAY_MS


def quiet(_step: str) -> None:
    """A progress that nobody watches."""


def test_three_hours_seven_days_and_four_weeks_are_kept() -> None:
    every_hour = [MONDAY_MS + i * HOUR_MS for i in range(24 * 60)]
    kept = sorted(worth_keeping(every_hour), reverse=True)
    newest = every_hour[-1]
    assert kept[:3] == [newest, newest - HOUR_MS, newest - 2 * HOUR_MS]
    days = {at_ms // DAY_MS for at_ms in kept}
    assert {newest // DAY_MS - i for i in range(7)} <= days
    assert len(kept) <= 3 + 6 + 3
    assert newest - kept[-1] >= 15 * DAY_MS
    assert worth_keeping([]) == set()
    # Backups that are rare are all kept: a clock or a desk that stood still costs none.
    rare = [MONDAY_MS + i * 7 * DAY_MS for i in range(4)]
    assert worth_keeping(rare) == set(rare)
    assert worth_keeping(kept) == set(kept)


def test_rotation_holds_the_cap_and_never_lets_the_newest_two_go(place: Place) -> None:
    vault = place.vault
    vault.commit(patient_set(new_id(), remarks="x")).result()
    folder = BackupFolder(place.directory.path / "backups", cap_bytes=1)
    made = []
    for _ in range(4):
        place.clock.now_ms += DAY_MS
        made.append(vault.back_up())
    assert [b.at_ms for b in folder.all()] == [b.at_ms for b in reversed(made)]
    gone = folder.rotate()
    assert {b.at_ms for b in gone} == {b.at_ms for b in made[:2]}
    assert {b.at_ms for b in folder.all()} == {b.at_ms for b in made[2:]}
    names = {path.suffix for path in (place.directory.path / "backups").iterdir()}
    assert names == {".db", ".slots"}


def test_a_backup_is_encrypted_complete_and_made_while_others_write(place: Place) -> None:
    vault = place.vault
    made = [vault.commit(patient_set(new_id(), remarks="Zebrakanari")) for _ in range(50)]
    backup = vault.back_up()
    for future in made:
        future.result()
    key = vault._master.database_key()
    assert faults_of(backup.path, key) == []
    assert faults_of(backup.path, bytes(32)) != []
    assert b"zebrakanari" not in backup.path.read_bytes().lower()
    assert BackupFolder(backup.path.parent).newest_good(key) == backup


def test_a_copy_that_does_not_read_back_is_no_backup(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = place.vault.back_up()
    place.clock.now_ms += DAY_MS
    with monkeypatch.context() as patched:
        patched.setattr(backups_module, "_fsync", spoil_last_page)
        with pytest.raises(BackupFailed):
            place.vault.back_up()
    left = {path.name for path in before.path.parent.iterdir()}
    assert left == {before.path.name, before.slots.name}


def spoil_last_page(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def test_an_old_one_that_cannot_be_removed_does_not_spoil_the_new_one(place: Place) -> None:
    old = place.vault.back_up()
    old.slots.unlink()
    old.slots.mkdir()  # nothing that unlink removes
    place.clock.now_ms += 60_000
    new = place.vault.back_up()
    folder = BackupFolder(place.directory.path / "backups")
    assert [backup.path for backup in folder.all()] == [new.path, old.path]
    old.slots.rmdir()
    place.clock.now_ms += 60_000
    assert folder.all()[0].path == new.path
    newest = place.vault.back_up()
    assert [backup.path for backup in folder.all()] == [newest.path], "tried again"


def test_an_emptied_file_is_no_backup_and_the_one_before_it_is_the_ground(place: Place) -> None:
    older = place.vault.back_up()
    place.clock.now_ms += 3_600_000
    place.vault.back_up().path.write_bytes(b"")
    folder = BackupFolder(place.directory.path / "backups")
    found = folder.newest_good(place.vault._master.database_key())
    assert found is not None
    assert found.path == older.path


def test_without_room_there_is_no_backup_and_nothing_is_left(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(place.directory.path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    with pytest.raises(DiskFull):
        place.vault.back_up()
    assert list((place.directory.path / "backups").iterdir()) == []


def test_a_lost_slot_file_comes_back_from_a_backup(place: Place) -> None:
    place.vault.back_up()
    place.vault.lock()
    for path in place.directory.path.glob("slots*"):
        path.unlink()
    assert place.unlock().clinician == place.clinician
    assert (place.directory.path / "slots").exists()


def test_a_restored_copy_keeps_what_was_not_sent_and_sends_nothing(place: Place) -> None:
    vault = place.vault
    old, late = new_id(), new_id()
    vault.commit(patient_set(old, remarks="before the backup")).result()
    backup = vault.back_up()
    seal_all(vault)
    vault.commit(patient_set(late, remarks="after the backup")).result()
    master = MasterKey(vault._master.reveal())
    with pytest.raises(VaultInUse):
        restore(place.directory.path, backup.path, master, place.clock, quiet)
    vault.lock()
    database = place.directory.path / "vault.db"
    before = database.read_bytes()
    done = restore(place.directory.path, backup.path, master, place.clock, quiet)
    assert (place.directory.path / done.kept_as).read_bytes() == before
    again = place.unlock()
    assert {p.entity for p in again.patients()} == {old, late}, "the journal has the later one"
    assert isinstance(again.push_held, RestoredCopy)
    assert again.pending_batches(8000) == []
    late_ops = tuple(op for op in again.commit(patient_set(late, phone="1")).result())
    with pytest.raises(RestoredCopy):
        again.keep_sealed(seal(again, 2, late_ops), late_ops)
    assert again.outbox().count > 0
    again.lock()
    assert isinstance(place.unlock().push_held, RestoredCopy), "it stays so"


def test_a_backup_opens_on_another_pc_with_its_slot_file(place: Place, tmp_path: Path) -> None:
    patient = new_id()
    place.vault.commit(patient_set(patient, family_name="Jaribio")).result()
    place.vault.copy_to(tmp_path / "stick.db", quiet)
    master = MasterKey(place.vault._master.reveal())
    other = VaultDirectory(tmp_path / "other", reserve_bytes=0, guard=TriesGuard())
    other.adopt_slots(tmp_path / "stick.slots")
    restore(other.path, tmp_path / "stick.db", master, place.clock, quiet)
    vault = other.unlock(place.clinician.entity, PASSPHRASE)
    assert [p.entity for p in vault.patients()] == [patient]
    assert vault.push_held is not None
    vault.lock()
    with pytest.raises(BackupUnreadable):
        other.adopt_slots(tmp_path / "missing.slots")


def test_anothers_or_a_damaged_backup_changes_nothing(
    place: Place, another_place: Callable[[], Place], tmp_path: Path
) -> None:
    other = another_place()
    other.vault.copy_to(tmp_path / "other.db", quiet)
    with pytest.raises(BackupUnreadable):
        place.directory.adopt_slots(tmp_path / "other.slots")
    good = place.vault.back_up()
    master = MasterKey(place.vault._master.reveal())
    place.vault.lock()
    spoil_last_page(good.path)
    folder = place.directory.path
    before = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    for source in (tmp_path / "other.db", good.path, folder / "slots"):
        with pytest.raises(BackupUnreadable):
            restore(folder, source, master, place.clock, quiet)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()} == before


def test_a_vault_whose_database_is_gone_is_not_made_anew_without_being_asked(place: Place) -> None:
    patient = new_id()
    place.vault.commit(OpDraft("patient.set", patient, {"remarks": "x"})).result()
    backup = place.vault.back_up()
    master = MasterKey(place.vault._master.reveal())
    place.vault.lock()
    (place.directory.path / "vault.db").unlink()
    with pytest.raises(Exception, match="TD-VLT-001"):
        place.unlock()
    assert not (place.directory.path / "vault.db").exists()
    done = restore(place.directory.path, backup.path, master, place.clock, quiet)
    assert done.kept_as == ""
    assert [p.entity for p in place.unlock().patients()] == [patient]
    assert not isinstance(place.vault.push_held, VaultDamaged)
