"""ICE restart: a call whose path is gone comes back by itself, as the same call."""

import asyncio
import itertools
import random

import pytest

from telemed_desk.media.engine.restarts import (
    FIRST_GAP_NS,
    LONGEST_GAP_NS,
    MOVED_NS,
    SILENT_NS,
    RestartClock,
    silence_ns,
)
from tests.media.engine.engine_calls import End, in_order, two_ends, until

S = 1_000_000_000


def ticks(clock: RestartClock, begin_s: float, end_s: float, silent_since_s: float) -> list[float]:
    """Seconds at which a restart was due, asked four times a second."""
    due = []
    for quarter in range(int(begin_s * 4), int(end_s * 4)):
        now_ns = quarter * S // 4
        if clock.due(now_ns, max(0, now_ns - int(silent_since_s * S))):
            due.append(quarter / 4)
    return due


def test_silence_leads_to_restarts_that_become_rarer() -> None:
    due = ticks(RestartClock(), 0, 120, silent_since_s=10)
    assert due[0] == 10 + SILENT_NS / S
    gaps = [later - earlier for earlier, later in itertools.pairwise(due)]
    assert gaps[0] == FIRST_GAP_NS / S
    assert gaps == sorted(gaps)
    assert gaps[-1] == pytest.approx(LONGEST_GAP_NS / S, abs=0.25)


def test_a_call_that_hears_something_is_left_alone() -> None:
    clock = RestartClock()
    assert not any(clock.due(n * S // 4, 9 * S // 4) for n in range(4000))


def test_moving_is_acted_on_at_once_and_not_in_bursts() -> None:
    clock = RestartClock()
    clock.wanted()
    assert clock.due(100 * S, 0)
    clock.wanted()
    assert not clock.due(100 * S + MOVED_NS // 2, 0)
    assert clock.due(100 * S + MOVED_NS, 0)
    assert not clock.due(103 * S, 0)


def test_after_a_good_while_the_first_gap_counts_again() -> None:
    clock = RestartClock()
    before = ticks(clock, 0, 60, silent_since_s=0)
    ticks(clock, 60, 100, silent_since_s=1000)  # heard all the time
    after = ticks(clock, 100, 130, silent_since_s=100)
    assert [t - 100 for t in after] == before[: len(after)]
    assert len(after) == 4


def test_a_peer_that_does_not_hear_us_counts_as_silence_too() -> None:
    assert silence_ns(100 * S, 99 * S, None) == S
    assert silence_ns(100 * S, 99 * S, 98 * S) == S
    assert silence_ns(100 * S, 100 * S, 80 * S) > SILENT_NS


def test_restarts_are_never_closer_than_a_second_whatever_happens() -> None:
    for seed in range(500):
        rng = random.Random(seed)
        clock, now_ns, heard_ns, last_ns = RestartClock(), 0, 0, None
        for _ in range(400):
            now_ns += rng.randrange(S // 2)
            if rng.random() < 0.2:
                clock.wanted()
            if rng.random() < 0.3:
                heard_ns = now_ns
            if clock.due(now_ns, now_ns - heard_ns):
                assert last_ns is None or now_ns - last_ns >= MOVED_NS
                last_ns = now_ns


async def carry_restarts(offerer: End, answerer: End) -> None:
    """Be the signalling: restart offers one way, answers the other."""
    while True:
        sdp, revision = await offerer.heard.restart_offers.get()
        answer = await answerer.call.accept_offer(sdp)
        await offerer.call.accept_answer(answer, revision)


def seen(end: End) -> int:
    return len(end.sink.counters)


async def test_a_dead_path_is_replaced_and_the_call_is_the_same() -> None:
    async with two_ends() as (a, b):
        signalling = asyncio.create_task(carry_restarts(a, b))
        try:
            await until(lambda: a.heard.opened == b.heard.opened == 1, "channel")
            await until(lambda: min(seen(a), seen(b)) > 10, "pictures")
            transports = a.transport, b.transport
            a.kill_path()
            b.kill_path()
            before = seen(a), seen(b)
            await until(lambda: ("reconnecting", "silent") in a.heard.phases, "silence noticed")
            await until(lambda: a.transport.ice.restarts == b.transport.ice.restarts == 1, "moved")
            await until(lambda: a.heard.phase == b.heard.phase == "connected", "connected again")
            await until(lambda: seen(a) > before[0] + 30 and seen(b) > before[1] + 30, "pictures")
            assert in_order(a.sink.counters)
            assert in_order(b.sink.counters)
            assert transports == (a.transport, b.transport)
            assert a.call.send_data("after")
            assert b.call.send_data("after too")
            await until(lambda: "after" in b.heard.messages, "channel, one way")
            await until(lambda: "after too" in a.heard.messages, "channel, the other way")
            assert a.heard.opened == b.heard.opened == 1
            await until(lambda: not a.transport.ice._retired, "the old path is given back")
            assert a.heard.phase == b.heard.phase == "connected"
        finally:
            signalling.cancel()
    assert "failed" not in {phase for phase, _ in a.heard.phases + b.heard.phases}


async def test_what_was_sent_into_silence_is_not_repeated() -> None:
    async with two_ends() as (a, b):
        await until(lambda: seen(b) > 10, "pictures")
        sender = a.call._streams._video.sender
        asked_for = next(reversed(sender._history._packets))
        assert sender._history.repeat(asked_for, 0, 10) is not None
        rate = a.call._streams.steering.rate
        rate._silent = True  # as after seconds without feedback
        await until(lambda: not rate.silent, "feedback")
        assert sender._history.repeat(asked_for, 1 << 60, 10) is None
        before = seen(b)
        await until(lambda: seen(b) > before + 20, "pictures go on")


async def test_while_a_restart_is_under_way_the_old_path_carries() -> None:
    async with two_ends() as (a, b):
        await until(lambda: min(seen(a), seen(b)) > 10, "pictures")
        await a.call.restart()  # and the answer never comes
        sdp, revision = await a.heard.restart_offers.get()
        assert revision == 1
        assert "a=setup:actpass" in sdp
        before = seen(a), seen(b)
        await until(lambda: seen(a) > before[0] + 30 and seen(b) > before[1] + 30, "pictures")
        await a.call.restart()  # a second one replaces it
        newer, revision = await a.heard.restart_offers.get()
        assert revision == 2
        answer = await b.call.accept_offer(newer)
        await a.call.accept_answer("v=0\r\nnonsense", 1)  # to an older offer: too late, ignored
        await a.call.accept_answer(answer, 2)
        await until(lambda: a.transport.ice.restarts == b.transport.ice.restarts == 1, "moved")
        before = seen(a), seen(b)
        await until(lambda: seen(a) > before[0] + 30 and seen(b) > before[1] + 30, "pictures")
        assert [phase for phase, _ in a.heard.phases] == ["connecting", "connected"]


async def test_an_answerer_offers_nothing_and_the_same_offer_again_is_no_restart() -> None:
    a, b = End(440.0, offer=True), End(700.0, offer=False)
    try:
        offer = await a.call.make_offer()
        answer = await b.call.accept_offer(offer)
        await a.call.accept_answer(answer)
        await until(lambda: a.heard.phase == b.heard.phase == "connected", "connected")
        assert not b.transport.ice.asks_for_restart(offer)
        await b.call.accept_offer(offer)
        assert b.transport.ice._pending is None
        a.kill_path()
        await until(lambda: not a.heard.restart_offers.empty(), "the offerer offers")
        assert b.heard.restart_offers.empty()
    finally:
        await asyncio.gather(a.close(), b.close())


async def test_a_restart_that_found_no_path_does_not_spoil_the_next() -> None:
    async with two_ends() as (a, b):
        await until(lambda: min(seen(a), seen(b)) > 10, "pictures")
        await a.call.restart()
        sdp, revision = await a.heard.restart_offers.get()
        answer = await b.call.accept_offer(sdp)
        for end in (a, b):
            for protocol in end.transport.ice._pending._protocols:
                protocol.send_stun = lambda *_: None  # no check gets through
        await a.call.accept_answer(answer, revision)
        await until(lambda: a.transport.ice._pending.remote_username, "the answer is taken")
        signalling = asyncio.create_task(carry_restarts(a, b))
        try:
            await a.call.restart()
            await until(lambda: a.transport.ice.restarts == 1, "the second one is taken")
        finally:
            signalling.cancel()
