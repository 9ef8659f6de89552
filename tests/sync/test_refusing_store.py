"""A store that refuses what came: the page counts as never seen, and the server is not blamed for it."""

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pytest

from telemed_desk.sync.hands import StoreHands
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.ports import Cursor
from telemed_desk.sync.problems import ServerInconsistent
from telemed_desk.sync.removal import removal_of
from telemed_desk.vault.problems import DiskFull
from telemed_protocol.api import WrappedKey
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import MemberRecord, SignedRecord, sign_record
from telemed_protocol.op import Op
from telemed_protocol.segment import SealedSegment
from tests.sync.clinic_of_two import CHAIN, CLINIC, DESK_A, DESK_B, store_of
from tests.sync.memory_store import MemoryStore
from tests.sync.reference_server import ReferenceServer

DESK_C = DeviceIdentity(b"C" * 16, b"c" * 32, b"w" * 32)
NEXT_KEY = b"next".ljust(32, b".")


@dataclass
class Disk:
    """Full or not; a store asks it before each change."""

    full: bool = False

    def write(self) -> None:
        if self.full:
            raise DiskFull


@dataclass
class Pages:
    """Takes much at once, into a store that may refuse it."""

    store: MemoryStore

    def apply_page(self, pulled: Sequence[tuple[SealedSegment, tuple[Op, ...], Cursor]]) -> None:
        for segment, ops, cursor in pulled:
            self.store.apply_pulled(segment, ops, cursor)

    def apply_ahead(self, *_: object) -> None:
        raise AssertionError("so few are read in their order")


@dataclass
class News:
    """What happened to the membership while desk B slept: records, and keys for B."""

    server: ReferenceServer
    records: list[SignedRecord]
    wraps: list[WrappedKey]


def send_all(store: MemoryStore, who: DeviceIdentity, server: ReferenceServer) -> None:
    hands = StoreHands(store, who, lambda: 0, lambda _ops: None)
    for queued in hands.seal().segments:
        hands.take_receipt(queued, server.push(hands.segment(queued).wire))


def member_c() -> list[SignedRecord]:
    record = MemberRecord(1, CLINIC, 3, CHAIN.head, "add", DESK_C.public, 0, DESK_A.device)
    return [*CHAIN.records, sign_record(record, DESK_A)]


def a_removal() -> News:
    """A writes, removes C, and writes under the new key."""
    server, a = ReferenceServer(), store_of(DESK_A)
    change = removal_of(verified_chain(member_c()), DESK_C.device, DESK_A, NEXT_KEY, 5)
    a.record(1, "before the removal")
    send_all(a, DESK_A, server)
    a.records = [*member_c(), change.record]
    a.keys[1] = NEXT_KEY
    a.record(1, "after the removal")
    send_all(a, DESK_A, server)
    return News(server, a.records, [wrap for wrap in change.wraps if wrap.device == DESK_B.device])


def a_newcomer() -> News:
    """A writes; C is let in and writes as well."""
    server, a, c = ReferenceServer(), store_of(DESK_A), store_of(DESK_C)
    a.record(1, "before the newcomer")
    send_all(a, DESK_A, server)
    c.records = member_c()
    c.record(1, "by the newcomer")
    send_all(c, DESK_C, server)
    return News(server, c.records, [])


def sleeper(news: Callable[[], News], *, bulk: bool) -> tuple[MemoryStore, StoreHands, Disk]:
    """Desk B, which knows nothing of the news yet."""
    disk = Disk()
    store = store_of(DESK_B, disk.write)
    if news is a_removal:
        store.records = member_c()
    pages = Pages(store) if bulk else None
    return store, StoreHands(store, DESK_B, lambda: 0, lambda _ops: None, pages), disk


def pull(hands: StoreHands, server: ReferenceServer) -> bool:
    asked = hands.position()
    return hands.take_page(server.pull(asked.cursor.sseq, 10), asked).need_members


@pytest.mark.parametrize("bulk", [False, True], ids=["one-by-one", "whole-pages"])
@pytest.mark.parametrize("news", [a_removal, a_newcomer])
def test_a_page_that_the_disk_refused_is_new_when_it_comes_again(
    news: Callable[[], News], bulk: bool
) -> None:
    happened = news()
    store, hands, disk = sleeper(news, bulk=bulk)
    disk.full = True
    with pytest.raises(DiskFull):
        pull(hands, happened.server)
    disk.full = False
    # Nobody was told to ask for the members, so nobody may be blamed for not having said them.
    assert pull(hands, happened.server)
    assert len(store.ops) == 1
    hands.take_members(happened.records, happened.wraps)
    assert not pull(hands, happened.server)
    assert len(store.ops) == 2
    assert not store.quarantined


@pytest.mark.parametrize("news", [a_removal, a_newcomer])
def test_a_server_that_keeps_members_back_is_found_out_behind_a_full_disk_too(
    news: Callable[[], News],
) -> None:
    happened = news()
    store, hands, disk = sleeper(news, bulk=False)
    disk.full = True
    with pytest.raises(DiskFull):
        pull(hands, happened.server)
    disk.full = False
    assert pull(hands, happened.server)
    hands.take_members(list(store.records), [])
    before = copy.deepcopy(store.ops)
    with pytest.raises(ServerInconsistent):
        pull(hands, happened.server)
    assert store.ops == before
