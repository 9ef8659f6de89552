"""Removing a desk: who can read what, and what a server that lies about it can do."""

import os
import random

import msgspec
import pytest

from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.events import (
    Failed,
    Failure,
    MembersChanged,
    Pulled,
    Refresh,
    Refreshed,
    Tick,
)
from telemed_desk.sync.hands import StoreHands, failed
from telemed_desk.sync.membership import grown_chain, verified_chain
from telemed_desk.sync.problems import DeskRemoved, ServerInconsistent
from telemed_desk.sync.removal import removal_of
from telemed_desk.sync.server_client import problem_of
from telemed_desk.sync.status import Phase
from telemed_protocol.api import AddMember, WrappedKey
from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import DeviceIdentity, wrap_for
from telemed_protocol.membership import (
    MemberChain,
    MemberRecord,
    SignedRecord,
    sign_record,
    wrap_info,
)
from telemed_protocol.segment import open_segment
from tests.sync.clinic_of_two import CHAIN, CLINIC, DESK_A, DESK_B, EPOCH_KEY, STRANGER, store_of
from tests.sync.memory_store import MemoryStore
from tests.sync.reference_server import ReferenceServer

DESK_C = DeviceIdentity(b"C" * 16, b"c" * 32, b"w" * 32)
NEXT_KEY, THIRD_KEY = b"next".ljust(32, b"."), b"third".ljust(32, b".")
HISTORIES = int(os.environ.get("TELEMED_SEEDS", "100")) * 15


def chain_of_three() -> MemberChain:
    chain = verified_chain(CHAIN.records)
    record = MemberRecord(1, CLINIC, 3, chain.head, "add", DESK_C.public, 0, DESK_A.device)
    chain.extend(sign_record(record, DESK_A))
    return chain


THREE = chain_of_three()
REMOVED_B = removal_of(THREE, DESK_B.device, DESK_A, NEXT_KEY, 5)
AFTER_B = verified_chain([*THREE.records, REMOVED_B.record])


def member(who: DeviceIdentity, chain: MemberChain = THREE) -> tuple[MemoryStore, StoreHands]:
    store = store_of(who)
    store.records = list(chain.records)
    return store, StoreHands(store, who, lambda: 0, lambda _ops: None)


def wraps_for(change: AddMember, who: DeviceIdentity) -> list[WrappedKey]:
    return [wrap for wrap in change.wraps if wrap.device == who.device]


def send_all(hands: StoreHands, server: ReferenceServer) -> None:
    for queued in hands.seal().segments:
        hands.take_receipt(queued, server.push(hands.segment(queued).wire))


def pull(hands: StoreHands, server: ReferenceServer) -> bool:
    asked = hands.position()
    return hands.take_page(server.pull(asked.cursor.sseq, 100), asked).need_members


def test_the_new_key_is_sealed_for_everybody_but_the_removed_one() -> None:
    assert {wrap.device for wrap in REMOVED_B.wraps} == {DESK_A.device, DESK_C.device}
    (wrap,) = wraps_for(REMOVED_B, DESK_C)
    info = wrap_info(CLINIC, 1, DESK_C.device)
    assert DESK_C.open_wrap(wrap.wrap, info) == NEXT_KEY
    for wrap in REMOVED_B.wraps:
        with pytest.raises(ForgeryError):
            DESK_B.open_wrap(wrap.wrap, wrap_info(CLINIC, 1, wrap.device))


def test_who_removed_seals_under_the_new_key_at_once_and_the_removed_one_opens_none_of_it() -> None:
    store, hands = member(DESK_A)
    store.keep_epoch_key(1, NEXT_KEY)
    store.keep_member_records(AFTER_B.records)
    store.record(1, "after the removal")
    (queued,) = hands.seal().segments
    segment = hands.segment(queued)
    assert segment.header.epoch == 1
    with pytest.raises(ForgeryError):
        open_segment(segment, EPOCH_KEY)
    assert open_segment(segment, NEXT_KEY)


def test_a_desk_that_slept_through_two_removals_reads_everything() -> None:
    server = ReferenceServer()
    (a, of_a), (c, of_c) = member(DESK_A), member(DESK_C)
    a.record(1, "before")
    send_all(of_a, server)
    d = DeviceIdentity(b"D" * 16, b"d" * 32, b"u" * 32)
    grown = verified_chain(AFTER_B.records)
    add = MemberRecord(1, CLINIC, 5, grown.head, "add", d.public, 1, DESK_A.device)
    grown.extend(sign_record(add, DESK_A))
    second = removal_of(grown, d.device, DESK_A, THIRD_KEY, 6)
    for key, chain in ((NEXT_KEY, AFTER_B), (THIRD_KEY, None)):
        records = chain.records if chain else [*grown.records, second.record]
        a.keep_epoch_key(1 if chain else 2, key)
        a.keep_member_records(list(records))
        a.record(1, f"under {key[:5]!r}")
        send_all(of_a, server)
    c.record(1, "written while away")
    send_all(of_c, server)  # under the key of before: late, and still read
    assert pull(of_c, server)
    wraps = [*wraps_for(REMOVED_B, DESK_C), *wraps_for(second, DESK_C)]
    refreshed = of_c.take_members([*grown.records, second.record], wraps)
    assert (refreshed.new_keys, refreshed.keyless) == (2, False)
    assert not pull(of_c, server)
    assert len(c.ops) == 4
    assert not c.quarantined
    pull(of_a, server)
    assert len(a.ops) == 4


def test_a_key_that_the_server_made_is_not_taken() -> None:
    made = b"the server's own".ljust(32, b".")
    forged = wrap_for(DESK_C.public, made, wrap_info(CLINIC, 1, DESK_C.device))
    store, hands = member(DESK_C)
    with pytest.raises(ServerInconsistent, match="keys"):
        hands.take_members(AFTER_B.records, [WrappedKey(1, DESK_C.device, forged)])
    assert store.epoch_key(1) is None


@pytest.mark.parametrize("at", [0, 1, 20, 60])
def test_an_edited_wrap_is_noticed(at: int) -> None:
    (wrap,) = wraps_for(REMOVED_B, DESK_C)
    sealed = bytearray(wrap.wrap)
    sealed[at] ^= 1
    _, hands = member(DESK_C)
    with pytest.raises(ServerInconsistent):
        hands.take_members(AFTER_B.records, [WrappedKey(1, DESK_C.device, bytes(sealed))])


def test_a_wrap_that_is_withheld_is_said_and_asked_for_again() -> None:
    store, hands = member(DESK_C)
    answer = hands.take_members(AFTER_B.records, [])
    assert answer.keyless
    core = SyncCore()
    core.handle(answer, 0)
    assert core.status().problem == "TD-SYN-001"
    assert Refresh() in core.handle(Pulled(0, 0), 1)
    healed = hands.take_members(AFTER_B.records, wraps_for(REMOVED_B, DESK_C))
    core.handle(healed, 2)
    assert core.status().problem == ""
    assert store.epoch_key(1) == NEXT_KEY


def test_a_removal_that_is_withheld_is_noticed_at_the_first_segment_under_the_new_key() -> None:
    server = ReferenceServer()
    a, of_a = member(DESK_A)
    a.keep_epoch_key(1, NEXT_KEY)
    a.keep_member_records(AFTER_B.records)
    a.record(1, "under the new key")
    send_all(of_a, server)
    _, of_c = member(DESK_C)
    assert pull(of_c, server)
    of_c.take_members(THREE.records, [])
    with pytest.raises(ServerInconsistent, match="members"):
        pull(of_c, server)


def test_news_that_comes_while_an_older_answer_is_on_its_way_is_asked_for_again() -> None:
    core = SyncCore()
    assert Refresh() in core.handle(Tick(), 0) or core.handle(Refreshed(), 0)
    core.handle(Refreshed(), 1)
    assert Refresh() in core.handle(MembersChanged(), 2)
    core.handle(MembersChanged(), 3)
    assert Refresh() in core.handle(Refreshed(), 4)
    assert Refresh() not in core.handle(Refreshed(), 5)


def test_an_answer_from_before_the_own_removal_is_no_lie_and_a_shorter_chain_is() -> None:
    store, hands = member(DESK_A)
    known = hands.members_known()
    store.keep_epoch_key(1, NEXT_KEY)
    store.keep_member_records(AFTER_B.records)
    store.record(1, "after the removal")
    hands.seal()
    assert not hands.take_members(THREE.records, [], known=known).keyless
    assert store.records == AFTER_B.records
    for told in (THREE.records[:2], [], THREE.records[::-1]):
        with pytest.raises(ServerInconsistent, match="members"):
            hands.take_members(told, [], known=known)
    with pytest.raises(ServerInconsistent, match="members"):
        hands.take_members(THREE.records, [], known=hands.members_known())


def test_a_removed_desk_is_told_so_and_keeps_what_it_has() -> None:
    store, hands = member(DESK_B)
    op = store.record(1, "never sent")
    with pytest.raises(DeskRemoved):
        hands.take_members(AFTER_B.records, [])
    assert store.ops[op.op_id] == op
    event = failed(Refresh(), problem_of(401, "revoked", None))
    assert (event.failure, event.code) == (Failure.AUTH, "TD-NET-010")
    core = SyncCore()
    core.handle(Tick(), 0)
    core.handle(Failed(Refresh(), event.failure, event.code), 1)
    assert core.status().phase is Phase.REFUSED
    assert problem_of(401, "not_authorised", None).code == "TD-NET-002"


def lies(records: list[SignedRecord], rng: random.Random) -> list[SignedRecord]:
    """Return a chain that a server without any desk's key can make of a true one."""
    records, at = list(records), rng.randrange(len(records))
    match rng.randrange(6):
        case 0:
            spoilt = bytearray(records[at].record)
            spoilt[rng.randrange(len(spoilt))] ^= 1 << rng.randrange(8)
            records[at] = SignedRecord(bytes(spoilt), records[at].signature)
        case 1:
            del records[at if at < len(records) - 1 else 0]
        case 2:
            other = rng.randrange(len(records) - 1)
            records[other], records[other + 1] = records[other + 1], records[other]
        case 3:
            records.insert(at, records[rng.randrange(len(records))])
        case 4:
            records = [*records, intruder(records, rng)]
        case 5:
            # The last record under the server's own signature, with somebody else in it.
            last = records[-1].parse()
            changed = msgspec.structs.replace(last, member=STRANGER.public, action="add", epoch=0)
            records = [*records[:-1], sign_record(changed, STRANGER)]
    return records


def intruder(records: list[SignedRecord], rng: random.Random) -> SignedRecord:
    action, who = rng.choice((("add", STRANGER), ("revoke", DESK_A), ("revoke", DESK_C)))
    by = rng.choice((DESK_A, DESK_B, DESK_C, STRANGER)).device
    key = b"the server's own".ljust(32, b".")
    change = removal_of(THREE, DESK_B.device, STRANGER, key, 0).record.parse()
    record = msgspec.structs.replace(
        *(change,), n=len(records) + 1, prev_hash=records[-1].hash, action=action,
        member=who.public, epoch=1 + (action == "revoke"), by=by, keys=(),
    )  # fmt: skip
    return sign_record(record, STRANGER)


def test_no_lie_about_the_chain_is_accepted() -> None:
    known = verified_chain(THREE.records[:1])
    accepted = 0
    for seed in range(HISTORIES):
        told = lies(AFTER_B.records, random.Random(seed))
        try:
            grown_chain(known, told)
        except ServerInconsistent:
            continue
        accepted += told != AFTER_B.records
    assert accepted == 0
    assert grown_chain(known, AFTER_B.records).epoch == 1
