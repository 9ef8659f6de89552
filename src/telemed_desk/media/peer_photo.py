"""Photos of the headless peer, both ways: it gives one when asked, and takes one when told to."""

import asyncio
import time
from collections.abc import Callable

from telemed_desk.media import control
from telemed_desk.media.photo_giving import PhotoGiving, PhotoUnmade, still
from telemed_desk.media.photo_taking import PhotoTaking
from telemed_desk.media.ports import PictureSource
from telemed_desk.media.remote_pictures import RemotePictures


class PeerPhotos:
    """On the loop.

    Args:
        send: Puts a message on the data channel.
        camera: What is open now; None = requests are declined.
        emit: Told ``received`` and ``size``, and at last ``width`` or ``problem``.
    """

    def __init__(
        self,
        send: Callable[[str | bytes], bool],
        camera: Callable[[], PictureSource | None],
        emit: Callable[..., None],
    ) -> None:
        self._send = send
        self._camera = camera
        self._emit = emit
        self._giving = PhotoGiving(send, self._asked, lambda: time.monotonic() * 1000)
        self._jobs: set[asyncio.Task[None]] = set()
        self._pictures: RemotePictures | None = None
        self._taking: PhotoTaking | None = None

    def take(self, photo: str) -> None:
        """Ask the other side for one."""
        if self._taking is None:
            self._pictures = RemotePictures()
            self._taking = PhotoTaking("peer", self._send, self._pictures, self._report)
        self._taking.take(photo)

    def heed_loss(self, ratio: float | None) -> None:
        """Once a second."""
        if self._taking is not None:
            self._taking.heed_loss(ratio)

    def on_data(self, message: str | bytes) -> None:
        """Handle what came over the data channel."""
        self._giving.on_data(message)
        if self._taking is not None:
            self._taking.on_data(message)

    async def close(self) -> None:
        """Stop both."""
        for job in self._jobs:
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        if self._taking is not None:
            await self._taking.close()
            self._taking = None
        if self._pictures is not None:
            self._pictures.close()
            self._pictures = None

    def _report(self, message: control.FromMedia) -> None:
        match message:
            case control.Photo():
                self._emit("photo", width=message.width, source=message.source)
            case control.PhotoProgress():
                self._emit("photo-progress", received=message.received, problem=message.problem)
            case _:
                pass

    def _asked(self, photo: str) -> None:
        job = asyncio.create_task(self._give(photo))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _give(self, photo: str) -> None:
        try:
            self._giving.give(photo, await asyncio.to_thread(still, self._camera()))
        except PhotoUnmade:
            self._giving.decline(photo)
