"""Messages on the waiting room's WebSockets: JSON text frames, one message each.

``/v1/room`` is the patient's page (cookie), ``/v1/desk`` a desk (token in the first message). Boxes
are opaque: base64url of what :mod:`telemed_protocol.joinlink` sealed. Every box has a number per
seat and direction, so that a side which lost its line resumes after the last number it has.
"""

from typing import Literal, TypeVar

import msgspec

from telemed_protocol.errors import UNREADABLE, FormatError
from telemed_protocol.talk import IceServer

T = TypeVar("T")
SeatState = Literal["waiting", "admitted", "ended"]
MAX_FRAME_BYTES = 96 * 1024
MAX_URGENT_BYTES = 8 * 1024
"""A segment up to this size may travel on the desk's line; others are posted."""
LEASE_S = 20.0
"""A page that was not heard for this long is shown as away; its seat is kept."""
PING_S = 5.0
SEAT_KEPT_S = 30 * 60.0

# ---- page to server -----------------------------------------------------------------------------


class PageHello(msgspec.Struct, frozen=True, tag_field="t", tag="hello"):
    """First message of a page: protocol version, and the last desk box it has."""

    v: int
    after: int = 0


class ToDesk(msgspec.Struct, frozen=True, tag_field="t", tag="to-desk"):
    """A sealed box for the desk; ``mid`` makes a repeat after a cut harmless."""

    box: str
    mid: str


class Ping(msgspec.Struct, frozen=True, tag_field="t", tag="ping"):
    """Renews the presence lease; ``at`` comes back in the pong."""

    at: float


class Leave(msgspec.Struct, frozen=True, tag_field="t", tag="leave"):
    """The patient gives up the seat."""


PageFrame = PageHello | ToDesk | Ping | Leave

# ---- server to page -----------------------------------------------------------------------------


class SeatFrame(msgspec.Struct, frozen=True, tag_field="t", tag="seat"):
    """Where the patient stands: 1 = next. Sent on every change."""

    state: SeatState
    place: int
    desks_online: int
    ice_servers: list[IceServer] = []


class FromDeskFrame(msgspec.Struct, frozen=True, tag_field="t", tag="from-desk"):
    """A sealed box from the desk, with its number."""

    box: str
    n: int


class Stored(msgspec.Struct, frozen=True, tag_field="t", tag="stored"):
    """The server keeps the box with this ``mid``; the sender need not repeat it."""

    mid: str


class Pong(msgspec.Struct, frozen=True, tag_field="t", tag="pong"):
    """Answer to a ping."""

    at: float


class Refused(msgspec.Struct, frozen=True, tag_field="t", tag="refused"):
    """A frame was not accepted; ``code`` is stable, the connection may close after it."""

    code: str
    detail: str = ""


ToPageFrame = SeatFrame | FromDeskFrame | Stored | Pong | Refused

# ---- desk to server -----------------------------------------------------------------------------


class DeskHello(msgspec.Struct, frozen=True, tag_field="t", tag="hello"):
    """First message of a desk; ``after`` = last page box held, by seat id (hex)."""

    v: int
    token: str
    after: dict[str, int] = {}


class Admit(msgspec.Struct, frozen=True, tag_field="t", tag="admit"):
    """Bring a patient in. The first desk to say so has the seat."""

    seat: str


class EndSeat(msgspec.Struct, frozen=True, tag_field="t", tag="end"):
    """The visit of this seat is over."""

    seat: str


class ToPage(msgspec.Struct, frozen=True, tag_field="t", tag="to-page"):
    """A sealed box for the page."""

    seat: str
    box: str
    mid: str


class PushSegment(msgspec.Struct, frozen=True, tag_field="t", tag="push"):
    """A sealed segment that somebody waits for: base64url of its wire bytes.

    Only to a server whose room frame says ``takes_segments``; the answer names its hash.
    """

    segment: str


DeskFrame = DeskHello | Admit | EndSeat | ToPage | PushSegment | Ping

# ---- server to desk -----------------------------------------------------------------------------


class Seat(msgspec.Struct, frozen=True):
    """One patient in the waiting room, as far as the server knows: no name, no reason.

    ``link`` is the hex of :attr:`telemed_protocol.joinlink.JoinLink.jti_hash`, by which the desk
    finds the booking in its vault. Times are Unix seconds of the server.
    """

    seat: str
    link: str
    state: SeatState
    present: bool
    arrived_at: float
    heard_at: float
    admitted_by: str = ""


class RoomFrame(msgspec.Struct, frozen=True, tag_field="t", tag="room", omit_defaults=True):
    """The whole waiting room; sent at the start and on every change.

    ``takes_segments``: the server understands :class:`PushSegment`; older ones do not say so.
    """

    seats: list[Seat]
    now: float
    takes_segments: bool = False


class FromPageFrame(msgspec.Struct, frozen=True, tag_field="t", tag="from-page"):
    """A sealed box from a page, with its number."""

    seat: str
    box: str
    n: int


class HeadFrame(msgspec.Struct, frozen=True, tag_field="t", tag="head"):
    """The clinic's log has grown: a hint to pull."""

    sseq: int


class EnrolFrame(msgspec.Struct, frozen=True, tag_field="t", tag="enrol"):
    """A new desk asks to be added, or one was removed: a hint to look at requests and members."""


class SegmentStored(msgspec.Struct, frozen=True, tag_field="t", tag="receipt"):
    """The receipt of a pushed segment: hashes in base64url, the rest as in ``api.Receipt``."""

    segment: str
    sseq: int
    log_hash: str
    stored_at: float


class SegmentRefused(msgspec.Struct, frozen=True, tag_field="t", tag="not-stored"):
    """A pushed segment (hash in base64url) was not taken: HTTP status and stable code."""

    segment: str
    status: int
    code: str
    retry_after_s: float | None = None


ToDeskFrame = (
    RoomFrame
    | FromPageFrame
    | HeadFrame
    | EnrolFrame
    | SegmentStored
    | SegmentRefused
    | Stored
    | Pong
    | Refused
)

_page_frame: msgspec.json.Decoder[PageFrame] = msgspec.json.Decoder(PageFrame)
_to_page_frame: msgspec.json.Decoder[ToPageFrame] = msgspec.json.Decoder(ToPageFrame)
_desk_frame: msgspec.json.Decoder[DeskFrame] = msgspec.json.Decoder(DeskFrame)
_to_desk_frame: msgspec.json.Decoder[ToDeskFrame] = msgspec.json.Decoder(ToDeskFrame)


def _decode(decoder: "msgspec.json.Decoder[T]", data: str | bytes) -> T:
    if len(data) > MAX_FRAME_BYTES:
        raise FormatError("frame too long")
    try:
        return decoder.decode(data)
    except UNREADABLE as error:
        raise FormatError("frame") from error


def decode_page_frame(data: str | bytes) -> PageFrame:
    """Read a frame from a page. Raises FormatError."""
    return _decode(_page_frame, data)


def decode_to_page_frame(data: str | bytes) -> ToPageFrame:
    """Read a frame for a page. Raises FormatError."""
    return _decode(_to_page_frame, data)


def decode_desk_frame(data: str | bytes) -> DeskFrame:
    """Read a frame from a desk. Raises FormatError."""
    return _decode(_desk_frame, data)


def decode_to_desk_frame(data: str | bytes) -> ToDeskFrame:
    """Read a frame for a desk. Raises FormatError."""
    return _decode(_to_desk_frame, data)


def encode_frame(frame: PageFrame | ToPageFrame | DeskFrame | ToDeskFrame) -> str:
    """Encode any of the frames above."""
    return msgspec.json.encode(frame).decode()
