from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import OpDraft, SyncState, Vault
from telemed_protocol.errors import BugError
from telemed_protocol.ids import new_id
from telemed_protocol.membership import MemberRecord, SignedRecord, sign_record
from telemed_protocol.op import Lane, Op
from telemed_protocol.progress import Cursor, LaneHead
from telemed_protocol.segment import (
    GENESIS_HASH,
    SealedSegment,
    SegmentHeader,
    next_log_hash,
    open_segment,
    seal_segment,
)
from tests.vault.vault_kit import Place, booking, patient_set

if TYPE_CHECKING:
    from telemed_desk.sync.ports import SegmentStore

CLINIC = b"k" * 16
EPOCH_KEY = bytes(range(32))
CONSULTATION = b"c" * 16


def seal(vault: Vault, lane: int, ops: tuple[Op, ...]) -> SealedSegment:
    head = vault.lane_head(lane)
    header = SegmentHeader(
        CLINIC,
        vault.identity.device,
        lane,
        head.n + 1,
        head.hash,
        0,
        1,
        len(ops),
        0,
        0,
        GENESIS_HASH,
    )
    return seal_segment(header, ops, EPOCH_KEY, vault.identity)


def seal_all(vault: Vault) -> list[SealedSegment]:
    sealed = []
    while batches := vault.pending_batches(8_000):
        segment = seal(vault, batches[0].lane, batches[0].ops)
        vault.keep_sealed(segment, batches[0].ops)
        sealed.append(segment)
    return sealed


def after(cursor: Cursor, segment: SealedSegment) -> Cursor:
    return Cursor(cursor.sseq + 1, next_log_hash(cursor.log_hash, segment.hash))


def test_the_vault_is_what_sync_asks_for(place: Place) -> None:
    store: SegmentStore = place.vault  # checked by mypy
    assert store.cursor() == Cursor(0, GENESIS_HASH)
    assert store.log_hash_at(0) == GENESIS_HASH
    assert store.log_hash_at(1) is None


def test_urgent_lanes_come_first_and_batches_stay_small(place: Place) -> None:
    vault = place.vault
    for _ in range(30):
        vault.commit(patient_set(new_id(), remarks="r" * 300)).result()
    vault.journal_draft(b"n" * 16, CONSULTATION, NoteText("x" * 5000), 1).result()
    vault.sign_note(b"n" * 16, 2).result()
    batches = vault.pending_batches(4_000)
    assert [b.lane for b in batches] == [Lane.NOTES, Lane.PATIENTS]
    assert len(batches[0].ops) == 1, "an op larger than a batch travels alone"
    assert 5 < len(batches[1].ops) < 20
    numbers = [op.number for op in batches[1].ops]
    assert numbers == sorted(numbers)


def test_each_op_is_sealed_once_and_kept_until_the_receipt(place: Place) -> None:
    vault, patient = place.vault, new_id()
    vault.commit(patient_set(patient, remarks="x"), booking(CONSULTATION, patient)).result()
    assert vault.outbox().on_this_pc == {
        "clinician.set": 1,
        "patient.set": 1,
        "consult.book": 1,
    }
    assert vault.sync_of(patient) == vault.sync_of(CONSULTATION)
    (segment,) = seal_all(vault)
    assert vault.pending_batches(8_000) == []
    assert vault.lane_head(Lane.PATIENTS) == LaneHead(1, segment.hash)
    status = vault.outbox()
    assert (status.count, status.on_this_pc, status.waiting["patient.set"]) == (3, {}, 1)
    assert status.entities[patient] is SyncState.WAITING
    assert status.waiting_bytes == len(segment.wire)
    assert status.oldest_ms is not None
    vault.lock()
    vault = place.unlock()
    assert [s.wire for s in vault.unacknowledged()] == [segment.wire]
    vault.acknowledge(segment.hash, 7, 1234)
    vault.acknowledge(segment.hash, 8, 9999)
    vault.acknowledge(bytes(32), 9, 1)
    assert vault.unacknowledged() == []
    assert vault.receipts_after(0) == [(7, segment.hash)]
    assert vault.receipts_after(7) == []
    status = vault.outbox()
    assert (status.count, status.entities, status.last_receipt_ms) == (0, {}, 1234)
    found = vault.sync_of(patient)
    assert found is not None
    assert (found.state, found.receipt_ms) == (SyncState.SENT, 1234)
    assert vault.sync_of(new_id()) is None
    items = vault.sync_items(2)
    assert [i.kind for i in items] == ["consult.book", "patient.set"]
    assert items[0].label_key == "sync.consult.book"
    assert items[0].state is SyncState.SENT


def test_a_number_is_never_given_to_two_segments(place: Place) -> None:
    vault = place.vault
    vault.commit(patient_set(new_id(), remarks="x")).result()
    ops = vault.pending_batches(8_000)[0].ops
    first, second = seal(vault, 2, ops[:1]), seal(vault, 2, ops[1:])
    vault.keep_sealed(first, ops[:1])
    with pytest.raises(BugError, match="head"):
        vault.keep_sealed(second, ops[1:])
    with pytest.raises(BugError, match="sealed already"):
        vault.keep_sealed(seal(vault, 2, ops[:1]), ops[:1])
    assert vault.lane_head(2) == LaneHead(1, first.hash)
    assert vault.pending_batches(8_000)[0].ops == ops[1:]


def test_a_second_desk_shows_the_note_that_was_signed_on_the_first(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, there = place.vault, another_place().vault
    patient, note = new_id(), new_id()
    here.commit(
        patient_set(patient, given_name="Jua", family_name="Mfano"),
        booking(CONSULTATION, patient),
    ).result()
    here.journal_draft(note, CONSULTATION, NoteText("itches", plan="cream"), 1).result()
    here.sign_note(note, 2).result()
    cursor = there.cursor()
    segments = seal_all(here)
    for segment in segments:
        cursor = after(cursor, segment)
        there.apply_pulled(segment, open_segment(segment, EPOCH_KEY), cursor)
    found = there.note_of(CONSULTATION)
    assert found is not None
    assert (found.text.plan, found.is_signed) == ("cream", True)
    assert there.signature_is_known(note) is True
    assert [p.name for _, p in there.today(0, 2_000)] == ["Jua Mfano"]
    assert there.cursor() == cursor
    assert there.log_hash_at(cursor.sseq) == cursor.log_hash
    last = segments[-1]
    assert there.log_head_of(here.identity.device, last.header.lane) == LaneHead(
        last.header.n, last.hash
    )
    assert there.log_head_of(here.identity.device, Lane.ORIGINALS) == LaneHead(0, GENESIS_HASH)
    assert there.outbox().on_this_pc == {"clinician.set": 1}, "foreign ops are not sent again"
    with pytest.raises(BugError, match="cursor"):
        there.apply_pulled(last, (), cursor)
    assert there.rebuild().result() is None
    assert there.note_of(CONSULTATION) == found


def test_an_own_segment_seen_in_the_log_counts_as_received(place: Place) -> None:
    vault = place.vault
    vault.commit(patient_set(new_id(), remarks="x")).result()
    (segment,) = seal_all(vault)
    cursor = after(vault.cursor(), segment)
    vault.apply_pulled(segment, open_segment(segment, EPOCH_KEY), cursor)
    assert vault.unacknowledged() == []
    assert vault.outbox().count == 0
    assert vault.receipts_after(0) == [(1, segment.hash)]


def test_a_poison_segment_is_kept_aside_and_does_not_stop_the_cursor(
    place: Place, another_place: Callable[[], Place]
) -> None:
    here, there = place.vault, another_place().vault
    there.commit(patient_set(new_id(), remarks="x")).result()
    (segment,) = seal_all(there)
    cursor = Cursor(1, b"1" * 32)
    here.quarantine(b"nonsense", "format", cursor)
    here.quarantine(segment.wire, "seal", Cursor(2, b"2" * 32))
    assert here.cursor() == Cursor(2, b"2" * 32)
    assert here.quarantined() == 2
    assert here.log_head_of(there.identity.device, 2) == LaneHead(1, segment.hash)


def test_clinic_keys_and_the_member_chain_only_grow(place: Place) -> None:
    vault = place.vault
    assert vault.epoch_key(0) is None
    vault.keep_epoch_key(0, EPOCH_KEY)
    vault.keep_epoch_key(0, EPOCH_KEY)
    with pytest.raises(BugError):
        vault.keep_epoch_key(0, bytes(32))
    assert vault.epoch_key(0) == EPOCH_KEY
    device = vault.identity
    founding = MemberRecord(1, CLINIC, 1, bytes(32), "found", device.public, 0, device.device)
    record = sign_record(founding, device)
    vault.keep_member_records([record])
    vault.keep_member_records([record])
    with pytest.raises(BugError):
        vault.keep_member_records([SignedRecord(b"other", bytes(64))])
    with pytest.raises(BugError):
        vault.keep_member_records([])
    gone = MemberRecord(1, CLINIC, 2, record.hash, "add", device.public, 0, device.device)
    longer = [record, sign_record(gone, device)]
    vault.keep_member_records(longer)
    vault.keep_member_records([record])  # an older answer that comes late
    assert vault.member_records() == longer
    vault.set_clinic(CLINIC).result()
    with pytest.raises(BugError):
        vault.set_clinic(bytes(16)).result()
    vault.lock()
    vault = place.unlock()
    assert vault.member_records() == longer
    assert vault.clinic == CLINIC


def test_a_code_that_a_removed_desk_may_know_lets_nobody_in(place: Place) -> None:
    vault = place.vault
    draft = OpDraft("member.invite", new_id(), {"secret": b"x" * 15, "expires_ms": 50})
    vault.commit(draft).result()
    assert len(vault.invitations(1, epoch=0)) == 1
    seal_all(vault)  # under epoch 0, whose key every desk of before the removal has
    assert len(vault.invitations(1, epoch=0)) == 1
    assert vault.invitations(1, epoch=1) == []
    fresh = OpDraft("member.invite", new_id(), {"secret": b"y" * 15, "expires_ms": 50})
    vault.commit(fresh).result()
    assert [i.secret for i in vault.invitations(1, epoch=1)] == [b"y" * 15]


def test_when_a_desk_was_heard_last_is_when_its_newest_entry_was_recorded(place: Place) -> None:
    vault = place.vault
    own = vault.identity.device
    assert vault.newest_entry_ms(new_id()) is None
    before = vault.newest_entry_ms(own)
    vault.commit(patient_set(new_id(), remarks="x")).result()
    after_it = vault.newest_entry_ms(own)
    assert before is not None
    assert after_it is not None
    assert before <= after_it
