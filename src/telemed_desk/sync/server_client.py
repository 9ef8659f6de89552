"""The server's HTTP interface, as typed calls."""

import asyncio
import platform
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import urlsplit

import httpx
import msgspec
import truststore

from telemed_desk.sync.problems import (
    BadAnswer,
    CertificateUntrusted,
    DeskRemoved,
    InsecureServer,
    NoRoomForOriginals,
    NotAuthorised,
    Refused,
    ServerBusy,
    ServerUnreachable,
)
from telemed_desk.sync.send_buffers import SendBuffers
from telemed_desk.sync.tls_resumption import ResumingContext, ResumingSystemContext
from telemed_protocol import api
from telemed_protocol.attachments import Announce, AttachmentState
from telemed_protocol.errors import UNREADABLE, KnownError
from telemed_protocol.identity import DeviceIdentity, auth_message
from telemed_protocol.ids import to_base64url
from telemed_protocol.membership import SignedRecord
from telemed_protocol.segment import SealedSegment
from telemed_protocol.talk import IceServer

T = TypeVar("T")

TIMEOUT: Final = httpx.Timeout(30.0, connect=15.0, write=60.0)
"""48 KiB at 16 kbit/s take 25 s, and nobody waits in front of these calls."""
_REVOKED: Final = "revoked"
MAX_ANSWER_BYTES: Final = 16 * 1024 * 1024
TOKEN_MARGIN_S: Final = 30.0
_NO_SUCH_ROUTE: Final = frozenset({httpx.codes.NOT_FOUND, httpx.codes.METHOD_NOT_ALLOWED})
"""A server of before photos travelled."""
_MAY_RESUME: Final = platform.system() == "Linux"
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


class ServerClient:
    """Speaks to one server as one device; lives on the core thread's loop.

    Tokens are fetched and renewed here. Errors: :class:`ServerUnreachable`, :class:`ServerBusy`,
    :class:`NotAuthorised`, :class:`Refused`, :class:`CertificateUntrusted`, :class:`BadAnswer`.

    Args:
        origin: ``https://host[:port]``; plain ``http`` is for a server on this PC only.
        identity: Who signs in; None before this PC has an identity of its own.
        ca_file: Trust this CA instead of the system's store.
        monotonic: Seconds, for the age of tokens.

    Raises:
        InsecureServer: The address is not protected.
    """

    def __init__(
        self,
        origin: str,
        identity: DeviceIdentity | None = None,
        *,
        ca_file: Path | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        parts = urlsplit(origin)
        host = parts.hostname or ""
        if not host or not (
            parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
        ):
            raise InsecureServer
        self.origin = origin.rstrip("/")
        self.host = host.lower()
        self.is_local = self.host in _LOOPBACK
        self.identity = identity
        self.ssl_context = _ssl_context(ca_file) if parts.scheme == "https" else None
        self._http = httpx.AsyncClient(
            base_url=self.origin,
            timeout=TIMEOUT,
            verify=self.ssl_context if self.ssl_context is not None else False,
            follow_redirects=False,
            trust_env=not self.is_local,
            limits=httpx.Limits(max_connections=6, max_keepalive_connections=3),
        )
        self._ca_file = ca_file
        self._monotonic = monotonic
        self._buffers = SendBuffers(monotonic)
        self._token = ""
        self._token_until = 0.0
        self._token_lock = asyncio.Lock()

    def speaking_as(self, identity: DeviceIdentity) -> "ServerClient":
        """Return a client of the same server that signs in as somebody else; close it too."""
        return ServerClient(self.origin, identity, ca_file=self._ca_file, monotonic=self._monotonic)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    # ---- becoming a member -----------------------------------------------------------------

    async def found(self, lookup_id: bytes, founding: SignedRecord) -> api.Enrolled:
        """Found a clinic; open to whoever holds the keeper's code."""
        body = api.FoundClinic(lookup_id, founding)
        return await self._open_post("/v1/clinics", body, api.Enrolled)

    async def ask_to_enrol(self, request: api.EnrolRequest) -> None:
        """Ask to be added to a clinic."""
        await self._exchange("POST", "/v1/enrol", _pack(request))

    async def enrol_status(self, lookup_id: bytes, device: bytes) -> api.EnrolStatus:
        """Ask whether a member desk has granted the request."""
        query = api.EnrolQuery(lookup_id, device)
        return await self._open_post("/v1/enrol/status", query, api.EnrolStatus)

    async def reveal(self, revealed: api.EnrolReveal) -> None:
        """Tell the number that was committed to; a repeat is harmless."""
        await self._exchange("POST", "/v1/enrol/reveal", _pack(revealed))

    async def answer_enrol(self, answer: api.EnrolAnswer) -> None:
        """Answer a request as a member; 409 when another desk was quicker."""
        await self._signed("POST", "/v1/enrol/answer", _pack(answer))

    async def invite(self, lookup_id: bytes, expires_at: float) -> None:
        """Announce that a new desk may ask; ``expires_at`` in Unix seconds."""
        await self._signed("POST", "/v1/invitations", _pack(api.Invite(lookup_id, expires_at)))

    async def pending_desks(self) -> list[api.PendingDesk]:
        """List who asks to be added."""
        return _read(await self._signed("GET", "/v1/enrol"), list[api.PendingDesk])

    async def add_member(self, change: api.AddMember) -> None:
        """Append to the member chain."""
        await self._signed("POST", "/v1/members", _pack(change))

    async def members(self) -> list[SignedRecord]:
        """Fetch the member chain; the caller verifies it."""
        return _read(await self._signed("GET", "/v1/members"), list[SignedRecord])

    async def wraps(self) -> list[api.WrappedKey]:
        """Fetch the clinic keys that were sealed for this device."""
        return _read(await self._signed("GET", "/v1/wraps"), list[api.WrappedKey])

    # ---- the log ---------------------------------------------------------------------------

    async def push(self, segment: SealedSegment) -> api.Receipt:
        """Hand over a segment; a repeat gives the same receipt again."""
        turn = segment.header.lane or None  # lane 0 waits for nobody
        answer = await self._signed("POST", "/v1/segments", segment.wire, turn)
        return _read(answer, api.Receipt)

    async def pull(self, after: int, limit: int) -> api.PulledSegments:
        """Fetch the log after a number; the caller verifies it."""
        path = f"/v1/segments?after={after}&limit={limit}"
        return _read(await self._signed("GET", path), api.PulledSegments)

    async def held(self) -> api.Held:
        """Ask which of this device's segments the server holds."""
        try:
            return _read(await self._signed("GET", "/v1/segments/held"), api.Held)
        except Refused as error:
            if error.status == httpx.codes.NOT_FOUND:
                return api.Held([])  # a server of before this question
            raise

    # ---- photos' own files ------------------------------------------------------------------

    async def announce_original(self, photo: bytes, announced: Announce) -> AttachmentState:
        """Name a sealed file, and learn which parts of it the server holds.

        Raises:
            NoRoomForOriginals: The clinic's share is full.
        """
        try:
            answer = await self._signed("PUT", _original(photo), _pack(announced))
        except Refused as error:
            if error.reason == "attachment_quota":
                raise NoRoomForOriginals(error.reason, error.status) from error
            if error.status in _NO_SUCH_ROUTE:
                raise ServerBusy("no attachments", retry_after_s=3600.0) from error
            raise
        return _read(answer, AttachmentState)

    async def put_part(self, photo: bytes, part: int, data: bytes) -> AttachmentState:
        """Send a part; a repeat is harmless."""
        answer = await self._signed("PUT", f"{_original(photo)}/{part}", data)
        return _read(answer, AttachmentState)

    async def original_state(self, photo: bytes) -> AttachmentState:
        """Ask what the server has of a sealed file."""
        return _read(await self._signed("GET", _original(photo)), AttachmentState)

    async def get_part(self, photo: bytes, part: int) -> bytes:
        """Fetch a part of a whole file; the caller verifies it."""
        return await self._signed("GET", f"{_original(photo)}/{part}")

    # ---- patients' links and the call ------------------------------------------------------

    async def register_link(self, link: api.NewLink) -> None:
        """Register a join link."""
        await self._signed("POST", "/v1/links", _pack(link))

    async def close_link(self, jti_hash: bytes) -> None:
        """Withdraw a join link."""
        await self._signed("POST", "/v1/links/close", _pack(api.CloseLink(jti_hash)))

    async def ice_servers(self) -> list[IceServer]:
        """Fetch STUN and TURN servers with short-lived credentials."""
        return _read(await self._signed("GET", "/v1/ice"), list[IceServer])

    # ---- the link's measure ----------------------------------------------------------------

    async def probe_down(self, size: int) -> bytes:
        """Fetch random bytes, at most :data:`telemed_protocol.api.MAX_PROBE_BYTES`."""
        return await self._signed("GET", f"/v1/probe?bytes={size}")

    async def probe_up(self, data: bytes) -> api.ProbeReceipt:
        """Send bytes and learn how long they took to arrive."""
        return _read(await self._signed("POST", "/v1/probe", data), api.ProbeReceipt)

    async def health(self) -> api.Health:
        """Ask whether the server is there; open to anyone."""
        answer = await self._exchange("GET", "/healthz")
        try:
            return msgspec.json.decode(answer, type=api.Health)
        except UNREADABLE as error:
            raise BadAnswer("health") from error

    # ---- signing in ------------------------------------------------------------------------

    async def token(self) -> str:
        """Return a token that is good for a while; signs in when there is none.

        Raises:
            NotAuthorised: The server does not know this device.
        """
        async with self._token_lock:
            if not self._token or self._monotonic() >= self._token_until:
                await self._sign_in()
            return self._token

    def forget_token(self, refused: str) -> None:
        """Drop a token that the server refused, unless it was renewed meanwhile."""
        if self._token == refused:
            self._token = ""

    async def _sign_in(self) -> None:
        if self.identity is None:
            raise NotAuthorised("no identity")
        device = self.identity.device
        asked = api.ChallengeRequest(device)
        challenge = await self._open_post("/v1/auth/challenge", asked, api.Challenge)
        signature = self.identity.sign(auth_message(self.host, device, challenge.nonce))
        answer = api.TokenRequest(device, challenge.nonce, signature)
        token = await self._open_post("/v1/auth/token", answer, api.Token)
        self._token = token.token
        self._token_until = self._monotonic() + max(1.0, token.expires_in_s - TOKEN_MARGIN_S)

    # ---- one request -----------------------------------------------------------------------

    async def _open_post(self, path: str, body: msgspec.Struct, kind: type[T]) -> T:
        return _read(await self._exchange("POST", path, _pack(body)), kind)

    async def _signed(
        self, method: str, path: str, body: bytes | None = None, turn: int | None = None
    ) -> bytes:
        token = await self.token()
        try:
            return await self._exchange(method, path, body, token, turn)
        except NotAuthorised:
            self.forget_token(token)
        return await self._exchange(method, path, body, await self.token(), turn)

    async def _exchange(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        token: str = "",
        turn: int | None = None,
    ) -> bytes:
        headers = {"Accept": api.CONTENT_TYPE, "Accept-Encoding": "identity"}
        if body is not None:
            headers["Content-Type"] = api.CONTENT_TYPE
            headers["Content-Length"] = str(len(body))
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            with self._buffers.upload(body or b"", turn) as pieces:
                async with self._http.stream(
                    *(method, path),
                    content=None if body is None else pieces,
                    headers=headers,
                    extensions={"trace": self._buffers.look},
                ) as answer:
                    data = await _body(answer)
        except httpx.RequestError as error:
            raise _translated(error) from error
        if answer.is_success:
            return data
        raise _problem(answer, data)


def _original(photo: bytes) -> str:
    return f"/v1/attachments/{to_base64url(photo)}"


def _ssl_context(ca_file: Path | None) -> ssl.SSLContext:
    if ca_file is not None:
        context = ResumingContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(cafile=str(ca_file))
        return context
    # Elsewhere the system judges after each handshake; that it can after a resumed one was not tried.
    kind = ResumingSystemContext if _MAY_RESUME else truststore.SSLContext
    return kind(ssl.PROTOCOL_TLS_CLIENT)


async def _body(answer: httpx.Response) -> bytes:
    parts: list[bytes] = []
    size = 0
    async for part in answer.aiter_bytes():
        size += len(part)
        if size > MAX_ANSWER_BYTES:
            raise BadAnswer("answer too long")
        parts.append(part)
    return b"".join(parts)


def _translated(error: httpx.RequestError) -> Exception:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return CertificateUntrusted(cause.verify_message)
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ProtocolError):
        return ServerUnreachable("line broke")
    return ServerUnreachable(type(error).__name__)


def _problem(answer: httpx.Response, data: bytes) -> Exception:
    status = answer.status_code
    code = f"http-{status}"
    if answer.headers.get("Content-Type", "").startswith(api.CONTENT_TYPE):
        try:
            code = msgspec.msgpack.decode(data, type=api.Problem).code[:64]
        except UNREADABLE as error:
            return BadAnswer(f"problem {error.__class__.__name__}")
    if answer.is_redirect:
        # A hotel's sign-in page redirects everything; our server redirects nothing.
        return BadAnswer("redirect")
    return problem_of(status, code, _retry_after(answer))


def problem_of(status: int, code: str, retry_after_s: float | None) -> KnownError:
    """Return what a refusal of the server means, by whichever way it came."""
    if status == httpx.codes.UNAUTHORIZED:
        return DeskRemoved(code) if code == _REVOKED else NotAuthorised(code)
    if status == httpx.codes.TOO_MANY_REQUESTS or status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return ServerBusy(f"{status} {code}", retry_after_s)
    return Refused(code, status)


def _retry_after(answer: httpx.Response) -> float | None:
    text = answer.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _pack(body: msgspec.Struct) -> bytes:
    return msgspec.msgpack.encode(body)


def _read(data: bytes, kind: type[T]) -> T:
    try:
        return msgspec.msgpack.decode(data, type=kind)
    except UNREADABLE as error:
        raise BadAnswer(getattr(kind, "__name__", "answer")) from error
