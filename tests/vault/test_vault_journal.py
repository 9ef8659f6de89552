"""The second copy of what is not sent yet: written before the commit, read on opening."""

import errno
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from telemed_desk.vault import OpDraft, Vault
from telemed_desk.vault.journal_frames import (
    OpsFrame,
    Root,
    Scan,
    SegmentFrame,
    scan,
    seal_frame,
)
from telemed_desk.vault.problems import DiskFull
from telemed_protocol.ids import new_id
from telemed_protocol.op import Lane, decode_op
from tests.vault.test_vault_segments import seal_all
from tests.vault.vault_kit import Place, patient_set

KEY = bytes(range(32))


def journal_of(vault: Vault) -> Scan:
    found = vault._journal.read()
    assert found is not None
    return found


def numbers_in(found: Scan) -> list[int]:
    return [
        decode_op(packed).number
        for frame in found.frames
        if isinstance(frame, OpsFrame)
        for _, packed in frame.ops
    ]


def snapshot(place: Place, into: Path) -> None:
    shutil.copytree(place.directory.path, into)


def older_database(place: Place, then: Path) -> None:
    """As if everything since a moment had been lost from the database, and not from the journal."""
    for name in ("vault.db", "vault.db-wal", "vault.db-shm"):
        (place.directory.path / name).unlink(missing_ok=True)
        if (then / name).exists():
            shutil.copy(then / name, place.directory.path / name)


def some_frames() -> list[Root | OpsFrame | SegmentFrame]:
    return [
        Root(1, b"identity", b"", (), (), 0, (), b"salt"),
        OpsFrame(((1, b"op one"),)),
        SegmentFrame(b"wire" * 20, (1,)),
        OpsFrame(((2, b"op two"), (0, b"op three"))),
    ]


def test_frames_come_back_as_they_were_and_a_torn_end_is_only_an_end() -> None:
    frames = some_frames()
    sealed = [seal_frame(KEY, frame) for frame in frames]
    data = b"".join(sealed)
    assert scan(KEY, data) == Scan(frames, len(data))
    assert scan(KEY, data).is_whole
    for cut in range(len(data)):
        found = scan(KEY, data[:cut])
        whole = [f for i, f in enumerate(frames) if sum(map(len, sealed[: i + 1])) <= cut]
        assert found.frames == whole
        assert found.end == sum(map(len, sealed[: len(whole)]))
        assert found.torn == (found.end < cut)
        assert not found.damaged


def test_any_flipped_bit_costs_one_frame_and_is_noticed() -> None:
    rng = random.Random(1)
    frames = some_frames()
    sealed = [seal_frame(KEY, frame) for frame in frames]
    data = b"".join(sealed)
    ends = [sum(map(len, sealed[: i + 1])) for i in range(len(sealed))]
    for at in range(len(data)):
        altered = bytearray(data)
        altered[at] ^= 1 << rng.randrange(8)
        hit = next(i for i, end in enumerate(ends) if at < end)
        found = scan(KEY, bytes(altered))
        assert found.frames == [f for i, f in enumerate(frames) if i != hit]
        last = hit == len(frames) - 1
        assert (found.torn, found.damaged) == (last, not last)
        assert found.is_whole == last
    assert scan(bytes(32), data).frames == []
    for _ in range(200):
        scan(KEY, rng.randbytes(rng.randrange(300)))


def test_what_the_database_lost_comes_back_from_the_journal(place: Place, tmp_path: Path) -> None:
    vault = place.vault
    vault.commit(patient_set(new_id(), remarks="before")).result()
    vault.lock()
    snapshot(place, tmp_path / "then")
    vault = place.unlock()
    patient = new_id()
    vault.commit(patient_set(patient, remarks="kept")).result()
    odd_lane = OpDraft("patient.set", patient, {"number": "7"}, lane=Lane.QUEUE)
    vault.commit(odd_lane).result()
    sealed = seal_all(vault)
    vault.commit(patient_set(patient, phone="+254 700 000 001")).result()
    before = vault.patient(patient), vault.outbox().count
    heads = [vault.lane_head(lane) for lane in Lane.ALL]
    pending = vault.pending_batches(8000)
    shutil.copytree(place.directory.path, tmp_path / "now")  # the journal as a crash leaves it
    vault.lock()
    older_database(place, tmp_path / "then")
    shutil.copy(tmp_path / "now" / "outbox.jrn", place.directory.path / "outbox.jrn")
    for _ in range(2):
        again = place.unlock()
        assert (again.patient(patient), again.outbox().count) == before
        assert [again.lane_head(lane) for lane in Lane.ALL] == heads
        assert [s.wire for s in again.unacknowledged()] == [
            s.wire for s in sorted(sealed, key=lambda s: (s.header.lane, s.header.n))
        ]
        assert again.pending_batches(8000) == pending
        assert again.repair_report is None
        again.lock()


def test_the_journal_is_short_again_once_all_is_receipted(place: Place) -> None:
    vault = place.vault
    for i in range(40):
        vault.commit(patient_set(new_id(), remarks=f"{i} " * 900)).result()
    long = vault._journal.size
    for sseq, segment in enumerate(seal_all(vault), 1):
        assert len(numbers_in(journal_of(vault))) >= 40
        vault.acknowledge(segment.hash, sseq, 5)
    assert vault._journal.size < long / 10
    (root,) = journal_of(vault).frames
    assert isinstance(root, Root)
    assert root.last_number == 41
    assert {(lane, n) for lane, n, _ in root.heads} == {
        (lane, vault.lane_head(lane).n) for lane in Lane.ALL if vault.lane_head(lane).n
    }
    vault.commit(patient_set(new_id(), remarks="next")).result()
    assert numbers_in(journal_of(vault)) == [42]


def fail_next_commit(vault: Vault) -> None:
    engine = vault._writer._engine

    def fail(_connection: Any) -> None:
        sa.event.remove(engine, "commit", fail)
        raise OSError(errno.ENOSPC, "full")

    sa.event.listen(engine, "commit", fail)


def test_a_transaction_that_was_rolled_back_leaves_nothing_behind(
    place: Place, tmp_path: Path
) -> None:
    vault = place.vault
    snapshot(place, tmp_path / "then")
    (first,) = vault.commit(patient_set(new_id(), remarks="first")).result()
    fail_next_commit(vault)
    patient = new_id()
    with pytest.raises(DiskFull):
        vault.commit(patient_set(patient, remarks="never saved")).result()
    assert numbers_in(journal_of(vault))[-1] == first.number
    (second,) = vault.commit(patient_set(patient, remarks="saved")).result()
    assert second.number == first.number + 1, "the number is free again"
    assert numbers_in(journal_of(vault))[-2:] == [first.number, second.number]
    shutil.copy(place.directory.path / "outbox.jrn", tmp_path / "outbox.jrn")
    vault.lock()
    older_database(place, tmp_path / "then")
    shutil.copy(tmp_path / "outbox.jrn", place.directory.path / "outbox.jrn")
    found = place.unlock().patient(patient)
    assert found is not None
    assert found.remarks == "saved"


def failing_fsync(code: int, times: int) -> Callable[[int], None]:
    real = os.fsync
    left = [times]

    def fsync(handle: int) -> None:
        if left[0]:
            left[0] -= 1
            raise OSError(code, os.strerror(code))
        real(handle)

    return fsync


def test_a_bad_sector_under_the_journal_does_not_end_the_saving(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = place.vault
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing_fsync(errno.EIO, 1))
        (op,) = vault.commit(patient_set(new_id(), remarks="x")).result()
    assert vault.has_second_copy
    assert numbers_in(journal_of(vault))[-1] == op.number
    assert journal_of(vault).is_whole


def test_without_space_for_the_second_copy_nothing_is_called_saved(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = place.vault
    patient = new_id()
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", failing_fsync(errno.ENOSPC, 1000))
        with pytest.raises(DiskFull):
            vault.commit(patient_set(patient, remarks="x")).result()
    assert vault.patient(patient) is None
    (op,) = vault.commit(patient_set(patient, remarks="y")).result()
    assert numbers_in(journal_of(vault))[-1] == op.number
    assert vault.has_second_copy


@pytest.mark.parametrize("what", ["gone", "cut", "flipped", "another's", "older format"])
def test_a_journal_that_is_not_whole_is_written_anew(place: Place, what: str) -> None:
    vault = place.vault
    vault.commit(patient_set(new_id(), remarks="x" * 500)).result()
    vault.commit(patient_set(new_id(), remarks="y" * 500)).result()
    waiting = vault.outbox().count
    vault.lock()
    path = place.directory.path / "outbox.jrn"
    data = path.read_bytes()
    match what:
        case "gone":
            path.unlink()
        case "cut":
            path.write_bytes(data[: len(data) // 2])
        case "flipped":
            path.write_bytes(data[:30] + bytes([data[30] ^ 1]) + data[31:])
        case "another's":
            path.write_bytes(seal_frame(KEY, Root(1, b"", b"", (), (), 9, (), b"")))
        case _:
            path.write_bytes(b"\0\0\0\x10" + bytes(16))
    vault = place.unlock()
    assert vault.outbox().count == waiting
    assert vault.repair_report is None
    found = journal_of(vault)
    assert found.is_whole
    assert len(numbers_in(found)) == waiting
