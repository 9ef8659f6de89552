"""A photo over the data channel of a real call; the engine itself plays the patient's page."""

import asyncio
import json
import time
from collections.abc import AsyncIterator

import cv2
import numpy as np
import pytest

from telemed_desk.devices.specs import UsePattern
from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess
from telemed_desk.media.engine.call import Call, CallParts
from telemed_desk.media.photo_giving import PhotoGiving
from telemed_desk.media.ports import Picture
from telemed_desk.media.sources.pattern import PatternCamera
from tests.support.devices.media_desk import ListeningDesk


class Page:
    """Answers photo requests as the patient's page does, in as many ways as a test needs."""

    def __init__(self) -> None:
        self.camera = PatternCamera(UsePattern(320, 240, 15), lambda _code, _detail: None)
        self.camera.start()
        parts = CallParts(self.camera, None, self)
        self.call = Call(
            "c", parts, self, offer=False, ice_servers=[], relay_only=False, start_rung=3
        )
        self.giving = PhotoGiving(
            self.call.send_data, self.on_photo_asked, lambda: time.monotonic() * 1000
        )
        self.declines = False
        self.photo = b""
        self.texts: list[dict[str, object]] = []

    async def close(self) -> None:
        await self.call.close()
        await asyncio.to_thread(self.camera.close)

    def present(self, picture: Picture) -> None:
        """The desk's pictures are of no interest here."""

    def on_phase(self, phase: control.CallPhase, reason: str) -> None:
        """The desk's side is watched."""

    def on_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        """All candidates are in the answer."""

    def on_data_open(self) -> None:
        self.call.send_data(json.dumps({"t": "hello", "v": 1}))

    def on_restart_offer(self, sdp: str, revision: int) -> None:
        """Not in this test."""

    def on_data(self, message: str | bytes) -> None:
        assert isinstance(message, str)
        self.texts.append(json.loads(message))
        self.giving.on_data(message)

    def on_photo_asked(self, photo: str) -> None:
        if self.declines:
            self.giving.decline(photo)
        else:
            self.giving.give(photo, self.photo)


@pytest.fixture
async def desk() -> ListeningDesk:
    return ListeningDesk()


@pytest.fixture
async def media(desk: ListeningDesk) -> AsyncIterator[MediaProcess]:
    process = desk.media()
    await process.start()
    process.send(control.Devices("none", "none", "null"))
    yield process
    await process.stop()


@pytest.fixture
async def page(desk: ListeningDesk, media: MediaProcess) -> AsyncIterator[Page]:
    made = Page()
    media.send(control.StartCall("c", offer=True, start_rung=3))
    offer = await desk.first(control.LocalDescription)
    answer = await made.call.accept_offer(offer.sdp)
    media.send(control.RemoteDescription("c", "answer", answer))
    await desk.first(control.CallState, lambda state: state.phase == "connected")
    await desk.until(lambda: any(t["t"] == "hello" for t in made.texts), "the desk's hello")
    yield made
    await made.close()


async def test_a_large_photo_arrives(desk: ListeningDesk, media: MediaProcess, page: Page) -> None:
    pixels = np.random.default_rng(3).integers(0, 255, (900, 1200, 3)).astype(np.uint8)
    page.photo = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()
    assert len(page.photo) > 400_000
    media.send(control.TakePhoto("c", "p1"))
    photo = await desk.first(control.Photo)
    assert (photo.photo, photo.source, photo.width, photo.height) == ("p1", "camera", 1200, 900)
    assert any(p.received == p.size > 0 for p in desk.of(control.PhotoProgress))


async def test_a_declined_photo_is_none(
    desk: ListeningDesk, media: MediaProcess, page: Page
) -> None:
    page.declines = True
    media.send(control.TakePhoto("c", "p1"))
    told = await desk.first(control.PhotoProgress, lambda p: bool(p.problem))
    assert told.problem == "declined"
    assert not desk.of(control.Photo)


async def test_a_broken_photo_is_replaced_by_the_picture_on_the_screen(
    desk: ListeningDesk, media: MediaProcess, page: Page
) -> None:
    await desk.first(control.CallStats, lambda stats: stats.shown_fps > 0)
    page.photo = bytes(3000)
    media.send(control.TakePhoto("c", "p1"))
    photo = await desk.first(control.Photo)
    assert photo.source == "video"
    assert photo.width > 0
