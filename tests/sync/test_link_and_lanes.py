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
    LARGEST_SEGMENT,
    SEGMENTS_BETWEEN_CUTS,
    SMALLEST_SEGMENT,
    STEADY_WINDOW,
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
    for _ in range(12):
        meter.carried(8_000, 1_300)
    assert meter.segment_bytes > SMALLEST_SEGMENT


@given(st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 70_000), st.integers(0, 90_000)))))
def test_sizes_stay_in_their_bounds(history: list[tuple[int, int] | None]) -> None:
    meter = LinkMeter()
    for step in history:
        if step is None:
            meter.cut()
        else:
            meter.carried(*step)
        assert SMALLEST_SEGMENT <= meter.segment_bytes <= LARGEST_SEGMENT
        assert meter.window_bytes >= STEADY_WINDOW


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


def test_a_line_cut_again_and_again_gets_a_quarter_of_what_it_carries_between_two_cuts() -> None:
    meter = LinkMeter()
    for _ in range(5):
        for _ in range(5):
            meter.carried(10_000, 1_500)  # 50 KB in nine seconds
        meter.cut()
        assert meter.segment_bytes == 50_000 // SEGMENTS_BETWEEN_CUTS


def test_one_cut_of_a_line_that_held_long_changes_nothing_and_a_night_offline_is_forgotten() -> (
    None
):
    meter = LinkMeter()
    for _ in range(20):
        meter.carried(40_000, 400)
    meter.cut()
    assert meter.segment_bytes == LARGEST_SEGMENT
    for _ in range(10):
        meter.cut()  # tries that failed
    assert meter.segment_bytes == SMALLEST_SEGMENT
    for _ in range(30):
        meter.carried(8_000, 80)
    assert meter.segment_bytes == LARGEST_SEGMENT


def test_segments_that_take_turns_do_not_make_the_line_look_fast_or_slow() -> None:
    core = connected()
    core.handle(OpsPending(500, 900_000, (1,)), 0)
    wires = [queued(1, n + 1, 16_000) for n in range(8)]
    now = 600
    core.handle(Sealed(tuple(wires), 400, 80_000, (1,)), 0)
    for n, one in enumerate(wires[:-2]):
        now += 2_000  # at 8 KB/s, one behind the other
        effects = core.handle(Sent(one.hash, 1, n + 1, n + 1), now)
    seal = sealed_by(effects)
    assert 20_000 < seal.target_bytes < 24_500


def broken_while_sending(core: SyncCore, now: int) -> WaitUntil:
    effects = core.handle(Sealed((queued(1, 9, 16_000),), 0, 0), now)
    (send,) = [e for e in effects if isinstance(e, Send)]
    effects = core.handle(Failed(send, Failure.LINK, "TD-NET-001"), now)
    (wait,) = [e for e in effects if isinstance(e, WaitUntil)]
    return wait


def test_a_line_that_worked_until_now_is_tried_again_soon_and_then_ever_more_seldom() -> None:
    core = connected()
    wait = broken_while_sending(core, 10_000)
    assert wait.at_ms == 11_000
    waits = []
    for _ in range(3):
        now = wait.at_ms or 0
        (send,) = [e for e in core.handle(Tick(), now) if isinstance(e, Send)]
        failed = core.handle(Failed(send, Failure.LINK, "TD-NET-001"), now)
        (wait,) = [e for e in failed if isinstance(e, WaitUntil)]
        waits.append((wait.at_ms or 0) - now)
    assert waits == [5_000, 15_000, 60_000]


def pulls_after_the_line_came_back(sseq: int, cursor: int) -> bool:
    core = connected()
    wait = broken_while_sending(core, 10_000)
    core.handle(Tick(), wait.at_ms or 0)
    effects = core.handle(LinkChanged(True), 12_000)
    effects += core.handle(Sent(queued(1, 9).hash, 1, sseq, cursor), 13_000)
    return any(isinstance(e, Pull) for e in effects)


def test_nothing_is_fetched_after_a_cut_if_a_receipt_shows_that_there_is_nothing() -> None:
    assert not pulls_after_the_line_came_back(1, 1)
    assert pulls_after_the_line_came_back(5, 1)


def test_a_line_that_comes_back_is_asked_what_was_missed() -> None:
    core = connected()
    assert not [e for e in core.handle(LinkChanged(False), 10) if isinstance(e, Pull)]
    assert [e for e in core.handle(LinkChanged(True), 20) if isinstance(e, Pull)]


def test_neither_the_first_receipt_nor_two_at_once_make_a_line_look_faster_than_it_is() -> None:
    meter = LinkMeter()
    meter.arrived(16_000, 0, 2_600, 2)
    assert 18_000 < meter.segment_bytes < 19_000
    meter.arrived(16_000, 0, 4_600, 2)
    meter.arrived(16_000, 2_600, 6_600, 2)
    meter.arrived(16_000, 2_600, 6_600, 1)
    assert meter.segment_bytes < 24_000
