"""Repair, parity, assembler and pace together over simulated links: how long does the picture stand?

More seeds by the environment: ``TELEMED_SEEDS=2000``.
"""

import itertools
import os
from dataclasses import replace
from statistics import mean

import pytest

from telemed_desk.media.engine.allocation import Allocator
from telemed_desk.media.transport.repair import Protection, RepairPlan
from tests.media.engine.lossy_stream import BAD, BURST, RURAL, Link, Outcome, play

SEEDS = int(os.environ.get("TELEMED_SEEDS", "4"))


def outcomes(link: Link, seconds: int = 30) -> list[Outcome]:
    return [play(seed, link, seconds)[0] for seed in range(SEEDS)]


@pytest.mark.parametrize(
    ("link", "most_frozen", "most_hold_ms"),
    [
        (RURAL, 0.015, 250),
        (replace(RURAL, parity=0), 0.02, 450),
        (BAD, 0.04, 660),
        (replace(BAD, parity=0), 0.04, 720),  # was 16 % with room for one repeat only
        (BURST, 0.03, 480),
        (replace(BURST, parity=0), 0.03, 480),
        (Link(40, 0.01, rate_kbps=3000, picture_kbps=1500), 0.005, 80),
    ],
)
def test_pictures_hardly_stand_still(link: Link, most_frozen: float, most_hold_ms: float) -> None:
    results = outcomes(link)
    assert mean(r.frozen_share for r in results) < most_frozen
    assert mean(r.hold_ms for r in results) < most_hold_ms
    assert mean(r.given_up for r in results) < 0.2
    assert min(r.pictures for r in results) > 700


def test_parity_spares_delay() -> None:
    with_parity, without = (
        mean(r.hold_ms for r in outcomes(link)) for link in (RURAL, replace(RURAL, parity=0))
    )
    assert with_parity < 0.7 * without


def test_of_lost_pictures_that_no_other_needs_none_is_waited_for() -> None:
    link = replace(BAD, parity=0, layers=True, plan=RepairPlan(copies=0))
    for seed in range(SEEDS):
        outcome, stream = play(seed, link, 20)
        assert stream.assembler.done_without > 0
        bases = [f.layer.base for f in stream.whole if f.layer and not f.layer.temporal]
        steps = {(b - a) & 0xFF for a, b in itertools.pairwise(bases)}
        assert steps <= {1} or outcome.given_up > 0


def test_repair_costs_what_its_plan_says() -> None:
    for loss in (0.02, 0.05, 0.10):
        plan = Protection().plan(loss, 200)
        link = Link(200, loss, rate_kbps=1000, plan=plan)
        spent = mean(r.repeats / r.packets for r in outcomes(link))
        said = plan.overhead(loss)
        assert said * 0.8 < spent < said * 1.5


def test_packets_are_sent_twice_only_where_waiting_for_a_request_hurts_and_without_flapping() -> (
    None
):
    assert Protection().plan(0.10, 40) == RepairPlan(copies=2)
    assert Protection().plan(0.02, 400) == RepairPlan()
    assert Protection().plan(0.10, 300) == RepairPlan(copies=3, ahead=True)
    one = Protection()
    plans = [one.plan(loss, 300).ahead for loss in (0.05, 0.07, 0.05, 0.07, 0.05, 0.02, 0.05)]
    assert plans == [False, True, True, True, True, False, False]


def test_pictures_give_way_to_their_repair() -> None:
    plain = Allocator().decide(400_000, 0.1, 0)
    repaired = Allocator().decide(400_000, 0.1, 0, repair_overhead=1.1)
    assert plain.video_bps / 2.2 < repaired.video_bps < plain.video_bps / 2
    assert plain.voice_bps == repaired.voice_bps


def test_after_silence_pictures_are_back_at_once_and_after_a_thin_link_they_are_not() -> None:
    s = 1_000_000_000
    for heard_again in (False, True):
        allocator = Allocator()
        allocator.decide(400_000, 0.0, 100 * s)
        assert allocator.decide(60_000, 0.0, 110 * s).video_bps == 0
        if heard_again:
            allocator.forgive()
        back = allocator.decide(200_000, 0.0, 110 * s + s // 2)
        assert (back.video_bps > 0) == heard_again


def test_without_loss_nothing_is_repeated_and_nothing_stands() -> None:
    result, _ = play(1, Link(300, 0.0), 20)
    assert (result.repeats, result.given_up, result.frozen_share) == (0, 0, 0.0)
    assert result.hold_ms == 0
