"""A new desk joins the clinic that invited it, and no other that the server makes up."""

import msgspec
import pytest

from telemed_desk.sync.hands import StoreHands
from telemed_desk.sync.joining import open_grant
from telemed_protocol.api import EnrolStatus, WrappedKey
from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.identity import DeviceIdentity, wrap_for
from telemed_protocol.membership import MemberChain, MemberRecord, sign_record, wrap_info
from tests.sync.clinic_of_two import CHAIN, CLINIC, DESK_A, DESK_B, EPOCH_KEY, STRANGER, store_of

CODE = EnrolCode("TMD", bytes(15))


def grant(
    chain: MemberChain = CHAIN, code: EnrolCode = CODE, receiver: DeviceIdentity = DESK_B
) -> EnrolStatus:
    """What the server would pass on to desk B."""
    wrap = wrap_for(receiver.public, EPOCH_KEY, wrap_info(chain.clinic, 0, DESK_B.device))
    proof = code.mac(b"approve", chain.clinic + chain.genesis + DESK_B.device)
    return EnrolStatus(
        True, chain.clinic, proof, list(chain.records), [WrappedKey(0, DESK_B.device, wrap)]
    )


def made_up_clinic() -> MemberChain:
    """A clinic with the right id, founded by the server's own device, that adds desk B."""
    chain = MemberChain()
    found = MemberRecord(1, CLINIC, 1, bytes(32), "found", STRANGER.public, 0, STRANGER.device)
    chain.extend(sign_record(found, STRANGER))
    add = MemberRecord(1, CLINIC, 2, chain.head, "add", DESK_B.public, 0, STRANGER.device)
    chain.extend(sign_record(add, STRANGER))
    return chain


def test_a_true_grant_opens() -> None:
    granted = open_grant(grant(), CODE, DESK_B)
    assert granted.keys == {0: EPOCH_KEY}
    assert granted.clinic == CLINIC
    assert "…" in repr(granted)


@pytest.mark.parametrize(
    "status",
    [
        grant(code=EnrolCode("TMD", bytes(14) + b"\x01")),
        grant(chain=made_up_clinic(), code=EnrolCode.generate("TMD")),
        msgspec.structs.replace(grant(chain=made_up_clinic()), proof=grant().proof),
        msgspec.structs.replace(grant(), records=CHAIN.records[:1]),
        msgspec.structs.replace(grant(), records=CHAIN.records[::-1]),
        msgspec.structs.replace(grant(), records=[]),
        msgspec.structs.replace(grant(), clinic=bytes(16)),
        msgspec.structs.replace(grant(), wraps=[]),
        grant(receiver=STRANGER),
    ],
    ids=[
        *("other-code", "made-up", "made-up-with-our-proof", "without-us", "reversed", "empty"),
        *("other-clinic", "no-key", "key-for-another"),
    ],
)
def test_a_false_grant_is_refused(status: EnrolStatus) -> None:
    with pytest.raises((ForgeryError, FormatError)):
        open_grant(status, CODE, DESK_B)


def test_an_older_answer_does_not_shorten_the_chain_that_was_kept_meanwhile() -> None:
    store = store_of(DESK_A)
    store.records = list(CHAIN.records[:1])
    hands = StoreHands(store, DESK_A, lambda: 0, lambda _ops: None)
    third = DeviceIdentity(b"C" * 16, b"c" * 32, b"w" * 32)
    add = MemberRecord(1, CLINIC, 3, CHAIN.head, "add", third.public, 0, DESK_A.device)
    longer = [*CHAIN.records, sign_record(add, DESK_A)]
    store.keep_member_records(longer)
    hands.take_members(list(CHAIN.records), [])
    assert store.records == longer
