"""A damaged database: nothing deleted, nothing silently empty, no number used twice."""

import os
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import Vault
from telemed_desk.vault import repair as repair_module
from telemed_desk.vault.backups import BackupFolder
from telemed_desk.vault.problems import RestoredCopy, VaultDamaged
from telemed_desk.vault.salvage import salvage
from telemed_desk.vault.settings import SETTING_IDENTITY
from telemed_desk.vault.sqlite_pages import PAGE_BYTES, Pages
from telemed_protocol.ids import new_id
from telemed_protocol.op import Lane
from telemed_protocol.progress import LaneHead
from tests.vault.test_vault_segments import seal_all
from tests.vault.vault_kit import Place, patient_set

SEEDS = int(os.environ.get("TELEMED_SEEDS", "12"))


def rows_of(vault: Vault, query: str) -> list[tuple[Any, ...]]:
    with vault._read() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(query)]


def fill(vault: Vault, patients: int, size: int = 300) -> list[bytes]:
    made = [bytes(new_id()) for _ in range(patients)]
    for i, patient in enumerate(made):
        words = {"family_name": f"Mfano{i}", "remarks": f"{i} word " * (size // 8)}
        vault.commit(patient_set(patient, **words)).result()
    return made


def own_numbers(vault: Vault) -> set[int]:
    return {row[0] for row in rows_of(vault, "SELECT number FROM op WHERE own = 1")}


def patients_unsent(vault: Vault) -> int:
    # Others may be more: a clinician whose op was lost is made known again.
    status = vault.outbox()
    return status.on_this_pc.get("patient.set", 0) + status.waiting.get("patient.set", 0)


def heads(vault: Vault) -> dict[int, LaneHead]:
    return {lane: vault.lane_head(lane) for lane in Lane.ALL}


def spoil(path: Path, rng: random.Random) -> str:
    """Do to a file what disks do; return what."""
    data = bytearray(path.read_bytes())
    pages = len(data) // PAGE_BYTES
    how = rng.choice(["flip", "zero", "swap", "cut", "noise", "first"])
    hit = [rng.randrange(pages) for _ in range(rng.randrange(1, max(2, pages // 4)))]
    if how == "flip":
        for page in hit:
            data[page * PAGE_BYTES + rng.randrange(PAGE_BYTES)] ^= 1 << rng.randrange(8)
    elif how == "zero":
        for page in hit:
            data[page * PAGE_BYTES : (page + 1) * PAGE_BYTES] = bytes(PAGE_BYTES)
    elif how == "swap":
        a, b = rng.sample(range(pages), 2)
        first = data[a * PAGE_BYTES : (a + 1) * PAGE_BYTES]
        data[a * PAGE_BYTES : (a + 1) * PAGE_BYTES] = data[b * PAGE_BYTES : (b + 1) * PAGE_BYTES]
        data[b * PAGE_BYTES : (b + 1) * PAGE_BYTES] = first
    elif how == "cut":
        del data[rng.randrange(1, len(data)) :]
    elif how == "first":
        data[: 4 * PAGE_BYTES] = rng.randbytes(4 * PAGE_BYTES)
    else:
        data[:] = rng.randbytes(len(data))
    path.write_bytes(data)
    return how


def test_pages_read_alone_give_what_the_database_gives(place: Place) -> None:
    vault = place.vault
    fill(vault, 40)
    fill(vault, 3, size=90_000)  # longer than a page: chains of overflow pages
    seal_all(vault)
    vault.journal_draft(b"n" * 16, b"c" * 16, NoteText("being typed"), 7).result()
    database = place.directory.path / "vault.db"
    assert database.with_name("vault.db-wal").stat().st_size > 100_000, "some is in the log only"
    key = vault._master.database_key()
    ops = rows_of(vault, "SELECT device, number, payload, segment_n FROM op")
    segments = rows_of(vault, "SELECT device, lane, n, wire FROM segment")
    for _ in range(2):
        found = salvage(database, key, b"")
        assert found.bad_pages == 0
        assert sorted(
            (r["device"], r["number"], r["payload"], r["segment_n"]) for r in found.ops.values()
        ) == sorted(ops, key=lambda row: (row[0], row[1]))
        assert sorted(
            (r["device"], r["lane"], r["n"], r["wire"]) for r in found.segments.values()
        ) == sorted(segments, key=lambda row: row[:3])
        assert found.drafts[b"n" * 16]["subjective"] == "being typed"
        assert SETTING_IDENTITY in found.settings
        vault.lock()  # then once more from the file alone
    assert len(Pages(database, bytes(32)).bad) == Pages(database, bytes(32)).count


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_unsent_op_and_no_number_is_lost_whatever_happens_to_the_file(
    place: Place, seed: int
) -> None:
    rng = random.Random(seed)
    vault = place.vault
    vault.set_clinic(b"k" * 16).result()
    vault.keep_epoch_key(0, bytes(range(32)))
    sent = fill(vault, rng.randrange(5, 40))
    for sseq, segment in enumerate(seal_all(vault), 1):
        vault.acknowledge(segment.hash, sseq, 5)
    if rng.random() < 0.5:
        vault.back_up()
    waiting = fill(vault, rng.randrange(1, 20))
    if rng.random() < 0.7:
        seal_all(vault)
    unsent = fill(vault, rng.randrange(1, 20))
    identity, before, numbers = vault.identity, heads(vault), own_numbers(vault)
    outbox = patients_unsent(vault)
    vault.lock()
    database = place.directory.path / "vault.db"
    how = spoil(database, rng)
    spoiled = database.read_bytes()
    (place.directory.path / "suspect").touch()  # as after the first page that did not verify
    vault = place.unlock()
    report = vault.repair_report
    if report is not None:
        assert (place.directory.path / report.kept_as).read_bytes() == spoiled
        assert not report.held
    else:
        assert how == "swap", "two pages of the same number are one page"
    assert vault.push_held is None
    assert (vault.identity, vault.clinic) == (identity, b"k" * 16)
    assert vault.epoch_key(0) == bytes(range(32))
    there = {p.entity for p in vault.patients()}
    assert {*waiting, *unsent} <= there
    assert there <= {*sent, *waiting, *unsent}
    assert heads(vault) == before, "the next segment gets the next number"
    assert patients_unsent(vault) == outbox
    (fresh,) = vault.commit(patient_set(new_id(), remarks="after")).result()
    assert fresh.number not in numbers, "no op's number is used twice"
    assert own_numbers(vault) >= {fresh.number}
    assert seal_all(vault), "and sync goes on"
    assert vault.verify_file() == []
    vault.repair_was_seen().result()
    vault.lock()
    assert place.unlock().repair_report is None


def test_the_newest_backup_that_verifies_is_the_ground(place: Place) -> None:
    vault = place.vault
    old = fill(vault, 20)
    first = vault.back_up()
    place.clock.now_ms += 5 * 3600_000
    fill(vault, 5)
    second = vault.back_up()
    vault.lock()
    data = bytearray(second.path.read_bytes())
    data[len(data) // 2] ^= 1
    second.path.write_bytes(data)
    (place.directory.path / "vault.db").write_bytes(b"not a database " * 2000)
    (place.directory.path / "outbox.jrn").unlink()
    vault = place.unlock()
    report = vault.repair_report
    assert report is not None
    assert (report.backup_ms, report.ops_read) == (first.at_ms, 0)
    assert {p.entity for p in vault.patients()} == set(old)
    # What was sent since the backup is unknown: no number may be used again.
    assert report.held
    assert isinstance(vault.push_held, RestoredCopy)
    assert vault.pending_batches(8000) == []
    assert vault.outbox().count > 0, "it is still shown as not sent"


def test_a_pc_that_had_sent_everything_comes_back_as_itself_and_goes_on_counting(
    place: Place,
) -> None:
    vault = place.vault
    vault.set_clinic(b"k" * 16).result()
    vault.keep_epoch_key(0, bytes(range(32)))
    fill(vault, 10)
    for sseq, segment in enumerate(seal_all(vault), 1):
        vault.acknowledge(segment.hash, sseq, 5)
    identity, before, numbers = vault.identity, heads(vault), own_numbers(vault)
    vault.lock()
    (place.directory.path / "vault.db").write_bytes(b"noise" * 10_000)
    vault = place.unlock()
    assert vault.repair_report is not None
    assert (vault.repair_report.ops_read, vault.repair_report.held) == (0, False)
    assert (vault.identity, heads(vault)) == (identity, before)
    assert vault.cursor().sseq == 0, "sync pulls everything again"
    (fresh,) = vault.commit(patient_set(new_id(), remarks="after")).result()
    assert fresh.number > max(numbers)
    (segment,) = [s for s in seal_all(vault) if s.header.lane == Lane.PATIENTS]
    assert segment.header.n == before[Lane.PATIENTS].n + 1
    assert segment.header.prev_hash == before[Lane.PATIENTS].hash


def test_with_nothing_left_to_read_it_refuses_and_touches_nothing(place: Place) -> None:
    fill(place.vault, 3)
    place.vault.lock()
    folder = place.directory.path
    (folder / "outbox.jrn").unlink()
    (folder / "vault.db").write_bytes(bytes(40_000))
    before = {path.name for path in folder.iterdir()}
    for _ in range(2):
        with pytest.raises(VaultDamaged):
            place.unlock()
    assert {path.name for path in folder.iterdir()} == before
    assert (folder / "vault.db").read_bytes() == bytes(40_000)


def test_a_repair_that_the_power_cut_off_is_finished_or_begun_again(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    patients = fill(place.vault, 10)
    place.vault.lock()
    folder = place.directory.path
    database = folder / "vault.db"
    database.write_bytes(b"x" * 20_000)
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)

    class PowerCut(BaseException):
        pass

    def cut(*_args: object) -> None:
        raise PowerCut

    with monkeypatch.context() as patched:
        patched.setattr(repair_module, "_build", cut)
        with pytest.raises(PowerCut):
            place.unlock()
    assert database.read_bytes() == b"x" * 20_000
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", cut)
        with pytest.raises(PowerCut):
            place.unlock()
    assert not database.exists()
    assert len(place.unlock().patients()) == len(patients)
    assert BackupFolder(folder / "backups").all() == []
