"""Which call comes next, how sure a median is, what a verdict says: all without holding a call."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import pytest

from benchmarks.calls.cells import (
    MAX_SPOILT,
    Cell,
    all_cells,
    blocks_of,
    fitting,
    next_call,
    order_of_round,
)
from benchmarks.calls.figures import CallFigures, DirectionFigures
from benchmarks.calls.folder import RunFolder
from benchmarks.calls.goals import GOALS
from benchmarks.calls.intervals import middle
from benchmarks.calls.report import report
from benchmarks.calls.tables import per_call, write
from benchmarks.calls.verdicts import OURS, judge, verdicts

CELLS = all_cells(["bad", "rural", "drop"], ["oc", "cc", "oo"], [720])
COST_S = {"bad": 30.0, "rural": 30.0, "drop": 55.0}
FROZEN = next(g for g in GOALS if (g.condition, g.what) == ("bad", "frozen >200 ms %"))
QUALITY = next(g for g in GOALS if (g.condition, g.what) == ("bad", "PESQ"))
BACK = next(g for g in GOALS if (g.condition, g.what) == ("outage", "sound back s"))


def _cost_s(cell: Cell) -> float:
    return COST_S[cell.condition]


# ---- rounds


def _hold_all(minutes: float, rounds: int = 7) -> Counter[Cell]:
    """Hold imaginary calls until the time is up; the counts of each cell."""
    left_s = minutes * 60
    calls: list[tuple[Cell, int, bool]] = []

    def fits(missing: Sequence[Cell]) -> Sequence[Cell]:
        if left_s > sum(map(_cost_s, missing)):
            return missing
        return fitting(missing, _cost_s, left_s, 1)

    while (upcoming := next_call(CELLS, calls, rounds, 1, fits)) is not None:
        cell, number = upcoming
        left_s -= _cost_s(cell)
        calls.append((cell, number, True))
    assert left_s >= 0
    return Counter(cell for cell, _, _ in calls)


@pytest.mark.parametrize("minutes", [3, 7, 12, 20, 35])
def test_when_time_is_up_all_pairs_of_a_link_have_equal_counts(minutes: float) -> None:
    counts = _hold_all(minutes)
    for block in blocks_of(CELLS):
        assert len({counts[cell] for cell in block}) == 1
    assert max(counts.values()) - min(counts[cell] for cell in CELLS) <= 1
    # The most important links are not the ones that are behind.
    by_link = [counts[Cell(link, "oc", 720)] for link in ("bad", "rural")]
    assert by_link == sorted(by_link, reverse=True)


def test_a_run_goes_on_where_it_was_killed_and_ends() -> None:
    calls: list[tuple[Cell, int, bool]] = []
    for _ in range(3 * len(CELLS)):
        upcoming = next_call(CELLS, calls, 3, seed=1)
        assert upcoming is not None
        calls.append((*upcoming, True))
    assert Counter((cell, number) for cell, number, _ in calls).most_common(1)[0][1] == 1
    assert next_call(CELLS, calls, 3, seed=1) is None
    lost = calls.pop(5)
    assert next_call(CELLS, calls, 3, seed=1) == lost[:2]


def test_a_spoilt_call_is_held_again_but_not_for_ever() -> None:
    first = next_call(CELLS, [], 7, seed=1)
    assert first is not None
    spoilt = [(*first, False)]
    assert next_call(CELLS, spoilt, 7, seed=1) == first
    assert next_call(CELLS, spoilt * MAX_SPOILT, 7, seed=1) != first


def test_rounds_are_shuffled_each_in_its_own_way_and_pairs_stay_together() -> None:
    orders = [order_of_round(CELLS, 1, number) for number in range(1, 8)]
    assert len({tuple(order) for order in orders}) > 4
    assert order_of_round(CELLS, 1, 3) == orders[2]
    firsts = {next(c.pair for c in order if c.condition == "bad") for order in orders}
    assert len(firsts) > 1  # nor does one pair always come first
    for order in orders:
        assert sorted(order) == sorted(CELLS)
        links = [cell.condition for cell in order]
        assert sum(a != b for a, b in itertools.pairwise(links)) == 2


def test_only_whole_links_that_fit_are_taken() -> None:
    assert {c.condition for c in fitting(CELLS, _cost_s, 200, 1)} == {"bad", "rural"}
    assert {c.condition for c in fitting(CELLS, _cost_s, 170, 1)} == {"bad"}
    assert fitting(CELLS, _cost_s, 80, 1) == []
    assert len(fitting(CELLS, _cost_s, 345, 1)) == 9


# ---- intervals


def test_the_interval_of_seven_is_from_end_to_end_and_of_fewer_than_six_none() -> None:
    assert middle([3, 1, 2, 7, 5, 4, 6]) == middle([1, 2, 3, 4, 5, 6, 7])
    seven = middle(range(1, 8))
    assert (seven.value, seven.low, seven.high, seven.sure) == (4, 1, 7, True)
    assert not middle([1, 2, 3, 4, 5]).sure
    assert middle([1, 2, 3, 4, 5, 6]).sure
    nine = middle(range(9))
    assert (nine.low, nine.high) == (1, 7)  # 96.1 % (Hahn and Meeker's table)
    assert (middle(range(15)).low, middle(range(15)).high) == (3, 11)  # 96.5 %


def test_the_interval_holds_the_median_as_often_as_it_says() -> None:
    rng = random.Random(4)
    for count in (6, 7, 10, 20):
        held = 0
        for _ in range(3000):
            found = middle([rng.expovariate(1) for _ in range(count)])
            held += found.low <= math.log(2) <= found.high
        assert held / 3000 > 0.94


# ---- goals


def _direction(sender: str, receiver: str, **values: Any) -> DirectionFigures:
    fields: dict[str, Any] = {field.name: 0.0 for field in msgspec.structs.fields(DirectionFigures)}
    return DirectionFigures(
        **{**fields, "lines": 360, "sender": sender, "receiver": receiver, **values}
    )


def _call(pair: str, number: int, condition: str = "bad", **values: Any) -> CallFigures:
    a, b = pair[0], pair[1]
    return CallFigures(
        condition=condition,
        pair=pair,
        film=720,
        round=number,
        seed=1,
        seconds=20.0,
        began=f"2026-01-01T00:{number:02}:00Z",
        source="abc",
        kept=True,
        why_not="",
        ended_by=[],
        stayed_up=True,
        problems=[],
        busy_share=0.5,
        background_cores=0.0,
        late_share=0.0,
        latest_ms=1.0,
        directions=[_direction(a, b, **values), _direction(b, a, **values)],
    )


def test_a_goal_is_met_by_the_median_and_compared_round_by_round() -> None:
    ours = [3.1, 3.3, 2.9, 3.2, 3.4, 3.0, 3.2]
    theirs = [2.1, 2.2, 2.3, 2.0, 2.4, 2.2, 2.1]
    calls = [_call("oc", n, quality=q) for n, q in enumerate(ours, 1)]
    calls += [_call("cc", n, quality=q) for n, q in enumerate(theirs, 1)]
    calls += [_call("ac", n, quality=1.2) for n in range(1, 8)]
    verdict = judge(QUALITY, "o→c", calls)
    assert verdict.ours is not None
    assert verdict.ours.value == 3.2
    assert verdict.beside is not None
    assert verdict.beside.value == pytest.approx(
        median(a / b for a, b in zip(ours, theirs, strict=True))
    )
    assert (verdict.met, verdict.standing, verdict.better_than_stock) == (True, "better", True)
    assert judge(QUALITY, "o→o", calls).met is None  # not measured


def test_worse_than_the_goal_and_than_chromium_is_said() -> None:
    calls = [_call("oc", n, frozen_200=0.2) for n in range(1, 8)]
    calls += [_call("cc", n, frozen_200=0.04) for n in range(1, 8)]
    verdict = judge(FROZEN, "c→o", calls)
    assert (verdict.met, verdict.standing, verdict.better_than_stock) == (False, "worse", None)
    assert verdict.beside is not None
    assert verdict.beside.value == pytest.approx(
        16
    )  # points, because Chromium's may be none at all


def test_nothing_frozen_on_either_side_is_as_good() -> None:
    calls = [_call(pair, n, frozen_200=0.0) for n in range(1, 8) for pair in ("oc", "cc")]
    verdict = judge(FROZEN, "o→c", calls)
    assert (verdict.met, verdict.standing) == (True, "level")


def test_sound_that_never_came_back_is_the_worst_and_not_left_out() -> None:
    back = [0.3, 0.2, None, None, None, None, 0.3]
    calls = [_call("oc", n, "outage", sound_back_s=s) for n, s in enumerate(back, 1)]
    calls += [_call("cc", n, "outage", sound_back_s=0.6) for n in range(1, 8)]
    verdict = judge(BACK, "o→c", calls)
    assert verdict.ours is not None
    assert math.isinf(verdict.ours.value)
    assert write(verdict.ours, ".2f") == "never [0.20, never]"
    assert (verdict.met, verdict.standing) == (
        False,
        "level",
    )  # three calls were better, four never came
    assert verdict.beside is not None
    assert math.isinf(verdict.beside.value)


def test_between_two_of_a_kind_a_call_counts_once() -> None:
    call = _call("oo", 1)
    both = [_direction("o", "o", quality=2.0), _direction("o", "o", quality=3.0)]
    call = msgspec.structs.replace(call, directions=both)
    assert per_call([call], "o→o", QUALITY.value) == {1: 2.5}


def test_every_goal_is_judged_in_every_direction_and_thrown_away_runs_are_not_counted() -> None:
    assert len(verdicts([], 720)) == len(GOALS) * len(OURS)
    spoilt = msgspec.structs.replace(_call("oc", 1, quality=4.0), kept=False)
    found = [v for v in verdicts([spoilt], 720) if v.goal is QUALITY]
    assert [v.met for v in found] == [None, None, None]


def test_exactly_the_limit_is_enough() -> None:
    for goal in GOALS:
        assert goal.reached(goal.limit)
        worse = -0.01 if goal.more_is_better else 0.01
        assert not goal.reached(goal.limit + worse)
        assert not goal.reached(goal.never)


# ---- files and report


def test_calls_are_read_back_and_a_spoilt_one_never_replaces_a_good_one(
    tmp_path: Path,
) -> None:
    folder = RunFolder(tmp_path / "run")
    good = _call("oc", 1, quality=3.0)
    folder.add(good)
    folder.add(msgspec.structs.replace(good, kept=False, why_not="the processors were 99% busy"))
    assert sorted(c.kept for c in folder.calls()) == [False, True]
    assert good in folder.calls()


def test_the_report_keeps_lost_rows_and_names_what_was_thrown_away() -> None:
    calls = [_call("oc", n, quality=1.0, frozen_200=0.9) for n in range(1, 8)]
    calls += [_call("cc", n, quality=3.0) for n in range(1, 8)]
    gave_up = msgspec.structs.replace(calls[0], ended_by=["o"], stayed_up=False)
    thrown = msgspec.structs.replace(calls[1], kept=False, why_not="the processors were 99% busy")
    text = report([gave_up, thrown, *calls[2:]], ["a machine"], "nothing")
    assert "| bad | PESQ | >= 3 | o→c | 6 | 1.00" in text
    assert "missed" in text
    assert "Our engine gave up 1 of 6 calls." in text
    assert "1 calls thrown away" in text
    assert "bad oc 720, round 2: thrown away: the processors were 99% busy" in text
    assert "Not measured: " in text
    assert "drop" in text.split("Not measured: ", 1)[1].splitlines()[0]
