"""The formats are what they were: recomputed from fixed keys, byte for byte."""

import json
from typing import Any

import pytest

from telemed_protocol import room
from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import DeviceIdentity, DevicePublic, verify
from telemed_protocol.joinlink import Direction, JoinLink
from telemed_protocol.membership import RECOVERY, MemberChain, SignedRecord, wrap_info
from telemed_protocol.segment import open_segment, parse_segment, verify_segment
from telemed_protocol.talk import decode_from_desk, decode_from_page, encode_talk
from tests.protocol.make_vectors import (
    ALICE,
    BOB,
    CLINIC,
    EPOCH_KEY,
    FOLDER,
    LINK,
    MAKERS,
    sample_op,
)


def stored(name: str) -> Any:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", MAKERS)
def test_a_vector_recomputes(name: str) -> None:
    assert MAKERS[name]() == stored(name)


def test_codes_parse_as_people_type_them() -> None:
    for vector in stored("codes").values():
        typed = vector["text"].lower().replace("-", " ").replace("0", "o").replace("1", "l")
        assert EnrolCode.parse(typed).lookup_id.hex() == vector["lookup_id"]


def test_the_login_signature_verifies() -> None:
    vector = stored("identity")
    public = ALICE.public
    verify(public.signing, bytes.fromhex(vector["auth_signature"]), vector["auth_message"].encode())


def test_the_wrapped_key_opens_for_its_device_epoch_and_clinic_only() -> None:
    vector = stored("wrap")
    sealed = bytes.fromhex(vector["wrap"])
    assert ALICE.open_wrap(sealed, wrap_info(CLINIC, 7, ALICE.device)).hex() == vector["key"]
    for wrong in (
        wrap_info(CLINIC, 8, ALICE.device),
        wrap_info(bytes(16), 7, ALICE.device),
        wrap_info(CLINIC, 7, BOB.device),
    ):
        with pytest.raises(ForgeryError):
            ALICE.open_wrap(sealed, wrong)
    with pytest.raises(ForgeryError):
        BOB.open_wrap(sealed, wrap_info(CLINIC, 7, ALICE.device))


def test_the_member_chain_verifies_and_ends_with_one_member() -> None:
    chain = MemberChain()
    for record in stored("members")["records"]:
        signed = SignedRecord(bytes.fromhex(record["record"]), bytes.fromhex(record["signature"]))
        chain.extend(signed)
        assert chain.head.hex() == record["hash"]
    assert chain.members == {ALICE.device: ALICE.public}
    assert isinstance(chain.public_of(BOB.device), DevicePublic)
    assert chain.epoch == 1


def test_a_chain_that_vouches_for_keys_verifies_and_the_sheet_is_made_of_its_code() -> None:
    vector, chain = stored("members-vouched"), MemberChain()
    for record in vector["records"]:
        chain.extend(
            SignedRecord(bytes.fromhex(record["record"]), bytes.fromhex(record["signature"]))
        )
    sheet = DeviceIdentity.of_sheet(EnrolCode.parse(vector["code"]))
    assert chain.members == {sheet.device: sheet.public}
    assert chain.role_of(sheet.device) == RECOVERY
    for epoch, key in enumerate(vector["keys"]):
        assert chain.vouches_for(epoch, bytes.fromhex(key))
        assert not chain.vouches_for(epoch, bytes(32))


def test_the_segment_opens() -> None:
    segment = parse_segment(bytes.fromhex(stored("segment")["wire"]))
    verify_segment(segment, ALICE.public.signing)
    assert open_segment(segment, EPOCH_KEY) == (sample_op(),)


@pytest.mark.parametrize("direction", ["card", "to-desk", "to-page"])
def test_the_boxes_open_with_our_own_code(direction: Direction) -> None:
    vector = stored("link")
    assert JoinLink.parse(vector["url"]).jti_hash.hex() == vector["jti_hash"]
    box = vector["boxes"][direction]
    assert LINK.open(direction, bytes.fromhex(box["box"])).decode() == box["plain"]


def test_every_message_and_frame_reads_back() -> None:
    talk, frames = stored("talk"), stored("room")
    for text in talk["from_page"]:
        assert encode_talk(decode_from_page(text.encode())).decode() == text
    for text in talk["from_desk"]:
        assert encode_talk(decode_from_desk(text.encode())).decode() == text
    for text in frames["page"]:
        assert room.encode_frame(room.decode_page_frame(text)) == text
    for text in frames["to_page"]:
        assert room.encode_frame(room.decode_to_page_frame(text)) == text
    for text in frames["desk"]:
        assert room.encode_frame(room.decode_desk_frame(text)) == text
    for text in frames["to_desk"]:
        assert room.encode_frame(room.decode_to_desk_frame(text)) == text
