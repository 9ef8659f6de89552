"""Freezes, delays and pace of pictures are told as defined."""

import numpy as np
import pytest

from tests.support.calls.pictures import compare_pictures
from tests.support.calls.recording import Pictures


def _taken(count: int) -> Pictures:
    return np.array([[1000.0 + 33 * n, n % 300, 640, 360] for n in range(count)])


def _shown(taken: Pictures, late_ms: float) -> Pictures:
    shown = taken.copy()
    shown[:, 0] += late_ms
    return shown


def test_an_even_stream_is_not_frozen() -> None:
    taken = _taken(300)
    report = compare_pictures(taken, _shown(taken, 120), 500, 2000, 9000)
    assert report.recognised == 300
    assert report.first_s == pytest.approx(0.62)
    assert report.fps == pytest.approx(1000 / 33, abs=0.3)
    assert report.frozen_share == 0
    assert report.delay_p50_ms == pytest.approx(120)
    assert report.lines == 360


def test_a_gap_is_frozen_time() -> None:
    taken = _taken(300)
    shown = _shown(taken, 0)
    holed = shown[(shown[:, 0] < 4000) | (shown[:, 0] > 6000)]
    report = compare_pictures(taken, holed, 500, 2000, 10_000)
    assert report.frozen_share == pytest.approx(2 / 8, abs=0.01)
    assert report.longest_gap_s == pytest.approx(2, abs=0.05)


def test_the_same_picture_again_and_older_ones_are_not_new() -> None:
    taken = _taken(100)
    shown = np.repeat(_shown(taken, 50), 2, axis=0)
    shown = np.concatenate([shown, [[taken[-1, 0] + 100, 5, 640, 360]]])
    assert compare_pictures(taken, shown, 500, 1000, 5000).recognised == 100


def test_the_second_round_of_the_film_is_told_from_the_first() -> None:
    taken = _taken(600)
    report = compare_pictures(taken, _shown(taken, 200), 500, 12_000, 20_000)
    assert report.recognised == 600
    assert report.delay_p95_ms == pytest.approx(200)


def test_unreadable_and_foreign_pictures_do_not_count() -> None:
    taken = _taken(100)
    shown = _shown(taken, 50)
    shown[::2, 1] = -1
    report = compare_pictures(taken[:50], shown, 500, 1000, 5000)
    assert report.unreadable_share == pytest.approx(0.5)
    assert report.recognised == 25
    assert compare_pictures(taken, shown[:0], 500, 1000, 5000).frozen_share == 1.0
