"""Runs the self-check's device part inside the media process, on the devices that are open there."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from telemed_desk.devices.checks.camera import (
    CameraLook,
    CameraObservation,
    camera_findings,
    look_at,
)
from telemed_desk.devices.checks.computer import computer_findings, encode_finding
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import PROBLEMS
from telemed_desk.devices.specs import DeviceKind
from telemed_desk.media.check_results import as_result
from telemed_desk.media.control import FromMedia, RunDeviceChecks
from telemed_desk.media.encode_trial import encode_trial
from telemed_desk.media.sound_checks import microphone_part, speaker_part
from telemed_desk.media.sources.opening import Camera
from telemed_desk.media.station import Station

FIRST_PICTURE_S = 8.5
WATCH_S = 2.0
POLL_S = 0.05


async def run_device_checks(
    message: RunDeviceChecks, station: Station, send: Callable[[FromMedia], object]
) -> None:
    """Run what was asked for (no names = everything) and send each finding as it is known.

    Camera, microphone and speaker are looked at together; the encoder is timed after them, so that
    neither disturbs the other. At most about 12 s, 4 s when all is well.
    """
    wanted = {name.partition(".")[0] for name in message.names}

    def asked(*checks: str) -> bool:
        return not wanted or not wanted.isdisjoint(checks)

    async def report(findings: Awaitable[list[Finding]]) -> None:
        for finding in await findings:
            if asked(finding.check.partition(".")[0]):
                send(as_result(message.run, finding))

    was_open = station.is_open
    opened_at = time.monotonic()
    user = f"checks {message.run}"
    await station.use(user)
    try:
        works = []
        if asked(*(check for check in LIMITS if check.startswith("C"))):
            works.append(report(_camera(station, opened_at, opened_before=was_open)))
        if asked(*(f"M{number}" for number in range(1, 10))):
            works.append(report(microphone_part(station)))
        if asked("S1"):
            works.append(report(speaker_part(station)))
        if asked("P2"):
            works.append(report(computer_findings(Path.home())))
        await asyncio.gather(*works)
        if asked("P1"):
            await report(_encoder())
    finally:
        await station.release(user)


async def _encoder() -> list[Finding]:
    return [await encode_finding(encode_trial)]


async def _camera(station: Station, opened_at: float, *, opened_before: bool) -> list[Finding]:
    camera = station.camera
    if camera is None:
        return [LIMITS["C1"].failed("No camera is chosen.")]
    deadline = opened_at + FIRST_PICTURE_S
    while camera.newest() is None and time.monotonic() < deadline:
        if station.problem(DeviceKind.CAMERA):
            break
        await asyncio.sleep(POLL_S)
    first = camera.newest()
    problem = station.problem(DeviceKind.CAMERA)
    if first is None:
        seen = CameraObservation(problem if problem in PROBLEMS else "TD-CAM-004")
        return camera_findings(seen)
    first_s = time.monotonic() - opened_at
    looks = await asyncio.to_thread(_watch, camera)
    problem = station.problem(DeviceKind.CAMERA)
    return camera_findings(CameraObservation(problem, first_s, opened_before, looks))


def _watch(camera: Camera) -> list[CameraLook]:
    looks = []
    last_ns = 0
    until = time.monotonic() + WATCH_S
    while (left_s := until - time.monotonic()) > 0:
        picture = camera.wait_newer(last_ns, left_s)
        if picture is not None:
            last_ns = picture.taken_ns
            looks.append(look_at(picture.y, picture.taken_ns))
    return looks
