"""The photo protocol over the call's data channel: one photo at a time, checked before it is used.

The desk sends ``{"t":"photo-request","id"}``; the page answers ``photo-declined``, or
``photo-begin`` with size and SHA-256, binary frames, and ``photo-end``. Sans-IO: text and bytes in,
outcomes out; the caller owns the time-out and the decoding.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Annotated

import msgspec

MAX_PHOTO_BYTES = 8 * 1024 * 1024
MAX_CHUNK_BYTES = 16 * 1024
MAX_TEXT_BYTES = 4096
BEGIN_WITHIN_S = 30.0
"""From asking to the first byte: the page counts down, and the patient may look for the wound."""
NEXT_CHUNK_WITHIN_S = 20.0
"""A slow link still moves a chunk in this time."""


class _Begin(msgspec.Struct, frozen=True, tag_field="t", tag="photo-begin"):
    id: Annotated[str, msgspec.Meta(max_length=64)]
    size: Annotated[int, msgspec.Meta(ge=1)]
    sha256: Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
    width: int = 0
    height: int = 0


class _End(msgspec.Struct, frozen=True, tag_field="t", tag="photo-end"):
    id: str


class _Declined(msgspec.Struct, frozen=True, tag_field="t", tag="photo-declined"):
    id: str


_decoder: msgspec.json.Decoder[_Begin | _End | _Declined] = msgspec.json.Decoder(
    _Begin | _End | _Declined
)


def _parse(text: str) -> _Begin | _End | _Declined | None:
    """Read a text frame; None for what is about something else, or nothing at all."""
    if len(text) > MAX_TEXT_BYTES:
        return None
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return None


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes received so far."""

    photo: str
    received: int
    size: int


@dataclass(frozen=True, slots=True)
class Complete:
    """All bytes, and their hash is right; not yet decoded."""

    photo: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Problem:
    """It will not come this way: ``declined`` or ``broken``."""

    photo: str
    problem: str


Outcome = Progress | Complete | Problem


class PhotoInbox:
    """Receives the photo that was asked for; ignores what was not."""

    def __init__(self) -> None:
        self._asked: str | None = None
        self._begin: _Begin | None = None
        self._data = bytearray()

    @property
    def asked(self) -> str | None:
        """The photo that is awaited."""
        return self._asked

    def ask(self, photo: str) -> str:
        """Await this photo; return the text to send to the page."""
        self.forget()
        self._asked = photo
        return json.dumps({"t": "photo-request", "id": photo})

    def forget(self) -> None:
        """Stop waiting; late bytes are ignored."""
        self._asked = None
        self._begin = None
        self._data = bytearray()

    def take(self, message: str | bytes) -> Outcome | None:
        """Handle what came over the channel; None when it is not about the photo asked for."""
        if isinstance(message, bytes):
            return self._chunk(message)
        parsed = _parse(message)
        if parsed is None or self._asked is None or parsed.id != self._asked:
            return None
        match parsed:
            case _Declined():
                return self._fail("declined")
            case _Begin():
                if self._begin is not None or parsed.size > MAX_PHOTO_BYTES:
                    return self._fail("broken")
                self._begin = parsed
                return Progress(parsed.id, 0, parsed.size)
            case _End():
                return self._finish()

    def _chunk(self, chunk: bytes) -> Outcome | None:
        if self._asked is None or self._begin is None:
            return None
        if len(chunk) > MAX_CHUNK_BYTES or len(self._data) + len(chunk) > self._begin.size:
            return self._fail("broken")
        self._data += chunk
        return Progress(self._asked, len(self._data), self._begin.size)

    def _finish(self) -> Outcome:
        begin, data = self._begin, bytes(self._data)
        if begin is None or len(data) != begin.size:
            return self._fail("broken")
        if not hmac.compare_digest(
            hashlib.sha256(data).hexdigest().encode(), begin.sha256.lower().encode()
        ):
            return self._fail("broken")
        self.forget()
        return Complete(begin.id, data)

    def _fail(self, problem: str) -> Problem:
        photo = self._asked or ""
        self.forget()
        return Problem(photo, problem)
