"""The ladder's state machine: limits, patience, reasons, on made and recorded traces."""

import json
import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from telemed_desk.clinical.ladder import LADDER, Rung
from telemed_desk.media.engine.ladder import (
    DOWN_NS,
    START_NS,
    UP_NS,
    USABLE_OF_TARGET,
    Circumstances,
    Ladder,
    Standing,
)
from tests.media.engine.record_traces import walk

SEEDS = range(int(os.environ.get("TELEMED_SEEDS", "40")))
TRACES = Path(__file__).parent / "traces"
ENDS = {"rural": 4, "bad": 3, "very-bad": 2, "drop-and-return": 5, "outage": 5, "24-kbit": 2}
S = 1_000_000_000
STEP = S // 4
HD = Circumstances(2_000_000)


def needs(rung: Rung) -> float:
    """The estimate from which a rung is allowed."""
    return LADDER[rung].usable_bps / USABLE_OF_TARGET


class Walk:
    """A ladder and its clock."""

    def __init__(self, start: Rung = Rung.HD_VIDEO) -> None:
        self.ladder = Ladder(start)
        self.now = 0

    def go(self, now: Circumstances, seconds: float) -> Standing:
        standing = self.ladder.stand(now, self.now)
        for _ in range(int(seconds * S / STEP)):
            self.now += STEP
            standing = self.ladder.stand(now, self.now)
        return standing


@pytest.fixture
def high() -> Walk:
    walk = Walk()
    assert walk.go(HD, 20) == Standing(Rung.HD_VIDEO, "")
    return walk


def test_down_after_four_seconds_below_and_not_before(high: Walk) -> None:
    thin = Circumstances(needs(Rung.LOW_VIDEO) * 1.1)
    assert high.go(thin, 3.5).rung is Rung.HD_VIDEO
    assert high.go(thin, 1.0) == Standing(Rung.LOW_VIDEO, "rate")


def test_up_after_thirty_seconds_above_and_not_before(high: Walk) -> None:
    high.go(Circumstances(150_000), 6)
    assert high.go(HD, 29).rung is Rung.LOW_VIDEO
    assert high.go(HD, 2) == Standing(Rung.HD_VIDEO, "")


def test_a_short_dip_begins_the_thirty_seconds_anew(high: Walk) -> None:
    high.go(Circumstances(150_000), 6)
    high.go(HD, 20)
    high.go(Circumstances(150_000), 1)
    assert high.go(HD, 20).rung is Rung.LOW_VIDEO
    assert high.go(HD, 11).rung is Rung.HD_VIDEO


def test_at_the_start_the_rung_follows_what_probes_find() -> None:
    walk = Walk(Rung.LOW_VIDEO)
    assert walk.go(Circumstances(300_000, informed=False), 3).rung is Rung.LOW_VIDEO
    assert walk.go(HD, 1).rung is Rung.HD_VIDEO


@pytest.mark.parametrize(
    ("now", "rung", "reason"),
    [
        (Circumstances(300_000), Rung.LOW_VIDEO, "rate"),
        (Circumstances(60_000), Rung.AUDIO_PHOTOS, "rate"),
        (Circumstances(12_000), Rung.PHONE, "rate"),
        (Circumstances(6e5, loss_ratio=0.10), Rung.LOW_VIDEO, "loss"),
        (Circumstances(2e6, loss_ratio=0.10), Rung.VIDEO, "loss"),
        (Circumstances(2e6, loss_ratio=0.20), Rung.LOW_VIDEO, "loss"),
        (Circumstances(3e5, loss_ratio=0.20), Rung.AUDIO_PHOTOS, "loss"),
        (Circumstances(2e6, loss_ratio=0.60), Rung.PHONE, "loss"),
        (Circumstances(2e6, rtt_ms=500, queue_ms=300), Rung.LOW_VIDEO, "delay"),
        (Circumstances(2e6, encode_share=0.95), Rung.LOW_VIDEO, "processor"),
    ],
)
def test_every_limit_lowers_the_rung_and_says_why(
    high: Walk, now: Circumstances, rung: Rung, reason: str
) -> None:
    assert high.go(now, 30) == Standing(rung, reason)


def test_a_far_side_is_no_reason(high: Walk) -> None:
    assert high.go(Circumstances(2e6, rtt_ms=700, queue_ms=5), 60) == Standing(Rung.HD_VIDEO, "")


def test_what_people_want_counts_at_once_and_is_not_held_against_the_link(high: Walk) -> None:
    chosen = replace(HD, chosen=Rung.AUDIO_PHOTOS)
    assert high.go(chosen, 0) == Standing(Rung.AUDIO_PHOTOS, "choice")
    assert high.go(replace(HD, taken=Rung.VIDEO), 0) == Standing(Rung.VIDEO, "other-side")
    assert high.go(HD, 0) == Standing(Rung.HD_VIDEO, "")


def test_a_choice_is_never_above_what_the_link_allows_and_the_link_says_so(high: Walk) -> None:
    thin = replace(HD, target_bps=needs(Rung.LOW_VIDEO) * 1.1, chosen=Rung.VIDEO)
    assert high.go(thin, 10) == Standing(Rung.LOW_VIDEO, "rate")
    assert high.go(replace(thin, chosen=Rung.HD_VIDEO), 1) == Standing(Rung.LOW_VIDEO, "rate")
    assert high.go(replace(thin, target_bps=1.0), 10) == Standing(Rung.PHONE, "rate")


def test_a_choice_stays_the_reason_though_nothing_is_probed_for_above_it(high: Walk) -> None:
    sunk = replace(HD, target_bps=needs(Rung.LOW_VIDEO) * 1.1, chosen=Rung.LOW_VIDEO)
    assert high.go(sunk, 20) == Standing(Rung.LOW_VIDEO, "choice")


def test_a_wish_that_is_lifted_is_followed_at_once(high: Walk) -> None:
    sunk = replace(HD, target_bps=needs(Rung.LOW_VIDEO) * 1.1, chosen=Rung.LOW_VIDEO)
    high.go(sunk, 60)
    high.ladder.hope(high.now)
    assert high.go(HD, 1) == Standing(Rung.HD_VIDEO, "")


def test_what_the_other_calls_of_this_pc_leave_is_no_choice_of_the_doctor(high: Walk) -> None:
    assert high.go(replace(HD, carried=Rung.VIDEO), 0) == Standing(Rung.VIDEO, "processor")


def test_a_processor_too_slow_for_the_next_rung_is_not_asked_to_climb(high: Walk) -> None:
    high.go(Circumstances(2e6, encode_share=0.95), 6)
    assert high.go(Circumstances(2e6, encode_share=0.4), 60) == Standing(Rung.VIDEO, "processor")
    assert high.go(Circumstances(2e6, encode_share=0.1), 31).rung is Rung.HD_VIDEO


def test_five_seconds_of_silence_change_nothing_twenty_mean_the_phone(high: Walk) -> None:
    assert high.go(replace(HD, silent=True, target_bps=60_000), 5).rung is Rung.HD_VIDEO
    assert high.go(HD, 0.25).rung is Rung.HD_VIDEO
    assert high.go(replace(HD, silent=True), 21).rung is Rung.PHONE
    assert high.go(HD, 0.25).rung is Rung.HD_VIDEO


@pytest.mark.parametrize("seed", SEEDS)
def test_it_never_flaps_whatever_the_figures_do(seed: int) -> None:
    rng = random.Random(seed)
    walk = Walk(rng.choice(list(Rung)))
    changes: list[tuple[int, Rung]] = []
    now = HD
    for _ in range(1200):
        if rng.random() < 0.1:
            now = Circumstances(
                10 ** rng.uniform(4, 6.4),
                loss_ratio=rng.choice([0, 0.02, 0.1, 0.3]),
                rtt_ms=rng.choice([50, 300, 900]),
                queue_ms=rng.choice([0, 200]),
                silent=rng.random() < 0.05,
                encode_share=rng.choice([0, 0.3, 0.9]),
            )
        before = walk.ladder.rung
        standing = walk.go(now, 0.25)
        assert standing.reason or standing.rung is Rung.HD_VIDEO
        if walk.ladder.rung is not before:
            changes.append((walk.now, walk.ladder.rung))
            up = walk.ladder.rung > before
            recent = [at for at, _ in changes[:-1] if walk.now - at < (UP_NS if up else DOWN_NS)]
            assert not recent or walk.now < START_NS + UP_NS


@pytest.mark.parametrize("path", sorted(TRACES.glob("*.json")), ids=lambda p: p.stem)
def test_recorded_links_are_climbed_as_recorded(path: Path) -> None:
    recorded = json.loads(path.read_text())
    assert walk(recorded["trace"]) == recorded["walked"]
    assert recorded["walked"][-1][1] == recorded["ends_on"] == ENDS[path.stem]
