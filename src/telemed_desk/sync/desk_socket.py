"""The desk's line to the waiting room: one WebSocket that comes back by itself.

Nothing is lost by a cut: the server numbers what pages send and resumes after the last number that
the caller holds; what this desk sends is repeated until the server says that it keeps it.
"""

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from telemed_desk.sync import problems
from telemed_desk.sync.server_client import ServerClient, problem_of
from telemed_protocol import PROTOCOL_VERSION
from telemed_protocol.api import Receipt
from telemed_protocol.errors import FormatError, KnownError
from telemed_protocol.ids import from_base64url, to_base64url
from telemed_protocol.room import (
    MAX_FRAME_BYTES,
    MAX_URGENT_BYTES,
    PING_S,
    Admit,
    DeskFrame,
    DeskHello,
    EndSeat,
    EnrolFrame,
    FromPageFrame,
    HeadFrame,
    Ping,
    Pong,
    PushSegment,
    Refused,
    RoomFrame,
    SegmentRefused,
    SegmentStored,
    Stored,
    ToDeskFrame,
    ToPage,
    decode_to_desk_frame,
    encode_frame,
)
from telemed_protocol.segment import SealedSegment

RECONNECT_S: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
SILENCE_S: Final = 3 * PING_S
"""A line on which nothing came for so long is dead, whatever TCP believes."""
UNANSWERED_S: Final = 3.0
"""A frame that the server confirms must be answered by then, or the line is taken for dead: after a
change of network a dead TCP connection says nothing for minutes. A slow line has three of its round
trips."""
PUSH_S: Final = 15.0
"""A pushed segment without an answer by then is posted instead; the server knows it if it came."""
_LOOK_S: Final = 0.5


class LinkState(StrEnum):
    """Whether the server can be heard. Not stored."""

    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"


@dataclass(slots=True)
class _Wanted:
    """What the server has not confirmed yet; sent again after every reconnect."""

    boxes: dict[str, ToPage] = field(default_factory=dict)
    seats: dict[str, Admit | EndSeat] = field(default_factory=dict)

    def frames(self) -> list[DeskFrame]:
        """Boxes first: a farewell must reach the seat before the seat ends."""
        return [*self.boxes.values(), *self.seats.values()]

    def confirm(self, room: RoomFrame) -> None:
        """Drop wishes that the room shows as fulfilled, or as overtaken."""
        state = {seat.seat: seat.state for seat in room.seats}
        gone: set[str | None] = {None, "ended"}
        for seat_id, frame in list(self.seats.items()):
            now = state.get(seat_id)
            if now in gone or (isinstance(frame, Admit) and now == "admitted"):
                del self.seats[seat_id]
        for mid, box in list(self.boxes.items()):
            if state.get(box.seat) in gone:
                del self.boxes[mid]


class DeskSocket:
    """Runs on the core thread's loop; the callbacks are called there and must return quickly.

    Args:
        client: Where the server is, and the token.
        on_room: The whole waiting room, at every change.
        on_box: Seat, opened base64url, number. Note the number once the box is dealt with.
        on_head: The log has grown to this number.
        on_enrol: A new desk asks to be added.
        on_link: State, and the round trip in ms once it is known.
        after: Last number held, by seat; asked for at every connect.
        jitter: A factor near 1 for each wait, so that a clinic's desks do not return all at once.
        on_refused: A stable code when the server refuses a frame.
    """

    def __init__(
        self,
        client: ServerClient,
        *,
        on_room: Callable[[RoomFrame], None],
        on_box: Callable[[str, bytes, int], None],
        on_head: Callable[[int], None],
        on_enrol: Callable[[], None],
        on_link: Callable[[LinkState, float | None], None],
        after: Callable[[], Mapping[str, int]] = dict,
        jitter: Callable[[], float] = lambda: 1.0,
        on_refused: Callable[[str], None] = lambda _code: None,
    ) -> None:
        self._client = client
        self._on_room = on_room
        self._on_box = on_box
        self._on_head = on_head
        self._on_enrol = on_enrol
        self._on_link = on_link
        self._after = after
        self._jitter = jitter
        self._on_refused = on_refused
        self._wanted = _Wanted()
        self._outgoing: asyncio.Queue[DeskFrame] = asyncio.Queue()
        self._connected = False
        self._heard_at = 0.0
        self._asked_at: float | None = None
        self._token = ""
        self._takes_segments = False
        self._pushed: dict[str, asyncio.Future[Receipt]] = {}
        self.rtt_ms: float | None = None

    def admit(self, seat: str) -> None:
        """Bring a patient in; repeated until the room shows that somebody did."""
        self._want_seat(Admit(seat))

    def end(self, seat: str) -> None:
        """End a visit; repeated until the room shows it."""
        self._want_seat(EndSeat(seat))

    def send_box(self, seat: str, box: bytes) -> str:
        """Send a sealed box; repeated until the server keeps it. Return its mid."""
        frame = ToPage(seat, to_base64url(box), secrets.token_hex(8))
        self._wanted.boxes[frame.mid] = frame
        self._send_now(frame)
        return frame.mid

    async def push(self, segment: SealedSegment) -> Receipt:
        """Hand over a small segment on the line that is open already; a repeat is harmless.

        Another connection would first cost its handshakes: on a long line those are seconds.

        Raises:
            ServerUnreachable: Not on this line, or not now; post it.
            Refused, ServerBusy, NotAuthorised, BadAnswer: As for a posted one.
        """
        if not (self._connected and self._takes_segments) or len(segment.wire) > MAX_URGENT_BYTES:
            raise problems.ServerUnreachable("no line")
        name = to_base64url(segment.hash)
        answer: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._pushed[name] = answer
        self._send_now(PushSegment(to_base64url(segment.wire)))
        try:
            async with asyncio.timeout(PUSH_S):
                return await answer
        except TimeoutError:
            raise problems.ServerUnreachable("no receipt") from None
        finally:
            self._pushed.pop(name, None)

    @property
    def unconfirmed(self) -> int:
        """How many frames the server has not confirmed yet."""
        return len(self._wanted.frames())

    def _want_seat(self, frame: Admit | EndSeat) -> None:
        self._wanted.seats[frame.seat] = frame
        self._send_now(frame)

    def _send_now(self, frame: DeskFrame) -> None:
        if self._connected:
            self._outgoing.put_nowait(frame)

    async def run(self) -> None:
        """Keep the line until cancelled."""
        tries = 0
        while True:
            self._on_link(LinkState.CONNECTING, None)
            was_up = await self._one_connection()
            self._connected = self._takes_segments = False
            self.rtt_ms = None
            for answer in self._pushed.values():
                if not answer.done():
                    answer.set_exception(problems.ServerUnreachable("line broke"))
            self._on_link(LinkState.DOWN, None)
            tries = 0 if was_up else tries
            await asyncio.sleep(RECONNECT_S[min(tries, len(RECONNECT_S) - 1)] * self._jitter())
            tries += 1

    async def _one_connection(self) -> bool:
        """Serve one connection to its end; return whether the server took us in."""
        socket: ClientConnection | None = None
        try:
            self._token = await self._client.token()
            url = "ws" + self._client.origin.removeprefix("http") + "/v1/desk"
            async with connect(
                url,
                ssl=self._client.ssl_context,
                ping_interval=None,  # ours measures, and is not killed by a slow upload
                max_size=MAX_FRAME_BYTES,
                compression=None,  # it carries ciphertext
                open_timeout=20,
                close_timeout=2,
                proxy=None if self._client.is_local else True,
            ) as socket:
                return await self._serve(socket)
        except (KnownError, OSError, TimeoutError, InvalidHandshake, InvalidURI, ConnectionClosed):
            return False
        finally:
            if socket is not None:
                socket.transport.abort()  # does nothing, unless the farewell was cut short as well

    async def _serve(self, socket: ClientConnection) -> bool:
        hello = DeskHello(PROTOCOL_VERSION, self._token, dict(self._after()))
        await socket.send(encode_frame(hello))
        self._outgoing = asyncio.Queue()
        self._heard_at = time.monotonic()
        self._asked_at = None
        jobs = {
            asyncio.create_task(self._receive(socket)),
            asyncio.create_task(self._transmit(socket)),
            asyncio.create_task(self._ping(socket)),
        }
        try:
            await asyncio.wait(jobs, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for job in jobs:
                job.cancel()
            ended = await asyncio.gather(*jobs, return_exceptions=True)
        for outcome in ended:
            if isinstance(outcome, Exception) and not isinstance(
                outcome, (ConnectionClosed, KnownError, OSError)
            ):
                raise outcome
        return self._connected

    async def _receive(self, socket: ClientConnection) -> None:
        async for data in socket:
            self._heard_at = time.monotonic()
            self._take(decode_to_desk_frame(data))

    def _take(self, frame: ToDeskFrame) -> None:
        match frame:
            case RoomFrame():
                self._takes_segments = frame.takes_segments
                self._is_up()
                self._wanted.confirm(frame)
                self._on_room(frame)
            case FromPageFrame(seat, box, n):
                self._take_box(seat, box, n)
            case HeadFrame(sseq):
                self._on_head(sseq)
            case EnrolFrame():
                self._on_enrol()
            case Stored(mid):
                self._wanted.boxes.pop(mid, None)
            case SegmentStored() | SegmentRefused():
                self._take_receipt(frame)
            case Pong(at):
                self._is_up()
                self.rtt_ms = max(0.0, (time.monotonic() - at) * 1000)
                self._on_link(LinkState.UP, self.rtt_ms)
            case Refused(code):
                if not self._connected:
                    self._client.forget_token(self._token)
                self._on_refused(code)

    def _take_receipt(self, frame: SegmentStored | SegmentRefused) -> None:
        answer = self._pushed.get(frame.segment)
        if answer is None or answer.done():
            return
        if isinstance(frame, SegmentRefused):
            answer.set_exception(problem_of(frame.status, frame.code, frame.retry_after_s))
            return
        try:
            log_hash = from_base64url(frame.log_hash)
        except FormatError:
            answer.set_exception(problems.BadAnswer("receipt"))
            return
        answer.set_result(Receipt(frame.sseq, log_hash, frame.stored_at))

    def _take_box(self, seat: str, text: str, n: int) -> None:
        try:
            box = from_base64url(text)
        except FormatError:
            box = b""  # the caller counts its number and refuses it as it refuses any forged box
        self._on_box(seat, box, n)

    def _is_up(self) -> None:
        """The first frame that only a member gets: the token was accepted."""
        if self._connected:
            return
        self._connected = True
        self._on_link(LinkState.UP, None)
        for wanted in self._wanted.frames():
            self._outgoing.put_nowait(wanted)

    async def _transmit(self, socket: ClientConnection) -> None:
        while True:
            frame = await self._outgoing.get()
            if self._asked_at is None or self._asked_at < self._heard_at:
                self._asked_at = time.monotonic()
            await socket.send(encode_frame(frame))

    async def _ping(self, socket: ClientConnection) -> None:
        """Keep the line measured, and leave it when it is silent."""
        pinged_at = 0.0
        while not self._is_silent(now := time.monotonic()):
            if now - pinged_at >= PING_S:
                pinged_at = now
                await socket.send(encode_frame(Ping(now)))
            await asyncio.sleep(_LOOK_S)
        socket.transport.abort()  # a farewell would wait two seconds for an answer that cannot come

    def _is_silent(self, now: float) -> bool:
        """Whether nothing was heard for too long, which is sooner when an answer is due."""
        asked_at = self._asked_at
        patience_s = max(UNANSWERED_S, 3 * (self.rtt_ms or 0.0) / 1000)
        due = asked_at is not None and self._heard_at < asked_at <= now - patience_s
        return due or now - self._heard_at >= SILENCE_S
