"""The server's HTTP interface for desks: msgpack bodies (``application/msgpack``), both ways.

Errors are :class:`Problem` with the status beside each path below. All but the first five need
``Authorization: Bearer <token>``.

========================  ====================================  =====================================
``POST`` /v1/clinics      :class:`FoundClinic` → 201 Enrolled     403 bad or used code
``POST`` /v1/enrol        :class:`EnrolRequest` → 202             404 no such invitation, 409, 429
``POST`` /v1/enrol/status :class:`EnrolQuery` → EnrolStatus      404
``POST`` /v1/enrol/reveal :class:`EnrolReveal` → 202              404, 409 nobody answered, or another
``POST`` /v1/auth/...     challenge → Challenge; token → Token   401, 429
``POST`` /v1/invitations  :class:`Invite` → 201
``GET``  /v1/enrol        → list[PendingDesk]
``POST`` /v1/enrol/answer :class:`EnrolAnswer` → 201              404, 409 another desk answered
``POST`` /v1/members      :class:`AddMember` → 201                409 chain moved on, 422
``GET``  /v1/members      → list[SignedRecord]
``GET``  /v1/wraps        → list[WrappedKey] for this device
``POST`` /v1/segments     wire bytes → Receipt (200 repeat, 201)  409 other bytes under this n, 413, 422
``GET``  /v1/segments     ?after=&limit= → PulledSegments
``GET``  /v1/segments/held → Held: this device's newest n by lane
``POST`` /v1/links        :class:`NewLink` → 201                  409
``POST`` /v1/links/close  :class:`CloseLink` → 204
``GET``  /v1/ice          → list[IceServer]
``GET``  /v1/probe        ?bytes= → random bytes (at most 1 MiB)  429
``POST`` /v1/probe        bytes → ProbeReceipt                    413, 429
``POST`` /v1/probe/lease  :class:`ProbeAsk` → ProbeGrant           409 another PC, 429, 503
``POST`` /v1/probe/end    :class:`ProbeEnd` → 204
========================  ====================================  =====================================

Open to anyone: ``GET /healthz``, ``GET /j/<jti>`` (the page; never consumes the link),
``POST /v1/join/<jti>`` (JSON; consumes it and sets the seat cookie), ``GET /generate_204`` (nothing, but
for :data:`ECHO_HEADER` with what ``?n=`` said: whether a sign-in page stands in between).
"""

import msgspec

from telemed_protocol.identity import DevicePublic
from telemed_protocol.membership import SignedRecord

CONTENT_TYPE = "application/msgpack"
SEAT_COOKIE = "tm_seat"
ECHO_HEADER = "telemed-echo"
MAX_ECHO = 32
"""Hexadecimal digits; anything else is not repeated."""
MAX_BODY_BYTES = 128 * 1024
MAX_PROBE_BYTES = 1024 * 1024
PULL_LIMIT = 500


class Problem(msgspec.Struct, frozen=True):
    """Why a request was refused: a stable code and words without content."""

    code: str
    detail: str = ""


class FoundClinic(msgspec.Struct, frozen=True):
    """Found a clinic with a code from the server's keeper; ``founding`` is member record 1."""

    lookup_id: bytes
    founding: SignedRecord


class Enrolled(msgspec.Struct, frozen=True):
    """The clinic that now exists."""

    clinic: bytes


class Invite(msgspec.Struct, frozen=True):
    """A member desk announces that a new desk may ask; the code's key stays with the desks."""

    lookup_id: bytes
    expires_at: float


class EnrolRequest(msgspec.Struct, frozen=True):
    """A new desk asks to be added; ``mac`` proves that it holds the code.

    ``commitment`` binds its keys to a number that it reveals later
    (:mod:`telemed_protocol.comparing`).
    """

    lookup_id: bytes
    public: DevicePublic
    mac: bytes
    commitment: bytes


class PendingDesk(msgspec.Struct, frozen=True):
    """A request as a member desk sees it; the desk checks everything, the server nothing.

    ``commitment`` is empty from a server of before there were any; ``answer`` and ``reveal`` while
    nobody answered, or it was not revealed yet.
    """

    lookup_id: bytes
    public: DevicePublic
    mac: bytes
    asked_at: float
    commitment: bytes = b""
    answer: bytes = b""
    reveal: bytes = b""


class EnrolAnswer(msgspec.Struct, frozen=True):
    """A member desk answers a request; the first that does counts. Opaque to the server."""

    lookup_id: bytes
    device: bytes
    answer: bytes


class EnrolReveal(msgspec.Struct, frozen=True):
    """A new desk reveals the number that it committed to, once it was answered."""

    lookup_id: bytes
    device: bytes
    nonce: bytes


class WrappedKey(msgspec.Struct, frozen=True):
    """An epoch key sealed for one device."""

    epoch: int
    device: bytes
    wrap: bytes


class AddMember(msgspec.Struct, frozen=True):
    """Append to the member chain; for a new desk also its keys and the proof for it.

    ``proof`` is a mac over clinic id, genesis hash and device id with the code's key: by it the new
    desk knows that it was added to the clinic that invited it, and not to one the server made up.
    """

    record: SignedRecord
    wraps: list[WrappedKey] = []
    lookup_id: bytes = b""
    proof: bytes = b""


class EnrolQuery(msgspec.Struct, frozen=True):
    """Ask whether a request was granted."""

    lookup_id: bytes
    device: bytes


class EnrolStatus(msgspec.Struct, frozen=True):
    """``granted`` with clinic, proof and the sealed keys; otherwise still pending."""

    granted: bool
    clinic: bytes = b""
    proof: bytes = b""
    records: list[SignedRecord] = []
    wraps: list[WrappedKey] = []
    answer: bytes = b""
    """Of the member desk that answered first; empty = none has."""
    compares: bool = False
    """This server carries commitments; earlier ones did not, and a desk refuses those."""


class ChallengeRequest(msgspec.Struct, frozen=True):
    """``POST /v1/auth/challenge``."""

    device: bytes


class Challenge(msgspec.Struct, frozen=True):
    """32 random bytes, good once and for one minute."""

    nonce: bytes


class TokenRequest(msgspec.Struct, frozen=True):
    """``POST /v1/auth/token``: signature over :func:`telemed_protocol.identity.auth_message`."""

    device: bytes
    nonce: bytes
    signature: bytes


class Token(msgspec.Struct, frozen=True):
    """An opaque token and for how many seconds it is good."""

    token: str
    expires_in_s: int


class Receipt(msgspec.Struct, frozen=True):
    """The server's durable number for a segment, and its log's hash at that number."""

    sseq: int
    log_hash: bytes
    stored_at: float


class PulledSegment(msgspec.Struct, frozen=True, array_like=True):
    """A segment with its number."""

    sseq: int
    log_hash: bytes
    wire: bytes


class PulledSegments(msgspec.Struct, frozen=True):
    """A page of the log, in order, and where its head is."""

    segments: list[PulledSegment]
    head: int


class HeldLane(msgspec.Struct, frozen=True, array_like=True):
    """The newest segment of the asking device in one lane: its number and hash."""

    lane: int
    n: int
    hash: bytes


class Held(msgspec.Struct, frozen=True):
    """What the server holds of the asking device; lanes without a segment are left out.

    A desk asks when it starts: an older copy of itself must catch up before it numbers anything.
    """

    lanes: list[HeldLane]


class NewLink(msgspec.Struct, frozen=True):
    """Register a join link; ``card`` is sealed with the link's secret."""

    jti_hash: bytes
    not_before: float
    expires_at: float
    card: bytes


class CloseLink(msgspec.Struct, frozen=True):
    """Withdraw a link; who waits on it is sent away."""

    jti_hash: bytes


class ProbeReceipt(msgspec.Struct, frozen=True):
    """How many bytes arrived, and in how many seconds between the first and the last."""

    size: int
    seconds: float


class ProbeAsk(msgspec.Struct, frozen=True):
    """Ask to fill the link for a moment; one PC of a site at a time may.

    ``thorough``: tens of megabytes, which somebody was asked about.
    """

    thorough: bool = False


class ProbeGrant(msgspec.Struct, frozen=True):
    """Leave to measure, for this PC and for so long.

    Attributes:
        session: Names the grant; in every datagram (:mod:`telemed_protocol.probe`).
        key: Proves that a datagram is from who has the grant.
        port: UDP port of the responder; 0 = there is none.
        host: Its name or address; empty = as the server's.
        life_s: Then it ends by itself, and another PC may measure.
        max_bytes: Each way, headers included.
        max_bps: The fastest that the responder sends.
    """

    session: bytes
    key: bytes
    port: int
    host: str
    life_s: float
    max_bytes: int
    max_bps: int


class ProbeEnd(msgspec.Struct, frozen=True):
    """Give the grant back, so that the next PC need not wait for its end."""

    session: bytes


class Joined(msgspec.Struct, frozen=True):
    """JSON answer to ``POST /v1/join/<jti>``: the sealed card, base64url."""

    card: str


class Health(msgspec.Struct, frozen=True):
    """JSON answer of ``GET /healthz``."""

    status: str
    version: str
    protocol: int
    database: str
