"""What page and desk say to each other inside sealed boxes (JSON, because a browser reads it).

Every message is ``{"sid", "n", "body": {"t": …}}``; the first two come from
:class:`telemed_protocol.joinlink.Sequence`.
"""

from typing import Literal

import msgspec

from telemed_protocol.errors import UNREADABLE, FormatError

# ---- page to desk -------------------------------------------------------------------------------


class Intake(msgspec.Struct, frozen=True, tag_field="t", tag="intake", forbid_unknown_fields=False):
    """Who joins, and what they agreed to. Checked by the desk, never by the server."""

    who: Literal["self", "helper"]
    name: str
    year_of_birth: int
    consent_care: bool
    consent_photos: bool
    language: Literal["en", "sw"]
    sound_only: bool = False


class PageLink(msgspec.Struct, frozen=True, tag_field="t", tag="link"):
    """The page's own measurement of its link, every 15 s while waiting."""

    rtt_ms: float
    down_kbps: float | None = None
    up_kbps: float | None = None
    kind: str = ""


class Worse(msgspec.Struct, frozen=True, tag_field="t", tag="worse"):
    """The patient pressed "I feel worse"."""

    words: str = ""


class PageText(msgspec.Struct, frozen=True, tag_field="t", tag="text"):
    """A written message."""

    text: str


class Answer(msgspec.Struct, frozen=True, tag_field="t", tag="answer"):
    """The page's answer; ``call`` and ``revision`` repeat the offer's."""

    call: str
    revision: int
    sdp: str


class Candidate(msgspec.Struct, frozen=True, tag_field="t", tag="candidate"):
    """One trickled ICE candidate, either way; an empty one ends the list."""

    call: str
    candidate: str
    mid: str | None = None
    mline: int | None = None


class PageState(msgspec.Struct, frozen=True, tag_field="t", tag="state"):
    """What the patient did with the page during the call."""

    camera: bool
    microphone: bool
    visible: bool = True


class NeedOffer(msgspec.Struct, frozen=True, tag_field="t", tag="need-offer"):
    """A reloaded page is in the call and asks for a fresh offer."""


class NeedPath(msgspec.Struct, frozen=True, tag_field="t", tag="need-path"):
    """The page hears nothing in this call, or changed its network: offer another path (ICE restart)."""

    call: str


class Bye(msgspec.Struct, frozen=True, tag_field="t", tag="bye"):
    """The patient ended the call or left."""


class Rating(msgspec.Struct, frozen=True, tag_field="t", tag="rating"):
    """How the call was, from the page's last screen."""

    value: Literal["good", "fair", "poor"]


PageMessage = (
    Intake
    | PageLink
    | Worse
    | PageText
    | Answer
    | Candidate
    | PageState
    | NeedOffer
    | NeedPath
    | Bye
    | Rating
)

# ---- desk to page -------------------------------------------------------------------------------


class IdentityChecked(msgspec.Struct, frozen=True, tag_field="t", tag="identity"):
    """Whether the year of birth matches, and how many tries are left."""

    ok: bool
    tries_left: int


class IceServer(msgspec.Struct, frozen=True, omit_defaults=True):
    """A STUN or TURN server as browsers take it."""

    urls: list[str]
    username: str = ""
    credential: str = ""


class Offer(msgspec.Struct, frozen=True, tag_field="t", tag="offer"):
    """The desk calls: a new ``call`` replaces the old; same call, higher revision is a restart."""

    call: str
    revision: int
    sdp: str
    ice_servers: list[IceServer] = []


class DeskText(msgspec.Struct, frozen=True, tag_field="t", tag="message"):
    """A written message from the clinic."""

    text: str


class Ended(msgspec.Struct, frozen=True, tag_field="t", tag="ended"):
    """The visit is over; what was agreed, line by line."""

    agreed: list[str] = []


class Person(msgspec.Struct, frozen=True):
    """Somebody in the call. ``role``: "patient", "carer", "interpreter" or "colleague"."""

    name: str
    role: str


class People(msgspec.Struct, frozen=True, tag_field="t", tag="people"):
    """Who else is in the call, beside the reader and the doctor; sent on every change."""

    people: list[Person]


DeskMessage = IdentityChecked | Offer | Candidate | DeskText | Ended | People


class FromPage(msgspec.Struct, frozen=True):
    """A page's message with its number."""

    sid: str
    n: int
    body: PageMessage


class FromDesk(msgspec.Struct, frozen=True):
    """A desk's message with its number."""

    sid: str
    n: int
    body: DeskMessage


_page_decoder = msgspec.json.Decoder(FromPage)
_desk_decoder = msgspec.json.Decoder(FromDesk)


def decode_from_page(data: bytes) -> FromPage:
    """Read an opened box.

    Raises:
        FormatError: Not a message we know.
    """
    try:
        return _page_decoder.decode(data)
    except UNREADABLE as error:
        raise FormatError("page message") from error


def decode_from_desk(data: bytes) -> FromDesk:
    """Read an opened box.

    Raises:
        FormatError: Not a message we know.
    """
    try:
        return _desk_decoder.decode(data)
    except UNREADABLE as error:
        raise FormatError("desk message") from error


def encode_talk(message: FromPage | FromDesk) -> bytes:
    """Encode for sealing."""
    return msgspec.json.encode(message)
