"""A desk that takes part in another desk's call gives stills from its own camera when asked.

Of the camera that the others see anyway; while it is switched off, or there is none, it declines.
"""

import asyncio
import time
from collections.abc import Callable

from telemed_desk.media.photo_giving import PhotoGiving, PhotoUnmade, still
from telemed_desk.media.ports import PictureSource


class PhotoAnswering:
    """Answers for one call; on the loop, the picture is encoded in a worker thread.

    Args:
        send: Puts a message on the data channel; False when it is closed or full.
        camera: Returns the camera whose pictures are sent now, None while none is.
    """

    def __init__(
        self,
        send: Callable[[str | bytes], bool],
        camera: Callable[[], PictureSource | None],
    ) -> None:
        self._camera = camera
        self._giving = PhotoGiving(send, self._asked, lambda: time.monotonic() * 1000)
        self._making: asyncio.Task[None] | None = None
        self._wanted = ""

    def on_data(self, message: str | bytes) -> None:
        """Handle what came over the data channel."""
        self._giving.on_data(message)

    async def close(self) -> None:
        """Stop making pictures."""
        self._wanted = ""
        if self._making is not None:
            self._making.cancel()
            await asyncio.gather(self._making, return_exceptions=True)

    def _asked(self, photo: str) -> None:
        self._wanted = photo  # of several that are asked for meanwhile the last counts
        if self._making is None or self._making.done():
            self._making = asyncio.get_running_loop().create_task(self._make())

    async def _make(self) -> None:
        while self._wanted:
            photo, self._wanted = self._wanted, ""
            await self._give(photo)

    async def _give(self, photo: str) -> None:
        try:
            jpeg = await asyncio.to_thread(still, self._camera())
        except PhotoUnmade:
            self._giving.decline(photo)
            return
        self._giving.give(photo, jpeg)
