"""The voice playout over thousands of drawn streams: what must hold whatever the link does."""

import itertools
import os
import random

import pytest

from telemed_desk.media.engine.playout import PlayoutBuffer
from tests.media.engine.voice_traces import MS, RATE, Books, Played, make_trace, packet_of

SEEDS = int(os.environ.get("TELEMED_SEEDS", "64"))
BLOCKS = 8
PULLS = (480, 480, 441, 1024, 160)
FLOOR_MS = 60.0
"""Playout of a link without jitter, with room for the speaker's steps."""


def seeds(block: int) -> range:
    return range(block, SEEDS, BLOCKS)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_sample_in_order_and_never_twice(block: int) -> None:
    for seed in seeds(block):
        rng = random.Random(seed)
        trace = make_trace(rng)
        late = rng if rng.random() < 0.3 else None
        run = Played(trace, rng.choice(PULLS), late)  # asserts each pull's size
        counts = run.buffer.counts
        assert all(a < b for a, b in itertools.pairwise(run.books.decoded)), seed
        assert 0 <= counts.concealed <= counts.played, seed
        assert counts.concealed + counts.paused <= counts.played + 2 * RATE * 60, seed


PROTECTED = {"loss": 0.1, "burst": 1.0, "distances": (1, 2), "fec": False}


@pytest.mark.parametrize("block", range(BLOCKS))
def test_what_is_made_up_is_what_is_really_lost(block: int) -> None:
    for seed in seeds(block):
        rng = random.Random(seed)
        fixed: dict[str, object] = dict(PROTECTED) if seed % 16 < BLOCKS else {}
        trace = make_trace(rng, hold_ms=0.0, outage_ms=0.0, restarts=False, **fixed)
        if trace.paused and trace.loss > 0.2:
            continue  # where all that tells of a pause gets lost, it cannot be told from an outage
        counts = Played(trace).buffer.counts
        learning = RATE * (3 * trace.needs_ms + 100)  # until the buffer knows the link
        assert counts.concealed <= 1.1 * trace.gone + trace.longer + learning, (seed, counts)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_pauses_of_the_sender_are_not_losses(block: int) -> None:
    for seed in seeds(block):
        rng = random.Random(seed)
        trace = make_trace(
            rng, dtx=True, loss=0.0, jitter=5.0, hold_ms=0.0, outage_ms=0.0, restarts=False
        )
        run = Played(trace)
        counts = run.buffer.counts
        assert counts.concealed <= RATE * 20 + trace.longer, (seed, counts)
        assert counts.late_packets <= 3, (seed, counts)
        assert counts.paused >= 0.7 * trace.paused - RATE * 500, (seed, counts, trace.paused)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_the_delay_is_what_the_link_needs_and_no_more(block: int) -> None:
    for seed in seeds(block):
        rng = random.Random(seed)
        trace = make_trace(rng, changes=False, restarts=False)
        run = Played(trace, late=rng if rng.random() < 0.2 else None)
        if trace.disturbed_ms and trace.seconds * 1000 - trace.disturbed_ms < 4000:
            continue
        settled = run.delay_between(trace.disturbed_ms + 3000, 1e9)
        assert settled < FLOOR_MS + 1.1 * trace.needs_ms, (seed, settled, trace.needs_ms)


@pytest.mark.parametrize("block", range(BLOCKS))
def test_three_seconds_after_a_disturbance_the_delay_is_what_it_was(block: int) -> None:
    for seed in seeds(block):
        rng = random.Random(seed)
        trace = make_trace(
            rng,
            frame_ms=20,
            changes=False,
            dtx=False,
            jitter=rng.choice((0.0, 10.0)),
            model="uniform",
            loss=0.0,
            hold_ms=rng.choice((200.0, 500.0, 900.0, 1500.0)),
            outage_ms=0.0,
            restarts=False,
        )
        run = Played(trace)
        hold = trace.disturbed_ms
        before = run.delay_between(2000, 4500)
        worst = max(d for at, d in run.delays if hold <= at < hold + 500)
        after = run.delay_between(hold + 3000, hold + 4000)
        assert worst > before + 40, seed
        assert after < before + 15, (seed, before, worst, after)


@pytest.mark.parametrize("ppm", [-200.0, 200.0])
def test_a_clock_that_runs_wrong_by_200_ppm_is_followed_without_a_gap(ppm: float) -> None:
    calm: dict[str, object] = {"jitter": 4.0, "loss": 0.0, "hold_ms": 0.0, "outage_ms": 0.0}
    steady: dict[str, object] = {"frame_ms": 20, "changes": False, "dtx": False, "restarts": False}
    trace = make_trace(random.Random(5), 240.0, ppm=ppm, doubles=0.0, **calm, **steady)
    run = Played(trace)
    counts = run.buffer.counts
    assert counts.concealed <= 20 * RATE
    assert run.delay_between(200_000, 240_000) < FLOOR_MS
    drift = 0.048 * RATE * 1000
    change = counts.lengthened - counts.shortened
    assert 0.5 * drift < (change if ppm > 0 else -change) < 2 * drift


def strange(seed: int) -> None:
    """Insert nonsense between good packets, and pull."""
    rng = random.Random(seed)
    now = 0
    buffer = PlayoutBuffer(lambda: now, None if seed % 4 == 0 else Books())
    clock = rng.randrange(2**32)
    for step in range(300):
        now += rng.choice((0, 5 * MS, 10 * MS, 60 * MS))
        jump = rng.choice((960, 960, 1, 0, -960, 7, 50_000, rng.randrange(2**32)))
        clock = (clock + jump) & 0xFFFFFFFF
        garbage = rng.randbytes(rng.choice((0, 1, 2, 3, 40, 1275)))
        good = packet_of(step, rng.choice((20, 40, 60)), fec=rng.random() < 0.5)
        copies = [
            (rng.randrange(16_384), rng.choice((good, garbage)))
            for _ in range(rng.choice((0, 0, 1, 8)))
        ]
        buffer.insert(clock, rng.choice((good, garbage)), now, rng.choice((None, step, 7)), copies)
        if rng.random() < 0.7:
            pull = rng.choice(PULLS)
            assert buffer.pull(pull).shape == (pull,), seed
    assert len(buffer._frames) <= 201


@pytest.mark.parametrize("block", range(BLOCKS))
def test_whatever_a_stranger_sends_it_plays_on(block: int) -> None:
    for seed in seeds(block):
        strange(seed)
