"""What the sync core hears (events) and what it asks for (effects), as plain values."""

from dataclasses import dataclass
from enum import StrEnum

from telemed_desk.sync.link_meter import FIRST_SEGMENT
from telemed_protocol.progress import Original


@dataclass(frozen=True, slots=True)
class Queued:
    """A sealed segment without a receipt, as far as the core needs to know it."""

    hash: bytes
    lane: int
    n: int
    ops: int
    size: int


class Failure(StrEnum):
    """What kind of thing went wrong: it decides what to try next."""

    LINK = "link"
    AUTH = "auth"
    BUSY = "busy"
    REFUSED = "refused"
    EARLY = "early"
    """A segment whose predecessor the server does not have (yet)."""
    INCONSISTENT = "inconsistent"
    STORE = "store"


# ---- effects ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Seal:
    """Seal what is pending and keep it; answer with :class:`Sealed`.

    Attributes:
        target_bytes: How large a segment should be at most.
        lanes: Only these; empty = all.
    """

    target_bytes: int = FIRST_SEGMENT
    lanes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Send:
    """Push one segment and note its receipt; answer with :class:`Sent`."""

    segment: Queued


@dataclass(frozen=True, slots=True)
class Pull:
    """Fetch a page of the log from the cursor on and take it in; answer with :class:`Pulled`."""


@dataclass(frozen=True, slots=True)
class Refresh:
    """Fetch member chain and keys; answer with :class:`Refreshed`."""


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Send a :class:`Tick` at this time (Unix ms) if nothing else happens; None = do not."""

    at_ms: int | None


@dataclass(frozen=True, slots=True)
class Announce:
    """Name a photo's file to the server and learn which parts it holds; answer: :class:`PartsHeld`."""

    original: Original


@dataclass(frozen=True, slots=True)
class SendPart:
    """Send one part of a file; answer with :class:`PartsHeld`."""

    original: Original
    part: int


Activity = Seal | Send | Pull | Refresh | Announce | SendPart
Effect = Activity | WaitUntil

# ---- events -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class OpsPending:
    """How much is recorded and not sealed yet; ``size`` in bytes before packing.

    ``lanes`` says in which lanes; empty when that is not known.
    """

    ops: int
    size: int
    lanes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class OriginalsWaiting:
    """Photos' files on this PC that the server may not have whole, oldest first."""

    originals: tuple[Original, ...]


@dataclass(frozen=True, slots=True)
class OriginalsHeld:
    """Photos' files wait although the line is free, or may travel again: a call needs the line."""

    held: bool


@dataclass(frozen=True, slots=True)
class HeadAnnounced:
    """The server says its log has grown to this number."""

    sseq: int


@dataclass(frozen=True, slots=True)
class MembersChanged:
    """Somebody was added to the clinic or removed from it, or asks to be added."""


@dataclass(frozen=True, slots=True)
class LinkChanged:
    """The desk's socket came up or went down."""

    up: bool


@dataclass(frozen=True, slots=True)
class TryNow:
    """A person asks to try everything again now."""


@dataclass(frozen=True, slots=True)
class Paused:
    """A person pauses sync, or lets it go on. What is on its way is let finish."""

    paused: bool


@dataclass(frozen=True, slots=True)
class Sealed:
    """New segments are kept; ``stuck_lanes`` hold an op that is too large for any."""

    segments: tuple[Queued, ...]
    left_ops: int = 0
    left_bytes: int = 0
    left_lanes: tuple[int, ...] = ()
    stuck_lanes: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Sent:
    """The server's receipt was checked and noted."""

    hash: bytes
    lane: int
    sseq: int
    cursor_sseq: int


@dataclass(frozen=True, slots=True)
class Pulled:
    """A page was taken in; ``own`` are hashes of our segments that stood in it."""

    cursor_sseq: int
    head: int
    own: tuple[bytes, ...] = ()
    quarantined: int = 0
    need_members: bool = False


@dataclass(frozen=True, slots=True)
class Refreshed:
    """Member chain and keys are as the server has them.

    ``reopened`` = how many segments that were kept aside could be read with a new key. ``behind`` =
    the server holds segments of this PC that are not here: nothing may be sealed before the log
    has been read to its end. ``new_keys`` = keys of the clinic that came with it. ``keyless`` = the
    clinic's current key is not here: the server did not hand it out, and nothing can be sealed.
    """

    reopened: int = 0
    behind: bool = False
    new_keys: int = 0
    keyless: bool = False


@dataclass(frozen=True, slots=True)
class PartsHeld:
    """The server said which parts of a file it has durably; ``whole`` is noted in the store already.

    ``part`` = which one this answers; None = the question.
    """

    entity: bytes
    part: int | None
    held: frozenset[int]
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Failed:
    """An activity came to nothing; ``code`` and ``detail`` are those of the known error."""

    during: Activity
    failure: Failure
    code: str
    detail: str = ""
    retry_after_ms: int = 0


Event = (
    Tick
    | OpsPending
    | OriginalsWaiting
    | OriginalsHeld
    | HeadAnnounced
    | MembersChanged
    | LinkChanged
    | TryNow
    | Paused
    | Sealed
    | Sent
    | Pulled
    | Refreshed
    | PartsHeld
    | Failed
)
