"""Probes, the loss sense, the log of what left, and the pacer's window: each by itself."""

import json
import os
import random
from dataclasses import replace
from statistics import fmean

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.engine import steering
from telemed_desk.media.engine.loss_sense import LossSense
from telemed_desk.media.engine.peer_hint import HINTS, PeerLadder, Reception, rung_asked
from telemed_desk.media.engine.probing import Probe, Prober, Situation, read_probe
from telemed_desk.media.transport.pacer import Pacer, Priority
from telemed_desk.media.transport.sent_log import PacketResult, SentLog
from telemed_desk.media.transport.twcc import feedback_wait_s

SEEDS = range(int(os.environ.get("TELEMED_SEEDS", "60")))
MS = 1_000_000
S = 1_000_000_000


def cluster(
    rate_bps: float, capacity_bps: float, seed: int, *, jitter_ms: float = 0.0, loss: float = 0.0
) -> list[PacketResult]:
    """Twenty packets sent at a rate into a link."""
    rng = random.Random(seed)
    size, free, last, results = 700, 0.0, 0.0, []
    for n in range(20):
        sent = n * 8 * size / rate_bps
        free = max(free, sent) + 8 * size / capacity_bps
        last = max(last, free + 0.08 + rng.uniform(-jitter_ms, jitter_ms) / 1000)
        arrived = None if rng.random() < loss else int(last * S)
        results.append(PacketResult(n, int(sent * S), size, arrived, 1))
    return results


@pytest.mark.parametrize("seed", SEEDS)
def test_a_probe_finds_the_capacity_through_jitter_and_loss(seed: int) -> None:
    rng = random.Random(seed)
    capacity = 10 ** rng.uniform(5, 6.3)
    results = cluster(2 * capacity, capacity, seed, jitter_ms=rng.choice([0, 5]), loss=0.1)
    reading = read_probe(results, 0.1)
    if reading is not None:
        assert reading.filled
        assert 0.6 * capacity < reading.carried_bps < 1.25 * capacity


def test_a_probe_that_the_link_carries_is_not_held_for_its_capacity() -> None:
    reading = read_probe(cluster(400_000, 5_000_000, 1), 0.0)
    assert reading is not None
    assert not reading.filled
    assert reading.carried_bps == pytest.approx(400_000, rel=0.1)


def test_a_policed_line_is_seen_by_what_it_swallows() -> None:
    results = cluster(600_000, 50_000_000, 1)
    kept = [r if r.number % 2 else PacketResult(r.number, r.sent_ns, r.size, None) for r in results]
    reading = read_probe(kept, 0.0)
    assert reading is not None
    assert reading.filled
    assert reading.carried_bps == pytest.approx(300_000, rel=0.15)


CALM = Situation(300_000, 2_000_000, None, 0.0, uneasy=False, congested_ns=None)


def test_probes_double_at_the_start_and_never_make_a_tenth_of_a_second_of_queue() -> None:
    probe = Prober().next(CALM, 0)
    assert probe is not None
    assert probe.rate_bps == 600_000
    assert (probe.rate_bps - CALM.target_bps) * probe.duration_ns / S <= 0.1001 * CALM.target_bps


@pytest.mark.parametrize(
    "bad",
    [
        Situation(300_000, 2e6, None, 50.0, uneasy=False, congested_ns=None),
        Situation(300_000, 2e6, None, 0.0, uneasy=True, congested_ns=None),
        Situation(300_000, 310_000, None, 0.0, uneasy=False, congested_ns=None),
        Situation(300_000, 2e6, 3e5, 0.0, uneasy=False, congested_ns=0),
    ],
    ids=["queue", "loss", "nothing-wanted", "just-congested"],
)
def test_no_probe_where_voice_would_suffer_or_nobody_wants_it(bad: Situation) -> None:
    assert Prober().next(bad, S // 2) is None


def test_a_probe_that_failed_makes_the_next_one_wait_longer_each_time() -> None:
    prober, now, gaps, last = Prober(), 0, [], 0
    while len(gaps) < 5:
        probe = prober.next(CALM, now)
        if probe is not None:
            gaps.append(now - last)
            last = now
            prober.add(cluster(600_000, 300_000, 1))
        now += 100 * MS
        prober.read(now, 100, 0.0)
    assert gaps[2] > 1.5 * gaps[1]
    assert gaps[3] > 1.5 * gaps[2]


def results(total: int, lost: float, rng: random.Random, start: int) -> list[PacketResult]:
    return [
        PacketResult(start + n, 0, 500, None if rng.random() < lost else 1) for n in range(total)
    ]


@pytest.mark.parametrize("policed", [False, True])
def test_loss_is_tried_before_it_is_believed(policed: bool) -> None:
    rng, sense, rate, verdicts = random.Random(3), LossSense(), 1.0, []
    for n in range(500):
        lost = max(0.0, 1 - 0.75 / rate) if policed else 0.2
        if n < 100:
            lost = 0.0  # what is lost from the first packet on is the link's own
        verdict = sense.add(results(10, lost, rng, 10 * n), 0.0, n * 100 * MS)
        if verdict == "less":
            sense.begin_trial(n * 100 * MS, 50)
            rate *= 0.75
        verdicts.append(verdict)
    assert ("own" in verdicts) is not policed
    assert sense.usual == pytest.approx(0.0 if policed else 0.2, abs=0.08)


def test_loss_is_known_after_the_first_packets_and_room_is_left_for_repeats(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    known: list[LossSense] = []
    for seed in range(20):
        rng, sense = random.Random(seed), LossSense()
        for n in range(6):  # two seconds of a thin link, without a queue
            sense.add(results(10, 0.2, rng, 10 * n), 0.0, n * 300 * MS)
        known.append(sense)
    assert fmean(sense.ratio for sense in known) > 0.12
    assert fmean(sense.usual for sense in known) > 0.07
    sense = max(known, key=lambda one: one.usual)
    spent: list[int] = []
    for spared in (0.0, 0.15):
        monkeypatch.setattr(steering, "MOST_SPARED", spared)
        one = steering.Steering(Rung.VIDEO, 0)
        one.rate._loss = sense
        one.rate.informed, one.rate.target_bps = True, 400_000.0
        spent.append(one.decide(9_000 * MS, 80).video_bps)
    assert 0.75 < spent[1] / spent[0] < 0.97


def test_the_log_tells_each_loss_once_and_knows_what_is_on_its_way() -> None:
    log = SentLog()
    for n in range(3):
        log.add(n, 100, probe=n)
    assert log.in_flight == 300
    told = log.results([(1, 5), (2, None)])
    assert [(r.number, r.arrived_ns, r.probe) for r in told] == [(1, 5, 0), (2, None, 1)]
    assert log.in_flight == 100
    assert log.results([(2, None), (1, 9), (40_000, 1)]) == []
    assert [r.arrived_ns for r in log.results([(2, 7)])] == [7]


def test_beyond_the_window_pictures_wait_and_voice_does_not() -> None:
    pacer: Pacer[str] = Pacer(500_000)
    pacer.window_bytes, pacer.in_flight = 5000, 6000
    pacer.push("picture", 1000, Priority.VIDEO, 0)
    pacer.push("repeat", 1000, Priority.REPAIR, 0)
    pacer.push("voice", 100, Priority.AUDIO, 0)
    assert pacer.take(0) == ["voice"]
    assert pacer.drain_s() == float("inf")
    pacer.in_flight = 4000
    assert pacer.take(20 * MS) == ["repeat", "picture"]


def test_while_a_queue_drains_only_voice_leaves() -> None:
    pacer: Pacer[str] = Pacer(500_000)
    pacer.set_target(300_000, 0.0)
    pacer.push("picture", 1000, Priority.VIDEO, 0)
    pacer.push("voice", 100, Priority.AUDIO, 0)
    assert pacer.take(0) == ["voice"]
    assert pacer.take(S) == []
    pacer.set_target(300_000, 300_000)
    assert pacer.take(S + 10 * MS) == ["picture"]


def test_voice_that_the_way_holds_too_much_of_already_is_thrown_away() -> None:
    pacer: Pacer[str] = Pacer(30_000)
    pacer.skip_voice = True
    pacer.push("late", 100, Priority.AUDIO, 0)
    assert pacer.take(0) == []
    assert pacer.empty
    assert pacer.drain_s() == 0
    pacer.skip_voice = False
    pacer.push("voice", 100, Priority.AUDIO, MS)
    assert pacer.take(MS) == ["voice"]


def test_a_probe_is_filled_with_padding_at_its_rate_and_ends() -> None:
    pacer: Pacer[str] = Pacer(300_000)
    pacer.take(0)
    pacer.begin_probe(Probe(7, 800_000, 100 * MS, 500), 0)
    assert pacer.probe == 7
    padding = 0
    for tick in range(1, 40):
        pacer.take(tick * 5 * MS)
        padding += sum(pacer.padding_sizes())
    assert 8 * padding / 0.1 == pytest.approx(800_000, rel=0.15)
    assert pacer.probe == 0
    assert pacer.empty


def test_feedback_is_seldom_where_the_way_back_is_thin() -> None:
    assert feedback_wait_s(1_000_000) == 0.05
    assert 0.1 < feedback_wait_s(100_000) < 0.25
    assert feedback_wait_s(24_000) == 0.5


# ---- what the other side shall send


def advise(ladder: PeerLadder, now: Reception, begin_s: int, seconds: int) -> list[Rung]:
    told = []
    for second in range(begin_s, begin_s + seconds):
        hint = ladder.advise(now, second * S)
        if hint is not None:
            told.append(next(rung for rung, of in HINTS.items() if of == hint))
    return told


def test_the_browser_is_told_only_what_changed_down_in_seconds_and_up_in_half_a_minute() -> None:
    ladder = PeerLadder()
    assert advise(ladder, Reception(0.0, 0.0), 1, 20) == [Rung.HD_VIDEO]
    down = advise(ladder, Reception(0.3, 0.2), 21, 40)
    assert down == [Rung.VIDEO, Rung.LOW_VIDEO, Rung.AUDIO_PHOTOS]
    assert advise(ladder, Reception(0.0, 0.0), 61, 25) == []
    assert advise(ladder, Reception(0.0, 0.0), 86, 120)[-1] is Rung.HD_VIDEO
    ladder.forget()
    assert advise(ladder, Reception(0.0, 0.0), 300, 5) == [Rung.HD_VIDEO]


def test_what_a_person_wants_is_asked_for_at_once_and_named_so() -> None:
    ladder, good = PeerLadder(), Reception(0.0, 0.0)
    assert advise(ladder, good, 1, 20) == [Rung.HD_VIDEO]
    chosen = ladder.advise(replace(good, wanted=Rung.AUDIO_PHOTOS), 21 * S)
    assert chosen is not None
    assert json.loads(chosen.message())["why"] == "choice"
    assert rung_asked(chosen.message()) is Rung.AUDIO_PHOTOS
    assert ladder.advise(good, 22 * S) == HINTS[Rung.HD_VIDEO]
    # Where the link carries no more than was wanted, the link is the reason.
    bad = Reception(0.3, 0.2, wanted=Rung.AUDIO_PHOTOS)
    for second in range(23, 60):
        last = ladder.advise(bad, second * S) or chosen
        chosen = last
    assert "why" not in json.loads(last.message())


def test_what_the_other_side_asks_is_read_and_rubbish_is_not() -> None:
    for rung, hint in HINTS.items():
        assert rung_asked(hint.message()) is rung
    assert set(json.loads(HINTS[Rung.VIDEO].message())) == {
        "t",
        "video",
        "max_kbps",
        "scale",
        "fps",
    }
    for rubbish in (b"x", "", "[]", "{", '{"t":"photo-end"}', "[" * 5000, "x" * 5000):
        assert rung_asked(rubbish) is None
    assert rung_asked('{"t":"send","video":true,"max_kbps":"a"}') is Rung.HD_VIDEO
    assert rung_asked('{"t":"send","max_kbps":-1}') is Rung.LOW_VIDEO
