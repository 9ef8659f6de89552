"""Photos from outside: the protocol checked, the pixels kept, everything else dropped."""

import hashlib
import json
import struct
import time
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemed_desk.media import control
from telemed_desk.media.photo_encode import (
    MAX_PHOTO_BYTES,
    MAX_PREVIEW_BYTES,
    PhotoUnreadable,
    picture_size,
    reencode,
)
from telemed_desk.media.photo_taking import PhotoTaking
from telemed_desk.media.photos import MAX_CHUNK_BYTES, PhotoInbox
from telemed_desk.media.ports import Picture
from telemed_desk.media.remote_pictures import RemotePictures
from tests.support.waiting import until

GPS_SECRET = b"-1.2864,36.8172 Samsung"


def jpeg(width: int, height: int, noise: int = 0) -> bytes:
    """A picture whose top left quarter is red, so that turning it can be seen."""
    pixels = np.full((height, width, 3), 90, np.uint8)
    pixels[: height // 2, : width // 2] = (0, 0, 220)
    if noise:
        pixels = (
            (pixels.astype(int) + np.random.default_rng(1).integers(-noise, noise, pixels.shape))
            .clip(0, 255)
            .astype(np.uint8)
        )
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()


def with_exif(data: bytes, orientation: int) -> bytes:
    """Insert an APP1 segment: orientation, and a maker's words that must not survive."""
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    make = struct.pack(">HHII", 0x010F, 2, len(GPS_SECRET), 38)
    tiff = b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 2) + make + entry + bytes(4)
    body = b"Exif\0\0" + tiff + GPS_SECRET
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:]


def red_corner(data: bytes) -> str:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None
    height, width = pixels.shape[:2]
    corners = {"top left": (8, 8), "top right": (8, width - 9), "bottom left": (height - 9, 8)}
    return next(name for name, (y, x) in corners.items() if pixels[y, x, 2] > 150)


# ---- encoding ------------------------------------------------------------------------------------


def test_metadata_does_not_survive_and_the_photo_stands_upright() -> None:
    source = with_exif(jpeg(640, 480), 6)  # 6: the camera was turned, show it a quarter right
    assert GPS_SECRET in source
    photo = reencode(source)
    assert (photo.width, photo.height) == (480, 640)
    assert red_corner(photo.jpeg) == "top right"
    for data in (photo.jpeg, photo.preview_jpeg):
        assert GPS_SECRET not in data
        assert b"Exif" not in data
        assert data.startswith(b"\xff\xd8")


def test_a_large_noisy_photo_fits_its_limits() -> None:
    photo = reencode(jpeg(3000, 2000, noise=60))
    assert len(photo.jpeg) <= MAX_PHOTO_BYTES
    assert len(photo.preview_jpeg) <= MAX_PREVIEW_BYTES
    assert max(picture_size(photo.preview_jpeg)) <= 1280
    assert picture_size(photo.jpeg) == (photo.width, photo.height)


def test_a_small_clean_photo_keeps_its_size() -> None:
    photo = reencode(jpeg(1600, 1200))
    assert (photo.width, photo.height) == (1600, 1200)


def test_png_is_accepted() -> None:
    data = cv2.imencode(".png", np.full((64, 80, 3), 100, np.uint8))[1].tobytes()
    assert (reencode(data).width, reencode(data).height) == (80, 64)


def bomb() -> bytes:
    data = bytearray(jpeg(64, 64))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", 65000, 65000)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF89a" + bytes(50),
        b"\xff\xd8",
        b"\xff\xd8\xff\xe1\xff\xff",
        jpeg(64, 64)[:200],
        bomb(),
    ],
    ids=["empty", "gif", "head only", "endless segment", "cut short", "bomb"],
)
def test_what_is_no_photo_is_refused(data: bytes) -> None:
    with pytest.raises(PhotoUnreadable):
        reencode(data)


@given(st.binary(max_size=400))
def test_any_bytes_after_a_jpeg_start_are_measured_or_refused(rest: bytes) -> None:
    try:
        width, height = picture_size(b"\xff\xd8" + rest)
    except PhotoUnreadable:
        return
    assert 0 <= width < 65536
    assert 0 <= height < 65536


# ---- protocol ------------------------------------------------------------------------------------


class Page:
    """What the patient's page does with a photo request."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.begin: dict[str, Any] = {
            "t": "photo-begin",
            "size": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "width": 1,
            "height": 1,
        }

    def frames(self, photo: str) -> list[str | bytes]:
        chunks = [
            self.data[at : at + MAX_CHUNK_BYTES] for at in range(0, len(self.data), MAX_CHUNK_BYTES)
        ]
        end = json.dumps({"t": "photo-end", "id": photo})
        return [json.dumps(self.begin | {"id": photo}), *chunks, end]


class Rig:
    """PhotoTaking with the channel and the desk at hand."""

    def __init__(self, *, channel: bool = True, picture: bool = False) -> None:
        self.sent: list[str] = []
        self.told: list[control.FromMedia] = []
        self.channel = channel
        self.pictures = RemotePictures()
        if picture:
            half = np.full((90, 160), 128, np.uint8)
            luma = np.full((180, 320), 100, np.uint8)
            self.pictures.present(Picture(luma, half, half, time.monotonic_ns()))
        self.taking = PhotoTaking("c", self._send, self.pictures, self.told.append)

    def _send(self, text: str) -> bool:
        if self.channel:
            self.sent.append(text)
        return self.channel

    async def outcome(self) -> control.Photo | control.PhotoProgress:
        def last() -> control.Photo | control.PhotoProgress | None:
            for message in self.told:
                if isinstance(message, control.Photo) or (
                    isinstance(message, control.PhotoProgress) and message.problem
                ):
                    return message
            return None

        await until(lambda: last() is not None, "an outcome")
        await self.taking.close()
        self.pictures.close()
        found = last()
        assert found is not None
        return found


async def test_a_photo_arrives_with_its_progress() -> None:
    rig = Rig()
    rig.taking.take("p1")
    assert json.loads(rig.sent[0]) == {"t": "photo-request", "id": "p1"}
    page = Page(with_exif(jpeg(800, 600, noise=20), 1))
    for frame in page.frames("p1"):
        rig.taking.on_data(frame)
    photo = await rig.outcome()
    assert isinstance(photo, control.Photo)
    assert (photo.source, photo.width, photo.height) == ("camera", 800, 600)
    progress = [m for m in rig.told if isinstance(m, control.PhotoProgress)]
    assert progress[0].received == 0
    assert progress[-1].received == progress[-1].size == len(page.data)


def wrong_hash(page: Page) -> None:
    page.begin["sha256"] = "0" * 64


def too_large(page: Page) -> None:
    page.begin["size"] = 8 * 1024 * 1024 + 1


def longer_than_announced(page: Page) -> None:
    page.begin["size"] -= 1


def shorter_than_announced(page: Page) -> None:
    page.begin["size"] += 1


def large_chunk(page: Page) -> None:
    page.frames = (
        lambda photo: [  # type: ignore[method-assign]
            json.dumps(page.begin | {"id": photo}),
            page.data[: MAX_CHUNK_BYTES + 1],
        ]
    )


def no_photo_at_all(page: Page) -> None:
    page.data = bytes(5000)
    page.begin |= {"size": 5000, "sha256": hashlib.sha256(bytes(5000)).hexdigest()}


@pytest.mark.parametrize(
    "spoil",
    [
        wrong_hash,
        too_large,
        longer_than_announced,
        shorter_than_announced,
        large_chunk,
        no_photo_at_all,
    ],
)
async def test_a_broken_photo_is_never_shown(spoil: Any) -> None:
    rig = Rig()
    rig.taking.take("p1")
    page = Page(jpeg(800, 600, noise=20))
    spoil(page)
    for frame in page.frames("p1"):
        rig.taking.on_data(frame)
    outcome = await rig.outcome()
    assert outcome == control.PhotoProgress("c", "p1", 0, 0, "broken")


async def test_a_broken_photo_falls_back_to_the_picture_on_the_screen() -> None:
    rig = Rig(picture=True)
    rig.taking.take("p1")
    page = Page(jpeg(64, 64))
    wrong_hash(page)
    for frame in page.frames("p1"):
        rig.taking.on_data(frame)
    photo = await rig.outcome()
    assert isinstance(photo, control.Photo)
    assert (photo.source, photo.width, photo.height) == ("video", 320, 180)


@pytest.mark.parametrize("picture", [True, False])
async def test_without_a_channel_the_video_is_the_fall_back(picture: bool) -> None:
    rig = Rig(channel=False, picture=picture)
    rig.taking.take("p1")
    outcome = await rig.outcome()
    if picture:
        assert isinstance(outcome, control.Photo)
    else:
        assert outcome == control.PhotoProgress("c", "p1", 0, 0, "no-channel")


async def test_who_declines_is_not_photographed_by_other_means() -> None:
    rig = Rig(picture=True)
    rig.taking.take("p1")
    rig.taking.on_data(json.dumps({"t": "photo-declined", "id": "p1"}))
    assert await rig.outcome() == control.PhotoProgress("c", "p1", 0, 0, "declined")


def test_a_photo_nobody_asked_for_is_ignored() -> None:
    inbox = PhotoInbox()
    for frame in Page(jpeg(64, 64)).frames("p9"):
        assert inbox.take(frame) is None
    inbox.ask("p1")
    for frame in Page(jpeg(64, 64)).frames("p9"):
        assert inbox.take(frame) is None
    assert inbox.asked == "p1"


@given(st.lists(st.one_of(st.text(max_size=80), st.binary(max_size=80)), max_size=20))
def test_any_frames_are_survived(frames: list[str | bytes]) -> None:
    inbox = PhotoInbox()
    inbox.ask("p1")
    inbox.take(json.dumps({"t": "photo-begin", "id": "p1", "size": 100, "sha256": "0" * 64}))
    for frame in frames:
        inbox.take(frame)
