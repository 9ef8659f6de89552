"""Recompute the test vectors of ``docs/formats.md`` from fixed keys.

Run as ``python -m tests.protocol.make_vectors`` after a format was *extended*. A vector that is there
already must never change: other people's records are written that way.
"""

import json
from pathlib import Path
from typing import Any

import msgspec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from telemed_protocol.codes import EnrolCode
from telemed_protocol.identity import DeviceIdentity, auth_message, wrap_for
from telemed_protocol.joinlink import Card, Direction, JoinLink
from telemed_protocol.membership import (
    RECOVERY,
    KeyCheck,
    MemberAction,
    MemberChain,
    MemberRecord,
    key_digest,
    sign_record,
    wrap_info,
)
from telemed_protocol.op import Op, OpId, encode_op, pack_payload
from telemed_protocol.room import (
    Admit,
    DeskHello,
    EndSeat,
    EnrolFrame,
    FromDeskFrame,
    FromPageFrame,
    HeadFrame,
    Leave,
    PageHello,
    Ping,
    Pong,
    Refused,
    RoomFrame,
    Seat,
    SeatFrame,
    Stored,
    ToDesk,
    ToPage,
    encode_frame,
)
from telemed_protocol.segment import (
    COMPRESSION_ZSTD,
    GENESIS_HASH,
    SegmentHeader,
    next_log_hash,
    seal_segment,
)
from telemed_protocol.talk import (
    Answer,
    Bye,
    Candidate,
    DeskText,
    Ended,
    FromDesk,
    FromPage,
    IceServer,
    IdentityChecked,
    Intake,
    NeedOffer,
    NeedPath,
    Offer,
    PageLink,
    PageState,
    PageText,
    Rating,
    Worse,
    encode_talk,
)

FOLDER = Path(__file__).parent.parent / "vectors"
CLINIC = bytes(range(16))
ALICE = DeviceIdentity(bytes(range(16, 32)), bytes(range(32, 64)), bytes(range(64, 96)))
BOB = DeviceIdentity(bytes(range(96, 112)), bytes(range(112, 144)), bytes(range(144, 176)))
EPOCH_KEY = bytes(range(200, 232))
LINK = JoinLink(bytes(range(16)), bytes(range(16, 32)))
NONCE = bytes(range(12))
STEPS: tuple[tuple[MemberAction, DeviceIdentity, int], ...] = (
    ("found", ALICE, 0),
    ("add", BOB, 0),
    ("revoke", BOB, 1),
)
"""A chain with every kind of record."""

Vector = dict[str, Any]


def codes() -> Vector:
    """Enrolment codes."""
    founding, adding = EnrolCode("TMC", bytes(range(15))), EnrolCode("TMD", bytes(range(1, 16)))
    return {
        code.kind: {
            "secret": bytes(secret).hex(),
            "text": code.text,
            "lookup_id": code.lookup_id.hex(),
            "lookup_hash": code.lookup_hash.hex(),
            "mac_request_of_abc": code.mac(b"request", b"abc").hex(),
        }
        for code, secret in ((founding, range(15)), (adding, range(1, 16)))
    }


def identity() -> Vector:
    """Device identity, login, and the public half of key wrapping."""
    message = auth_message("Clinic.Example", ALICE.device, bytes(32))
    return {
        "device": ALICE.device.hex(),
        "signing_seed": ALICE.signing_seed.hex(),
        "receiving_seed": ALICE.receiving_seed.hex(),
        "public_msgpack": msgspec.msgpack.encode(ALICE.public).hex(),
        "auth_message": message.decode(),
        "auth_signature": ALICE.sign(message).hex(),
        "wrap_info": wrap_info(CLINIC, 7, ALICE.device).hex(),
    }


def wrap() -> Vector:
    """Key wrapping: HPKE is randomised, so this one is made once and only opened afterwards."""
    sealed = wrap_for(ALICE.public, EPOCH_KEY, wrap_info(CLINIC, 7, ALICE.device))
    return {"key": EPOCH_KEY.hex(), "wrap": sealed.hex()}


def members() -> Vector:
    """The membership chain: found, add, revoke."""
    chain = MemberChain()
    records = []
    for action, member, epoch in STEPS:
        record = MemberRecord(
            version=1,
            clinic=CLINIC,
            n=len(chain.records) + 1,
            prev_hash=chain.head,
            action=action,
            member=member.public,
            epoch=epoch,
            by=ALICE.device,
        )
        signed = sign_record(record, ALICE)
        chain.extend(signed)
        records.append(
            {
                "action": action,
                "record": signed.record.hex(),
                "signature": signed.signature.hex(),
                "hash": signed.hash.hex(),
            }
        )
    return {"clinic": CLINIC.hex(), "records": records}


def members_vouched() -> Vector:
    """Records that vouch for keys, and the recovery sheet: found, add, revoke."""
    chain, code = MemberChain(), EnrolCode("TMK", bytes(range(2, 17)))
    sheet = DeviceIdentity.of_sheet(code)
    first, second = ALICE.founding_key(CLINIC), EPOCH_KEY
    records = []
    for action, member, by, epoch, key in (
        ("found", ALICE, ALICE, 0, first),
        ("add", sheet, ALICE, 0, first),
        ("revoke", ALICE, sheet, 1, second),
    ):
        record = MemberRecord(
            *(1, CLINIC, len(chain.records) + 1, chain.head, action),
            *(member.public, epoch, by.device),
            keys=(KeyCheck(epoch, key_digest(CLINIC, epoch, key)),),
            role=RECOVERY if action == "add" else "",
            at_ms=1_790_000_000_000,
        )
        signed = sign_record(record, by)
        chain.extend(signed)
        records.append({"record": signed.record.hex(), "signature": signed.signature.hex()})
    return {
        "clinic": CLINIC.hex(),
        "code": code.text,
        "sheet": [part.hex() for part in (sheet.device, sheet.signing_seed, sheet.receiving_seed)],
        "keys": [first.hex(), second.hex()],
        "six_digits_of_abc": code.comparison(b"abc"),
        "head": chain.head.hex(),
        "records": records,
    }


def sample_op() -> Op:
    """A draft's revision."""
    return Op(
        *(1, ALICE.device, 1, 1_790_000_000_000 << 16, bytes(16), "note.revise", 1),
        *(bytes(range(16)), (OpId(BOB.device, 3),), pack_payload({"S": "Kielelezo"})),
    )


def segment() -> Vector:
    """A sealed segment, and the server log's hash after it."""
    op = sample_op()
    header = SegmentHeader(
        *(CLINIC, ALICE.device, 1, 1, GENESIS_HASH, 7, COMPRESSION_ZSTD, 1, 0, 0, GENESIS_HASH)
    )
    sealed = seal_segment(header, (op,), EPOCH_KEY, ALICE)
    return {
        "epoch_key": EPOCH_KEY.hex(),
        "op": encode_op(op).hex(),
        "header": sealed.header_bytes.hex(),
        "ciphertext": sealed.ciphertext.hex(),
        "signature": sealed.signature.hex(),
        "wire": sealed.wire.hex(),
        "hash": sealed.hash.hex(),
        "log_hash": next_log_hash(GENESIS_HASH, sealed.hash).hex(),
    }


def box(direction: Direction, plain: bytes) -> Vector:
    """A box with a fixed nonce, made from the primitives, not with our own sealing code."""
    info = b"telemed/link/v1/" + direction.encode()
    key = HKDF(SHA256(), 32, salt=LINK.jti, info=info).derive(LINK.secret)
    aad = b"telemed/box/v1/" + direction.encode() + b"/" + LINK.jti
    sealed = b"\x01" + NONCE + AESGCM(key).encrypt(NONCE, plain, aad)
    return {"key": key.hex(), "plain": plain.decode(), "box": sealed.hex()}


def link() -> Vector:
    """The join link and one box in each direction."""
    card = msgspec.json.encode(Card("Kisumu Kielelezo", "Dr Mfano", "Zawadi J."))
    return {
        "jti": LINK.jti.hex(),
        "secret": LINK.secret.hex(),
        "url": LINK.url("https://clinic.example"),
        "jti_hash": LINK.jti_hash.hex(),
        "boxes": {
            "card": box("card", card),
            "to-desk": box("to-desk", encode_talk(FromPage("a1b2c3d4e5f60718", 1, Bye()))),
            "to-page": box(
                "to-page", encode_talk(FromDesk("18f7e6d5c4b3a291", 1, DeskText("Habari")))
            ),
        },
    }


def talk() -> Vector:
    """One of each message inside boxes."""
    page = (
        Intake("helper", "Zawadi Mfano", 1971, True, False, "sw", True),
        PageLink(180.5, 900.0, None, "4g"),
        Worse("kifua"),
        PageText("Habari"),
        Answer("c1", 1, "v=0"),
        Candidate("c1", "candidate:1", "0", 0),
        PageState(True, False),
        NeedOffer(),
        NeedPath("c1"),
        Bye(),
        Rating("good"),
    )
    desk = (
        IdentityChecked(False, 2),
        Offer("c1", 1, "v=0", [IceServer(["turn:relay.example"], "u", "p")]),
        Candidate("c1", ""),
        DeskText("Habari"),
        Ended(["Maji"]),
    )
    return {
        "from_page": [encode_talk(FromPage("ab", 1, body)).decode() for body in page],
        "from_desk": [encode_talk(FromDesk("cd", 1, body)).decode() for body in desk],
    }


def room() -> Vector:
    """One of each frame of the waiting room's WebSockets."""
    seat = Seat("5e", "aa", "waiting", True, 1.0, 2.0)
    return {
        "page": [
            encode_frame(f) for f in (PageHello(1, 2), ToDesk("AQ", "m1"), Ping(1.5), Leave())
        ],
        "to_page": [
            encode_frame(f)
            for f in (
                SeatFrame("waiting", 1, 2, [IceServer(["stun:relay.example"])]),
                FromDeskFrame("AQ", 1),
                Stored("m1"),
                Pong(1.5),
                Refused("seat_gone"),
            )
        ],
        "desk": [
            encode_frame(f)
            for f in (
                DeskHello(1, "token", {"5e": 3}),
                Admit("5e"),
                EndSeat("5e"),
                ToPage("5e", "AQ", "m1"),
                Ping(1.5),
            )
        ],
        "to_desk": [
            encode_frame(f)
            for f in (
                RoomFrame([seat], 3.0),
                FromPageFrame("5e", "AQ", 1),
                HeadFrame(9),
                EnrolFrame(),
                Stored("m1"),
                Pong(1.5),
                Refused("seat_gone"),
            )
        ],
    }


MAKERS = {
    "codes": codes,
    "identity": identity,
    "members": members,
    "members-vouched": members_vouched,
    "segment": segment,
    "link": link,
    "talk": talk,
    "room": room,
}


def main() -> None:
    """Write every vector; the randomised one only when it is missing."""
    FOLDER.mkdir(exist_ok=True)
    for name, make in MAKERS.items():
        text = json.dumps(make(), indent=1, ensure_ascii=False) + "\n"
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")
    wrapped = FOLDER / "wrap.json"
    if not wrapped.exists():
        wrapped.write_text(json.dumps(wrap(), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
