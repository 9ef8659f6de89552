"""Copied PCs, removed PCs, and segments that can be read only later."""

import copy

import msgspec
import pytest

from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.events import Failure, OpsPending, Pull, Pulled, Refreshed, Seal, Send
from telemed_desk.sync.hands import StoreHands, failed
from telemed_desk.sync.problems import DeviceTwin, Refused, ServerInconsistent
from telemed_protocol.api import Held, HeldLane, WrappedKey
from telemed_protocol.identity import DeviceIdentity, wrap_for
from telemed_protocol.membership import KeyCheck, MemberRecord, key_digest, sign_record, wrap_info
from tests.sync.clinic_of_two import CHAIN, CLINIC, DESK_A, DESK_B, store_of
from tests.sync.memory_store import MemoryStore
from tests.sync.reference_server import ReferenceServer

NEXT_KEY = b"next epoch".ljust(32, b".")
NEXT_CHECK = (KeyCheck(1, key_digest(CLINIC, 1, NEXT_KEY)),)
REVOKE_B = sign_record(
    MemberRecord(
        *(1, CLINIC, 3, CHAIN.head, "revoke", DESK_B.public, 1, DESK_A.device), NEXT_CHECK
    ),
    DESK_A,
)


def hands_of(store: MemoryStore, who: DeviceIdentity) -> StoreHands:
    return StoreHands(store, who, lambda: 0, lambda _ops: None)


def send_all(hands: StoreHands, server: ReferenceServer) -> None:
    for queued in hands.seal().segments:
        hands.take_receipt(queued, server.push(hands.segment(queued).wire))


def pull(hands: StoreHands, server: ReferenceServer) -> None:
    asked = hands.position()
    hands.take_page(server.pull(asked.cursor.sseq, 100), asked)


def test_an_older_copy_that_wrote_nothing_since_catches_up() -> None:
    server, store = ReferenceServer(), store_of(DESK_A)
    hands = hands_of(store, DESK_A)
    store.record(1, "before the backup")
    send_all(hands, server)
    older = copy.deepcopy(store)
    store.record(1, "after the backup")
    send_all(hands, server)
    pull(hands_of(older, DESK_A), server)
    assert older.ops == store.ops
    assert older.lane_head(1) == store.lane_head(1)


@pytest.mark.parametrize("sealed", [True, False])
def test_an_older_copy_that_wrote_under_used_numbers_stops_and_keeps_everything(
    sealed: bool,
) -> None:
    server, store = ReferenceServer(), store_of(DESK_A)
    store.record(1, "before the backup")
    hands = hands_of(store, DESK_A)
    send_all(hands, server)
    older = copy.deepcopy(store)
    store.record(1, "after the backup")
    send_all(hands, server)
    written = older.record(1, "by the copy")
    twin = hands_of(older, DESK_A)
    if sealed:
        twin.seal()
    with pytest.raises(DeviceTwin):
        pull(twin, server)
    assert older.ops[written.op_id] == written


def test_a_desk_asks_what_the_server_holds_before_it_numbers_anything() -> None:
    core = SyncCore()
    core.handle(OpsPending(1, 10, (1,)), 0)
    assert core.handle(Refreshed(behind=True), 1)[:-1] == [Pull()]
    assert core.handle(Pulled(3, 9), 2)[:-1] == [Pull()]
    (seal, _) = core.handle(Pulled(9, 9), 3)
    assert isinstance(seal, Seal)


def test_an_older_copy_knows_that_it_is_one() -> None:
    server, store = ReferenceServer(), store_of(DESK_A)
    older = copy.deepcopy(store)
    hands = hands_of(store, DESK_A)
    store.record(1, "after the backup")
    (queued,) = hands.seal().segments
    segment = hands.segment(queued)
    hands.take_receipt(queued, server.push(segment.wire))
    held = Held([HeldLane(1, 1, segment.hash)])
    assert not hands.take_members(list(CHAIN.records), [], held).behind
    assert hands_of(older, DESK_A).take_members(list(CHAIN.records), [], held).behind
    with pytest.raises(DeviceTwin):
        hands.take_members(list(CHAIN.records), [], Held([HeldLane(1, 1, bytes(32))]))


def test_a_number_that_the_server_has_with_other_bytes_means_a_twin() -> None:
    store = store_of(DESK_A)
    store.record(1, "x")
    (queued,) = hands_of(store, DESK_A).seal().segments
    event = failed(Send(queued), Refused("segment_conflict", 409))
    assert (event.failure, event.code) == (Failure.INCONSISTENT, "TD-SEC-003")
    event = failed(Send(queued), Refused("segment_gap", 409))
    assert event.failure is Failure.EARLY


def test_a_segment_is_read_when_its_key_arrives() -> None:
    server, a, b = ReferenceServer(), store_of(DESK_A), store_of(DESK_B)
    rotated = MemberRecord(
        1,
        CLINIC,
        3,
        CHAIN.head,
        "add",
        DeviceIdentity(b"C" * 16, b"c" * 32, b"z" * 32).public,
        1,
        DESK_A.device,
        NEXT_CHECK,
    )
    records = [*CHAIN.records, sign_record(rotated, DESK_A)]
    a.records, b.records = list(records), list(records)
    a.keys[1] = NEXT_KEY
    op = a.record(1, "under the next key")
    send_all(hands_of(a, DESK_A), server)
    reader = hands_of(b, DESK_B)
    pull(reader, server)
    pull(reader, server)
    assert [why for _, why in b.quarantined] == ["no-key"]
    wrap = wrap_for(DESK_B.public, NEXT_KEY, wrap_info(CLINIC, 1, DESK_B.device))
    refreshed = reader.take_members(records, [WrappedKey(1, DESK_B.device, wrap)])
    assert refreshed.reopened == 1
    assert b.ops[op.op_id] == op
    assert not b.quarantined
    pull(reader, server)


def test_what_a_removed_desk_writes_behind_its_removal_is_refused() -> None:
    server, a, b = ReferenceServer(), store_of(DESK_A), store_of(DESK_B)
    b.record(1, "while a member")
    removed = hands_of(b, DESK_B)
    send_all(removed, server)
    a.records = [*CHAIN.records, REVOKE_B]
    a.keys[1] = NEXT_KEY
    hands = hands_of(a, DESK_A)
    pull(hands, server)
    assert len(a.ops) == 1
    a.record(1, "first under the new key")
    send_all(hands, server)
    b.record(1, "written by the stolen PC")
    (queued,) = removed.seal().segments
    server.push(removed.segment(queued).wire)  # a server that takes it all the same
    with pytest.raises(ServerInconsistent) as caught:
        pull(hands, server)
    assert caught.value.reason == "removed"
    assert len(a.ops) == 2


def test_an_old_op_of_a_removed_desk_stays_readable_for_a_new_one() -> None:
    server, a, b = ReferenceServer(), store_of(DESK_A), store_of(DESK_B)
    b.record(1, "while a member")
    send_all(hands_of(b, DESK_B), server)
    a.records = [*CHAIN.records, REVOKE_B]
    a.keys[1] = NEXT_KEY
    a.record(1, "later")
    late = copy.deepcopy(a)
    hands = hands_of(a, DESK_A)
    pull(hands, server)
    send_all(hands, server)
    late.own, late.ops = [], {}
    pull(hands_of(late, DESK_A), server)
    assert len(late.ops) == 2
    assert msgspec.msgpack.encode(sorted(late.ops)) == msgspec.msgpack.encode(sorted(a.ops))
