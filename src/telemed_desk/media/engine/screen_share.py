"""The third line of a call: this PC's screen, silent until it is shared.

The line is agreed on from the start, so that sharing needs no further word over the signalling. While a
screen is shared it has the larger part of what pictures may use, for text that cannot be read is of no
use and a face that moves less is: the camera goes on with the rest, smaller and slower. Voice is not
touched. An unchanged screen sends next to nothing.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from telemed_desk.media.ports import PictureSource
from telemed_desk.media.transport.sender import PacketSender

from .picture_out import PictureUplink, VideoPlan

SHARE: Final = 0.65
MOST_BPS: Final = 1_500_000
SHARP_BPS: Final = 500_000
CAMERA_SMALL_BPS: Final = 250_000
_SLOW_BPS: Final = 150_000


class ScreenShare:
    """Sends a screen. Loop thread.

    Args:
        sender: Of the third line.
        may_encode, rtt_ms: As for the camera.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sender: PacketSender,
        may_encode: Callable[[], bool],
        rtt_ms: Callable[[], float],
    ) -> None:
        self.sender = sender
        self._shown = False
        self.uplink = PictureUplink(
            loop, sender.send_frame, sender.keyframes, may_encode, rtt_ms, screen=True
        )
        sender.on_started = self._on_started

    @property
    def shown(self) -> bool:
        """Whether a screen is shared now."""
        return self._shown

    def show(self, source: PictureSource | None) -> None:
        """Share this, or nothing any more."""
        self._shown = source is not None
        self.uplink.set_source(source)
        if source is not None:
            self.sender.begin_anew()
            self._on_started()

    def _on_started(self) -> None:
        if self._shown and self.sender.started:
            self.uplink.start()

    def divide(self, camera: VideoPlan) -> VideoPlan:
        """Take the screen's part of what pictures may use; return what is left for the camera."""
        if not self._shown or camera.paused:
            self.uplink.plan = VideoPlan(640, 360, 1, 0)
            return camera
        bitrate = min(int(camera.bitrate * SHARE), MOST_BPS)
        size = (1920, 1080) if bitrate >= SHARP_BPS else (1280, 720)
        self.uplink.plan = VideoPlan(*size, 5 if bitrate >= _SLOW_BPS else 2, bitrate)
        left = camera.bitrate - bitrate
        if left >= CAMERA_SMALL_BPS:
            return VideoPlan(min(camera.width, 640), min(camera.height, 360), camera.fps, left)
        return VideoPlan(min(camera.width, 320), min(camera.height, 180), min(camera.fps, 10), left)
