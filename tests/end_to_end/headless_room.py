"""The headless patient's line to the clinic, as the page's `room.js` and `talk.js` keep it.

One link, one cookie, one WebSocket that comes back by itself; boxes sealed with the link's secret.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from telemed_protocol.api import SEAT_COOKIE
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.ids import from_base64url, to_base64url
from telemed_protocol.joinlink import Card, JoinLink, Sequence
from telemed_protocol.room import (
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
from telemed_protocol.talk import (
    DeskMessage,
    FromPage,
    PageMessage,
    decode_from_desk,
    encode_talk,
)

PROTOCOL = 1
FIRST_WAIT_S, LONGEST_WAIT_S = 0.4, 8.0
FINAL = frozenset({"replaced", "no_seat", "link_not_valid", "seat_ended"})
"""After these the server will not have us back; after any other refusal we try again."""


class JoinRefused(Exception):
    """The server does not take this link (again), or said no to the seat; carries its code."""


class HeadlessRoom:
    """The waiting room's line. Everything on one loop; callbacks run there too.

    Args:
        url: The join link.
        on_seat: Told where the patient stands, on every change.
        on_message: Told each authentic new message of the desk, once and in order.
    """

    def __init__(
        self,
        url: str,
        on_seat: Callable[[SeatFrame], None],
        on_message: Callable[[DeskMessage], None],
    ) -> None:
        parts = urlsplit(url)
        self.origin = f"{parts.scheme}://{parts.netloc}"
        self._link = JoinLink.parse(url)
        self._on_seat = on_seat
        self._on_message = on_message
        self._numbers = Sequence()
        self._after = 0
        self._pending: dict[str, str] = {}  # box by mid, oldest first, until the server keeps it
        self._cookie = ""
        self._socket: ClientConnection | None = None
        self._task: asyncio.Task[None] | None = None
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
        """Use the link; return the card that the clinic sealed for it. Raises JoinRefused."""
        headers = {"origin": self.origin}
        async with httpx.AsyncClient(headers=headers) as http:
            answer = await http.post(f"{self.origin}/v1/join/{to_base64url(self._link.jti)}")
        if answer.status_code != 200:
            raise JoinRefused(answer.json().get("code", str(answer.status_code)))
        self._cookie = answer.cookies[SEAT_COOKIE]
        sealed = from_base64url(answer.json()["card"])
        card = msgspec.json.decode(self._link.open("card", sealed), type=Card)
        self._task = asyncio.create_task(self._keep(), name="headless-room")
        return card

    async def say(self, body: PageMessage) -> None:
        """Seal a message for the desk; it is repeated after a cut until the server keeps it."""
        sid, n = self._numbers.next()
        box = to_base64url(self._link.seal("to-desk", encode_talk(FromPage(sid, n, body))))
        mid = secrets.token_hex(8)
        self._pending[mid] = box
        await self._send(ToDesk(box, mid))

    async def close(self) -> None:
        """Stop for good."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    # ---- the line

    async def _keep(self) -> None:
        wait_s = FIRST_WAIT_S
        while self.refused not in FINAL:
            try:
                async with connect(
                    self.origin.replace("http", "ws", 1) + "/v1/room",
                    origin=self.origin,  # type: ignore[arg-type]  # a NewType of str
                    additional_headers={"cookie": f"{SEAT_COOKIE}={self._cookie}"},
                ) as socket:
                    wait_s = FIRST_WAIT_S
                    await self._attend(socket)
            except (OSError, ConnectionClosed, InvalidHandshake):
                pass  # the network or the server is away; the page comes back too
            finally:
                self._socket = None
            await asyncio.sleep(wait_s)
            wait_s = min(LONGEST_WAIT_S, wait_s * 2)

    async def _attend(self, socket: ClientConnection) -> None:
        await socket.send(encode_frame(PageHello(PROTOCOL, self._after)))
        for mid, box in list(self._pending.items()):
            await socket.send(encode_frame(ToDesk(box, mid)))
        self._socket = socket
        beat = asyncio.create_task(self._beat(), name="headless-room-beat")
        try:
            async for text in socket:
                self._take(text)
        finally:
            beat.cancel()

    async def _beat(self) -> None:
        while True:
            await self._send(Ping(time.monotonic()))
            await asyncio.sleep(PING_S)

    async def _send(self, frame: ToDesk | Ping) -> None:
        if self._socket is not None:
            with contextlib.suppress(ConnectionClosed):  # sent again on the next line
                await self._socket.send(encode_frame(frame))

    def _take(self, text: str | bytes) -> None:
        match decode_to_page_frame(text):
            case SeatFrame() as frame:
                self._on_seat(frame)
            case FromDeskFrame(box, n) if n > self._after:
                self._after = n
                self._open(box)
            case Stored(mid):
                self._pending.pop(mid, None)
            case Pong(at):
                self.rtt_ms = (time.monotonic() - at) * 1000
            case Refused(code):
                self.refused = code
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
