"""What the pictures of a few seconds say about a camera (checks C1 to C9, C11 and its tint).

Someone else captures (``media``); here is the judgement, over plain numbers and small grey pictures,
which stay in memory. All limits stand in :mod:`telemed_desk.devices.limits_camera`.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.checks.camera_flicker import flicker_percent
from telemed_desk.devices.checks.camera_light import Shown, is_black, light_findings, sharpness
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.limits_camera import (
    LATE_S,
    MAINS_HZ,
    MIN_PICTURES,
    SETTLE_S,
)
from telemed_desk.devices.problems import (
    PROBLEMS,
    CameraBusy,
    CameraDenied,
    CameraMissing,
    CameraSwitchedOff,
)

ROWS = 360
"""Brightness of rows is kept this finely: enough for the bands of a lamp, little to store."""


@dataclass(frozen=True, slots=True)
class CameraLook:
    """One picture, reduced to what is judged of each.

    Attributes:
        taken_ns: When the light fell on the sensor, monotonic.
        seen_ns: When it reached us.
        width: Pixels across.
        height: Pixels down.
        fingerprint: The same for two pictures only if they are the same, bit for bit.
        rows: Mean luma of its rows, 0 to 255, at most :data:`ROWS` of them.
    """

    taken_ns: int
    seen_ns: int
    width: int
    height: int
    fingerprint: int
    rows: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class CameraObservation:
    """What was seen of a camera in one capture.

    Attributes:
        problem: Code of :mod:`telemed_desk.devices.problems`, empty if it works.
        holder: The program that has it, as people call it; empty = not known.
        first_picture_s: From opening to the first picture; None when there was none.
        opened_before: It was already running, so the time to the first picture is not known.
        looks: Pictures in order, every single one.
        last: The last of them as it looked.
        usual_sharpness: This camera's own median of 30 days; None = too few days to have one.
        shutter_closed: What the camera says of its own shutter; None = nothing.
        power_line_hz: Which lamps it works against; None = it does not say.
    """

    problem: str = ""
    first_picture_s: float | None = None
    opened_before: bool = False
    looks: Sequence[CameraLook] = field(default_factory=tuple)
    last: Shown | None = None
    holder: str = ""
    usual_sharpness: float | None = None
    shutter_closed: bool | None = None
    power_line_hz: int | None = None


def look_at(luma: NDArray[np.uint8], taken_ns: int, seen_ns: int | None = None) -> CameraLook:
    """Reduce a picture's limited-range luma plane (BT.601, 16 to 235). Takes about a millisecond."""
    height, width = luma.shape
    step = max(1, height // ROWS)
    used = luma[: height // step * step]
    rows = used.mean(axis=1, dtype=np.float32).reshape(-1, step).mean(axis=1)
    return CameraLook(
        taken_ns,
        taken_ns if seen_ns is None else seen_ns,
        width,
        height,
        zlib.crc32(np.ascontiguousarray(luma).data),
        np.clip((rows - 16) * (255 / 219), 0, 255).astype(np.float32),
    )


def camera_findings(seen: CameraObservation) -> list[Finding]:
    """Judge a camera. What could not be looked at is reported as such, never as good."""
    findings = _presence(seen)
    if not seen.looks or seen.problem:
        return findings
    findings.append(_first_picture(seen))
    newest = seen.looks[-1]
    findings.append(LIMITS["C4"].judge(min(newest.width, newest.height)))
    looks = _settled(seen)
    findings.extend(_pace(looks))
    if seen.last is None:
        return findings
    if is_black(seen.last.luma) or seen.shutter_closed:
        return [*findings, LIMITS["C6"].failed()]
    findings.append(LIMITS["C6"].passed())
    findings.append(LIMITS["C7"].judge(still_seconds(seen.looks)))
    findings.extend(light_findings(seen.last))
    findings.append(_sharp(sharpness(seen.last.luma), seen.usual_sharpness))
    findings.append(_flicker(looks, seen.power_line_hz))
    return findings


def _presence(seen: CameraObservation) -> list[Finding]:
    if not seen.problem:
        known = [LIMITS["C1"].passed(), LIMITS["C3"].passed()]
        if not seen.looks:
            known.append(LIMITS["C2"].unknown("The camera was not watched long enough."))
        return known
    problem = PROBLEMS[seen.problem]
    if problem in (CameraMissing, CameraDenied, CameraSwitchedOff):
        return [LIMITS["C1"].failed(problem.sentence, problem.next_step)]
    if problem is CameraBusy:
        return [LIMITS["C1"].passed(), _busy(seen.holder)]
    return [
        LIMITS["C1"].passed(),
        LIMITS["C3"].passed(),
        LIMITS["C2"].failed(problem.sentence, problem.next_step),
    ]


def _busy(holder: str) -> Finding:
    if not holder:
        return LIMITS["C3"].failed(CameraBusy.sentence, CameraBusy.next_step)
    return LIMITS["C3"].failed(
        f"{holder} is using the camera.", f"Close {holder}, or call with sound only."
    )


def _first_picture(seen: CameraObservation) -> Finding:
    if seen.opened_before:
        return LIMITS["C2"].passed()
    if seen.first_picture_s is None:
        return LIMITS["C2"].unknown("The first picture was not timed.")
    return LIMITS["C2"].judge(round(seen.first_picture_s, 2))


def _settled(seen: CameraObservation) -> list[CameraLook]:
    """Leave out what a camera that was just opened shows while it finds its exposure."""
    if seen.opened_before:
        return list(seen.looks)
    begin_ns = seen.looks[0].taken_ns + int(SETTLE_S * 1e9)
    return [look for look in seen.looks if look.taken_ns >= begin_ns]


def _pace(looks: Sequence[CameraLook]) -> list[Finding]:
    checks = ("C4.fps", "C5", "C5.drops")
    if len(looks) < MIN_PICTURES:
        return [LIMITS[check].unknown("Too few pictures came to tell.") for check in checks]
    gaps = np.diff([look.taken_ns for look in looks]) / 1e9
    median = max(float(np.median(gaps)), 1e-3)
    seconds = max(float(gaps.sum()), 1e-3)
    ratio = float(np.percentile(gaps, 95)) / median
    # A gap is a loss when nearly another picture fits in; anything shorter is unevenness.
    due = float(np.floor(gaps / median + 0.25).clip(1).sum())
    found = [
        LIMITS["C4.fps"].judge(round(len(gaps) / seconds, 1)),
        LIMITS["C5"].judge(round(ratio, 2)),
        LIMITS["C5.drops"].judge(round(100 * (1 - len(gaps) / due), 1)),
    ]
    late_s = max((look.seen_ns - look.taken_ns) / 1e9 for look in looks)
    if late_s < LATE_S:
        return found
    # What waited for us that long may have been lost for want of us: no word against the camera.
    busy = "This PC was too busy to watch the camera."
    return [
        one if one.outcome is Outcome.PASS else LIMITS[one.check].unknown(busy) for one in found
    ]


def still_seconds(looks: Sequence[CameraLook]) -> float:
    """Return for how long the newest pictures are identical, bit for bit.

    A real sensor always has noise; a picture that does not change at all is a hung driver.
    """
    last = looks[-1]
    since = last.taken_ns
    for look in reversed(looks):
        if look.fingerprint != last.fingerprint:
            break
        since = look.taken_ns
    return round((last.taken_ns - since) / 1e9, 2)


def _sharp(now: float, usual: float | None) -> Finding:
    """Judge against what this camera usually shows: the finding's limit is its own."""
    limit = LIMITS["C9"]
    value = round(now, 4)
    if usual is None:
        cause = "This camera was not watched on enough days to know how sharp it usually is."
        return replace(
            limit.unknown(cause, "Go on; it is told in a week."), value=value, limit=None
        )
    own = replace(limit, good=limit.good * usual, usable=limit.usable * usual)
    return own.judge(value)


def _flicker(looks: Sequence[CameraLook], power_line_hz: int | None) -> Finding:
    limit = LIMITS["C11"]
    if len({look.height for look in looks}) > 1:
        return limit.unknown("The picture changed its size.")
    found = flicker_percent([look.rows for look in looks], [look.taken_ns for look in looks])
    if isinstance(found, str):
        return limit.unknown(found)
    if power_line_hz == MAINS_HZ:
        # It works against it already; what is left is up to the lamps.
        return limit.judge(round(found, 2), action="Turn off the tube lamps, or use daylight.")
    return limit.judge(round(found, 2))
