import json
from pathlib import Path

import msgspec
import pytest

from telemed_desk.vault.payloads import KINDS, lane_of, read_payload
from telemed_protocol.op import decode_op, encode_op, unpack_payload

VECTORS = json.loads(
    (Path(__file__).parents[1] / "vectors" / "ops.json").read_text(encoding="utf-8")
)


def test_there_is_a_vector_for_every_kind() -> None:
    assert {v["kind"] for v in VECTORS} >= KINDS.keys()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["kind"])
def test_stored_op_is_read_and_written_byte_for_byte(vector: dict[str, object]) -> None:
    raw = bytes.fromhex(str(vector["op"]))
    op = decode_op(raw)
    assert encode_op(op) == raw
    assert op.kind == vector["kind"]
    assert lane_of(op.kind) == vector["lane"]
    fields = unpack_payload(op.payload)
    assert sorted(fields) == vector["fields"]
    payload = read_payload(op)
    assert (payload is None) == (vector["kind"] not in KINDS)


def test_payload_with_unknown_fields_is_read_and_one_that_does_not_fit_is_not() -> None:
    by_kind = {v["kind"]: decode_op(bytes.fromhex(v["op"])) for v in VECTORS}
    op = by_kind["clinic.set"]
    fields = unpack_payload(op.payload)
    more = msgspec.structs.replace(op, payload=msgspec.msgpack.encode({**fields, "later": [1]}))
    assert read_payload(more) == read_payload(op)
    for bad in (b"", b"\xc1", msgspec.msgpack.encode({"name": 7}), b"\x91" * 5000):
        assert read_payload(msgspec.structs.replace(op, payload=bad)) is None
    huge = msgspec.msgpack.encode({"reason": "x", "at_ms": 2**63, "by": "y"})
    assert read_payload(msgspec.structs.replace(by_kind["consult.urgent"], payload=huge)) is None
