"""What the pictures of a few seconds say about a camera (checks C1 to C9).

Someone else captures (``media``); here is the judgement, over plain numbers and small grey pictures.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import (
    PROBLEMS,
    CameraBusy,
    CameraDenied,
    CameraMissing,
)

LOOK_WIDTH = 640
"""Pictures are judged at this width: sharpness depends on it."""
MIN_PICTURES = 8
"""Fewer say nothing about steadiness."""


@dataclass(frozen=True, slots=True)
class CameraLook:
    """One picture, reduced: luma 0 to 255 at most :data:`LOOK_WIDTH` wide."""

    taken_ns: int
    width: int
    height: int
    luma: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class CameraObservation:
    """What was seen of a camera in one capture.

    Attributes:
        problem: Code of :mod:`telemed_desk.devices.problems`, empty if it works.
        first_picture_s: From opening to the first picture; None when there was none.
        opened_before: It was already running, so the time to the first picture is not known.
        looks: Pictures in order.
    """

    problem: str = ""
    first_picture_s: float | None = None
    opened_before: bool = False
    looks: Sequence[CameraLook] = field(default_factory=tuple)


def look_at(luma: NDArray[np.uint8], taken_ns: int) -> CameraLook:
    """Reduce a picture's limited-range luma plane (BT.601, 16 to 235) to what is judged."""
    height, width = luma.shape
    step = max(1, width // LOOK_WIDTH)
    small = luma[::step, ::step].astype(np.float32)
    full = np.clip((small - 16) * (255 / 219), 0, 255).astype(np.uint8)
    return CameraLook(taken_ns, width, height, full)


def camera_findings(seen: CameraObservation) -> list[Finding]:
    """Judge a camera. What could not be looked at is reported as such, never as good."""
    findings = _presence(seen)
    if not seen.looks:
        return findings
    findings.append(_first_picture(seen))
    last = seen.looks[-1]
    findings.append(LIMITS["C4"].judge(min(last.width, last.height)))
    findings.extend(_pace(seen.looks))
    black = is_black(last.luma)
    findings.append(LIMITS["C6"].failed() if black else LIMITS["C6"].passed())
    if not black:
        findings.append(LIMITS["C7"].judge(still_seconds(seen.looks)))
        findings.extend(_light(last.luma))
        findings.append(LIMITS["C9"].judge(round(sharpness(last.luma), 1)))
    return findings


def _presence(seen: CameraObservation) -> list[Finding]:
    if not seen.problem:
        known = [LIMITS["C1"].passed(), LIMITS["C3"].passed()]
        if not seen.looks:
            known.append(LIMITS["C2"].unknown("The camera was not watched long enough."))
        return known
    problem = PROBLEMS[seen.problem]
    if problem is CameraMissing:
        return [LIMITS["C1"].failed(problem.sentence, problem.next_step)]
    if problem in (CameraBusy, CameraDenied):
        return [LIMITS["C1"].passed(), LIMITS["C3"].failed(problem.sentence, problem.next_step)]
    return [
        LIMITS["C1"].passed(),
        LIMITS["C3"].passed(),
        LIMITS["C2"].failed(problem.sentence, problem.next_step),
    ]


def _first_picture(seen: CameraObservation) -> Finding:
    if seen.opened_before:
        return LIMITS["C2"].passed()
    if seen.first_picture_s is None:
        return LIMITS["C2"].unknown("The first picture was not timed.")
    return LIMITS["C2"].judge(round(seen.first_picture_s, 2))


def _pace(looks: Sequence[CameraLook]) -> list[Finding]:
    if len(looks) < MIN_PICTURES:
        cause = "Too few pictures came to tell."
        return [LIMITS["C4.fps"].unknown(cause), LIMITS["C5"].unknown(cause)]
    gaps = np.diff([look.taken_ns for look in looks]) / 1e9
    median = max(float(np.median(gaps)), 1e-3)
    ratio = float(np.percentile(gaps, 95)) / median
    fps = (len(looks) - 1) / max(float(gaps.sum()), 1e-3)
    return [LIMITS["C4.fps"].judge(round(fps, 1)), LIMITS["C5"].judge(round(ratio, 2))]


def _light(luma: NDArray[np.uint8]) -> list[Finding]:
    height, width = luma.shape
    centre = luma[height // 4 : height * 3 // 4, width // 4 : width * 3 // 4]
    mean = round(float(centre.mean()), 0)
    return [LIMITS["C8.dark"].judge(mean), LIMITS["C8.bright"].judge(mean)]


def is_black(luma: NDArray[np.uint8]) -> bool:
    """Tell a covered lens from a dark room: dark, and without any structure."""
    return float(luma.mean()) < 16 and float(luma.std()) < 4


def still_seconds(looks: Sequence[CameraLook]) -> float:
    """Return for how long the newest pictures are identical, bit for bit.

    A real sensor always has noise; a picture that does not change at all is a hung driver.
    """
    last = looks[-1]
    since = last.taken_ns
    for look in reversed(looks):
        if look.luma.shape != last.luma.shape or not np.array_equal(look.luma, last.luma):
            break
        since = look.taken_ns
    return round((last.taken_ns - since) / 1e9, 2)


def sharpness(luma: NDArray[np.uint8]) -> float:
    """Return the variance of the Laplacian: low when nothing in the picture has an edge.

    Pech-Pacheco et al., "Diatom autofocusing in brightfield microscopy", ICPR 2000.
    """
    grey = luma.astype(np.float32)
    inner = grey[1:-1, 1:-1]
    laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4 * inner
    return float(laplacian.var())
