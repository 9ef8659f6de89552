"""Watches the open camera for the self-check, and for a colour chart that a person holds up."""

import asyncio
import time
from collections.abc import Callable, Mapping

import cv2
import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.cameras.controls import CameraSwitches, camera_switches
from telemed_desk.devices.checks.camera import (
    CameraLook,
    CameraObservation,
    camera_findings,
    look_at,
)
from telemed_desk.devices.checks.camera_light import Shown, shown
from telemed_desk.devices.checks.camera_skin import (
    LOOKS,
    ChartLooked,
    ChartTrouble,
    SkinVerdict,
    agree,
    look_for_chart,
    reading,
    skin_verdict,
)
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import PROBLEMS, CameraStalled
from telemed_desk.devices.specs import DeviceKind, listed_spec
from telemed_desk.media.check_results import as_result
from telemed_desk.media.control import FromMedia
from telemed_desk.media.control_cameras import ChartLook, ChartVerdict
from telemed_desk.media.ports import Picture
from telemed_desk.media.sources.camera import DeviceCamera
from telemed_desk.media.sources.opening import Camera
from telemed_desk.media.station import Station

FIRST_PICTURE_S = 8.5
WATCH_S = 2.0
POLL_S = 0.05
CHART_S = 60.0
"""A person gives up looking for the right place before that."""
MOST_LOOKS = 100
"""Looks that disagree for longer than this are not a reading."""


def camera_spec(camera: Camera | None) -> str:
    """Return the spec that finds the camera again which is open; empty for none and stand-ins."""
    if not isinstance(camera, DeviceCamera) or camera.opened is None:
        return ""
    return listed_spec(camera.opened.stable_id, camera.opened.name)


async def camera_part(
    station: Station, opened_at: float, *, opened_before: bool, usual: Mapping[str, float]
) -> list[Finding]:
    """Watch the camera for some seconds and judge it.

    Args:
        station: Has it open.
        opened_at: When that was asked for, monotonic seconds.
        opened_before: It was open already.
        usual: Each camera's usual sharpness, by its spec.
    """
    camera = station.camera
    if camera is None:
        return [LIMITS["C1"].failed("No camera is chosen.", "Choose a camera.")]
    deadline = opened_at + FIRST_PICTURE_S
    while camera.newest() is None and time.monotonic() < deadline:
        if station.problem(DeviceKind.CAMERA):
            break
        await asyncio.sleep(POLL_S)
    if camera.newest() is None:
        problem = station.problem(DeviceKind.CAMERA)
        holder = await asyncio.to_thread(_holder, camera)
        known = problem if problem in PROBLEMS else CameraStalled.code
        return camera_findings(CameraObservation(known, holder=holder))
    first_s = time.monotonic() - opened_at
    if isinstance(camera, DeviceCamera) and camera.first_picture_s is not None:
        first_s = camera.first_picture_s
    looks, last = await _watched(camera)
    switches = await asyncio.to_thread(_switches, camera)
    return camera_findings(
        CameraObservation(
            problem=station.problem(DeviceKind.CAMERA),
            first_picture_s=first_s,
            opened_before=opened_before,
            looks=looks,
            last=last,
            usual_sharpness=usual.get(camera_spec(camera)),
            shutter_closed=switches.shutter_closed,
            power_line_hz=switches.power_line_hz,
        )
    )


async def _watched(camera: Camera) -> tuple[list[CameraLook], Shown | None]:
    """Look at every picture as it comes: the newest alone would hide what a busy PC missed."""
    looks: list[CameraLook] = []
    newest: list[Picture] = []

    def on_picture(picture: Picture) -> None:
        looks.append(look_at(picture.y, picture.taken_ns, time.monotonic_ns()))
        newest[:] = [picture]

    end = camera.listen(on_picture)
    try:
        await asyncio.sleep(WATCH_S)
    finally:
        end()
    if not newest:
        return looks, None
    last = newest[0]
    return looks, await asyncio.to_thread(shown, last.y, last.u, last.v)


def _holder(camera: Camera) -> str:
    return " and ".join(camera.holders) if isinstance(camera, DeviceCamera) else ""


def _switches(camera: Camera) -> CameraSwitches:
    if not isinstance(camera, DeviceCamera) or camera.opened is None:
        return CameraSwitches()
    return camera_switches(camera.opened.address)


async def look_for_the_chart(
    run: str, station: Station, send: Callable[[FromMedia], object], *, limit_s: float = CHART_S
) -> None:
    """Guide a person who holds a colour chart up, and say whether the camera is good enough for skin.

    Opens the camera if need be. Sends a :class:`ChartLook` whenever something else stands in the way,
    at last the findings and one :class:`ChartVerdict`. No picture is kept.
    """
    user = f"chart {run}"
    await station.use(user)
    try:
        verdict, _ = await _guided(run, station, send, limit_s)
    finally:
        await station.release(user)
    for finding in verdict.findings:
        send(as_result(run, finding))
    read = verdict.reading
    numbers = (
        (None,) * 4
        if read is None
        else (read.mtf50, read.grey_error, read.skin_error, read.mean_error)
    )
    send(ChartVerdict(run, verdict.answer.value, verdict.sentence, verdict.action, *numbers))


async def _guided(
    run: str, station: Station, send: Callable[[FromMedia], object], limit_s: float
) -> tuple[SkinVerdict, int]:
    good: list[ChartLooked] = []
    told: ChartLook | None = None
    trouble: ChartTrouble | None = None
    last_ns = 0
    until = time.monotonic() + limit_s
    while (left_s := until - time.monotonic()) > 0 and len(good) < MOST_LOOKS:
        camera = station.camera
        picture = (
            None
            if camera is None
            else await asyncio.to_thread(camera.wait_newer, last_ns, min(left_s, 1.0))
        )
        if picture is None:
            now = ChartLook(run, "no-camera", good=len(good), wanted=LOOKS)
            if camera is None:
                await asyncio.sleep(POLL_S)
        else:
            last_ns = picture.taken_ns
            chart, seen = await asyncio.to_thread(look_for_chart, as_rgb(picture))
            if isinstance(seen, ChartLooked):
                good.append(seen)
                if agree(good):
                    return skin_verdict(reading(good)), len(good)
                trouble = ChartTrouble.HOLD_STILL
            else:
                good.clear()
                trouble = seen
            size = np.array([picture.width, picture.height], np.float64)
            corners = [] if chart is None else (chart.corners / size).round(3).tolist()
            shares = [(float(x), float(y)) for x, y in corners]
            now = ChartLook(run, trouble.value, shares, min(len(good), LOOKS), LOOKS)
        if now != told:
            told = now
            send(now)
    return skin_verdict(None, trouble), len(good)


def as_rgb(picture: Picture) -> NDArray[np.uint8]:
    """Return a picture as sRGB (BT.601, limited range)."""
    planes = np.concatenate([plane.reshape(-1) for plane in (picture.y, picture.u, picture.v)])
    flat = planes.reshape(picture.height * 3 // 2, picture.width)
    return np.asarray(cv2.cvtColor(flat, cv2.COLOR_YUV2RGB_I420), np.uint8)
