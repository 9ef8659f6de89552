"""Takes a photo in a call: asks the page for a still, falls back to the picture on the screen."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from telemed_desk.media import control
from telemed_desk.media.photo_encode import (
    EncodedPhoto,
    PhotoUnreadable,
    encode_picture,
    reencode,
)
from telemed_desk.media.photo_pace import PhotoPace
from telemed_desk.media.photos import (
    BEGIN_WITHIN_S,
    NEXT_CHUNK_WITHIN_S,
    Complete,
    PhotoInbox,
    Problem,
    Progress,
    Unfinished,
    done,
)
from telemed_desk.media.remote_pictures import RemotePictures

PROGRESS_STEP: Final = 32 * 1024
"""The desk hears of progress in steps, not of every chunk."""
CHANNEL_WITHIN_S = 8.0
"""A call that has just come up gets its data channel some round trips later."""

_log = structlog.get_logger(__name__)


class PhotoShelf:
    """Keeps the one photo whose call broke, until the next call of its consultation asks for it.

    It goes by the photo's id, which only the desk's core gives out: never to another patient.
    """

    def __init__(self) -> None:
        self._kept: Unfinished | None = None

    def keep(self, unfinished: Unfinished | None) -> None:
        """Put it here; what was here before goes."""
        if unfinished is not None:
            self._kept = unfinished

    def take(self, photo: str) -> Unfinished | None:
        """Return and forget it; anything else goes too."""
        kept, self._kept = self._kept, None
        return kept if kept is not None and kept.begin.id == photo else None


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
        shelf: PhotoShelf | None = None,
    ) -> None:
        self._call = call
        self._send_data = send_data
        self._pictures = pictures
        self._report = report
        self._shelf = shelf or PhotoShelf()
        self._inbox = PhotoInbox()
        self._pace = PhotoPace()
        self._timer: asyncio.TimerHandle | None = None
        self._within_s = 0.0
        self._held = False
        self._open = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._reported = 0

    def take(self, photo: str) -> None:
        """Begin; the outcome is a Photo or a PhotoProgress with a problem.

        A photo that an earlier call of this consultation began is gone on with.
        """
        if self._inbox.asked is not None:
            self._progress(photo, problem="busy")
            return
        self._reported = 0
        self._pace = PhotoPace()
        asking = self._inbox.ask(photo, self._shelf.take(photo))
        if self._send_data(asking):
            self._wait(BEGIN_WITHIN_S)
        elif self._open:
            self._inbox.forget()
            self._fall_back(photo, "no-channel")
        else:
            self._wait(CHANNEL_WITHIN_S)

    def opened(self) -> None:
        """A data channel is open, the first or another one: ask, or go on where it broke."""
        self._open = True
        if self._inbox.asked is None:
            return
        self._pace = PhotoPace()
        self._send_data(self._inbox.reopened())
        self._wait(BEGIN_WITHIN_S)

    def hold(self, *, lost: bool) -> None:
        """The path is gone, or there again; meanwhile nobody is impatient."""
        self._held = lost
        if self._timer is not None:
            self._wait(self._within_s)

    def heed_loss(self, ratio: float | None) -> None:
        """Take the share of the other side's packets that were lost in the last second."""
        if self._inbox.begun:
            self._pace.on_voice_loss(time.monotonic_ns(), ratio)

    def on_data(self, message: str | bytes) -> None:
        """Handle what came over the data channel."""
        match self._inbox.take(message):
            case None:
                return
            case Progress() as progress:
                self._go_on(progress)
            case Complete(photo, data):
                self._stop_waiting()
                self._progress(photo, len(data), len(data))
                self._spawn(self._finish(photo, data))
            case Problem(photo, problem):
                self._stop_waiting()
                if problem == "declined":
                    self._progress(photo, problem=problem)
                else:
                    self._fall_back(photo, problem)

    def _go_on(self, progress: Progress) -> None:
        self._wait(NEXT_CHUNK_WITHIN_S)
        now_ns, received = time.monotonic_ns(), progress.received
        if progress.part:
            self._pace.on_part(now_ns, progress.sent_ms, progress.part, received)
        credit = self._inbox.allow(int(self._pace.window), self._pace.part)
        if credit is not None:
            self._send_data(credit)
            self._pace.on_credit(now_ns, self._inbox.credit)
        if not progress.part or received - self._reported >= PROGRESS_STEP:
            self._reported = received
            self._progress(progress.photo, received, progress.size)

    async def close(self) -> None:
        """Stop; what has come of a photo stays on the shelf."""
        self._stop_waiting()
        self._shelf.keep(self._inbox.unfinished())
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
        self._send_data(done(photo, ok=True))
        self._deliver(photo, encoded, from_camera=True)

    def _fall_back(self, photo: str, problem: str) -> None:
        self._send_data(done(photo, ok=False))
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
                encoded.thumb_jpeg,
            )
        )

    def _progress(self, photo: str, received: int = 0, size: int = 0, problem: str = "") -> None:
        self._report(control.PhotoProgress(self._call, photo, received, size, problem))

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._within_s = seconds
        late = self._wait_on if self._held else self._too_late
        self._timer = asyncio.get_running_loop().call_later(seconds, late)

    def _wait_on(self) -> None:
        self._wait(self._within_s)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_late(self) -> None:
        photo = self._inbox.asked
        problem = "broken" if self._open else "no-channel"
        self._inbox.forget()
        if photo is not None:
            self._fall_back(photo, problem)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
