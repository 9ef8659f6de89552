"""What must hold for any bytes: a stranger's garbage is a FormatError, a forgery is refused."""

import json
from collections.abc import Callable

import msgspec
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from telemed_protocol import room, talk
from telemed_protocol.clock import MAX_AHEAD_MS, HybridClock, wall_ms_of
from telemed_protocol.codes import CodeTypoError, EnrolCode
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.identity import wrap_for
from telemed_protocol.ids import from_base64url, to_base64url
from telemed_protocol.joinlink import MAX_BOX_BYTES, JoinLink, Sequence
from telemed_protocol.membership import MemberChain, MemberRecord, SignedRecord, sign_record
from telemed_protocol.op import (
    Op,
    OpId,
    decode_op,
    decode_ops,
    encode_op,
    encode_ops,
    pack_payload,
    unpack_payload,
)
from telemed_protocol.segment import (
    COMPRESSION_ZSTD,
    GENESIS_HASH,
    MAX_PLAIN_BYTES,
    MAX_SEGMENT_BYTES,
    SegmentHeader,
    open_segment,
    parse_segment,
    seal_segment,
    verify_segment,
)
from tests.protocol.make_vectors import ALICE, BOB, CLINIC, EPOCH_KEY, FOLDER, LINK, sample_op

ids = st.binary(min_size=16, max_size=16)
numbers = st.integers(min_value=0, max_value=2**63 - 1)
ops = st.builds(
    Op,
    version=st.just(1),
    device=st.just(ALICE.device),
    number=numbers,
    stamp=numbers,
    actor=ids,
    kind=st.text(max_size=30),
    min_reader=st.integers(1, 9),
    entity=ids,
    parents=st.lists(st.builds(OpId, device=ids, number=numbers), max_size=4).map(tuple),
    payload=st.dictionaries(st.text(max_size=8), st.text(max_size=50), max_size=5).map(
        lambda fields: pack_payload(dict(fields))
    ),
)


def header_for(count: int, n: int = 1) -> SegmentHeader:
    return SegmentHeader(
        *(CLINIC, ALICE.device, 1, n, GENESIS_HASH, 0, COMPRESSION_ZSTD, count, 0, 0, GENESIS_HASH)
    )


SEGMENT = seal_segment(header_for(1), (sample_op(),), EPOCH_KEY, ALICE)
BOX = LINK.seal("to-desk", b'{"sid":"a","n":1,"body":{"t":"bye"}}')


@given(st.lists(ops, min_size=1, max_size=5).map(tuple), st.integers(1, 2**40))
@settings(deadline=None)
def test_any_batch_of_ops_survives_the_journey(batch: tuple[Op, ...], n: int) -> None:
    assert decode_ops(encode_ops(batch)) == batch
    assert decode_op(encode_op(batch[0])) == batch[0]
    sealed = seal_segment(header_for(len(batch), n), batch, EPOCH_KEY, ALICE)
    arrived = parse_segment(sealed.wire)
    verify_segment(arrived, ALICE.public.signing)
    assert open_segment(arrived, EPOCH_KEY) == batch
    assert arrived == sealed


def test_every_flipped_bit_of_a_segment_is_refused() -> None:
    for at in range(len(SEGMENT.wire)):
        for bit in (0, 3, 7):
            wire = bytearray(SEGMENT.wire)
            wire[at] ^= 1 << bit
            with pytest.raises((FormatError, ForgeryError)):
                verify_segment(parse_segment(bytes(wire)), ALICE.public.signing)


def test_every_flipped_bit_of_a_box_is_refused() -> None:
    for at in range(len(BOX)):
        for bit in range(8):
            box = bytearray(BOX)
            box[at] ^= 1 << bit
            with pytest.raises((FormatError, ForgeryError)):
                LINK.open("to-desk", bytes(box))


def test_a_box_opens_for_its_direction_and_link_only() -> None:
    for direction in ("to-page", "card"):
        with pytest.raises(ForgeryError):
            LINK.open(direction, BOX)
    with pytest.raises(ForgeryError):
        JoinLink(LINK.jti, bytes(16)).open("to-desk", BOX)
    with pytest.raises(ForgeryError):
        JoinLink(bytes(16), LINK.secret).open("to-desk", BOX)


def test_a_segment_of_another_device_key_or_epoch_is_refused() -> None:
    with pytest.raises(ForgeryError):
        verify_segment(SEGMENT, BOB.public.signing)
    with pytest.raises(ForgeryError):
        open_segment(SEGMENT, bytes(32))
    foreign = msgspec.structs.replace(sample_op(), device=BOB.device)
    smuggled = seal_segment(header_for(1), (foreign,), EPOCH_KEY, ALICE)
    with pytest.raises(ForgeryError):
        open_segment(smuggled, EPOCH_KEY)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = bytes(MAX_PLAIN_BYTES + 1)
    monkeypatch.setattr("telemed_protocol.segment.encode_ops", lambda _ops: bomb)
    sealed = seal_segment(header_for(1), (sample_op(),), EPOCH_KEY, ALICE)
    assert len(sealed.wire) < 10_000

    def unpack(*_args: object, **_kwargs: object) -> bytes:
        raise AssertionError("unpacked")

    monkeypatch.setattr(zstandard, "ZstdDecompressor", unpack)
    with pytest.raises(FormatError):
        open_segment(sealed, EPOCH_KEY)


DECODERS: dict[str, Callable[[bytes], object]] = {
    "op": decode_op,
    "ops": decode_ops,
    "payload": unpack_payload,
    "segment": parse_segment,
    "record": lambda data: SignedRecord(data, b"").parse(),
    "box": lambda data: LINK.open("to-desk", data),
    "from-page": talk.decode_from_page,
    "from-desk": talk.decode_from_desk,
    "page-frame": room.decode_page_frame,
    "to-page-frame": room.decode_to_page_frame,
    "desk-frame": room.decode_desk_frame,
    "to-desk-frame": room.decode_to_desk_frame,
    "wrap": lambda data: ALICE.open_wrap(data, b""),
    "base64url": lambda data: from_base64url(data.decode("latin-1")),
    "link": lambda data: JoinLink.parse("https://h/j/" + data.decode("latin-1")),
    "link-host": lambda data: JoinLink.parse("https://" + data.decode("latin-1")),
}
SEEDS = (
    *(SEGMENT.wire, SEGMENT.header_bytes, BOX, encode_op(sample_op()), b""),
    *(
        encode_ops((sample_op(),)),
        sign_record(
            MemberRecord(1, CLINIC, 1, bytes(32), "found", ALICE.public, 0, ALICE.device), ALICE
        ).record,
    ),
    *(b'{"t":"hello","v":1}', b"\x81" * 40_000, b"[" * 40_000, b"\x91" * 40_000, b'{"t":' * 9_000),
    *(b"\x81\xa1\xff\x01", b"\xdd\xff\xff\xff\xff", b"\xc6\xff\xff\xff\xff", bytes(200_000)),
    b'{"sid":"\xff","n":1,"body":{"t":"bye"}}',
    b'{"sid":"a","n":1,"body":{"t":"text","text":"\xed\xa0\x80"}}',
)


def only_refuses(name: str, data: bytes) -> None:
    """Decoding may work or refuse; it raises nothing else."""
    try:
        DECODERS[name](data)
    except (FormatError, ForgeryError):
        return


@pytest.mark.parametrize("name", DECODERS)
def test_hostile_bytes_are_refused_and_nothing_else_happens(name: str) -> None:
    for seed in SEEDS:
        for data in (seed, seed[:-1], seed[1:], seed[: len(seed) // 2], seed + b"\0", seed * 2):
            only_refuses(name, data)


@pytest.mark.parametrize("name", DECODERS)
@given(data=st.data())
@settings(deadline=None, max_examples=150)
def test_random_and_mutated_bytes_are_refused_and_nothing_else_happens(
    name: str, data: st.DataObject
) -> None:
    raw = data.draw(st.one_of(st.binary(max_size=300), st.sampled_from(SEEDS[:8])))
    if raw:
        at = data.draw(st.integers(0, len(raw) - 1))
        raw = raw[:at] + data.draw(st.binary(max_size=3)) + raw[at + 1 :]
    only_refuses(name, raw)


def test_what_is_too_long_is_refused_before_it_is_read() -> None:
    with pytest.raises(FormatError):
        parse_segment(bytes([1]) * (MAX_SEGMENT_BYTES + 1))
    with pytest.raises(FormatError):
        LINK.open("to-desk", bytes([1]) * (MAX_BOX_BYTES + 1))
    with pytest.raises(FormatError):
        room.decode_page_frame('{"t":"leave"}' + " " * room.MAX_FRAME_BYTES)


@given(st.text(max_size=60))
def test_any_typed_code_is_read_or_refused(text: str) -> None:
    try:
        EnrolCode.parse(text)
    except CodeTypoError:
        return


@given(st.sampled_from(["TMC", "TMD"]), st.binary(min_size=15, max_size=15))
def test_any_code_survives_paper(kind: str, secret: bytes) -> None:
    code = EnrolCode("TMC" if kind == "TMC" else "TMD", secret)
    again = EnrolCode.parse(code.text.lower().replace("-", "  "))
    assert (again.kind, again.lookup_id) == (code.kind, code.lookup_id)
    assert "…" in repr(code)


@given(st.binary(max_size=100))
def test_base64url_is_canonical(data: bytes) -> None:
    text = to_base64url(data)
    assert from_base64url(text) == data
    assert "=" not in text


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(-2, 12)), max_size=60))
def test_no_message_is_accepted_twice(messages: list[tuple[str, int]]) -> None:
    sequence = Sequence()
    accepted = [m for m in messages if sequence.accept(*m)]
    assert len(set(accepted)) == len(accepted)
    assert all(n >= 1 for _, n in accepted)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 2**40), st.integers(0, 2**56)), max_size=60)
)
def test_stamps_only_grow_and_never_run_behind_what_was_believed(
    events: list[tuple[bool, int, int]],
) -> None:
    clock = HybridClock()
    last = -1
    for is_local, wall_ms, remote in events:
        if is_local:
            stamp = clock.now(wall_ms)
            assert stamp > last
            assert wall_ms_of(stamp) >= wall_ms
            last = stamp
        elif clock.observe(remote, wall_ms):
            assert clock.last >= remote
            assert wall_ms_of(remote) <= wall_ms + MAX_AHEAD_MS
            last = max(last, remote)
        else:
            assert wall_ms_of(remote) > wall_ms + MAX_AHEAD_MS
            assert clock.last == max(last, 0)


def chain_of_three() -> list[SignedRecord]:
    vector = json.loads((FOLDER / "members.json").read_text(encoding="utf-8"))
    return [
        SignedRecord(bytes.fromhex(r["record"]), bytes.fromhex(r["signature"]))
        for r in vector["records"]
    ]


def verify_all(records: list[SignedRecord]) -> None:
    chain = MemberChain()
    for record in records:
        chain.extend(record)


@given(st.data())
@settings(deadline=None)
def test_an_altered_member_chain_never_verifies(data: st.DataObject) -> None:
    records = chain_of_three()
    which = data.draw(st.integers(0, 2))
    target = records[which]
    name = data.draw(st.sampled_from(["record", "signature"]))
    raw = bytearray(getattr(target, name))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    records[which] = msgspec.structs.replace(target, **{name: bytes(raw)})
    with pytest.raises((FormatError, ForgeryError)):
        verify_all(records)


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2), (0, 1, 1), (1,), (0, 1, 2, 2)])
def test_a_reordered_member_chain_never_verifies(order: tuple[int, ...]) -> None:
    records = chain_of_three()
    with pytest.raises(ForgeryError):
        verify_all([records[index] for index in order])


def test_a_removed_desk_adds_nobody() -> None:
    chain = MemberChain()
    for record in chain_of_three():
        chain.extend(record)
    carol = msgspec.structs.replace(BOB, device=bytes(16))
    unwanted = MemberRecord(1, CLINIC, 4, chain.head, "add", carol.public, 1, BOB.device)
    with pytest.raises(ForgeryError):
        chain.extend(sign_record(unwanted, BOB))


@given(st.data())
@settings(deadline=None)
def test_an_altered_wrap_does_not_open(data: st.DataObject) -> None:
    wrap = bytearray(wrap_for(ALICE.public, EPOCH_KEY, b"info"))
    assert ALICE.open_wrap(bytes(wrap), b"info") == EPOCH_KEY
    wrap[data.draw(st.integers(0, len(wrap) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((FormatError, ForgeryError)):
        ALICE.open_wrap(bytes(wrap), b"info")
