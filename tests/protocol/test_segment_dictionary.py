"""Segments with a dictionary, segments without, and segments of dictionaries that are yet to come."""

import hashlib
from importlib import resources

import pytest

from telemed_protocol.errors import BugError, ForgeryError, FormatError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.op import OP_VERSION, READER_VERSION, Op, pack_payload
from telemed_protocol.segment import (
    COMPRESSION_DICTIONARY,
    COMPRESSION_ZSTD,
    GENESIS_HASH,
    SealedSegment,
    SegmentHeader,
    open_segment,
    parse_segment,
    seal_segment,
)

WHO = DeviceIdentity(b"d" * 16, b"s" * 32, b"r" * 32)
KEY = b"k" * 32
DICTIONARY_SHA256 = "a57f30569675f6e2a58ccfe6ae359e6c47f328e3fdd98e1829523ca6c798613d"
WITHOUT = bytes.fromhex(
    "0100709bc41063636363636363636363636363636363c410646464646464646464646464646464640101c420"
    "00000000000000000000000000000000000000000000000000000000000000000001010000c4200000000000"
    "0000000000000000000000000000000000000000000000000000000000009857ebbd137195ac6f5a22858b0d"
    "56f690f1c28c56442438df1d18f472d086c6db3b116f0b3783142e04c951e43fcf19563044bfc505f26ccc0c"
    "14a5fa35a92ceac368360a60477028d797903d329cac06ba484afe80866282dc299b58cb99bddab4dcd88e41"
    "1d8f5ceec4f06dcd46118fe6a84df95d3d08a910172c425aa41d8c337ecb3875c70992565856765b61255598"
    "85e1e68cebba7f12d45029a62b3a6bb5a094c7390148b96aeebb29d1aec3e8aaff636ba6cca610abebf6fe9c"
    "5c738d8d80da8eb10945b7c145717bcb4656ad1af68cb0ab3b3907"
)
WITH = bytes.fromhex(
    "0100709bc41063636363636363636363636363636363c410646464646464646464646464646464640101c420"
    "00000000000000000000000000000000000000000000000000000000000000000002010000c4200000000000"
    "0000000000000000000000000000000000000000000000000000000000005857ebbd137195ac6d5a18c3582e"
    "f73ef302c908d5f0e46fdf5ba983835ecf7b53c6ee1a1759876fd1f7997052c1817e97b616a67702e451621f"
    "b59ba6b81719a244962cbb3f0785311c83196112e53edbc5187b97d312b153ec7cd2a28b9f29114845ae5b06"
    "00949a8b9d69c3760f441b1fbd8ffef48fbdde822688f23d6faec168291c5caa4cfe07645ae22fcb48f9a4ce"
    "546e1a07be2404"
)


def note() -> Op:
    payload: dict[str, object] = {
        "consultation": b"c" * 16,
        "S": "Cough and fever, no known allergies.",
        "P": "Review by video in 3 days.",
        "at_ms": 1,
    }
    return Op(
        OP_VERSION,
        WHO.device,
        1,
        1 << 16,
        b"a" * 16,
        "note.revise",
        READER_VERSION,
        b"n" * 16,
        (),
        pack_payload(payload),
    )


def sealed(compression: int) -> SealedSegment:
    header = SegmentHeader(
        b"c" * 16, WHO.device, 1, 1, GENESIS_HASH, 0, compression, 1, 0, 0, GENESIS_HASH
    )
    return seal_segment(header, (note(),), KEY, WHO)


def test_the_dictionary_never_changes_under_its_number() -> None:
    data = resources.files("telemed_protocol").joinpath("dictionaries/2.zdict").read_bytes()
    assert hashlib.sha256(data).hexdigest() == DICTIONARY_SHA256


@pytest.mark.parametrize("wire", [WITHOUT, WITH], ids=["without", "with"])
def test_a_segment_that_was_sealed_earlier_still_opens(wire: bytes) -> None:
    assert open_segment(parse_segment(wire), KEY) == (note(),)


def test_a_note_is_smaller_with_it() -> None:
    assert len(sealed(COMPRESSION_DICTIONARY).wire) < len(sealed(COMPRESSION_ZSTD).wire) - 40


def test_a_dictionary_of_a_newer_version_is_a_format_error_and_is_never_written() -> None:
    with pytest.raises(BugError):
        sealed(3)
    known = sealed(COMPRESSION_ZSTD)
    body = 3 + len(known.header_bytes)
    renamed = known.header_bytes.replace(b"\x00\x01\x01\x00\x00\xc4", b"\x00\x03\x01\x00\x00\xc4")
    assert renamed != known.header_bytes
    wire = known.wire[:3] + renamed + known.wire[body:]
    with pytest.raises((FormatError, ForgeryError)):
        open_segment(parse_segment(wire), KEY)


def test_the_wrong_dictionary_gives_no_ops() -> None:
    """Compression is under the seal: who changes the header cannot make us misread."""
    segment = sealed(COMPRESSION_DICTIONARY)
    header = segment.header_bytes.replace(b"\x00\x02\x01\x00\x00\xc4", b"\x00\x01\x01\x00\x00\xc4")
    assert header != segment.header_bytes
    wire = segment.wire[:3] + header + segment.wire[3 + len(header) :]
    with pytest.raises(ForgeryError):
        open_segment(parse_segment(wire), KEY)
