"""Runs the self-check's device part inside the media process, on the devices that are open there."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from telemed_desk.devices.checks.computer import computer_findings, encode_findings
from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.media.camera_check import camera_part
from telemed_desk.media.check_results import as_result
from telemed_desk.media.control import FromMedia, RunDeviceChecks
from telemed_desk.media.encode_trial import encode_trial
from telemed_desk.media.sound_checks import microphone_part, speaker_part
from telemed_desk.media.station import Station


async def run_device_checks(
    message: RunDeviceChecks, station: Station, send: Callable[[FromMedia], object]
) -> None:
    """Run what was asked for (no names = everything) and send each finding as it is known.

    Camera, microphone and speaker are looked at together; the encoder is timed after them, so that
    neither disturbs the other. At most about 14 s, 4 to 6 s when all is well.
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
            camera = camera_part(
                station, opened_at, opened_before=was_open, usual=message.usual_sharpness
            )
            works.append(report(camera))
        if asked(*(f"M{number}" for number in range(1, 10))):
            works.append(report(microphone_part(station, hurried=message.hurried)))
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
    return await encode_findings(encode_trial)
