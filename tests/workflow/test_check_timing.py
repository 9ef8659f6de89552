"""When the program checks by itself: PCs of a site do not begin together, and no visit is forgotten."""

import random

from telemed_desk.devices.checks.probe import other_pc_measures
from telemed_desk.devices.limits import LIMITS
from telemed_desk.workflow.check_plan import BEFORE_VISIT_MS
from telemed_desk.workflow.check_timing import MOST_TRIES, OTHER_PC_S, SPREAD_S, CheckTiming

VISIT_MS = 1_800_000_000_000


def begins_at_ms(seed: int) -> int:
    """Return when a PC begins to check for a visit, asked once a second as the window does."""
    timing = CheckTiming(random.Random(seed))
    for now_ms in range(VISIT_MS - 2 * BEFORE_VISIT_MS, VISIT_MS, 1000):
        if timing.visit_is_due(VISIT_MS, now_ms, checked_ms=None, running=False):
            return now_ms
    raise AssertionError("the visit was forgotten")


def test_pcs_of_a_site_begin_within_twenty_seconds_and_not_together() -> None:
    begun = [begins_at_ms(seed) - (VISIT_MS - BEFORE_VISIT_MS) for seed in range(40)]
    assert all(0 <= late_ms <= 1000 * SPREAD_S for late_ms in begun)
    assert len(set(begun)) >= 10


def test_a_visit_is_checked_for_once() -> None:
    timing = CheckTiming(random.Random(1))
    near_ms = VISIT_MS - 60_000
    asked = [timing.visit_is_due(VISIT_MS, near_ms, checked_ms=None, running=False) for _ in "123"]
    assert asked == [True, False, False]
    assert (
        timing.visit_is_due(VISIT_MS + 900_000, VISIT_MS, checked_ms=None, running=False) is False
    )
    assert timing.visit_is_due(VISIT_MS + 30_000, VISIT_MS, checked_ms=None, running=False)


def test_what_was_just_checked_or_runs_is_not_checked_again() -> None:
    timing = CheckTiming(random.Random(1))
    near_ms = VISIT_MS - 60_000
    assert not timing.visit_is_due(VISIT_MS, near_ms, checked_ms=None, running=True)
    assert not timing.visit_is_due(VISIT_MS, near_ms, checked_ms=near_ms - 60_000, running=False)
    assert not timing.visit_is_due(None, near_ms, checked_ms=None, running=False)
    assert timing.visit_is_due(VISIT_MS, near_ms, checked_ms=near_ms - 3_600_000, running=False)


def test_who_waited_for_another_pc_tries_again_but_not_for_ever() -> None:
    timing = CheckTiming(random.Random(1))
    busy, free = tuple(other_pc_measures()), (LIMITS["N8.up"].judge(3000),)
    assert timing.again_in_s(free) is None
    waits = [timing.again_in_s(busy) for _ in range(MOST_TRIES + 1)]
    assert waits[-1] is None
    assert all(w is not None and OTHER_PC_S <= w <= OTHER_PC_S + SPREAD_S for w in waits[:-1])
    assert timing.again_in_s(free) is None
    assert timing.again_in_s(busy) is not None
