"""Runs the self-check's device part inside the media process, on the devices that are open there."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np

from telemed_desk.devices.checks.camera import (
    CameraLook,
    CameraObservation,
    camera_findings,
    look_at,
)
from telemed_desk.devices.checks.computer import computer_findings, encode_finding
from telemed_desk.devices.checks.sound import (
    SoundObservation,
    microphone_findings,
    speaker_findings,
)
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import PROBLEMS
from telemed_desk.devices.specs import DeviceKind, UseDefault, UseListed, parse_spec
from telemed_desk.devices.system_volume import microphone_volume
from telemed_desk.media.check_results import as_result
from telemed_desk.media.control import FromMedia, RunDeviceChecks
from telemed_desk.media.encode_trial import encode_trial
from telemed_desk.media.ports import SoundBlock
from telemed_desk.media.sources.opening import Camera
from telemed_desk.media.station import Station

FIRST_PICTURE_S = 8.5
WATCH_S = 2.0
LISTEN_S = 2.5
SPEAKER_S = 2.0
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
        if asked("M1", "M2", "M3", "M4", "M6"):
            works.append(report(_microphone(station)))
        if asked("S1"):
            works.append(report(_speaker(station)))
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


async def _microphone(station: Station) -> list[Finding]:
    microphone = station.raw_microphone
    if microphone is None:
        return [LIMITS["M1"].failed("No microphone is chosen.")]
    blocks: list[SoundBlock] = []
    end = microphone.subscribe(lambda block, _taken_ns: blocks.append(block))
    await asyncio.sleep(LISTEN_S)
    end()
    problem = station.problem(DeviceKind.MICROPHONE)
    sound = np.concatenate(blocks) if blocks else np.zeros(0, np.int16)
    spec = parse_spec(DeviceKind.MICROPHONE, station.chosen.microphone)
    volume: float | None = 1.0  # a stand-in has no volume of the system's
    if isinstance(spec, UseDefault | UseListed):
        chosen = spec.stable_id if isinstance(spec, UseListed) else None
        volume = await asyncio.to_thread(microphone_volume, chosen)
    samples = sound.astype(np.float32) / np.float32(32768)
    return microphone_findings(SoundObservation(problem, samples, volume))


async def _speaker(station: Station) -> list[Finding]:
    before = station.pulled_samples
    until = time.monotonic() + SPEAKER_S
    while time.monotonic() < until and not station.problem(DeviceKind.SPEAKER):
        if station.pulled_samples > before:
            break
        await asyncio.sleep(POLL_S)
    return speaker_findings(station.problem(DeviceKind.SPEAKER), station.pulled_samples - before)
