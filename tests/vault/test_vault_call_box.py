"""A call's figures are part of its consultation's record, also where they came from elsewhere."""

import msgspec
import pytest

from telemed_desk.clinical.call_record import CallEvent, CallSample, pack_samples
from telemed_desk.vault import OpDraft
from telemed_desk.vault.payloads import read_payload
from telemed_protocol.ids import new_id
from telemed_protocol.op import Op

from .vault_kit import Place, booking


def _box(consultation: bytes, part: int, **changes: object) -> OpDraft:
    samples = [CallSample(at_s=s, rung=4, rtt_ms=200 + s) for s in range(3)]
    payload: dict[str, object] = {
        "consultation": consultation,
        "call": "one",
        "part": part,
        "began_ms": 5_000 + part,
        "columns": pack_samples(samples),
        "events": [(0, "phase", "connected")],
    }
    return OpDraft("call.box", new_id(), payload | changes)


def test_figures_come_back_in_order_with_their_consultation(place: Place) -> None:
    consultation = new_id()
    place.vault.commit(booking(consultation, new_id())).result()
    place.vault.commit(_box(consultation, 1), _box(consultation, 0), _box(new_id(), 0)).result()
    first, second = place.vault.call_traces_of(consultation)
    assert (first.part, second.part) == (0, 1)
    assert [sample.rtt_ms for sample in first.samples] == [200, 201, 202]
    assert first.events == (CallEvent(0, "phase", "connected"),)


@pytest.mark.parametrize(
    "changes",
    [
        {"columns": {"at_s": ["x"]}},
        {"columns": 7},
        {"began_ms": 2**64 - 1},
        {"events": [(1, 2, 3)]},
    ],
)
def test_figures_that_do_not_fit_are_not_read(changes: dict[str, object]) -> None:
    draft = _box(new_id(), 0, **changes)
    op = Op(1, new_id(), 1, 1, new_id(), draft.kind, 1, draft.entity, (), b"")
    fitting = msgspec.msgpack.encode(_box(new_id(), 0).payload)
    assert read_payload(msgspec.structs.replace(op, payload=fitting)) is not None
    broken = msgspec.msgpack.encode(draft.payload)
    assert read_payload(msgspec.structs.replace(op, payload=broken)) is None


def test_a_column_with_absurd_numbers_is_cut_where_it_becomes_absurd(place: Place) -> None:
    consultation = new_id()
    columns = pack_samples([CallSample(at_s=s, rung=4, rtt_ms=1) for s in range(4)])
    columns["rtt_ms"] = [1, 2**60, 2**60, 0]
    place.vault.commit(_box(consultation, 0, columns=columns)).result()
    (trace,) = place.vault.call_traces_of(consultation)
    assert [sample.rtt_ms for sample in trace.samples] == [1, None, None, None]
