"""From ops to segments: numbers, chains, sizes, and what is kept before it is sent."""

import random

import pytest

from telemed_desk.sync.sealing import TARGET_WIRE_BYTES, KeyMissing, Sealer
from telemed_protocol.op import MAX_OP_BYTES, Lane
from telemed_protocol.segment import GENESIS_HASH, open_segment, verify_segment
from tests.sync.clinic_of_two import CLINIC, DESK_A, EPOCH_KEY, store_of


def noise(size: int, seed: int) -> str:
    """Text that does not compress."""
    return random.Random(seed).randbytes(size // 2).hex()


def test_segments_are_chained_signed_and_kept_before_anything_is_sent() -> None:
    store = store_of(DESK_A)
    sealer = Sealer(store, DESK_A, CLINIC)
    first_op = store.record(Lane.NOTES, "first")
    (first,) = sealer.seal_pending(0).segments
    store.record(Lane.NOTES, "second")
    (second,) = sealer.seal_pending(0).segments
    assert [first.header.n, second.header.n] == [1, 2]
    assert [first.header.prev_hash, second.header.prev_hash] == [GENESIS_HASH, first.hash]
    verify_segment(first, DESK_A.public.signing)
    assert open_segment(first, EPOCH_KEY) == (first_op,)
    assert store.unacknowledged() == [first, second]
    assert store.pending_batches(1000) == []


def test_a_large_outbox_is_split_and_nothing_is_left_out() -> None:
    store = store_of(DESK_A)
    ops = [store.record(Lane.NOTES, noise(30_000, seed)) for seed in range(12)]
    outcome = Sealer(store, DESK_A, CLINIC).seal_pending(0)
    assert all(len(s.wire) <= TARGET_WIRE_BYTES for s in outcome.segments)
    assert [op for s in outcome.segments for op in open_segment(s, EPOCH_KEY)] == ops
    assert [s.header.n for s in outcome.segments] == list(range(1, len(outcome.segments) + 1))


def test_urgent_lanes_are_sealed_first() -> None:
    store = store_of(DESK_A)
    for lane in (3, 1, 0, 2):
        store.record(lane, "x")
    outcome = Sealer(store, DESK_A, CLINIC).seal_pending(0)
    assert [s.header.lane for s in outcome.segments] == [0, 1, 2, 3]


def test_an_op_larger_than_any_segment_stops_its_lane_only() -> None:
    store = store_of(DESK_A)
    store.record(Lane.NOTES, noise(MAX_OP_BYTES, 1))
    store.record(Lane.NOTES, "behind it")
    store.record(Lane.PATIENTS, "beside it")
    outcome = Sealer(store, DESK_A, CLINIC).seal_pending(0)
    assert outcome.stuck_lanes == (Lane.NOTES,)
    assert [s.header.lane for s in outcome.segments] == [Lane.PATIENTS]
    assert sum(len(b.ops) for b in store.pending_batches(10**6)) == 2


def test_without_the_key_nothing_is_sealed() -> None:
    store = store_of(DESK_A)
    store.keys = {}
    store.record(Lane.NOTES, "x")
    with pytest.raises(KeyMissing):
        Sealer(store, DESK_A, CLINIC).seal_pending(0)
    assert store.unacknowledged() == []
