"""Film, speech and their recognition hold what the call tests rest on."""

from pathlib import Path

import numpy as np
import pytest

from telemed_desk.media.sources.barcode import draw_count, read_count
from tests.support.media import (
    COUNTER_MODULO,
    SAMPLE_RATE_HZ,
    draw_counter,
    make_speech,
    read_counter,
    read_wav,
    speech_file,
    talk_file,
)
from tests.support.sound import RECOGNISED, Sound, compare, find


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (640, 360), (320, 180)])
def test_every_count_is_read_back_by_us_and_by_the_product(width: int, height: int) -> None:
    rng = np.random.default_rng(1)
    for count in range(0, COUNTER_MODULO, 7):
        ours = rng.integers(16, 235, (height, width)).astype(np.uint8)
        theirs = ours.copy()
        draw_counter(ours, count)
        draw_count(theirs, count)
        assert np.array_equal(ours, theirs)
        noisy = np.clip(ours + rng.normal(0, 15, ours.shape), 0, 255).astype(np.uint8)
        assert read_counter(noisy) == count
        assert read_count(noisy) == count


def test_a_picture_without_counter_has_none() -> None:
    rng = np.random.default_rng(2)
    assert read_counter(np.full((360, 640), 128, np.uint8)) is None
    noise = [rng.integers(0, 255, (360, 640)).astype(np.uint8) for _ in range(50)]
    assert [read_counter(picture) for picture in noise] == [None] * 50


def test_the_film_counts_its_pictures() -> None:
    path = talk_file(320, 180, pictures=60)
    raw = path.read_bytes()
    head = raw.index(b"\n") + 1
    size = len(b"FRAME\n") + 320 * 180 * 3 // 2
    assert len(raw) == head + 60 * size
    for n in (0, 1, 31, 59):
        start = head + n * size + len(b"FRAME\n")
        luma = np.frombuffer(raw[start : start + 320 * 180], np.uint8).reshape(180, 320)
        assert read_counter(luma) == n


def test_the_speech_file_is_twenty_seconds_of_sound() -> None:
    sound = read_wav(speech_file())
    assert sound.size == 20 * SAMPLE_RATE_HZ
    assert np.abs(sound).max() > 10_000


def _said() -> Sound:
    return Sound.from_start(make_speech(12), 1_000_000.0)


def test_the_delay_of_heard_speech_is_found() -> None:
    said = _said()
    noise = np.random.default_rng(3).normal(0, 200, said.samples.size)
    late = Sound.from_start((said.samples * 0.3 + noise).astype(np.int16), 1_000_000.0 + 347)
    report = compare(said, late, 1_001_000, 1_011_000)
    assert report.found_share == 1.0
    assert report.delay_p50_ms == pytest.approx(347, abs=1)
    assert report.heard_share > 0.97


def test_other_speech_is_not_taken_for_it() -> None:
    other = Sound.from_start(make_speech(12, seed=99), 1_000_000.0)
    matches = [find(_said(), other, 1_001_000.0 + 1000 * i) for i in range(8)]
    assert all(match is not None and match.likeness < RECOGNISED for match in matches)
    assert compare(_said(), other, 1_001_000, 1_010_000).found_share == 0
    assert compare(_said(), other, 1_001_000, 1_010_000, short=True).found_share <= 0.12


def test_speech_played_a_little_faster_is_found_in_short_pieces() -> None:
    said = _said()
    at = np.arange(0, said.samples.size, 1.004)  # what a player does that catches up
    quick = np.interp(at, np.arange(said.samples.size), said.samples).astype(np.int16)
    late = Sound.from_start(quick, 1_000_000.0 + 300)
    in_long = compare(said, late, 1_001_000, 1_010_000).found_share
    in_short = compare(said, late, 1_001_000, 1_010_000, short=True).found_share
    assert in_short > in_long + 0.3


def test_holes_lower_the_heard_share() -> None:
    said = _said()
    holed = said.samples.copy().reshape(-1, SAMPLE_RATE_HZ // 10)
    holed[::4] = 0  # a quarter of the 100 ms pieces
    report = compare(said, Sound.from_start(holed.reshape(-1), 1_000_000.0), 1_001_000, 1_011_000)
    assert 0.6 < report.heard_share < 0.85


def test_a_recording_with_a_gap_in_its_clock_is_laid_right() -> None:
    said = _said()
    middle = 6 * SAMPLE_RATE_HZ
    stopped = Sound(
        said.samples, np.array([1_000_000.0, 1_006_500.0]), np.array([0.0, float(middle)])
    )
    before, after = find(said, stopped, 1_002_000.0), find(said, stopped, 1_007_000.0)
    assert before is not None
    assert after is not None
    assert before.delay_ms == pytest.approx(0, abs=1)
    assert after.delay_ms == pytest.approx(500, abs=1)


def test_the_files_are_made_once() -> None:
    first, second = talk_file(320, 180, pictures=60), talk_file(320, 180, pictures=60)
    assert isinstance(first, Path)
    assert first == second
