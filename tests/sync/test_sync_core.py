"""When the core seals, sends, pulls and waits: events in, effects out."""

import pytest

from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.events import (
    Effect,
    Failed,
    Failure,
    HeadAnnounced,
    LinkChanged,
    OpsPending,
    Paused,
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
    TryNow,
    WaitUntil,
)
from telemed_desk.sync.status import Phase


def queued(lane: int, n: int = 1) -> Queued:
    return Queued(bytes([lane, n]), lane, n, ops=2, size=100)


def work(effects: list[Effect]) -> list[Effect]:
    return [e for e in effects if not isinstance(e, WaitUntil)]


def wait(effects: list[Effect]) -> int | None:
    (found,) = [e for e in effects if isinstance(e, WaitUntil)]
    return found.at_ms


def connected(*segments: Queued) -> SyncCore:
    """A core that has spoken to the server, pulled, and holds these segments."""
    core = SyncCore()
    assert work(core.handle(Tick(), 0)) == [Refresh()]
    assert work(core.handle(Refreshed(), 0)) == [Pull()]
    core.handle(Pulled(0, 0), 0)
    core.handle(Sealed(segments), 0)
    return core


def sent(q: Queued, sseq: int = 1) -> Sent:
    return Sent(q.hash, q.lane, sseq, sseq)


def test_until_the_server_answers_only_one_thing_is_on_its_way() -> None:
    core = SyncCore((queued(2), queued(0), queued(1)))
    assert work(core.handle(Tick(), 0)) == [Send(queued(0))]
    assert core.status().phase is Phase.CONNECTING
    assert work(core.handle(Tick(), 1)) == []


def test_urgent_lanes_go_first_and_two_are_on_their_way() -> None:
    core = SyncCore((queued(3), queued(2), queued(0), queued(1)))
    core.handle(Tick(), 0)
    effects = work(core.handle(sent(queued(0)), 0))
    assert [e for e in effects if isinstance(e, Send)] == [Send(queued(1)), Send(queued(2))]


def test_one_lane_sends_in_order_one_at_a_time() -> None:
    first, second = queued(1, 1), queued(1, 2)
    core = SyncCore((second, first))
    assert work(core.handle(Tick(), 0)) == [Send(first)]
    assert Send(second) in work(core.handle(sent(first), 0))


def test_an_urgent_op_does_not_wait_behind_bulk() -> None:
    core = connected(queued(3, 1), queued(3, 2), queued(3, 3))
    effects = work(core.handle(OpsPending(1, 50), 1))
    assert effects == [Seal()]
    assert work(core.handle(Sealed((queued(0),)), 2)) == [Send(queued(0))]


def test_retries_come_after_5_s_15_s_1_5_15_min_and_then_each_hour() -> None:
    core = SyncCore((queued(1),))
    now, waits = 0, []
    for _ in range(8):
        (activity,) = work(core.handle(Tick(), now))
        assert isinstance(activity, Send)
        at = wait(core.handle(Failed(activity, Failure.LINK, "TD-NET-001"), now))
        assert at is not None
        waits.append((at - now) / 1000)
        assert core.status().phase is Phase.OFFLINE
        assert core.status().next_try_ms == at
        assert work(core.handle(Tick(), at - 1)) == []
        now = at
    assert waits == [5, 15, 60, 300, 900, 3600, 3600, 3600]


@pytest.mark.parametrize("event", [LinkChanged(up=True), TryNow()])
def test_a_returning_link_or_a_person_ends_the_wait(event: LinkChanged | TryNow) -> None:
    core = SyncCore((queued(1),))
    (activity,) = work(core.handle(Tick(), 0))
    assert isinstance(activity, Send)
    core.handle(Failed(activity, Failure.LINK, "TD-NET-001"), 0)
    assert work(core.handle(event, 10)) == [Send(queued(1))]


def test_after_three_refusals_a_lane_needs_help_and_the_others_go_on() -> None:
    core = connected(queued(1))
    now = 0
    for attempt in range(3):
        effects = core.handle(
            Failed(Send(queued(1)), Failure.REFUSED, "TD-NET-004", "422 segment_forged"), now
        )
        if attempt < 2:
            at = wait(effects)
            assert at is not None
            now = at
            assert work(core.handle(Tick(), now)) == [Send(queued(1))]
    status = core.status()
    assert (status.phase, status.problem) == (Phase.REFUSED, "TD-NET-004")
    assert status.detail == "422 segment_forged"
    assert status.waiting_ops == 2
    assert work(core.handle(Sealed((queued(2),)), now)) == [Send(queued(2))]
    core.handle(sent(queued(2)), now)
    assert core.status().phase is Phase.REFUSED
    assert Send(queued(1)) in work(core.handle(TryNow(), now))


def test_a_link_failure_is_not_a_refusal() -> None:
    core = connected(queued(1))
    now = 0
    for _ in range(5):
        at = wait(core.handle(Failed(Send(queued(1)), Failure.LINK, "TD-NET-001"), now))
        assert at is not None
        now = at
        core.handle(Tick(), now)
    assert core.status().phase is not Phase.REFUSED


def test_a_busy_server_is_given_the_time_it_asks_for() -> None:
    core = SyncCore((queued(1),))
    core.handle(Tick(), 0)
    busy = Failed(Send(queued(1)), Failure.BUSY, "TD-NET-003", retry_after_ms=90_000)
    assert wait(core.handle(busy, 0)) == 90_000


def test_an_inconsistent_server_stops_everything_until_a_person_asks() -> None:
    core = connected(queued(1))
    core.handle(HeadAnnounced(5), 1)
    core.handle(Failed(Pull(), Failure.INCONSISTENT, "TD-SEC-002", "fork at 5"), 2)
    assert core.status().phase is Phase.INCONSISTENT
    for event in (Tick(), HeadAnnounced(9), LinkChanged(up=True), OpsPending(1, 1)):
        assert work(core.handle(event, 10)) == []
        assert core.status().problem == "TD-SEC-002"
    assert work(core.handle(TryNow(), 20))


def test_a_pause_starts_nothing_and_loses_nothing() -> None:
    core = connected()
    core.handle(Paused(True), 0)
    assert work(core.handle(OpsPending(3, 30), 0)) == []
    status = core.status()
    assert (status.paused, status.waiting_ops) == (True, 3)
    assert work(core.handle(Paused(False), 1)) == [Seal()]


def test_a_head_that_no_page_confirms_does_not_make_it_spin() -> None:
    core = connected()
    assert work(core.handle(HeadAnnounced(1_000_000), 1)) == [Pull()]
    assert work(core.handle(Pulled(0, 0), 2)) == []


def test_a_head_announced_during_a_pull_is_looked_at_afterwards() -> None:
    core = connected()
    core.handle(HeadAnnounced(1), 1)
    core.handle(HeadAnnounced(2), 2)
    assert work(core.handle(Pulled(1, 1), 3)) == [Pull()]


def test_an_op_too_large_to_send_is_shown_and_not_tried_in_a_loop() -> None:
    core = connected()
    assert work(core.handle(OpsPending(1, 999), 1)) == [Seal()]
    assert work(core.handle(Sealed((), 1, 999, stuck_lanes=(1,)), 2)) == []
    assert core.status().problem == "TD-SYN-002"


def test_our_own_segment_seen_in_the_log_counts_as_its_receipt() -> None:
    core = connected(queued(1))
    core.handle(Failed(Send(queued(1)), Failure.LINK, "TD-NET-001"), 0)
    core.handle(Pulled(1, 1, own=(queued(1).hash,)), 10)
    assert core.status().waiting_ops == 0
