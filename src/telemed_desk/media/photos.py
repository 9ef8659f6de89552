"""The photo protocol over the call's data channel: one photo at a time, checked before it is used.

The desk asks (``photo-request``, or ``photo-resume`` with the offset that it has already); the page
declines, or announces size and SHA-256 (``photo-begin``). Then the page sends parts, never further than
the desk's last ``photo-credit`` allows, and the desk says ``photo-done``. A part is four bytes of
offset, four of the page's clock (ms, modulo 2^32), both big-endian, and at most 16 KiB of the photo.
Sans-IO: text and bytes in, outcomes out; the caller owns time-outs, pace and decoding.
"""

import hashlib
import hmac
import json
import struct
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

MAX_PHOTO_BYTES: Final = 8 * 1024 * 1024
MAX_CHUNK_BYTES: Final = 16 * 1024
MAX_TEXT_BYTES: Final = 4096
PART_HEADER: Final = struct.Struct(">II")
BEGIN_WITHIN_S: Final = 30.0
"""From asking to the first byte: the page counts down, and the patient may look for the wound."""
NEXT_CHUNK_WITHIN_S: Final = 20.0
"""A slow link still moves a chunk in this time."""


class Begin(msgspec.Struct, frozen=True, tag_field="t", tag="photo-begin"):
    """What the page announces."""

    id: Annotated[str, msgspec.Meta(max_length=64)]
    size: Annotated[int, msgspec.Meta(ge=1)]
    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-fA-F]{64}$")]
    width: int = 0
    height: int = 0


class _Declined(msgspec.Struct, frozen=True, tag_field="t", tag="photo-declined"):
    id: str


_decoder: msgspec.json.Decoder[Begin | _Declined] = msgspec.json.Decoder(Begin | _Declined)


def _parse(text: str) -> Begin | _Declined | None:
    """Read a text frame; None for what is about something else, or nothing at all."""
    if len(text) > MAX_TEXT_BYTES:
        return None
    try:
        return _decoder.decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return None


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes received so far.

    Attributes:
        photo: Its id.
        received: Bytes from the start.
        size: Bytes that it will have.
        part: Bytes that came with this frame; 0 for an announcement.
        sent_ms: The page's clock when it sent them.
    """

    photo: str
    received: int
    size: int
    part: int = 0
    sent_ms: int = 0


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


@dataclass(frozen=True, slots=True)
class Unfinished:
    """What there is of a photo whose call broke: enough to go on in the next."""

    begin: Begin
    data: bytes


class PhotoInbox:
    """Receives the photo that was asked for; ignores what was not."""

    def __init__(self) -> None:
        self._asked: str | None = None
        self._begin: Begin | None = None
        self._data = bytearray()
        self._credit = 0

    @property
    def asked(self) -> str | None:
        """The photo that is awaited."""
        return self._asked

    @property
    def begun(self) -> bool:
        """Whether its parts may come: the page has announced it."""
        return self._begin is not None

    @property
    def received(self) -> int:
        """Bytes of it that are here."""
        return len(self._data)

    @property
    def credit(self) -> int:
        """How far the page may send."""
        return self._credit

    @property
    def size(self) -> int:
        """Bytes that it will have; 0 before it is announced."""
        return 0 if self._begin is None else self._begin.size

    def ask(self, photo: str, unfinished: Unfinished | None = None) -> str:
        """Await this photo; return the text to send to the page.

        Args:
            photo: Its id.
            unfinished: What an earlier call left of the same photo.
        """
        self.forget()
        self._asked = photo
        if unfinished is not None and unfinished.begin.id == photo:
            self._begin = unfinished.begin
            self._data += unfinished.data
        return self.ask_again()

    def ask_again(self) -> str:
        """Return what a fresh channel must be told: where to go on, or the request."""
        if not self._data:
            return json.dumps({"t": "photo-request", "id": self._asked})
        return json.dumps({"t": "photo-resume", "id": self._asked, "from": len(self._data)})

    def allow(self, window: int, part: int) -> str | None:
        """Let the page send so far beyond what is here; return what to tell it, None if nothing new.

        Args:
            window: Bytes that may be under way.
            part: Bytes of one part, so that voice waits behind little.
        """
        if self._begin is None:
            return None
        upto = min(self._begin.size, len(self._data) + window)
        if upto < self._begin.size and upto < self._credit + part:
            return None
        if upto <= self._credit:
            return None
        self._credit = upto
        return json.dumps({"t": "photo-credit", "id": self._asked, "upto": upto, "part": part})

    def unfinished(self) -> Unfinished | None:
        """Return what there is, for the next call; None if nothing has come."""
        if self._begin is None or not self._data:
            return None
        return Unfinished(self._begin, bytes(self._data))

    def forget(self) -> None:
        """Stop waiting; late bytes are ignored."""
        self._asked = None
        self._begin = None
        self._data = bytearray()
        self._credit = 0

    def take(self, message: str | bytes) -> Outcome | None:
        """Handle what came over the channel; None when it is not about the photo asked for."""
        if isinstance(message, bytes):
            return self._part(message)
        parsed = _parse(message)
        if parsed is None or self._asked is None or parsed.id != self._asked:
            return None
        match parsed:
            case _Declined():
                return self._fail("declined")
            case Begin():
                return self._announced(parsed)

    def _announced(self, begin: Begin) -> Outcome:
        if begin.size > MAX_PHOTO_BYTES:
            return self._fail("broken")
        known = self._begin
        if known is None or known.size != begin.size or known.sha256 != begin.sha256:
            if self._credit:
                return self._fail("broken")  # another photo in the middle of this one
            self._data = bytearray()  # the page lost the first one and took it anew
            self._begin = begin
        return Progress(begin.id, len(self._data), begin.size)

    def _part(self, frame: bytes) -> Outcome | None:
        begin = self._begin
        if begin is None or not self._credit:
            return None
        length = len(frame) - PART_HEADER.size
        if not 0 < length <= MAX_CHUNK_BYTES:
            return self._fail("broken")
        offset, sent_ms = PART_HEADER.unpack_from(frame)
        if offset + length <= len(self._data):
            return None  # twice
        if offset != len(self._data) or offset + length > self._credit:
            return self._fail("broken")
        self._data += memoryview(frame)[PART_HEADER.size :]
        if len(self._data) == begin.size:
            return self._whole(begin)
        return Progress(begin.id, len(self._data), begin.size, length, sent_ms)

    def _whole(self, begin: Begin) -> Outcome:
        data = bytes(self._data)
        found = hashlib.sha256(data).hexdigest()
        if not hmac.compare_digest(found.encode(), begin.sha256.lower().encode()):
            return self._fail("broken")
        self.forget()
        return Complete(begin.id, data)

    def reopened(self) -> str:
        """Begin to await the rest over a fresh channel; return what to tell the page."""
        self._credit = 0
        return self.ask_again()

    def _fail(self, problem: str) -> Problem:
        photo = self._asked or ""
        self.forget()
        return Problem(photo, problem)


def done(photo: str, *, ok: bool) -> str:
    """What the page is told at the end: only then it says "sent" and forgets the photo."""
    return json.dumps({"t": "photo-done", "id": photo, "ok": ok})
