import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from telemed_desk.vault import OpDraft, VaultDirectory
from telemed_desk.vault import schema as vault_schema
from telemed_desk.vault.atomic import copy_of
from telemed_desk.vault.connection import OLDEST_SQLITE, assert_safe_sqlite, open_engine
from telemed_desk.vault.migrate import HEAD
from telemed_desk.vault.problems import (
    TooManyTries,
    UnknownRecord,
    UnsafeDatabase,
    VaultDamaged,
    VaultExists,
    VaultFromNewerVersion,
    VaultInUse,
    VaultLocked,
    VaultMissing,
    WeakPassphrase,
    WrongPassphrase,
    WrongRecoveryCode,
)
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id
from tests.vault.vault_kit import (
    CHEAP,
    OTHER_PASSPHRASE,
    PASSPHRASE,
    Place,
    booking,
    doctor,
    make_place,
    patient_set,
)

HOLDER = """
import sys
from pathlib import Path
from telemed_desk.vault.space import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    place = make_place(tmp_path / "Dk. Mfano's caf\u00e9 100% #1 ?mode=ro")
    place.vault.commit(patient_set(new_id(), remarks="x")).result()
    place.vault.lock()
    assert len(place.unlock().patients()) == 1
    place.close()


def test_what_was_committed_is_there_after_unlocking_again(place: Place) -> None:
    consultation, patient = new_id(), new_id()
    identity = place.vault.identity
    ops = place.vault.commit(
        patient_set(patient, given_name="Jua", family_name="Mfano"),
        booking(consultation, patient),
    ).result()
    place.vault.set_clinic(b"k" * 16).result()
    place.vault.set_setting("theme", b"dark").result()
    place.vault.lock()
    vault = place.unlock()
    assert [(c.entity, p.name) for c, p in vault.today(0, 10_000)] == [(consultation, "Jua Mfano")]
    assert [op.number for op in ops] == [2, 3]  # 1 made the clinician known
    assert vault.identity == identity
    assert vault.clinician == place.clinician
    assert (vault.clinic, vault.setting("theme")) == (b"k" * 16, b"dark")
    assert vault.signature_is_known(new_id()) is None


def test_wrong_passphrases_are_told_apart_and_slowed_down(place: Place) -> None:
    place.vault.lock()
    for _ in range(5):
        with pytest.raises(WrongPassphrase):
            place.directory.unlock(place.clinician.entity, OTHER_PASSPHRASE)
    with pytest.raises(TooManyTries):
        place.unlock()
    with pytest.raises(UnknownRecord):
        place.directory.unlock(new_id(), PASSPHRASE)


def test_nothing_is_ever_made_by_unlocking(tmp_path: Path, place: Place) -> None:
    nowhere = VaultDirectory(tmp_path / "nowhere")
    with pytest.raises(VaultMissing):
        nowhere.unlock(new_id(), PASSPHRASE)
    assert not nowhere.exists()
    assert not (tmp_path / "nowhere").exists()
    place.vault.lock()
    database = place.directory.path / "vault.db"
    database.rename(database.with_name("elsewhere"))
    with pytest.raises(VaultMissing):
        place.unlock()
    assert not database.exists()
    assert place.directory.exists()


def test_a_vault_without_its_slot_file_is_damaged_and_not_set_up_anew(place: Place) -> None:
    place.vault.lock()
    for path in (place.directory.path / "slots", copy_of(place.directory.path / "slots", 1)):
        path.unlink(missing_ok=True)
    assert place.directory.exists()
    with pytest.raises(VaultDamaged):
        place.unlock()
    with pytest.raises(VaultExists):
        place.directory.create(
            clinician=doctor(), passphrase=PASSPHRASE, device=DeviceIdentity.generate(new_id())
        )


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    directory = VaultDirectory(tmp_path / "mine")
    device = DeviceIdentity.generate(new_id())
    with pytest.raises(VaultExists):
        directory.create(clinician=doctor(), passphrase=PASSPHRASE, device=device, argon=CHEAP)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep"
    with pytest.raises(WeakPassphrase):
        VaultDirectory(tmp_path / "new").create(
            clinician=doctor(), passphrase="12345678901", device=device, argon=CHEAP
        )


@pytest.mark.parametrize("offset", [0, 20, 2000, 4090])
def test_a_flipped_bit_in_the_first_page_is_repaired_and_is_no_wrong_passphrase(
    place: Place, offset: int
) -> None:
    patient = new_id()
    place.vault.commit(patient_set(patient, family_name="Jaribio")).result()
    place.vault.lock()
    flip(place.directory.path / "vault.db", offset)
    with pytest.raises(WrongPassphrase):
        place.directory.unlock(place.clinician.entity, OTHER_PASSPHRASE)
    vault = place.unlock()
    report = vault.repair_report
    assert report is not None
    assert report.bad_pages == (0 if offset == 0 else 1)  # the salt is noted in the journal
    assert not report.held
    assert (place.directory.path / report.kept_as).exists()
    assert [p.entity for p in vault.patients()] == [patient]
    assert vault.verify_file() == []


def test_a_flipped_bit_in_any_page_is_named_by_the_check_and_nothing_is_deleted(
    place: Place,
) -> None:
    for _ in range(30):
        place.vault.commit(patient_set(new_id(), remarks="x" * 900)).result()
    assert place.vault.verify_file() == []
    with place.vault.reading() as connection:
        (page,) = connection.exec_driver_sql(
            "SELECT rootpage FROM sqlite_master WHERE name = 'patient'"
        ).scalars()
    place.vault.lock()
    database = place.directory.path / "vault.db"
    size = database.stat().st_size
    flip(database, (page - 1) * 4096 + 2000)
    vault = place.unlock()
    assert vault.verify_file()
    assert database.stat().st_size == size
    with pytest.raises(VaultDamaged):
        vault.patients()
    (place.directory.path / "suspect").unlink()
    with pytest.raises(VaultDamaged):
        vault.rebuild().result()
    vault.lock()
    # The next unlock knows that a page did not verify: it checks all of them, and repairs.
    repaired = place.unlock()
    assert len(repaired.patients()) == 30
    assert repaired.verify_file() == []
    assert repaired.repair_report is not None
    kept = place.directory.path / repaired.repair_report.kept_as
    assert kept.stat().st_size == size


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


def test_a_second_desk_on_the_same_vault_is_refused_until_the_first_is_gone(
    place: Place,
) -> None:
    with pytest.raises(VaultInUse):
        place.unlock()
    place.vault.lock()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(place.directory.path / "lock")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    with pytest.raises(VaultInUse):
        place.unlock()
    holder.kill()
    holder.communicate()
    assert place.unlock().clinicians() == [place.clinician]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permission bits")
def test_nobody_else_on_this_pc_can_look_into_the_folder(place: Place) -> None:
    place.vault.commit(patient_set(new_id(), remarks="x")).result()
    assert stat.S_IMODE(place.directory.path.stat().st_mode) == 0o700
    for name in ("vault.db", "vault.db-wal", "slots"):
        assert stat.S_IMODE((place.directory.path / name).stat().st_mode) & 0o077 == 0


def test_locking_drops_the_keys_and_ends_reading_and_writing(place: Place) -> None:
    vault = place.vault
    pending = [vault.commit(patient_set(new_id(), remarks="x")) for _ in range(20)]
    vault.lock()
    vault.lock()
    assert all(len(future.result(timeout=0)) == 1 for future in pending)
    assert vault._master.is_wiped
    assert not any(vault._signing_seed)
    with pytest.raises(VaultLocked):
        vault.today(0, 1)
    with pytest.raises(VaultLocked):
        vault.commit(patient_set(new_id(), remarks="x")).result()
    with pytest.raises(VaultLocked):
        vault.keys_for_slot()
    assert not (place.directory.path / "vault.db-wal").exists()


def test_each_clinician_has_their_own_way_in_and_signing_key(place: Place) -> None:
    nurse = doctor("Nurse Neema Jaribio")
    place.directory.add_clinician(place.vault, nurse, OTHER_PASSPHRASE, CHEAP)
    with pytest.raises(VaultExists):
        place.directory.add_clinician(place.vault, nurse, OTHER_PASSPHRASE, CHEAP)
    first_seed = bytes(place.vault._signing_seed)
    place.vault.lock()
    vault = place.directory.unlock(nurse.entity, OTHER_PASSPHRASE)
    place.open_vaults.append(vault)
    assert vault.clinician == nurse
    assert bytes(vault._signing_seed) != first_seed
    assert [s.name for s in place.directory.clinicians()] == [nurse.name, place.clinician.name]
    assert {c.name for c in vault.clinicians()} == {nurse.name, place.clinician.name}
    vault.lock()
    place.unlock()
    assert [s.name for s in place.directory.clinicians()] == [place.clinician.name, nurse.name]


def test_the_printed_code_opens_and_lets_the_passphrase_be_changed(
    place: Place, another_place: Callable[[], Place]
) -> None:
    place.vault.lock()
    with pytest.raises(WrongRecoveryCode):
        place.directory.unlock_with_recovery(another_place().recovery_code)
    vault = place.directory.unlock_with_recovery(place.recovery_code.lower())
    place.directory.change_passphrase(vault, OTHER_PASSPHRASE, CHEAP)
    newer = place.directory.new_recovery_code(vault)
    assert vault.clinician == place.clinician
    vault.lock()
    with pytest.raises(WrongPassphrase):
        place.unlock(PASSPHRASE)
    place.unlock(OTHER_PASSPHRASE).lock()
    with pytest.raises(WrongRecoveryCode):
        place.directory.unlock_with_recovery(place.recovery_code)
    place.directory.unlock_with_recovery(newer).lock()


def test_a_file_of_a_newer_version_is_refused_unchanged(place: Place) -> None:
    key = place.vault._master.database_key()
    place.vault.lock()
    engine = open_engine(place.directory.path / "vault.db", lambda: key, "write")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    engine.dispose()
    with pytest.raises(VaultFromNewerVersion):
        place.unlock()


def test_the_tables_in_code_are_those_that_the_migrations_make(place: Place) -> None:
    with place.vault._read() as connection:
        for table in vault_schema.metadata.tables.values():
            rows = connection.exec_driver_sql(f"PRAGMA table_info({table.name})").all()
            assert {row[1] for row in rows} == set(table.columns.keys()), table.name
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        ).scalars()
        tables = {name for name in names if name.split("_")[0] != "search" or name == "search_doc"}
        assert tables == {*vault_schema.metadata.tables, "alembic_version"}
    versions = Path(vault_schema.__file__).parent / "migrations" / "versions"
    newest = max(path.name for path in versions.glob("v*.py"))
    assert newest.startswith(f"v{HEAD}_")


def test_the_connection_is_as_the_recipe_says(place: Place) -> None:
    with place.vault._read() as connection:
        ask = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "secure_delete", "query_only", "temp_store")
        }
    assert ask == {
        "journal_mode": "wal",
        "synchronous": 2,
        "secure_delete": 1,
        "query_only": 1,
        "temp_store": 2,
    }
    writing = place.vault._writer.submit(
        lambda t: t.connection.exec_driver_sql("PRAGMA synchronous").scalar()
    )
    assert writing.result() == 2


def test_a_database_library_with_the_wal_reset_bug_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert_safe_sqlite()
    assert OLDEST_SQLITE == (3, 51, 3)
    monkeypatch.setattr("telemed_desk.vault.connection.sqlcipher.sqlite_version", "3.51.2")
    with pytest.raises(UnsafeDatabase):
        assert_safe_sqlite()


def test_a_payload_that_does_not_fit_is_our_bug_and_leaves_no_gap(place: Place) -> None:
    before = place.vault.commit(patient_set(new_id(), remarks="x")).result()[0]
    for bad in (OpDraft("clinic.set", new_id(), {}), OpDraft("no.such", new_id(), {})):
        with pytest.raises(Exception, match="payload of"):
            place.vault.commit(patient_set(new_id(), remarks="lost with it"), bad).result()
    after = place.vault.commit(patient_set(new_id(), remarks="x")).result()[0]
    assert after.number == before.number + 1
    assert after.stamp > before.stamp
    assert len(place.vault.patients()) == 2


def test_locking_waits_for_a_read_that_is_under_way(place: Place) -> None:
    vault = place.vault
    reading, go_on = threading.Event(), threading.Event()
    found: list[object] = []

    def read() -> None:
        with vault._read() as connection:
            reading.set()
            go_on.wait(60)
            found.append(connection.exec_driver_sql("SELECT count(*) FROM op").scalar())

    reader = threading.Thread(target=read)
    reader.start()
    assert reading.wait(60)
    locker = threading.Thread(target=vault.lock)
    locker.start()
    locker.join(0.2)
    assert locker.is_alive()
    assert not vault._master.is_wiped
    go_on.set()
    locker.join(60)
    reader.join(60)
    assert found == [1]
    assert vault._master.is_wiped


def test_a_listener_that_fails_is_reported_and_does_not_stop_saving(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    reported: list[type[BaseException] | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda args: reported.append(args.exc_type))

    def broken(_: object) -> None:
        raise LookupError

    place.vault.on_change(broken)
    for _ in range(3):
        place.vault.commit(patient_set(new_id(), remarks="x")).result()
    place.vault.lock()
    assert reported == [LookupError] * 3
