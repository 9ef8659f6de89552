"""Tells the desk which microphones and speakers are plugged in, as it changes."""

import asyncio
import contextlib
from collections.abc import Callable

from telemed_desk.devices.listing import list_sound
from telemed_desk.devices.sound_watch import SoundWatch, is_worn
from telemed_desk.devices.specs import DeviceKind, listed_spec
from telemed_desk.media.control import FromMedia
from telemed_desk.media.control_sound import SoundDevices, SoundDeviceSeen
from telemed_desk.media.sources.sound_devices import DeviceMicrophone, DeviceSpeaker
from telemed_desk.media.station import Station

SETTLE_S = 0.05
"""A headset is a microphone and a speaker, and its profiles come one by one."""
LOOK_S = 0.5
"""How soon it is told that another device was opened."""


class SoundReport:
    """Runs until it is cancelled. On the loop.

    Args:
        station: Knows what is open.
        send: Tells the desk.
    """

    def __init__(self, station: Station, send: Callable[[FromMedia], object]) -> None:
        self._station = station
        self._send = send
        self._changed = asyncio.Event()
        self._told: SoundDevices | None = None

    async def run(self) -> None:
        """Tell at the start, and at every change."""
        loop = asyncio.get_running_loop()

        def changed() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(self._changed.set)

        end = SoundWatch().subscribe(changed)
        seen = await asyncio.to_thread(_seen)
        try:
            while True:
                now = self._with_used(*seen)
                if now != self._told:
                    self._told = now
                    self._send(now)
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._changed.wait()
                except TimeoutError:
                    continue
                await asyncio.sleep(SETTLE_S)
                self._changed.clear()
                seen = await asyncio.to_thread(_seen)
        finally:
            end()

    def _with_used(
        self, microphones: list[SoundDeviceSeen], speakers: list[SoundDeviceSeen]
    ) -> SoundDevices:
        microphone, speaker = self._station.raw_microphone, self._station.speaker
        before = self._told or SoundDevices()
        return SoundDevices(
            microphones,
            speakers,
            _spec(microphone) if isinstance(microphone, DeviceMicrophone) else before.microphone,
            _spec(speaker) if isinstance(speaker, DeviceSpeaker) else before.speaker,
        )


def _spec(opened: DeviceMicrophone | DeviceSpeaker) -> str:
    device = opened.device
    return "" if device is None else listed_spec(device.stable_id, device.name)


def _seen() -> tuple[list[SoundDeviceSeen], list[SoundDeviceSeen]]:
    """List what is plugged in; milliseconds, on a worker thread."""
    microphones = [
        SoundDeviceSeen(listed_spec(one.stable_id, one.name), one.name)
        for one in list_sound(DeviceKind.MICROPHONE)
    ]
    speakers = [
        SoundDeviceSeen(listed_spec(one.stable_id, one.name), one.name, is_worn(one))
        for one in list_sound(DeviceKind.SPEAKER)
    ]
    return microphones, speakers
