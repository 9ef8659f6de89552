"""Lips and voice: who waits for whom, how long, and that it settles; simulated with two clocks."""

import random

import pytest

from telemed_desk.media.engine.lip_sync import (
    MOST_PICTURE_MS,
    MOST_VOICE_MS,
    UNSEEN_MS,
    LipSync,
    SenderTime,
)


def settle(voice_ms: float, picture_ms: float, looks: int = 80) -> LipSync:
    """Let two streams of these own delays be looked at four times a second."""
    lips = LipSync()
    rng = random.Random(1)
    for _ in range(looks):
        lips.look(
            voice_ms + lips.voice_extra_ms + rng.uniform(-3, 3),
            picture_ms + rng.uniform(-3, 3),
        )
    return lips


@pytest.mark.parametrize("ahead", [0.0, 30.0, 100.0, 250.0, 390.0])
def test_a_picture_that_is_ahead_waits_for_its_sound(ahead: float) -> None:
    lips = settle(150 + ahead, 150)
    assert lips.offset_ms is not None
    assert abs(lips.offset_ms) < 15
    assert lips.picture_extra_ms == pytest.approx(ahead, abs=15)
    assert lips.voice_extra_ms == 0


def test_voice_waits_for_a_late_picture_by_very_little() -> None:
    assert settle(100, 130).voice_extra_ms == pytest.approx(0, abs=4)
    assert settle(100, 180).voice_extra_ms == pytest.approx(80 - UNSEEN_MS, abs=8)
    late = settle(100, 700)
    assert late.voice_extra_ms == MOST_VOICE_MS
    assert late.picture_extra_ms == 0


def test_who_begins_to_wait_does_not_overshoot() -> None:
    lips = LipSync()
    for _ in range(20):  # the voice plays on as it was: it takes time to wait longer
        lips.look(400, 200)
        assert lips.picture_extra_ms <= 200
    assert lips.picture_extra_ms == pytest.approx(200)


def test_a_broken_clock_makes_nobody_wait_for_ever() -> None:
    lips = settle(90_000, 100)
    assert lips.picture_extra_ms == MOST_PICTURE_MS
    lips.lost()
    assert (lips.picture_extra_ms, lips.voice_extra_ms, lips.offset_ms) == (0, 0, None)


def test_waiting_grows_and_shrinks_in_small_steps() -> None:
    lips = settle(200, 150)
    before = lips.picture_extra_ms
    steps = []
    for _ in range(30):
        lips.look(200, 190)
        steps.append(before - lips.picture_extra_ms)
        before = lips.picture_extra_ms
    assert max(abs(step) for step in steps) <= 15
    assert before == pytest.approx(10, abs=1)


def test_reports_tie_stream_times_to_the_senders_clock_across_their_wrap() -> None:
    report = SenderTime(ntp=int(1000.5 * 2**32), rtp=2**32 - 9000)
    assert report.taken_ms(2**32 - 9000, 90_000) == pytest.approx(1_000_500)
    assert report.taken_ms(0, 90_000) == pytest.approx(1_000_600)
    assert report.taken_ms(2**32 - 18_000, 90_000) == pytest.approx(1_000_400)
    assert report.taken_ms(3 * 2**32 + 9000, 90_000) == pytest.approx(1_000_700)
