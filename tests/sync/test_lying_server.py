"""A server that lies about its log is found out, and nothing that it says is applied."""

import copy
import math
import random
from collections.abc import Callable

import msgspec
import pytest

from telemed_desk.sync.hands import StoreHands
from telemed_desk.sync.problems import BadAnswer, ServerInconsistent
from telemed_protocol.api import PulledSegments, Receipt
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import MemberRecord, sign_record
from tests.sync.clinic_of_two import (
    CHAIN,
    CLINIC,
    DESK_A,
    DESK_B,
    EPOCH_KEY,
    STRANGER,
    chain_of,
    store_of,
)
from tests.sync.memory_store import MemoryStore
from tests.sync.reference_server import ReferenceServer, rebuilt


def hands_of(store: MemoryStore, identity: DeviceIdentity) -> StoreHands:
    return StoreHands(store, identity, lambda: 0, lambda _ops: None)


class Desk:
    """Store and hands of one desk, driven by hand."""

    def __init__(self, identity: DeviceIdentity) -> None:
        self.store = store_of(identity)
        self.identity = identity
        self.hands = hands_of(self.store, identity)

    def restarted(self) -> None:
        self.hands = hands_of(self.store, self.identity)

    def write_and_send(self, server: ReferenceServer, text: str, lane: int = 1) -> None:
        self.store.record(lane, text)
        for queued in self.hands.seal().segments:
            receipt = server.push(self.hands.segment(queued).wire)
            self.hands.take_receipt(queued, receipt)

    def pull(self, server: ReferenceServer) -> None:
        """Pull once, and again after looking at the members when that is asked for."""
        for _ in range(2):
            asked = self.hands.position()
            taken = self.hands.take_page(server.pull(asked.cursor.sseq, 100), asked)
            if not taken.need_members:
                return
            self.hands.take_members(list(CHAIN.records), [])


def wires(server: ReferenceServer) -> list[bytes]:
    return [entry.wire for entry in server.log]


def history() -> tuple[ReferenceServer, Desk, Desk]:
    """Three notes of A and two of B, in turn; A knows them all, B the first three."""
    server, a, b = ReferenceServer(), Desk(DESK_A), Desk(DESK_B)
    a.write_and_send(server, "one")
    b.pull(server)
    b.write_and_send(server, "two")
    a.pull(server)
    a.write_and_send(server, "three")
    b.pull(server)
    a.write_and_send(server, "four")
    a.write_and_send(server, "five")
    return server, a, b


def refuses(desk: Desk, server: ReferenceServer) -> str:
    """Pull, expect a refusal, and return its reason; nothing may have changed."""
    before = copy.deepcopy((desk.store.ops, desk.store.at, desk.store.quarantined))
    with pytest.raises(ServerInconsistent) as caught:
        desk.pull(server)
    assert (desk.store.ops, desk.store.at, desk.store.quarantined) == before
    return caught.value.reason


def test_an_honest_server_is_believed() -> None:
    server, a, b = history()
    b.pull(server)
    a.pull(server)
    assert len(b.store.ops) == len(a.store.ops) == 5


def test_a_dropped_segment_is_missed() -> None:
    server, _, b = history()
    evil = rebuilt(wires(server)[:3] + wires(server)[4:])
    assert refuses(b, evil) == "lane-chain"


def test_two_swapped_segments_are_noticed() -> None:
    server, _, b = history()
    w = wires(server)
    assert refuses(b, rebuilt([*w[:3], w[4], w[3]])) == "lane-chain"


def test_an_old_log_is_noticed_even_after_a_restart() -> None:
    server, a, b = history()
    b.pull(server)
    for desk in (a, b):
        desk.restarted()
        assert refuses(desk, rebuilt(wires(server)[:2])) == "rollback"


def test_a_log_without_our_acknowledged_segment_is_noticed() -> None:
    server, a, b = history()
    b.pull(server)
    b.store.record(1, "kept?")
    queued = b.hands.seal().segments[0]
    # A writes in between, so the receipt cannot move B's cursor.
    a.write_and_send(server, "between")
    b.hands.take_receipt(queued, server.push(b.hands.segment(queued).wire))
    a.pull(server)
    a.write_and_send(server, "after")
    b.restarted()
    left_out = rebuilt(wires(server)[:6] + wires(server)[7:])
    assert refuses(b, left_out) in {"fork", "seen", "lane-chain"}


def test_a_fork_in_a_page_that_our_receipts_overtook_is_noticed() -> None:
    server, a, b = history()
    b.pull(server)
    asked = b.hands.position()
    a.pull(server)
    other = copy.deepcopy(server)
    b.write_and_send(server, "mine")
    b.write_and_send(server, "mine too", lane=2)
    assert b.store.at.sseq == 7
    late = server.pull(asked.cursor.sseq, 1)
    b.hands.take_page(PulledSegments(late.segments, 6), asked)  # honest, and late
    # The server gave our place to A's; it shows that where it thinks that we look no more.
    a.write_and_send(other, "in the place of mine")
    before = copy.deepcopy((b.store.ops, b.store.at))
    with pytest.raises(ServerInconsistent, match="fork"):
        b.hands.take_page(other.pull(asked.cursor.sseq, 1), asked)
    assert (b.store.ops, b.store.at) == before


def test_what_is_no_segment_in_the_place_of_ours_is_noticed() -> None:
    server, a, b = history()
    b.pull(server)
    a.write_and_send(server, "between")  # so the receipt cannot move the cursor over ours
    b.write_and_send(server, "mine")
    garbled = rebuilt([*wires(server)[:6], b"no segment at all"])
    assert refuses(b, garbled) == "fork"


def test_two_histories_shown_to_two_desks_are_noticed_at_their_first_exchange() -> None:
    server, a, b = history()
    b.pull(server)
    side_a, side_b = copy.deepcopy(server), copy.deepcopy(server)
    a.write_and_send(side_a, "only a's side")
    b.write_and_send(side_b, "only b's side", lane=2)
    b.write_and_send(side_b, "what b wrote after", lane=3)
    # The server now shows A what B wrote, and keeps quiet about its first segment.
    side_a.append(side_b.log[-1].wire)
    assert refuses(a, side_a) == "seen"


def test_a_withheld_page_is_noticed() -> None:
    server, _, b = history()
    asked = b.hands.position()
    with pytest.raises(ServerInconsistent, match="withheld"):
        b.hands.take_page(PulledSegments([], server.log[-1].sseq), asked)


@pytest.mark.parametrize("where", ["sseq", "log_hash"])
def test_numbers_and_hashes_that_do_not_follow_are_noticed(where: str) -> None:
    server, _, b = history()
    entry = server.log[3]
    changed = {"sseq": entry.sseq + 1, "log_hash": bytes(32)}[where]
    server.log[3] = msgspec.structs.replace(entry, **{where: changed})
    assert refuses(b, server) in {"gap", "fork"}


def test_any_flipped_byte_is_noticed() -> None:
    server, _, b = history()
    rng = random.Random(5)
    original = wires(server)
    for _ in range(300):
        at = rng.randrange(3, 5)
        wire = bytearray(original[at])
        wire[rng.randrange(len(wire))] ^= 1 << rng.randrange(8)
        evil = rebuilt([*original[:at], bytes(wire), *original[at + 1 :]])
        fresh = copy.deepcopy(b.store)
        try:
            desk = Desk(DESK_B)
            desk.store, desk.hands = fresh, hands_of(fresh, DESK_B)
            desk.pull(evil)
        except ServerInconsistent:
            assert fresh.at.sseq <= at  # what came before it was honest
        else:
            # No longer readable as a segment at all: kept, shown, and never applied.
            assert [w for w, _ in fresh.quarantined] == [bytes(wire)]


def test_a_receipt_for_another_place_in_the_log_is_refused() -> None:
    server, a, _ = history()
    a.store.record(1, "six")
    queued = a.hands.seal().segments[0]
    receipt = server.push(a.hands.segment(queued).wire)
    forged = msgspec.structs.replace(receipt, log_hash=bytes(32))
    with pytest.raises(ServerInconsistent, match="fork"):
        a.hands.take_receipt(queued, forged)
    assert [s.hash for s in a.store.unacknowledged()] == [queued.hash]


def test_a_stranger_that_the_server_enrolled_is_refused() -> None:
    server, _, b = history()
    b.pull(server)
    intruder = Desk(STRANGER)
    intruder.store.record(1, "let me in")
    server.append(intruder.hands.segment(intruder.hands.seal().segments[0]).wire)
    asked = b.hands.position()
    taken = b.hands.take_page(server.pull(asked.cursor.sseq, 10), asked)
    assert taken.need_members
    forged = MemberRecord(1, CLINIC, 3, CHAIN.head, "add", STRANGER.public, 0, STRANGER.device)
    with pytest.raises(ServerInconsistent, match="members"):
        b.hands.take_members([*CHAIN.records, sign_record(forged, STRANGER)], [])
    b.hands.take_members(list(CHAIN.records), [])
    assert refuses(b, server) == "stranger"


@pytest.mark.parametrize(
    "spoil",
    [lambda r: r[:1], lambda r: r[1:], lambda r: r[::-1], lambda _r: []],
    ids=["shorter", "headless", "reversed", "empty"],
)
def test_a_member_chain_that_is_not_ours_grown_is_refused(
    spoil: Callable[[list[object]], list[object]],
) -> None:
    b = Desk(DESK_B)
    with pytest.raises(ServerInconsistent, match="members"):
        b.hands.take_members(spoil(list(CHAIN.records)), [])  # type: ignore[arg-type]
    assert b.store.records == CHAIN.records


def test_a_new_desk_is_learned_of_when_its_first_segment_arrives() -> None:
    server, a, b = ReferenceServer(), Desk(DESK_A), Desk(DESK_B)
    a.store.records = list(chain_of(both=False).records)
    a.restarted()
    b.write_and_send(server, "hello from the new desk")
    asked = a.hands.position()
    assert a.hands.take_page(server.pull(0, 10), asked).need_members
    a.hands.take_members(list(CHAIN.records), [])
    a.pull(server)
    assert len(a.store.ops) == 1


def test_what_is_sealed_with_a_key_we_lack_is_kept_and_the_rest_goes_on() -> None:
    server, a, b = ReferenceServer(), Desk(DESK_A), Desk(DESK_B)
    b.store.keys = {}
    a.write_and_send(server, "sealed for others")
    b.pull(server)
    assert [reason for _, reason in b.store.quarantined] == ["no-key"]
    b.store.keys = {0: EPOCH_KEY}
    a.write_and_send(server, "readable")
    b.pull(server)
    assert len(b.store.ops) == 1


def test_the_receipt_of_another_segment_does_not_pass_for_ours() -> None:
    server, _, b = history()
    b.pull(server)
    b.store.record(1, "thrown away by the server")
    queued = b.hands.seal().segments[0]
    anothers = server.log[1]
    with pytest.raises(ServerInconsistent, match="fork"):
        b.hands.take_receipt(queued, Receipt(anothers.sseq, anothers.log_hash, 5.0))
    assert [s.hash for s in b.store.unacknowledged()] == [queued.hash]


@pytest.mark.parametrize("at", [math.nan, math.inf, -1.0, 1e300])
def test_a_receipt_of_a_time_that_cannot_be_is_refused(at: float) -> None:
    server, a, _ = history()
    a.store.record(1, "six")
    queued = a.hands.seal().segments[0]
    receipt = server.push(a.hands.segment(queued).wire)
    with pytest.raises(BadAnswer):
        a.hands.take_receipt(queued, msgspec.structs.replace(receipt, stored_at=at))
    with pytest.raises(BadAnswer):
        a.hands.take_receipt(queued, msgspec.structs.replace(receipt, sseq=2**63))
    assert [s.hash for s in a.store.unacknowledged()] == [queued.hash]
