"""Strict priority, room for the urgent, and sizes that follow the line."""

from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.events import (
    Effect,
    Failed,
    Failure,
    HeadAnnounced,
    LinkChanged,
    OpsPending,
    Pull,
    Pulled,
    Queued,
    Refresh,
    Refreshed,
    Seal,
    Sealed,
    Send,
    Sent,
    Tick,
    WaitUntil,
)
from telemed_desk.sync.lanes import SEALED_AHEAD, Lanes
from telemed_desk.sync.link_meter import (
    FLAPPING_WINDOW,
    LARGEST_SEGMENT,
    SMALLEST_SEGMENT,
    LinkMeter,
)
from telemed_desk.sync.pulls import HOLD_MS


def queued(lane: int, n: int = 1, size: int = 100) -> Queued:
    return Queued(bytes([lane, n]), lane, n, ops=2, size=size)


def connected() -> SyncCore:
    core = SyncCore()
    core.handle(Tick(), 0)
    core.handle(Refreshed(), 0)
    core.handle(Pulled(0, 0), 0)
    return core


def sealed_by(effects: list[Effect]) -> Seal:
    (seal,) = [e for e in effects if isinstance(e, Seal)]
    return seal


def test_the_queue_goes_out_while_the_line_is_full_of_bulk() -> None:
    lanes = Lanes()
    lanes.enqueue((queued(2, size=48_000), queued(3, size=48_000)))
    assert len(lanes.send(0, window_bytes=64_000)) == 1
    lanes.enqueue((queued(0),))
    assert lanes.send(1, window_bytes=64_000) == [queued(0)]


def test_nothing_less_urgent_slips_past_what_does_not_fit() -> None:
    lanes = Lanes()
    lanes.enqueue((queued(1, size=40_000),))
    lanes.send(0, window_bytes=64_000)
    lanes.enqueue((queued(2, size=40_000), queued(3, size=10)))
    assert lanes.send(1, window_bytes=64_000) == []


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, 60_000)), max_size=12))
def test_what_leaves_is_always_the_most_urgent_that_may_leave(
    pieces: list[tuple[int, int]],
) -> None:
    lanes = Lanes()
    for n, (lane, size) in enumerate(pieces):
        lanes.enqueue((queued(lane, n, size),))
    chosen = [q.lane for q in lanes.send(0, window_bytes=64_000)]
    assert chosen == sorted(chosen)
    left_behind = {lane for lane, _ in pieces} - set(chosen)
    assert all(lane > max(chosen) for lane in left_behind)
    bulk = [q for q in lanes.waiting if q.hash in lanes[q.lane].in_flight and q.lane]
    assert len(bulk) <= 1 or sum(q.size for q in bulk) <= 64_000


def test_a_large_outbox_is_sealed_a_little_ahead_and_not_at_once() -> None:
    core = connected()
    assert sealed_by(core.handle(OpsPending(500, 90_000, (1,)), 0)).lanes == (1,)
    first = tuple(queued(1, n + 1, 8_000) for n in range(SEALED_AHEAD))
    effects = core.handle(Sealed(first, 400, 80_000, (1,)), 0)
    assert [e for e in effects if isinstance(e, Seal)] == []
    effects = core.handle(Sent(first[0].hash, 1, 1, 1), 2_000)
    assert sealed_by(effects).lanes == (1,)


def test_an_urgent_op_is_sealed_although_bulk_waits() -> None:
    core = connected()
    core.handle(OpsPending(500, 90_000, (3,)), 0)
    core.handle(Sealed(tuple(queued(3, n + 1) for n in range(SEALED_AHEAD)), 400, 80_000, (3,)), 0)
    assert sealed_by(core.handle(OpsPending(401, 80_100, (0, 3)), 1)).lanes == (0,)


def test_a_missing_key_is_asked_for_ever_more_seldom_while_the_line_answers() -> None:
    core = connected()
    now, tries = 0, []
    effects = core.handle(OpsPending(1, 10, (1,)), now)
    while now < 3_600_000:
        for effect in list(effects):
            match effect:
                case Seal():
                    tries.append(now // 1000)
                    effects = core.handle(Failed(effect, Failure.STORE, "TD-SYN-001"), now)
                case Refresh():
                    effects = core.handle(Refreshed(), now)
                case Pull():
                    effects = core.handle(Pulled(0, 0), now)
                case _:
                    pass
        (wait,) = [e for e in effects if isinstance(e, WaitUntil)]
        assert wait.at_ms is not None
        now = max(now + 1, wait.at_ms)
        effects = core.handle(Tick(), now)
    assert len(tries) <= 6
    core.handle(Failed(Seal(), Failure.STORE, "TD-SYN-001"), now)
    assert core.status().waiting_ops == 1
    assert [e for e in core.handle(Refreshed(new_keys=1), now) if isinstance(e, Seal)]


def test_a_lane_with_an_op_too_large_does_not_keep_the_others_from_being_sealed() -> None:
    core = connected()
    core.handle(OpsPending(2, 300_000, (1, 2)), 0)
    effects = core.handle(Sealed((queued(2),), 1, 299_000, (1,), stuck_lanes=(1,)), 0)
    assert [e for e in effects if isinstance(e, Seal)] == []
    assert core.status().problem == "TD-SYN-002"
    assert sealed_by(core.handle(OpsPending(2, 299_100, (1, 2)), 1)).lanes == (1, 2)


def test_a_line_that_breaks_gets_small_pieces_and_a_steady_one_larger() -> None:
    meter = LinkMeter()
    for _ in range(10):
        meter.carried(16_000, 2_600)  # 64 kbit/s and 600 ms
    steady = meter.segment_bytes
    assert 10_000 < steady < LARGEST_SEGMENT
    for _ in range(5):
        meter.cut()
    assert meter.segment_bytes == SMALLEST_SEGMENT
    assert meter.window_bytes == FLAPPING_WINDOW
    for _ in range(12):
        meter.carried(8_000, 1_300)
    assert meter.segment_bytes > SMALLEST_SEGMENT
    assert meter.window_bytes > FLAPPING_WINDOW


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 70_000), st.integers(0, 90_000)))))
def test_sizes_stay_in_their_bounds(history: list[tuple[int, int] | None]) -> None:
    meter = LinkMeter()
    for step in history:
        if step is None:
            meter.cut()
        else:
            meter.carried(*step)
        assert SMALLEST_SEGMENT <= meter.segment_bytes <= LARGEST_SEGMENT
        assert meter.window_bytes >= FLAPPING_WINDOW


def test_the_core_seals_smaller_after_cuts() -> None:
    core = connected()
    now = 0
    for n in range(1, 5):
        core.handle(Sealed((queued(1, 1, 16_000),), 0, 0), now)
        core.handle(Failed(Send(queued(1, 1, 16_000)), Failure.LINK, "TD-NET-001"), now)
        core.handle(LinkChanged(up=True), now + n)
    core.handle(Sent(queued(1).hash, 1, 1, 1), now + 3_000)
    seal = sealed_by(core.handle(OpsPending(50, 90_000, (2,)), now + 3_001))
    assert seal.target_bytes == SMALLEST_SEGMENT


def test_two_segments_of_a_lane_share_the_line_and_one_of_the_queue() -> None:
    lanes = Lanes()
    lanes.enqueue(tuple(queued(1, n) for n in (1, 2, 3)))
    lanes.enqueue((queued(0, 1), queued(0, 2)))
    assert lanes.send(0, window_bytes=64_000) == [queued(0, 1), queued(1, 1), queued(1, 2)]
    assert lanes.send(0, window_bytes=64_000) == []


def test_one_that_came_early_goes_again_alone_and_is_no_refusal() -> None:
    core = connected()
    effects = core.handle(Sealed((queued(1, 1), queued(1, 2)), 0, 0), 0)
    first, second = (e for e in effects if isinstance(e, Send))
    early = Failed(second, Failure.EARLY, "TD-NET-004")
    assert [e for e in core.handle(early, 10) if isinstance(e, Send)] == []
    assert core.status().problem == ""
    effects = core.handle(Sent(first.segment.hash, 1, 1, 1), 20)
    assert [e for e in effects if isinstance(e, Send)] == [second]
    core.handle(early, 30)
    assert core.status().problem == "TD-NET-004", "nothing stands before it: the server lost some"


def test_own_segments_are_not_fetched_while_their_receipts_are_awaited() -> None:
    core = connected()
    effects = core.handle(Sealed((queued(1, 1), queued(1, 2)), 0, 0), 0)
    first = next(e.segment for e in effects if isinstance(e, Send))
    effects = core.handle(HeadAnnounced(1), 100)
    assert [e for e in effects if isinstance(e, Pull)] == []
    core.handle(Sent(first.hash, 1, 1, 1), 200)
    core.handle(HeadAnnounced(3), 300)
    (wait,) = [e for e in core.handle(Tick(), 400) if isinstance(e, WaitUntil)]
    assert wait.at_ms == 300 + HOLD_MS, "another desk wrote in between: asked for soon"
    assert [e for e in core.handle(Tick(), 300 + HOLD_MS) if isinstance(e, Pull)]
    core = connected()
    effects = core.handle(HeadAnnounced(1), 100)
    assert [e for e in effects if isinstance(e, Pull)], "nothing is being sent: asked for at once"
