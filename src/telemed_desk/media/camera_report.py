"""Tells the desk which cameras are plugged in, as it changes."""

import asyncio
import contextlib
from collections.abc import Callable

from telemed_desk.devices.cameras.listing import list_cameras
from telemed_desk.devices.cameras.watch import WATCH
from telemed_desk.devices.specs import listed_spec
from telemed_desk.media.camera_check import camera_spec
from telemed_desk.media.control import FromMedia
from telemed_desk.media.control_cameras import Cameras, CameraSeen
from telemed_desk.media.station import Station

LOOK_S = 0.5
"""How soon it is told that another camera was opened; plugging is told at once."""


class CameraReport:
    """Runs until it is cancelled. On the loop.

    Args:
        station: Knows which camera is open.
        send: Tells the desk.
    """

    def __init__(self, station: Station, send: Callable[[FromMedia], object]) -> None:
        self._station = station
        self._send = send
        self._changed = asyncio.Event()
        self._told: Cameras | None = None

    async def run(self) -> None:
        """Tell at the start, and at every change."""
        loop = asyncio.get_running_loop()

        def changed() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(self._changed.set)

        end = WATCH.subscribe(changed)
        seen = await asyncio.to_thread(_seen)
        try:
            while True:
                before = self._told.in_use if self._told is not None else ""
                now = Cameras(seen, camera_spec(self._station.camera) or before)
                if now != self._told:
                    self._told = now
                    self._send(now)
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._changed.wait()
                except TimeoutError:
                    continue
                self._changed.clear()
                seen = await asyncio.to_thread(_seen)
        finally:
            end()


def _seen() -> list[CameraSeen]:
    """List what is plugged in; milliseconds, on a worker thread."""
    return [CameraSeen(listed_spec(one.stable_id, one.name), one.name) for one in list_cameras()]
