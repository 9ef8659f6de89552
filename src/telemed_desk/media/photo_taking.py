"""Takes a photo in a call: asks the page for a still, falls back to the picture on the screen."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from telemed_desk.media import control
from telemed_desk.media.photo_encode import (
    EncodedPhoto,
    PhotoUnreadable,
    encode_picture,
    reencode,
)
from telemed_desk.media.photos import (
    BEGIN_WITHIN_S,
    NEXT_CHUNK_WITHIN_S,
    Complete,
    PhotoInbox,
    Problem,
    Progress,
)
from telemed_desk.media.remote_pictures import RemotePictures

PROGRESS_STEP = 32 * 1024
"""The desk hears of progress in steps, not of every chunk."""

_log = structlog.get_logger(__name__)


class PhotoTaking:
    """One photo at a time for one call; on the loop, decoding in a worker thread.

    A patient who declines is not photographed by other means: the fall-back is for a page that
    cannot, not for one that does not want to.
    """

    def __init__(
        self,
        call: str,
        send_data: Callable[[str], bool],
        pictures: RemotePictures,
        report: Callable[[control.FromMedia], None],
    ) -> None:
        self._call = call
        self._send_data = send_data
        self._pictures = pictures
        self._report = report
        self._inbox = PhotoInbox()
        self._timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._reported = 0

    def take(self, photo: str) -> None:
        """Begin; the outcome is a Photo or a PhotoProgress with a problem."""
        if self._inbox.asked is not None:
            self._progress(photo, problem="busy")
            return
        if self._send_data(self._inbox.ask(photo)):
            self._reported = 0
            self._wait(BEGIN_WITHIN_S)
        else:
            self._inbox.forget()
            self._fall_back(photo, "no-channel")

    def on_data(self, message: str | bytes) -> None:
        """Handle what came over the data channel."""
        match self._inbox.take(message):
            case None:
                return
            case Progress(photo, received, size):
                self._wait(NEXT_CHUNK_WITHIN_S)
                if received in (0, size) or received - self._reported >= PROGRESS_STEP:
                    self._reported = received
                    self._progress(photo, received, size)
            case Complete(photo, data):
                self._stop_waiting()
                self._spawn(self._finish(photo, data))
            case Problem(photo, problem):
                self._stop_waiting()
                if problem == "declined":
                    self._progress(photo, problem=problem)
                else:
                    self._fall_back(photo, problem)

    async def close(self) -> None:
        """Forget what is under way."""
        self._stop_waiting()
        self._inbox.forget()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _finish(self, photo: str, data: bytes) -> None:
        try:
            encoded = await asyncio.to_thread(reencode, data)
        except PhotoUnreadable as error:
            _log.warning("photo_unreadable", code=error.code, reason=error.detail)
            self._fall_back(photo, "broken")
            return
        self._deliver(photo, encoded, from_camera=True)

    def _fall_back(self, photo: str, problem: str) -> None:
        self._spawn(self._from_video(photo, problem))

    async def _from_video(self, photo: str, problem: str) -> None:
        picture = self._pictures.fresh()
        if picture is None:
            self._progress(photo, problem=problem)
            return
        self._deliver(photo, await asyncio.to_thread(encode_picture, picture), from_camera=False)

    def _deliver(self, photo: str, encoded: EncodedPhoto, *, from_camera: bool) -> None:
        self._report(
            control.Photo(
                self._call,
                photo,
                encoded.jpeg,
                encoded.preview_jpeg,
                encoded.width,
                encoded.height,
                "camera" if from_camera else "video",
            )
        )

    def _progress(self, photo: str, received: int = 0, size: int = 0, problem: str = "") -> None:
        self._report(control.PhotoProgress(self._call, photo, received, size, problem))

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._too_late)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        photo = self._inbox.asked
        self._inbox.forget()
        if photo is not None:
            self._fall_back(photo, "broken")

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
