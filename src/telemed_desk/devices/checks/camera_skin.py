"""Whether this camera, in this light, is good enough to judge skin (C10, C12, guided; pure).

A person holds a ColorChecker Classic in front of the camera. Colour: how far the greys are from grey and
the two skin patches from themselves, by CIEDE2000, after one gain for exposure. Detail: MTF50 at the
edges of the light patches. Three looks that agree make a reading; what cannot be read is never a yes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import cv2
import numpy as np

from telemed_desk.devices.checks.camera_chart import PATCH_SHARE, Chart, Picture, find_chart
from telemed_desk.devices.checks.camera_colour import (
    COLORCHECKER,
    GREYS,
    SKIN,
    WHITE,
    Floats,
    ciede2000,
    lab_from_linear,
    linear,
)
from telemed_desk.devices.checks.camera_edge import mtf50
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS

LOOKS = 3
LEAST_PITCH, MOST_PITCH = 45.0, 190.0
"""Pixels from patch to patch: fewer give no edge to measure, more do not fit the picture."""
CLIPPED = 0.985
DIMMEST_WHITE = 0.45
MOST_SPREAD = 0.06
"""Standard deviation within a patch, of full scale: more is glare, a shadow or a finger."""
AGREE = 1.5
"""CIEDE2000 between looks: more is a hand that moves or a camera that still adapts."""


class ChartTrouble(StrEnum):
    """Why a look cannot be used, and with it what to do."""

    NOT_FOUND = "not-found"
    CLOSER = "closer"
    FARTHER = "farther"
    DARKER = "darker"
    BRIGHTER = "brighter"
    GLARE = "glare"
    TILT = "tilt"
    HOLD_STILL = "hold-still"


@dataclass(frozen=True, slots=True)
class ChartLooked:
    """One good look.

    Attributes:
        lab: The 24 patches in CIELAB (D50), brought to the chart's own exposure.
        mtf50: Cycles a pixel, the worse of the two directions.
    """

    lab: Floats
    mtf50: float


@dataclass(frozen=True, slots=True)
class SkinReading:
    """What all looks together say; differences in CIEDE2000."""

    mtf50: float
    grey_error: float
    skin_error: float
    mean_error: float


class SkinAnswer(StrEnum):
    """Good enough for skin?"""

    YES = "yes"
    NO = "no"
    CANNOT_TELL = "cannot-tell"


@dataclass(frozen=True, slots=True)
class SkinVerdict:
    """The answer with its reasons.

    Attributes:
        answer: Yes, no, or cannot tell.
        sentence: In words.
        action: What would make it better; empty when nothing need be.
        findings: C10, C12 and C12.skin.
        reading: The numbers; None when nothing was read.
    """

    answer: SkinAnswer
    sentence: str
    action: str
    findings: tuple[Finding, ...]
    reading: SkinReading | None = None


def look_for_chart(rgb: Picture) -> tuple[Chart | None, ChartLooked | ChartTrouble]:
    """Look for a chart in one picture and read it, or say what is in the way. Tens of milliseconds.

    Args:
        rgb: sRGB, uint8, shape (height, width, 3).
    """
    chart = find_chart(rgb)
    if chart is None:
        return None, ChartTrouble.NOT_FOUND
    trouble = _in_the_way(chart)
    if trouble is not None:
        return chart, trouble
    detail = _detail(chart, rgb)
    if detail is None:
        return chart, ChartTrouble.TILT
    return chart, ChartLooked(_exposed(chart), detail)


def _in_the_way(chart: Chart) -> ChartTrouble | None:
    if chart.pitch < LEAST_PITCH:
        return ChartTrouble.CLOSER
    if chart.pitch > MOST_PITCH:
        return ChartTrouble.FARTHER
    if chart.patches[WHITE].max() > CLIPPED:
        return ChartTrouble.DARKER
    if chart.patches[WHITE].max() < DIMMEST_WHITE:
        return ChartTrouble.BRIGHTER
    if chart.spread.max() > MOST_SPREAD:
        return ChartTrouble.GLARE
    return None


def _exposed(chart: Chart) -> Floats:
    """Return the patches in CIELAB, with the one gain that fits the greys' lightness best."""
    light = linear(chart.patches)
    seen = (light @ np.array([0.2126729, 0.7151522, 0.0721750]))[GREYS]
    wanted = ((COLORCHECKER[GREYS, 0] + 16) / 116) ** 3
    gain = float((seen * wanted).sum() / max((seen**2).sum(), 1e-9))
    return lab_from_linear(light * gain)


_EDGES: Final = (
    # Where an edge of a light patch is (grid units from its centre), and which way it runs.
    (np.array([-1.0, 0.0]), np.array([0.0, 1.0])),
    (np.array([1.0, 0.0]), np.array([0.0, 1.0])),
    (np.array([0.0, -1.0]), np.array([1.0, 0.0])),
    (np.array([0.0, 1.0]), np.array([1.0, 0.0])),
)


def _detail(chart: Chart, rgb: Picture) -> float | None:
    """Return MTF50 over the edges of white and neutral 8; the worse of across and down."""
    curved = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float64) / 255
    light = linear(curved)
    found: tuple[list[float], list[float]] = ([], [])
    for centre in (np.array([0.0, 3.0]), np.array([1.0, 3.0])):
        for outward, along in _EDGES:
            middle = centre + outward * PATCH_SHARE / 2
            ends = chart.at(np.array([middle - 0.3 * along, middle + 0.3 * along]))
            run = ends[1] - ends[0]
            upright = abs(run[1]) >= abs(run[0])
            edge = _cut(light if upright else light.T, ends if upright else ends[:, ::-1], chart)
            value = None if edge is None else mtf50(edge)
            if value is not None:
                found[int(upright)].append(value)
    if not found[0] or not found[1]:
        return None
    return min(float(np.median(one)) for one in found)


def _cut(light: Floats, ends: Floats, chart: Chart) -> Floats | None:
    """Cut out an upright edge: as long as asked, and to both sides as far as the card is black."""
    top, bottom = sorted(np.rint(ends[:, 1]).astype(int))
    reach = (1 - PATCH_SHARE) * chart.pitch * 0.85
    left = int(np.floor(ends[:, 0].min() - reach))
    right = int(np.ceil(ends[:, 0].max() + reach)) + 1
    if left < 0 or top < 0 or right > light.shape[1] or bottom > light.shape[0]:
        return None
    return light[top:bottom, left:right]


def agree(looks: Sequence[ChartLooked]) -> bool:
    """Whether the last looks show the same, so that neither hand nor camera was still moving."""
    if len(looks) < LOOKS:
        return False
    last = looks[-LOOKS:]
    return all(float(ciede2000(one.lab, last[0].lab).mean()) < AGREE for one in last[1:])


def reading(looks: Sequence[ChartLooked]) -> SkinReading:
    """Return what the last looks say together."""
    last = looks[-LOOKS:]
    lab: Floats = np.median([look.lab for look in last], axis=0)
    greys = lab[GREYS]
    # Their lightness follows the camera's tone curve, which is no cast.
    as_grey = np.stack([greys[:, 0], COLORCHECKER[GREYS, 1], COLORCHECKER[GREYS, 2]], axis=1)
    each = ciede2000(lab, COLORCHECKER)
    return SkinReading(
        mtf50=round(float(np.median([look.mtf50 for look in last])), 3),
        grey_error=round(float(ciede2000(greys, as_grey).mean()), 1),
        skin_error=round(float(each[SKIN].max()), 1),
        mean_error=round(float(each.mean()), 1),
    )


def skin_verdict(read: SkinReading | None, trouble: ChartTrouble | None = None) -> SkinVerdict:
    """Say whether the camera is good enough for skin.

    Args:
        read: The numbers; None when no chart could be read.
        trouble: What stood in the way then.
    """
    if read is None:
        cause = "No colour chart was read."
        action = ACTIONS[trouble or ChartTrouble.NOT_FOUND]
        unknown = tuple(LIMITS[check].unknown(cause, action) for check in _CHECKS)
        return SkinVerdict(SkinAnswer.CANNOT_TELL, cause, action, unknown)
    findings = (
        LIMITS["C10"].judge(read.mtf50),
        LIMITS["C12"].judge(read.grey_error),
        LIMITS["C12.skin"].judge(read.skin_error),
    )
    failed = [finding for finding in findings if finding.outcome is Outcome.FAIL]
    weak = [finding for finding in findings if finding.outcome is Outcome.WARN]
    if failed:
        cause = " ".join(finding.cause for finding in failed)
        sentence = f"This camera is not good enough for skin in this light. {cause}"
        return SkinVerdict(SkinAnswer.NO, sentence, failed[0].action, findings, read)
    if weak:
        sentence = f"This camera is good enough for skin, but not at its best. {weak[0].cause}"
        return SkinVerdict(SkinAnswer.YES, sentence, weak[0].action, findings, read)
    return SkinVerdict(
        SkinAnswer.YES, "This camera is good enough for skin in this light.", "", findings, read
    )


_CHECKS: Final = ("C10", "C12", "C12.skin")
ACTIONS: Final = {
    ChartTrouble.NOT_FOUND: "Hold the chart flat in front of the camera, so that all of it is seen.",
    ChartTrouble.CLOSER: "Hold the chart closer to the camera.",
    ChartTrouble.FARTHER: "Hold the chart farther from the camera.",
    ChartTrouble.DARKER: "Turn the chart away from the lamp; its white is burnt out.",
    ChartTrouble.BRIGHTER: "Hold the chart into the light.",
    ChartTrouble.GLARE: "Turn the chart until no lamp or shadow shows on it.",
    ChartTrouble.TILT: "Tilt the chart a little, about as far as a clock's hand moves in one minute.",
    ChartTrouble.HOLD_STILL: "Hold the chart still.",
}
