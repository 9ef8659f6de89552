"""The practice clinic's day: whenever it is opened, all of its visits are today's."""

import pytest

from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.day import DAY_MS, start_of_day_ms
from telemed_desk.workflow.practice_data import practice_bookings

MINUTE_MS = 60_000


@pytest.mark.parametrize("minute", [0, 8 * 60 + 3, 18 * 60 + 31, 23 * 60 + 44, 23 * 60 + 59])
def test_all_visits_are_today_and_the_first_is_now(minute: int) -> None:
    midnight = start_of_day_ms(wall_ms())
    now_ms = midnight + minute * MINUTE_MS
    drafts = practice_bookings([bytes([n]) * 16 for n in range(12)], b"c" * 16, now_ms)
    booked = [draft.payload["booked_ms"] for draft in drafts]
    assert len(booked) == 12
    assert now_ms - 5 * MINUTE_MS < booked[0] <= now_ms
    assert booked == sorted(set(booked)), "the order of the list is the order of the day"
    assert booked[-1] < midnight + DAY_MS
