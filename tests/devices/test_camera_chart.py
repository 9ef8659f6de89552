"""The colour chart: found however it is held, and its numbers right; good enough for skin or not."""

import math
import os
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from telemed_desk.devices.checks.camera_chart import find_chart
from telemed_desk.devices.checks.camera_colour import (
    COLORCHECKER,
    ciede2000,
    lab_from_linear,
    linear,
    linear_from_lab,
)
from telemed_desk.devices.checks.camera_edge import mtf50
from telemed_desk.devices.checks.camera_skin import (
    ChartLooked,
    ChartTrouble,
    SkinAnswer,
    SkinReading,
    agree,
    look_for_chart,
    reading,
    skin_verdict,
)
from telemed_desk.devices.findings import Outcome
from tests.support.devices.drawn_chart import Shot, draw

SEEDS = range(int(os.environ.get("TELEMED_SEEDS", "4")))

# ---- the colour difference -----------------------------------------------------------------------

# Sharma, Wu, Dalal (2005), table 1: L, a, b of one colour, of the other, and their difference.
SHARMA = (
    (50.0000, 2.6772, -79.7751, 50.0000, 0.0000, -82.7485, 2.0425),
    (50.0000, 3.1571, -77.2803, 50.0000, 0.0000, -82.7485, 2.8615),
    (50.0000, 2.8361, -74.0200, 50.0000, 0.0000, -82.7485, 3.4412),
    (50.0000, -1.3802, -84.2814, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -1.1848, -84.8006, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, -0.9009, -85.5211, 50.0000, 0.0000, -82.7485, 1.0000),
    (50.0000, 0.0000, 0.0000, 50.0000, -1.0000, 2.0000, 2.3669),
    (50.0000, -1.0000, 2.0000, 50.0000, 0.0000, 0.0000, 2.3669),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0009, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0010, 7.1792),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0011, 7.2195),
    (50.0000, 2.4900, -0.0010, 50.0000, -2.4900, 0.0012, 7.2195),
    (50.0000, -0.0010, 2.4900, 50.0000, 0.0009, -2.4900, 4.8045),
    (50.0000, 2.5000, 0.0000, 50.0000, 0.0000, -2.5000, 4.3065),
    (50.0000, 2.5000, 0.0000, 73.0000, 25.0000, -18.0000, 27.1492),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.1736, 0.5854, 1.0000),
    (50.0000, 2.5000, 0.0000, 50.0000, 3.2972, 0.0000, 1.0000),
    (60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644),
    (22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373),
)


@pytest.mark.parametrize("row", SHARMA)
def test_colour_differences_are_those_of_the_authors(row: tuple[float, ...]) -> None:
    one, other = np.array([row[:3]]), np.array([row[3:6]])
    assert ciede2000(one, other)[0] == pytest.approx(row[6], abs=5e-5)
    assert ciede2000(other, one)[0] == pytest.approx(row[6], abs=5e-5)


def test_srgb_and_cielab_agree_with_the_standards() -> None:
    known = np.array([[1.0, 1.0, 1.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.5, 0.5]])
    lab = lab_from_linear(linear(known))
    assert lab[0] == pytest.approx([100, 0, 0], abs=0.05)
    # sRGB's red and blue under D50, as colour management systems give them.
    assert lab[1] == pytest.approx([54.29, 80.81, 69.89], abs=0.1)
    assert lab[2] == pytest.approx([29.57, 68.30, -112.03], abs=0.1)
    assert lab[3] == pytest.approx([53.39, 0, 0], abs=0.05)
    assert lab_from_linear(linear_from_lab(COLORCHECKER)) == pytest.approx(COLORCHECKER, abs=1e-9)


# ---- detail --------------------------------------------------------------------------------------

_erf = np.vectorize(math.erf)


def edge(blur: float, degrees: float, noise: float = 0.0) -> NDArray[np.float64]:
    """Return a slanted edge behind a Gaussian blur, as pixels integrate it."""
    fine = 5
    y, x = np.mgrid[0 : 40 * fine, 0 : 32 * fine] / fine
    slope = math.tan(math.radians(degrees))
    across = (x - 16 - (y - 20) * slope) * math.cos(math.radians(degrees))
    light = 0.02 + 0.83 * 0.5 * (1 + _erf(across / (blur * math.sqrt(2))))
    pixels = light.reshape(40, fine, 32, fine).mean(axis=(1, 3))
    return np.asarray(pixels + np.random.default_rng(3).normal(0, noise, pixels.shape), np.float64)


def true_mtf50(blur: float) -> float:
    frequency = np.linspace(0.001, 1, 4000)
    response = np.exp(-2 * np.pi**2 * blur**2 * frequency**2) * np.abs(np.sinc(frequency))
    return float(frequency[np.argmax(response < 0.5)])


@pytest.mark.parametrize("blur", [0.5, 0.75, 1.0, 1.5, 2.0])
@pytest.mark.parametrize(("degrees", "noise"), [(5, 0.0), (3, 0.0), (-8, 0.0), (5, 0.01)])
def test_mtf50_of_a_known_blur(blur: float, degrees: float, noise: float) -> None:
    measured = mtf50(edge(blur, degrees, noise))
    assert measured == pytest.approx(true_mtf50(blur), rel=0.08)


def test_what_is_no_slanted_edge_is_not_measured() -> None:
    assert mtf50(edge(1.0, 0)) is None  # upright: it crosses the pixels at one place only
    assert mtf50(np.full((40, 32), 0.5)) is None
    assert mtf50(edge(1.0, 5)[:5]) is None
    assert mtf50(edge(1.0, 5) * 0.1) is None  # too little contrast


# ---- the chart is found --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "shot",
    [
        Shot(degrees=0),
        Shot(degrees=25),
        Shot(degrees=175),
        Shot(degrees=95, size=60),
        Shot(size=48),
        Shot(size=140),
        Shot(blur=3),
        Shot(noise=10),
        Shot(wall=0.01),
        Shot(wall=0.8),
        Shot(cast=(1.5, 1.0, 0.6), light=0.6),
        Shot(lean=0.2),
        Shot(light=0.25),
    ],
    ids=str,
)
def test_a_chart_is_found_however_it_is_held(shot: Shot) -> None:
    chart = find_chart(draw(shot))
    assert chart is not None
    assert chart.pitch == pytest.approx(shot.size, rel=0.08)
    turn = math.radians(shot.degrees)
    top_left = np.array([-2.5, -1.5]) * shot.size
    expected = (
        top_left[0] * math.cos(turn) - top_left[1] * math.sin(turn) + shot.width / 2,
        top_left[0] * math.sin(turn) + top_left[1] * math.cos(turn) + shot.height / 2,
    )
    seen = chart.at(np.array([[0.0, 0.0]]))[0]
    assert np.hypot(*(seen - expected)) < 0.15 * shot.size + shot.lean * 100


def test_what_is_no_chart_is_not_taken_for_one() -> None:
    random = np.random.default_rng(1)
    tiles = np.full((720, 1280, 3), 12, np.uint8)
    for row in range(8):
        for column in range(12):
            y, x = 20 + row * 85, 20 + column * 100
            tiles[y : y + 70, x : x + 75] = random.integers(30, 255, 3)
    noise = cv2.GaussianBlur(random.integers(0, 255, (720, 1280, 3)).astype(np.uint8), (0, 0), 4)
    grey = np.full((720, 1280, 3), 128, np.uint8)
    left_half = draw(Shot())[:, :640]
    for picture in (tiles, noise, grey, np.ascontiguousarray(left_half)):
        assert find_chart(picture) is None


# ---- and read ------------------------------------------------------------------------------------


def read(shot: Shot) -> SkinReading:
    looks = []
    for seed in range(3):
        _, seen = look_for_chart(draw(replace(shot, seed=seed)))
        assert isinstance(seen, ChartLooked), seen
        looks.append(seen)
    assert agree(looks)
    return reading(looks)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_perfect_camera_is_good_enough(seed: int) -> None:
    random = np.random.default_rng(seed)
    shot = Shot(
        degrees=float(random.uniform(3, 9) * random.choice([-1, 1]) + random.choice([0, 180])),
        size=float(random.uniform(55, 110)),
        light=float(random.uniform(0.4, 0.95)),
        wall=float(random.uniform(0.02, 0.6)),
        noise=float(random.uniform(0, 3)),
    )
    verdict = skin_verdict(read(shot))
    assert (verdict.answer, verdict.action) == (SkinAnswer.YES, ""), (shot, verdict)
    assert verdict.reading is not None
    assert verdict.reading.grey_error < 1
    assert verdict.reading.skin_error < 1
    assert verdict.reading.mean_error < 1
    assert {finding.outcome for finding in verdict.findings} == {Outcome.PASS}


@pytest.mark.parametrize(
    ("shot", "failed"),
    [
        (Shot(cast=(1.5, 1.0, 0.6), light=0.6), {"C12"}),
        (Shot(cast=(0.65, 1.0, 1.3), light=0.7), {"C12"}),
        (Shot(blur=2.0), {"C10"}),
        (Shot(blur=4.0), {"C10"}),
    ],
    ids=str,
)
def test_a_cast_or_a_blur_is_not_good_enough(shot: Shot, failed: set[str]) -> None:
    verdict = skin_verdict(read(shot))
    assert verdict.answer is SkinAnswer.NO
    assert verdict.action
    found = {one.check for one in verdict.findings if one.outcome is Outcome.FAIL}
    assert failed <= found <= failed | {"C12.skin"}


def test_a_slight_cast_is_said_but_does_not_forbid() -> None:
    verdict = skin_verdict(read(Shot(cast=(1.15, 1.0, 0.85), light=0.8)))
    assert verdict.answer is SkinAnswer.YES
    assert verdict.action


def test_blur_is_measured_in_the_whole_picture() -> None:
    assert read(Shot(blur=1.2)).mtf50 == pytest.approx(true_mtf50(1.2), rel=0.15)


@pytest.mark.parametrize(
    ("shot", "trouble"),
    [
        (Shot(degrees=0), ChartTrouble.TILT),
        (Shot(degrees=25), ChartTrouble.TILT),
        (Shot(size=40), ChartTrouble.CLOSER),
        (Shot(light=0.1), ChartTrouble.BRIGHTER),
        (Shot(light=1.6), ChartTrouble.DARKER),
        (Shot(noise=25), ChartTrouble.GLARE),
    ],
    ids=str,
)
def test_what_is_in_the_way_is_said(shot: Shot, trouble: ChartTrouble) -> None:
    _, seen = look_for_chart(draw(shot))
    assert seen is trouble


def test_a_lamp_that_shows_on_the_chart_is_glare() -> None:
    picture = draw(Shot())
    chart = find_chart(picture)
    assert chart is not None
    x, y = np.rint(chart.at(np.array([[2.0, 1.1]]))[0]).astype(int)
    cv2.circle(picture, (int(x), int(y)), 14, (250, 250, 250), -1)
    assert look_for_chart(picture)[1] is ChartTrouble.GLARE


def test_no_chart_is_never_a_yes() -> None:
    verdict = skin_verdict(None, ChartTrouble.CLOSER)
    assert verdict.answer is SkinAnswer.CANNOT_TELL
    assert "closer" in verdict.action
    assert {finding.outcome for finding in verdict.findings} == {Outcome.CANNOT_TELL}


def test_looks_that_differ_are_no_reading() -> None:
    one = look_for_chart(draw(Shot()))[1]
    other = look_for_chart(draw(Shot(cast=(1.2, 1.0, 0.8), light=0.7)))[1]
    assert isinstance(one, ChartLooked)
    assert isinstance(other, ChartLooked)
    assert not agree([one, one])
    assert agree([other, one, one, one])
    assert not agree([one, one, other])
