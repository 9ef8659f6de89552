"""The waiting room's two WebSockets (:mod:`telemed_protocol.room`)."""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from telemed_protocol import PROTOCOL_VERSION
from telemed_protocol.api import SEAT_COOKIE
from telemed_protocol.errors import FormatError
from telemed_protocol.ids import from_base64url, to_base64url
from telemed_protocol.room import (
    MAX_URGENT_BYTES,
    Admit,
    DeskFrame,
    DeskHello,
    EndSeat,
    EnrolFrame,
    Leave,
    PageFrame,
    PageHello,
    Ping,
    Pong,
    PushSegment,
    Refused,
    SegmentRefused,
    SegmentStored,
    Stored,
    ToDesk,
    ToPage,
    decode_desk_frame,
    decode_page_frame,
    encode_frame,
)
from telemed_server import asking, auth, ice, room, segments
from telemed_server.desk_line import DeskLine
from telemed_server.errors import RequestRefused
from telemed_server.line import (
    CLOSE_BAD_FRAME,
    CLOSE_BUSY,
    CLOSE_FLOOD,
    CLOSE_GONE,
    CLOSE_NO_HELLO,
    CLOSE_NOT_AUTHORISED,
    CLOSE_TIMEOUT_S,
    Line,
)
from telemed_server.links import cookie_hash
from telemed_server.page_line import PageLine
from telemed_server.parts import Parts, parts_of
from telemed_server.pushing import take_segment

F = TypeVar("F")
HELLO_TIMEOUT_S: Final = 5.0
_FATAL: Final = {401: CLOSE_NOT_AUTHORISED, 404: CLOSE_GONE, 409: CLOSE_GONE, 429: CLOSE_FLOOD}


async def _receive(socket: WebSocket) -> str | bytes:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    data: str | bytes = message.get("bytes", b"") if text is None else text
    return data


async def _refuse(socket: WebSocket, code: str, close_code: int) -> None:
    """Refuse a connection that has no line yet."""
    try:
        async with asyncio.timeout(CLOSE_TIMEOUT_S):
            await socket.send_text(encode_frame(Refused(code)))
            await socket.close(close_code, code)
    except (TimeoutError, WebSocketDisconnect):
        return


async def _hello(socket: WebSocket, decode: Callable[[str | bytes], object]) -> object:
    """Return the first message.

    Raises:
        RequestRefused: 408 none came in time, 400 not a message, 426 another protocol version.
        WebSocketDisconnect: Gone.
    """
    try:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            hello = decode(await _receive(socket))
    except TimeoutError as error:
        raise RequestRefused(408, "hello_expected") from error
    except FormatError as error:
        raise RequestRefused(400, "bad_frame") from error
    if not isinstance(hello, PageHello | DeskHello):
        raise RequestRefused(400, "hello_expected")
    if hello.v != PROTOCOL_VERSION:
        raise RequestRefused(400, "protocol_version")
    return hello


async def _open(socket: WebSocket, work: Callable[[], Awaitable[None]]) -> None:
    """Run a connection; a refusal before it has a line is said and closes it."""
    await socket.accept()
    try:
        await work()
    except WebSocketDisconnect:
        return
    except RequestRefused as error:
        close_code = {
            400: CLOSE_BAD_FRAME,
            408: CLOSE_NO_HELLO,
            503: CLOSE_BUSY,
            507: CLOSE_BUSY,
        } | _FATAL
        await _refuse(socket, error.problem, close_code.get(error.status, CLOSE_BAD_FRAME))


async def _read(
    socket: WebSocket,
    line: Line,
    decode: Callable[[str | bytes], F],
    allow: Callable[[], bool],
    handle: Callable[[F], Awaitable[None]],
) -> None:
    """Handle frames until the client goes or is refused."""
    while not line.ending:
        data = await _receive(socket)
        if not allow():
            line.refuse("too_many_frames", CLOSE_FLOOD)
            return
        try:
            await handle(decode(data))
        except FormatError:
            line.refuse("bad_frame", CLOSE_BAD_FRAME)
            return
        except RequestRefused as error:
            if error.status >= 500:
                raise
            line.reply(Refused(error.problem, error.words))


# ---- the page -----------------------------------------------------------------------------------


async def page_socket(socket: WebSocket) -> None:
    """``/v1/room``: a patient's page. Needs the cookie, and our own page's ``Origin``."""
    parts = parts_of(socket)
    host = socket.headers.get("host", "")
    if not parts.settings.is_own_origin(socket.headers.get("origin", ""), host):
        await socket.close(4403)
        return
    await _open(socket, lambda: _page(parts, socket))


async def _page(parts: Parts, socket: WebSocket) -> None:
    parts.check_network(socket, "socket")
    holder = cookie_hash(socket.cookies.get(SEAT_COOKIE, ""))
    hello = await _hello(socket, decode_page_frame)
    if not isinstance(hello, PageHello):
        raise RequestRefused(400, "hello_expected")
    tag = secrets.token_hex(8)
    row = await parts.store.run(
        lambda db: room.sit(db, time.time(), holder, parts.settings.waiting_cap, tag)
    )
    page = PageLine(
        socket,
        parts.store,
        row,
        tag=tag,
        after=_after(hello.after),
        desks_online=lambda: parts.hub.desks_online(row.clinic),
        ice_servers=lambda: ice.ice_servers(parts.settings),
    )
    parts.hub.add_page(page)
    parts.hub.hear(row.clinic, row.seat)
    parts.hub.room_changed(row.clinic)
    try:
        await page.line.serve(
            lambda: _read(
                socket,
                page.line,
                decode_page_frame,
                lambda: parts.limiter.allow("page-frames", row.seat),
                lambda frame: _from_page(parts, page, frame),
            )
        )
    finally:
        parts.hub.remove_page(page)


async def _from_page(parts: Parts, page: PageLine, frame: PageFrame) -> None:
    now = time.time()
    parts.hub.hear(page.clinic, page.seat)
    match frame:
        case Ping():
            page.heard()
            page.line.reply(Pong(frame.at))
        case ToDesk():
            sent = room.parse_box(frame.box, frame.mid)
            await parts.store.run(lambda db: room.store_from_page(db, now, page.seat, sent))
            page.line.reply(Stored(frame.mid))
            parts.hub.box_for_desks(page.clinic, page.seat)
        case Leave():
            await parts.store.run(lambda db: room.end(db, now, page.seat))
            parts.hub.room_changed(page.clinic)
        case PageHello():
            page.line.refuse("bad_frame", CLOSE_BAD_FRAME)


# ---- the desk -----------------------------------------------------------------------------------


async def desk_socket(socket: WebSocket) -> None:
    """``/v1/desk``: a member desk. The token comes in the first message."""
    parts = parts_of(socket)
    await _open(socket, lambda: _desk(parts, socket))


async def _desk(parts: Parts, socket: WebSocket) -> None:
    parts.check_network(socket, "socket")
    hello = await _hello(socket, decode_desk_frame)
    if not isinstance(hello, DeskHello):
        raise RequestRefused(400, "hello_expected")
    now = time.time()
    member = await parts.store.run(lambda db: auth.member_of(db, now, hello.token))
    desk = DeskLine(
        socket,
        parts.store,
        member,
        after={seat: _after(n) for seat, n in hello.after.items()},
        heard_at=parts.hub.heard_at,
        kept_s=parts.settings.seat_kept_s,
    )
    parts.hub.add_desk(desk)
    try:
        desk.log_grew(await parts.store.run(lambda db: segments.head_of(db, member.clinic)))
        if await parts.store.run(lambda db: asking.pending(db, now, member.clinic)):
            desk.line.reply(EnrolFrame())
        await desk.line.serve(
            lambda: _read(
                socket,
                desk.line,
                decode_desk_frame,
                lambda: parts.limiter.allow("desk-frames", member.device.hex()),
                lambda frame: _from_desk(parts, desk, frame),
            )
        )
    finally:
        parts.hub.remove_desk(desk)


async def _from_desk(parts: Parts, desk: DeskLine, frame: DeskFrame) -> None:
    now = time.time()
    match frame:
        case Ping():
            desk.line.reply(Pong(frame.at))
        case Admit():
            await parts.store.run(lambda db: room.admit(db, now, desk.member, frame.seat))
            parts.hub.room_changed(desk.member.clinic)
        case EndSeat():
            await parts.store.run(lambda db: room.end_by_desk(db, now, desk.member, frame.seat))
            parts.hub.room_changed(desk.member.clinic)
        case ToPage():
            sent = room.parse_box(frame.box, frame.mid)
            await parts.store.run(
                lambda db: room.store_from_desk(db, now, desk.member, frame.seat, sent)
            )
            desk.line.reply(Stored(frame.mid))
            parts.hub.box_for_page(desk.member.clinic, frame.seat)
        case PushSegment():
            await _from_desk_push(parts, desk, frame)
        case DeskHello():
            desk.line.refuse("bad_frame", CLOSE_BAD_FRAME)


async def _from_desk_push(parts: Parts, desk: DeskLine, frame: PushSegment) -> None:
    wire = from_base64url(frame.segment)
    if len(wire) > MAX_URGENT_BYTES:
        raise FormatError("an urgent segment that is none")
    name = to_base64url(hashlib.sha256(wire).digest())
    try:
        receipt = (await take_segment(parts, desk.member, wire)).receipt
    except RequestRefused as no:
        desk.line.reply(SegmentRefused(name, no.status, no.problem, no.retry_after_s))
        return
    log_hash = to_base64url(receipt.log_hash)
    desk.line.reply(SegmentStored(name, receipt.sseq, log_hash, receipt.stored_at))


def _after(number: int) -> int:
    """Keep a client's number within what the database counts with."""
    return max(0, min(number, 2**62))


ROUTES = [WebSocketRoute("/v1/room", page_socket), WebSocketRoute("/v1/desk", desk_socket)]
