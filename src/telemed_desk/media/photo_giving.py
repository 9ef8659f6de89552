"""The answering side of the photo protocol, for a desk that is asked by another desk.

What the patient's page does in JavaScript: announce, send what the credit allows, go on after a break.
"""

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Final

import cv2
import msgspec
import numpy as np

from telemed_desk.media.photos import MAX_TEXT_BYTES, PART_HEADER
from telemed_desk.media.ports import Picture, PictureSource

JPEG_QUALITY: Final = 92
LARGEST_PART: Final = 1100
_WRAP: Final = 1 << 32
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class PhotoUnmade(Exception):
    """The encoder refused the picture."""


class _Request(msgspec.Struct, frozen=True, tag_field="t", tag="photo-request"):
    id: _Id


class _Resume(msgspec.Struct, frozen=True, tag_field="t", tag="photo-resume"):
    id: _Id
    start: Annotated[int, msgspec.Meta(ge=0)] = msgspec.field(name="from")


class _Credit(msgspec.Struct, frozen=True, tag_field="t", tag="photo-credit"):
    id: _Id
    upto: Annotated[int, msgspec.Meta(ge=0)]
    part: Annotated[int, msgspec.Meta(ge=1)]


class _Done(msgspec.Struct, frozen=True, tag_field="t", tag="photo-done"):
    id: _Id
    ok: bool


_Asked = _Request | _Resume | _Credit | _Done
_decoder: msgspec.json.Decoder[_Asked] = msgspec.json.Decoder(_Asked)


def still(camera: PictureSource | None) -> bytes:
    """Return the newest picture of a camera as JPEG, in full resolution. Some milliseconds.

    Not for the loop's thread.

    Raises:
        PhotoUnmade: There is no camera, no picture yet, or it cannot be encoded.
    """
    picture = None if camera is None else camera.newest()
    if picture is None:
        raise PhotoUnmade
    return encode(picture)


def encode(picture: Picture) -> bytes:
    """Return a picture as JPEG. Raises PhotoUnmade."""
    width, height = picture.width & ~1, picture.height & ~1
    planes = np.concatenate(
        [
            picture.y[:height, :width].reshape(-1),
            picture.u[: height // 2, : width // 2].reshape(-1),
            picture.v[: height // 2, : width // 2].reshape(-1),
        ]
    ).reshape(height * 3 // 2, width)
    colour = cv2.cvtColor(planes, cv2.COLOR_YUV2BGR_I420)
    made, encoded = cv2.imencode(".jpg", colour, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    if not made:
        raise PhotoUnmade
    return encoded.tobytes()


class PhotoGiving:
    """Gives the photos that the other side of one call asks for. One thread.

    Args:
        send: Puts a message on the data channel; False when it is closed or full.
        asked: Called with a photo's id when somebody must decide.
        now_ms: A clock of any origin, milliseconds.
    """

    def __init__(
        self,
        send: Callable[[str | bytes], bool],
        asked: Callable[[str], None],
        now_ms: Callable[[], float],
    ) -> None:
        self._send = send
        self._asked = asked
        self._now_ms = now_ms
        self._id = ""
        self._jpeg = b""
        self._begin = ""
        self._at = 0

    def give(self, photo: str, jpeg: bytes) -> None:
        """Send this photo, as fast as the other side allows."""
        self._id, self._jpeg, self._at = photo, jpeg, 0
        self._begin = json.dumps(
            {
                "t": "photo-begin",
                "id": photo,
                "size": len(jpeg),
                "sha256": hashlib.sha256(jpeg).hexdigest(),
            }
        )
        self._send(self._begin)

    def decline(self, photo: str) -> None:
        """Do not give it."""
        self._send(json.dumps({"t": "photo-declined", "id": photo}))

    def on_data(self, message: str | bytes) -> None:
        """Handle what came over the data channel; anything else is ignored."""
        if isinstance(message, bytes) or len(message) > MAX_TEXT_BYTES:
            return
        try:
            told = _decoder.decode(message)
        except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
            return
        match told:
            case _Request(photo):
                self._again(photo, 0)
            case _Resume(photo, start):
                self._again(photo, start)
            case _Credit(photo, upto, part) if photo == self._id:
                self._pump(min(upto, len(self._jpeg)), min(part, LARGEST_PART))
            case _Done(photo, _) if photo == self._id:
                self._id, self._jpeg = "", b""
            case _:
                pass

    def _again(self, photo: str, start: int) -> None:
        if photo != self._id or start > len(self._jpeg):
            self._id, self._jpeg = "", b""
            self._asked(photo)
            return
        self._at = start
        self._send(self._begin)

    def _pump(self, upto: int, part: int) -> None:
        while self._at < upto:
            piece = self._jpeg[self._at : min(upto, self._at + part)]
            head = PART_HEADER.pack(self._at, int(self._now_ms()) % _WRAP)
            if not self._send(head + piece):
                return  # closed; the next channel says from where
            self._at += len(piece)
