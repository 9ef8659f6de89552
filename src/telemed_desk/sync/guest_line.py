"""A join link used from here: the guest's side of the waiting room, as the page's room.js keeps it.

One link, one cookie, one WebSocket that comes back by itself; boxes sealed with the link's secret.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from telemed_desk.sync.problems import BadAnswer, ServerUnreachable
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol import PROTOCOL_VERSION
from telemed_protocol.api import SEAT_COOKIE
from telemed_protocol.errors import UNREADABLE, ForgeryError, FormatError, KnownError
from telemed_protocol.ids import from_base64url, to_base64url
from telemed_protocol.joinlink import Card, JoinLink, Sequence
from telemed_protocol.room import (
    MAX_FRAME_BYTES,
    PING_S,
    FromDeskFrame,
    PageHello,
    Ping,
    Pong,
    Refused,
    SeatFrame,
    Stored,
    ToDesk,
    decode_to_page_frame,
    encode_frame,
)
from telemed_protocol.talk import DeskMessage, FromPage, PageMessage, decode_from_desk, encode_talk

FIRST_WAIT_S: Final = 0.4
LONGEST_WAIT_S: Final = 8.0
JOIN_S: Final = 20.0
SILENCE_S: Final = 3 * PING_S
FINAL: Final = frozenset({"replaced", "no_seat", "link_not_valid", "seat_ended"})
"""After these the server will not have us back; after any other refusal we try again."""


class JoinRefused(KnownError):
    """The server does not take this link (again); ``detail`` is its stable code."""

    code = "TD-JOIN-001"
    sentence = (
        "This link is not good: it was used on another device, has expired, or was withdrawn."
    )
    next_step = "Ask who invited you for a new link."


class GuestLine:
    """The waiting room's line. Everything on one loop; callbacks run there too.

    Args:
        url: The join link.
        on_seat: Told where we stand, on every change.
        on_message: Told each authentic new message of the desk, once and in order.

    Raises:
        FormatError: Not a join link.
        InsecureServer: Its address is not protected.
    """

    def __init__(
        self,
        url: str,
        on_seat: Callable[[SeatFrame], None],
        on_message: Callable[[DeskMessage], None],
    ) -> None:
        parts = urlsplit(url.strip())
        self._link = JoinLink.parse(url.strip())
        self._server = ServerClient(f"{parts.scheme}://{parts.netloc}")
        self._on_seat = on_seat
        self._on_message = on_message
        self._numbers = Sequence()
        self._after = 0
        self._pending: dict[str, str] = {}  # box by mid, oldest first, until the server keeps it
        self._cookie = ""
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._heard_at = 0.0
        self._changed = asyncio.Event()
        self.rtt_ms: float | None = None
        self.refused = ""
        self.ignored = 0

    @property
    def online(self) -> bool:
        """Whether the line stands."""
        return self._socket is not None

    @property
    def kept(self) -> bool:
        """Whether the server keeps all that was sent."""
        return not self._pending

    async def join(self) -> Card:
        """Use the link; return the card that the clinic sealed for it.

        Raises:
            JoinRefused: Used elsewhere, expired, withdrawn, or too early.
            ServerUnreachable: Nobody answered.
            BadAnswer: What answered does not speak our protocol, or sealed nothing for this link.
        """
        path = f"{self._server.origin}/v1/join/{to_base64url(self._link.jti)}"
        context = self._server.ssl_context
        try:
            async with httpx.AsyncClient(
                headers={"origin": self._server.origin},
                verify=context if context is not None else False,
                timeout=JOIN_S,
                trust_env=not self._server.is_local,
            ) as http:
                answer = await http.post(path)
        except httpx.RequestError as error:
            raise ServerUnreachable(type(error).__name__) from error
        card = self._read_card(answer)
        self._cookie = answer.cookies.get(SEAT_COOKIE) or ""
        self._task = asyncio.create_task(self._keep(), name="guest-line")
        return card

    def _read_card(self, answer: httpx.Response) -> Card:
        try:
            body = answer.json()
            if not answer.is_success:
                raise JoinRefused(str(body.get("code", answer.status_code))[:64])
            sealed = from_base64url(body["card"])
            return msgspec.json.decode(self._link.open("card", sealed), type=Card)
        except (ValueError, LookupError, TypeError, AttributeError, *UNREADABLE) as error:
            raise BadAnswer("join") from error
        except (FormatError, ForgeryError) as error:
            raise BadAnswer("card") from error

    async def say(self, body: PageMessage) -> None:
        """Seal a message for the desk; it is repeated after a cut until the server keeps it."""
        sid, n = self._numbers.next()
        box = to_base64url(self._link.seal("to-desk", encode_talk(FromPage(sid, n, body))))
        mid = secrets.token_hex(8)
        self._pending[mid] = box
        await self._send(ToDesk(box, mid))

    async def all_kept(self) -> None:
        """Wait until the server keeps all that was said, or will not have us back."""
        while self._pending and self.refused not in FINAL:
            self._changed.clear()
            await self._changed.wait()

    async def close(self) -> None:
        """Stop for good."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
        await self._server.aclose()

    # ---- the line

    async def _keep(self) -> None:
        wait_s = FIRST_WAIT_S
        url = "ws" + self._server.origin.removeprefix("http") + "/v1/room"
        while self.refused not in FINAL:
            try:
                async with connect(
                    url,
                    origin=self._server.origin,  # type: ignore[arg-type]  # a NewType of str
                    ssl=self._server.ssl_context,
                    additional_headers={"cookie": f"{SEAT_COOKIE}={self._cookie}"},
                    max_size=MAX_FRAME_BYTES,
                    compression=None,  # it carries ciphertext
                    proxy=None if self._server.is_local else True,
                ) as socket:
                    wait_s = FIRST_WAIT_S
                    await self._attend(socket)
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake, InvalidURI):
                pass  # the network or the server is away
            finally:
                self._socket = None
            await asyncio.sleep(wait_s)
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    async def _attend(self, socket: ClientConnection) -> None:
        await socket.send(encode_frame(PageHello(PROTOCOL_VERSION, self._after)))
        sent: set[str] = set()
        # what is said while these are on their way must neither be left behind nor overtake them
        while waiting := [(mid, box) for mid, box in self._pending.items() if mid not in sent]:
            for mid, box in waiting:
                await socket.send(encode_frame(ToDesk(box, mid)))
                sent.add(mid)
        self._socket = socket
        self._heard_at = time.monotonic()
        beat = asyncio.create_task(self._beat(socket), name="guest-line-beat")
        try:
            async for text in socket:
                self._heard_at = time.monotonic()
                self._take(text)
        finally:
            beat.cancel()

    async def _beat(self, socket: ClientConnection) -> None:
        while time.monotonic() - self._heard_at < SILENCE_S:
            await self._send(Ping(time.monotonic()))
            await asyncio.sleep(PING_S)
        await socket.close()

    async def _send(self, frame: ToDesk | Ping) -> None:
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):  # sent again on the next line
                await self._socket.send(encode_frame(frame))

    def _take(self, text: str | bytes) -> None:
        try:
            frame = decode_to_page_frame(text)
        except FormatError:  # of a newer server
            self.ignored += 1
            return
        match frame:
            case SeatFrame():
                self._on_seat(frame)
            case FromDeskFrame(box, n) if n > self._after:
                self._after = n
                self._open(box)
            case Stored(mid):
                self._pending.pop(mid, None)
                self._changed.set()
            case Pong(at):
                self.rtt_ms = (time.monotonic() - at) * 1000
            case Refused(code):
                self.refused = code
                self._changed.set()
            case _:
                pass

    def _open(self, box: str) -> None:
        try:
            message = decode_from_desk(self._link.open("to-page", from_base64url(box)))
        except (FormatError, ForgeryError):
            self.ignored += 1
            return
        if self._numbers.accept(message.sid, message.n):
            self._on_message(message.body)
        else:
            self.ignored += 1
