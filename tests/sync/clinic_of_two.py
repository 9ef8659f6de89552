"""A clinic with fixed keys and two desks, as the tests of sync need it."""

from collections.abc import Callable

from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import MemberChain, MemberRecord, sign_record
from tests.sync.memory_store import MemoryStore

CLINIC = bytes.fromhex("c0" * 16)
EPOCH_KEY = bytes.fromhex("e0" * 32)
DESK_A = DeviceIdentity(b"A" * 16, b"a" * 32, b"x" * 32)
DESK_B = DeviceIdentity(b"B" * 16, b"b" * 32, b"y" * 32)
STRANGER = DeviceIdentity(b"S" * 16, b"s" * 32, b"z" * 32)


def chain_of(*, both: bool = True) -> MemberChain:
    """Desk A founds the clinic and adds desk B."""
    chain = MemberChain()
    found = MemberRecord(1, CLINIC, 1, bytes(32), "found", DESK_A.public, 0, DESK_A.device)
    chain.extend(sign_record(found, DESK_A))
    if both:
        add = MemberRecord(1, CLINIC, 2, chain.head, "add", DESK_B.public, 0, DESK_A.device)
        chain.extend(sign_record(add, DESK_A))
    return chain


CHAIN = chain_of()


def store_of(identity: DeviceIdentity, commit: Callable[[], None] = lambda: None) -> MemoryStore:
    """Return a member desk's store."""
    return MemoryStore(identity.device, commit, records=list(CHAIN.records), keys={0: EPOCH_KEY})
