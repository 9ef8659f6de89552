"""A photo's two sides with a channel between them that a test holds in its hand."""

import json
import time
from typing import Any

import cv2
import numpy as np

from telemed_desk.media import control
from telemed_desk.media.photo_giving import PhotoGiving
from telemed_desk.media.photo_taking import PhotoShelf, PhotoTaking
from telemed_desk.media.ports import Picture
from telemed_desk.media.remote_pictures import RemotePictures
from tests.support.waiting import until


def noisy_jpeg(width: int = 800, height: int = 600) -> bytes:
    """A picture that compresses badly: many parts."""
    pixels = np.random.default_rng(1).integers(0, 255, (height, width, 3)).astype(np.uint8)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 60])[1].tobytes()


class Giver:
    """The page's side: our own, which speaks as the page does."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.out: list[str | bytes] = []
        self.giving = PhotoGiving(self._send, self.asked.append, lambda: time.monotonic() * 1000)

    def _send(self, message: str | bytes) -> bool:
        self.out.append(message)
        return True


class Rig:
    """PhotoTaking with the channel and the desk at hand."""

    def __init__(
        self, *, channel: bool = True, picture: bool = False, shelf: PhotoShelf | None = None
    ) -> None:
        self.sent: list[str] = []
        self.told: list[control.FromMedia] = []
        self.channel = channel
        self.pictures = RemotePictures()
        if picture:
            half = np.full((90, 160), 128, np.uint8)
            luma = np.full((180, 320), 100, np.uint8)
            self.pictures.present(Picture(luma, half, half, time.monotonic_ns()))
        self.taking = PhotoTaking("c", self._send, self.pictures, self.told.append, shelf)
        self.taking.opened()

    def _send(self, text: str) -> bool:
        if self.channel:
            self.sent.append(text)
        return self.channel

    def said(self, kind: str) -> list[dict[str, Any]]:
        """What the page was told of this kind."""
        return [told for told in map(json.loads, self.sent) if told["t"] == kind]

    def exchange(self, giver: Giver, most: int = 100_000) -> int:
        """Carry messages both ways until both rest, or so many frames have come; return how many."""
        heard, frames = 0, 0
        while (giver.out or heard < len(self.sent)) and frames < most:
            while heard < len(self.sent):
                giver.giving.on_data(self.sent[heard])
                heard += 1
            if giver.out:
                self.taking.on_data(giver.out.pop(0))
                frames += 1
        self.sent = self.sent[heard:]
        return frames

    async def outcome(self) -> control.Photo | control.PhotoProgress:
        """Wait for how it ended."""

        def last() -> control.Photo | control.PhotoProgress | None:
            for message in self.told:
                if isinstance(message, control.Photo) or (
                    isinstance(message, control.PhotoProgress) and message.problem
                ):
                    return message
            return None

        await until(lambda: last() is not None, "an outcome")
        await self.close()
        found = last()
        assert found is not None
        return found

    async def close(self) -> None:
        await self.taking.close()
        self.pictures.close()
