"""What a member chain takes in, and what it refuses from whoever keeps it."""

from dataclasses import dataclass, field

import msgspec
import pytest

from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import (
    RECOVERY,
    KeyCheck,
    MemberAction,
    MemberChain,
    MemberRecord,
    SignedRecord,
    key_digest,
    sign_record,
)

CLINIC = b"c" * 16
KEYS = {epoch: bytes([epoch]) * 32 for epoch in range(4)}
A, B, C = (DeviceIdentity(bytes([n]) * 16, bytes([n]) * 32, bytes([n + 9]) * 32) for n in (1, 2, 3))


@dataclass
class Chain:
    """Signs records that follow; anything about them can be made to be wrong."""

    chain: MemberChain = field(default_factory=MemberChain)

    def record(
        self,
        action: MemberAction,
        member: DeviceIdentity,
        by: DeviceIdentity = A,
        **changes: object,
    ) -> SignedRecord:
        epoch = self.chain.epoch + (action == "revoke")
        keys = () if action == "add" else (check(epoch),)
        record = MemberRecord(
            *(1, CLINIC, len(self.chain.records) + 1, self.chain.head, action),
            *(member.public, epoch, by.device, keys),
        )
        return sign_record(msgspec.structs.replace(record, **changes), by)

    def add(self, signed: SignedRecord) -> None:
        self.chain.extend(signed)


def check(epoch: int, key: bytes | None = None) -> KeyCheck:
    return KeyCheck(epoch, key_digest(CLINIC, epoch, KEYS[epoch] if key is None else key))


@pytest.fixture
def clinic() -> Chain:
    made = Chain()
    for action, who in (("found", A), ("add", B), ("add", C)):
        made.add(made.record(action, who))  # type: ignore[arg-type]
    return made


def test_a_removal_begins_the_next_epoch_and_ends_the_others_say(clinic: Chain) -> None:
    clinic.add(clinic.record("revoke", B))
    assert clinic.chain.epoch == 1
    assert clinic.chain.removed_at(B.device) == 1
    assert set(clinic.chain.members) == {A.device, C.device}
    with pytest.raises(ForgeryError):
        clinic.add(clinic.record("revoke", C, by=B))
    clinic.add(clinic.record("revoke", A, by=C))
    assert set(clinic.chain.members) == {C.device}


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": 0, "keys": ()},
        {"epoch": 2, "keys": ()},
        {"keys": (check(0, b"x" * 32),)},
        {"keys": (KeyCheck(1, b"short"),)},
        {"keys": (KeyCheck(7, bytes(32)),)},
        {"clinic": b"d" * 16},
    ],
    ids=[
        *("same-epoch", "epoch-left-out", "another-first-key", "short-digest", "later-key"),
        "another-clinic",
    ],
)
def test_a_removal_that_breaks_a_rule_changes_nothing(
    clinic: Chain, changes: dict[str, object]
) -> None:
    before = clinic.chain.head, set(clinic.chain.members)
    with pytest.raises((ForgeryError, FormatError)):
        clinic.add(clinic.record("revoke", B, **changes))
    assert (clinic.chain.head, set(clinic.chain.members)) == before
    clinic.add(clinic.record("revoke", B))


def test_a_record_in_another_members_name_changes_nothing(clinic: Chain) -> None:
    honest = clinic.record("revoke", B).parse()
    with pytest.raises(ForgeryError):
        clinic.add(sign_record(msgspec.structs.replace(honest, by=C.device), A))


def test_nobody_removes_itself_for_it_would_know_the_new_key(clinic: Chain) -> None:
    with pytest.raises(ForgeryError):
        clinic.add(clinic.record("revoke", A))
    assert A.device in clinic.chain.members


def test_of_two_who_remove_each_other_the_first_in_the_chain_stays(clinic: Chain) -> None:
    first, second = clinic.record("revoke", B), clinic.record("revoke", A, by=B)
    clinic.add(first)
    with pytest.raises(ForgeryError):
        clinic.add(second)
    with pytest.raises(ForgeryError):
        clinic.add(clinic.record("revoke", A, by=B))
    assert set(clinic.chain.members) == {A.device, C.device}


def test_a_key_is_the_clinics_only_by_a_members_word(clinic: Chain) -> None:
    chain = clinic.chain
    assert chain.vouches_for(0, KEYS[0])
    assert not chain.vouches_for(0, KEYS[1])
    assert not chain.vouches_for(1, KEYS[1])
    clinic.add(clinic.record("revoke", B))
    assert chain.vouches_for(1, KEYS[1])
    assert not chain.vouches_for(1, KEYS[0])


def test_what_vouches_for_nothing_is_written_as_early_versions_wrote_it(clinic: Chain) -> None:
    early = clinic.record("add", DeviceIdentity(b"D" * 16, b"d" * 32, b"e" * 32))
    assert len(msgspec.msgpack.decode(early.record)) == 8
    assert len(msgspec.msgpack.decode(clinic.record("revoke", B).record)) == 11


def test_a_recovery_sheet_is_a_member_whose_keys_come_from_its_code(clinic: Chain) -> None:
    code = EnrolCode("TMK", bytes(range(15)))
    sheet = DeviceIdentity.of_sheet(code)
    assert sheet == DeviceIdentity.of_sheet(EnrolCode.parse(code.text.lower()))
    assert sheet != DeviceIdentity.of_sheet(EnrolCode("TMK", bytes(15)))
    clinic.add(clinic.record("add", sheet, role=RECOVERY))
    assert clinic.chain.role_of(sheet.device) == RECOVERY
    assert clinic.chain.role_of(A.device) == ""
    clinic.add(clinic.record("revoke", A, by=sheet))
    assert A.device not in clinic.chain.members


def test_both_sides_of_an_enrolment_show_the_same_six_digits_and_another_pc_others() -> None:
    code, other = EnrolCode("TMD", bytes(15)), EnrolCode("TMD", bytes(14) + b"\x01")
    shown = {code.comparison(bytes([n])) for n in range(50)}
    assert len(shown) == 50
    assert all(len(number) == 6 and number.isdigit() for number in shown)
    assert code.comparison(b"a") == EnrolCode.parse(code.text).comparison(b"a")
    assert other.comparison(b"a") != code.comparison(b"a")
