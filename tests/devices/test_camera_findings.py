"""What the pictures of a camera say of it, fault by fault, and that nothing else is said."""

import os
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.camera import (
    CameraLook,
    CameraObservation,
    camera_findings,
    look_at,
)
from telemed_desk.devices.checks.camera_flicker import flicker_percent
from telemed_desk.devices.checks.camera_light import sharpness, shown
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.limits_camera import CHART_CHECKS
from telemed_desk.devices.problems import CameraBusy, CameraDenied, CameraMissing, CameraSwitchedOff
from telemed_desk.devices.specs import UsePattern
from telemed_desk.media.sources.pattern import PatternCamera

Luma = NDArray[np.uint8]
ORDINARY = {check for check in LIMITS if check.startswith("C")} - CHART_CHECKS
SEEDS = range(int(os.environ.get("TELEMED_SEEDS", "3")))
S = 1_000_000_000
"""Nanoseconds."""


def scene(seed: int = 0) -> NDArray[np.float64]:
    """Return a desk with a person at it: detail, edges and shade; full-range luma, 0 to 255."""
    random = np.random.default_rng(seed)
    picture = cv2.GaussianBlur(random.normal(0, 1, (360, 640)), (0, 0), 3)
    picture = 125 + 28 * picture / picture.std()
    cv2.ellipse(picture, (320, 170), (70, 95), 0, 0, 360, 150, -1)
    for line in range(20, 640, 45):
        cv2.line(picture, (line, 240), (line + 30, 350), 60, 3)
    return np.clip(picture, 30, 225)


GRAIN = np.random.default_rng(7).normal(0, 1.5, (7, 360, 640))
"""A sensor's noise. Seven of them, in turn: no picture is like the one before."""


def limited(picture: NDArray[np.float64], number: int) -> Luma:
    shot = picture + GRAIN[number % len(GRAIN)]
    return np.clip(np.rint(16 + np.clip(shot, 0, 255) * 219 / 255), 0, 255).astype(np.uint8)


def looked(luma: Luma, at_ns: int) -> CameraLook:
    """Look at a picture drawn at half the size of a real one: what is judged of it is the same."""
    return replace(look_at(luma, at_ns), width=1280, height=720)


def film(
    change: Callable[[NDArray[np.float64], float], NDArray[np.float64]] = lambda picture, _at: (
        picture
    ),
    *,
    fps: float = 30.0,
    seconds: float = 2.5,
    seed: int = 0,
    tint: tuple[int, int] = (0, 0),
    usual: float | None = None,
) -> dict[str, Finding]:
    """Judge a film of the scene after something was changed in every picture."""
    base = scene(seed)
    pictures = [limited(change(base, n / fps), n) for n in range(int(seconds * fps))]
    looks = [looked(luma, int(n / fps * S)) for n, luma in enumerate(pictures)]
    u, v = (np.full((180, 320), 128 + shift, np.uint8) for shift in tint)
    usual = sharpness(shown(limited(base, 0), u, v).luma) if usual is None else usual
    return judged(
        looks=looks, last=shown(pictures[-1], u, v), first_picture_s=0.4, usual_sharpness=usual
    )


def judged(**seen: object) -> dict[str, Finding]:
    findings = camera_findings(CameraObservation(**seen))  # type: ignore[arg-type]  # names of the class
    assert len({finding.check for finding in findings}) == len(findings)
    return {finding.check: finding for finding in findings}


def complaints(found: dict[str, Finding]) -> set[str]:
    return {check for check, finding in found.items() if finding.outcome in {"warn", "fail"}}


# ---- healthy -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_good_camera_passes_everything(seed: int) -> None:
    found = film(seed=seed)
    assert {check: finding.outcome for check, finding in found.items()} == dict.fromkeys(
        ORDINARY, Outcome.PASS
    )


def test_the_pattern_passes_as_a_camera() -> None:
    camera = PatternCamera(UsePattern(1280, 720, 30), lambda _code, _detail: None)
    drawn = [camera.draw(n) for n in range(60)]
    looks = [look_at(picture.y, n * S // 30) for n, picture in enumerate(drawn)]
    last = shown(drawn[-1].y, drawn[-1].u, drawn[-1].v)
    found = judged(
        looks=looks, last=last, first_picture_s=0.4, usual_sharpness=sharpness(last.luma)
    )
    assert complaints(found) == set()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_person_who_moves_is_no_fault(seed: int) -> None:
    def nodding(picture: NDArray[np.float64], at_s: float) -> NDArray[np.float64]:
        moved = picture.copy()
        centre = 170 + round(40 * np.sin(2 * np.pi * 1.3 * at_s))
        cv2.ellipse(moved, (320, centre), (140, 110), 0, 0, 360, 190, -1)
        return moved

    assert complaints(film(nodding, seed=seed, usual=0.0)) == set()


# ---- one fault, one finding ----------------------------------------------------------------------


def dim(picture: NDArray[np.float64], _at_s: float) -> NDArray[np.float64]:
    return picture * 0.28


def glare(picture: NDArray[np.float64], _at_s: float) -> NDArray[np.float64]:
    return picture + 110


def window_behind(picture: NDArray[np.float64], _at_s: float) -> NDArray[np.float64]:
    lit = picture.copy()
    lit[90:150, 250:390] = 255
    return lit


def smeared(picture: NDArray[np.float64], _at_s: float) -> NDArray[np.float64]:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 4), np.float64)


def tubes(picture: NDArray[np.float64], at_s: float) -> NDArray[np.float64]:
    rows = at_s + np.arange(picture.shape[0])[:, None] / picture.shape[0] * 0.028
    return picture * (1 + 0.06 * np.cos(2 * np.pi * 100 * rows))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (dim, {"C8.dark"}),
        (glare, {"C8.bright"}),
        (window_behind, {"C8.burnt"}),
        (smeared, {"C9"}),
        (tubes, {"C11"}),
    ],
)
@pytest.mark.parametrize("seed", SEEDS)
def test_one_fault_gives_one_finding(
    change: Callable[[NDArray[np.float64], float], NDArray[np.float64]],
    expected: set[str],
    seed: int,
) -> None:
    assert complaints(film(change, seed=seed)) == expected


def test_a_tinted_picture() -> None:
    assert complaints(film(tint=(-20, 24))) == {"C12.tint"}
    assert complaints(film(tint=(-8, 9))) == set()


def test_a_covered_lens_is_told_from_a_dark_room() -> None:
    covered = film(lambda picture, _at: picture * 0.01)
    assert complaints(covered) == {"C6"}
    assert covered["C6"].ceiling is Rung.AUDIO_PHOTOS
    assert "C8.dark" not in covered
    assert complaints(film(lambda picture, _at: picture * 0.18)) == {"C8.dark"}

    def one_lamp(picture: NDArray[np.float64], _at_s: float) -> NDArray[np.float64]:
        night = picture * 0.02
        night[40:60, 40:80] = 200
        return night

    assert complaints(film(one_lamp, usual=0.0)) == {"C8.dark"}


def test_the_cameras_own_shutter_counts_even_when_it_lets_some_light_through() -> None:
    looks, last = still([1 / 30] * 40, vary=True)
    assert "C6" in complaints(judged(looks=looks, last=last, shutter_closed=True))
    assert "C6" not in complaints(judged(looks=looks, last=last, shutter_closed=False))


def still(gaps_s: list[float], *, vary: bool = False) -> tuple[list[CameraLook], object]:
    """Return looks with these distances, of one picture or of one with a sensor's noise."""
    base = scene()
    at_ns, looks, luma = 0, [], limited(base, 0)
    for number, gap_s in enumerate(gaps_s):
        at_ns += int(gap_s * S)
        luma = limited(base, number) if vary else luma
        looks.append(looked(luma, at_ns))
    grey = np.full((180, 320), 128, np.uint8)
    return looks, shown(luma, grey, grey)


def test_a_hung_driver_is_told_from_a_still_scene() -> None:
    for vary, seconds, expected in (
        (True, 2.5, set()),
        (False, 0.9, set()),
        (False, 1.5, {"C7"}),
        (False, 2.5, {"C7"}),
    ):
        looks, last = still([1 / 30] * int(seconds * 30), vary=vary)
        found = judged(looks=looks, last=last, opened_before=True)
        assert complaints(found) == expected


# ---- pace ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gaps", "expected"),
    [
        ([1 / 30] * 70, {}),
        ([1 / 20] * 50, {"C4.fps": Outcome.WARN}),
        ([1 / 8] * 20, {"C4.fps": Outcome.FAIL}),
        # An uneven camera that loses nothing, and an even one that does.
        ([0.025, 0.047, 0.033, 0.051, 0.018] * 16, {"C5": Outcome.WARN}),
        (([1 / 30] * 24 + [2 / 30]) * 3, {"C5.drops": Outcome.WARN}),
        (([1 / 30] * 19 + [5 / 30]) * 4, {"C5.drops": Outcome.FAIL}),
    ],
)
def test_pace(gaps: list[float], expected: dict[str, Outcome]) -> None:
    looks, last = still(gaps, vary=True)
    found = judged(looks=looks, last=last, opened_before=True)
    assert {check: found[check].outcome for check in complaints(found)} == expected


def test_too_few_pictures_say_nothing_of_pace() -> None:
    looks, last = still([1 / 30] * 4, vary=True)
    found = judged(looks=looks, last=last, opened_before=True)
    assert {found[check].outcome for check in ("C4.fps", "C5", "C5.drops", "C11")} == {
        Outcome.CANNOT_TELL
    }


def test_a_camera_that_was_just_opened_may_find_its_pace() -> None:
    looks, last = still([0.1] * 5 + [1 / 30] * 60, vary=True)
    assert complaints(judged(looks=looks, last=last, opened_before=False)) == set()
    assert "C5" in complaints(judged(looks=looks, last=last, opened_before=True))


def test_what_a_busy_pc_missed_is_not_laid_at_the_cameras_door() -> None:
    looks, last = still(([1 / 30] * 19 + [5 / 30]) * 4, vary=True)
    late = [
        CameraLook(one.taken_ns, one.taken_ns + S, one.width, one.height, one.fingerprint, one.rows)
        for one in looks
    ]
    found = judged(looks=late, last=last, opened_before=True)
    assert complaints(found) == set()
    assert found["C5.drops"].outcome is Outcome.CANNOT_TELL


# ---- sharpness -----------------------------------------------------------------------------------


def test_a_camera_without_a_past_cannot_be_called_blurred() -> None:
    looks, last = still([1 / 30] * 40, vary=True)
    found = judged(looks=looks, last=last)["C9"]
    assert found.outcome is Outcome.CANNOT_TELL
    assert found.value is not None  # what the history keeps, to know it one day
    assert found.value > 0


def test_sharpness_does_not_depend_on_the_light() -> None:
    bright, dim_luma = scene(), scene() * 0.4
    assert sharpness(dim_luma.astype(np.uint8)) == pytest.approx(
        sharpness(bright.astype(np.uint8)), rel=0.25
    )


# ---- flicker -------------------------------------------------------------------------------------


def bands(depth: float, lamp_hz: float, fps: float, jitter_s: float = 0.0) -> float | str:
    random = np.random.default_rng(3)
    rows = np.arange(360) / 360 * 0.028
    seen, taken = [], []
    for n in range(60):
        light = 1 + depth * np.cos(2 * np.pi * lamp_hz * (n / fps + rows))
        seen.append((120 * light + random.normal(0, 0.1, 360)).astype(np.float32))
        taken.append(int((n / fps + random.normal(0, jitter_s)) * S))
    return flicker_percent(seen, taken)


@pytest.mark.parametrize(
    ("lamp_hz", "fps", "jitter_s"),
    [(100, 30, 0.0), (99.7, 29.97, 0.0), (100.3, 30, 0.0), (100, 30, 0.004), (100, 60, 0.001)],
)
def test_the_depth_of_flicker_is_measured(lamp_hz: float, fps: float, jitter_s: float) -> None:
    assert bands(0.05, lamp_hz, fps, jitter_s) == pytest.approx(5.0, abs=0.5)
    steady = bands(0.0, lamp_hz, fps, jitter_s)
    assert isinstance(steady, float)
    assert steady < 0.2


@pytest.mark.parametrize("fps", [25, 50, 20, 24])
def test_bands_that_stand_still_cannot_be_told(fps: float) -> None:
    assert isinstance(bands(0.2, 100, fps), str)


# ---- who may and who has -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("problem", "check"),
    [
        (CameraMissing, "C1"),
        (CameraDenied, "C1"),
        (CameraSwitchedOff, "C1"),
        (CameraBusy, "C3"),
    ],
)
def test_a_camera_that_cannot_be_used_says_why(problem: type[CameraBusy], check: str) -> None:
    found = judged(problem=problem.code)
    assert complaints(found) == {check}
    assert (found[check].cause, found[check].action) == (problem.sentence, problem.next_step)


def test_the_program_that_has_the_camera_is_named() -> None:
    found = judged(problem=CameraBusy.code, holder="Zoom")["C3"]
    assert found.cause == "Zoom is using the camera."
    assert found.action.startswith("Close Zoom")
