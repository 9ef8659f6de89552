"""What the self-check says about pictures and sound, and the sentence over it all."""

import numpy as np
import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.camera import (
    CameraLook,
    CameraObservation,
    camera_findings,
    look_at,
)
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.judging import Limit
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import CameraDenied
from telemed_desk.devices.specs import UsePattern
from telemed_desk.devices.verdict import SENTENCES, verdict
from telemed_desk.media.sources.pattern import PatternCamera

RNG = np.random.default_rng(5)


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.check: finding for finding in findings}


# ---- camera --------------------------------------------------------------------------------------


def looks(
    gaps_s: list[float],
    luma: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] | None = None,
) -> list[CameraLook]:
    at = 0
    made = []
    for gap_s in gaps_s:
        at += int(gap_s * 1e9)
        picture = RNG.integers(60, 190, (360, 640)).astype(np.uint8) if luma is None else luma
        made.append(look_at(picture, at))
    return made


def test_a_good_camera_passes_everything() -> None:
    camera = PatternCamera(UsePattern(1280, 720, 30), lambda _code, _detail: None)
    seen = [look_at(camera.draw(n).y, n * 33_333_333) for n in range(30)]
    found = camera_findings(CameraObservation("", 0.4, opened_before=False, looks=seen))
    assert {f.check: f.outcome for f in found} == {
        check: Outcome.PASS for check in LIMITS if check.startswith("C")
    }


@pytest.mark.parametrize(
    ("gaps", "check", "outcome"),
    [
        ([1 / 30] * 40, "C5", Outcome.PASS),
        ([1 / 30, 1 / 30, 1 / 15] * 12, "C5", Outcome.WARN),
        ([1 / 30] * 30 + [0.5] * 4, "C5", Outcome.FAIL),
        ([1 / 20] * 30, "C4.fps", Outcome.WARN),
        ([1 / 8] * 16, "C4.fps", Outcome.FAIL),
        ([1 / 30] * 4, "C5", Outcome.CANNOT_TELL),
    ],
)
def test_pace(gaps: list[float], check: str, outcome: Outcome) -> None:
    found = by_check(camera_findings(CameraObservation("", 0.4, looks=looks(gaps))))
    assert found[check].outcome is outcome


def plain(luma: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((360, 640), luma, np.uint8)


def test_a_covered_lens_is_told_from_a_dark_room() -> None:
    covered = by_check(camera_findings(CameraObservation("", 0.4, looks=looks([0.04], plain(17)))))
    assert covered["C6"].outcome is Outcome.FAIL
    assert covered["C6"].ceiling is Rung.AUDIO_PHOTOS
    dark = RNG.integers(16, 60, (360, 640)).astype(np.uint8)
    room = by_check(camera_findings(CameraObservation("", 0.4, looks=looks([0.04], dark))))
    assert room["C6"].outcome is Outcome.PASS
    assert room["C8.dark"].outcome is Outcome.FAIL


def test_light_blur_and_stillness() -> None:
    found = by_check(
        camera_findings(CameraObservation("", 0.4, looks=looks([0.1] * 15, plain(230))))
    )
    assert found["C8.bright"].outcome is Outcome.FAIL
    assert found["C9"].outcome is Outcome.FAIL
    assert found["C7"].outcome is Outcome.WARN
    assert found["C7"].value == pytest.approx(1.4)


def test_denied_is_not_called_busy() -> None:
    found = by_check(camera_findings(CameraObservation(CameraDenied.code)))
    assert found["C3"].action == CameraDenied.next_step
    assert "C6" not in found


# ---- verdict -------------------------------------------------------------------------------------


def complete() -> dict[str, Finding]:
    return {check: limit.passed() for check, limit in LIMITS.items()}


def test_everything_good_is_hd() -> None:
    result = verdict(list(complete().values()), 5)
    assert (result.sentence, result.decided_by, result.at_ms) == ("HD video ready", (), 5)


@pytest.mark.parametrize(
    ("finding", "rung"),
    [
        (LIMITS["P1"].judge(50), Rung.VIDEO),
        (LIMITS["C4"].judge(240), Rung.LOW_VIDEO),
        (LIMITS["C1"].failed(), Rung.AUDIO_PHOTOS),
        (LIMITS["M3"].failed(), Rung.PHONE),
        (LIMITS["M1"].failed(), Rung.NO_LINK),
        (LIMITS["N8.up"].unknown("no server"), Rung.AUDIO_PHOTOS),
    ],
)
def test_the_worst_finding_decides(finding: Finding, rung: Rung) -> None:
    result = verdict(list((complete() | {finding.check: finding}).values()), 0)
    assert (result.rung, result.sentence) == (rung, SENTENCES[rung])
    assert result.decided_by == (finding.check,)


def test_what_was_not_measured_is_never_promised() -> None:
    assert verdict([], 0).rung is Rung.PHONE
    without_rate = [f for f in complete().values() if not f.check.startswith("N8")]
    assert verdict(without_rate, 0).rung is Rung.AUDIO_PHOTOS


@pytest.mark.parametrize("limit", LIMITS.values(), ids=lambda limit: limit.check)
def test_every_limit_is_consistent(limit: Limit) -> None:

    assert limit.cause.endswith(".")
    assert limit.action.endswith(".")
    sign = 1 if limit.higher_is_better else -1
    assert sign * limit.good >= sign * limit.usable
    assert limit.fail_rung <= limit.warn_rung
    worse = limit.judge(limit.usable - sign * max(1.0, abs(limit.usable)))
    assert worse.outcome is Outcome.FAIL
    assert worse.cause
    assert limit.judge(limit.good).outcome is Outcome.PASS
    assert not limit.judge(limit.good).cause
