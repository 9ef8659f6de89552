"""The waiting room: line, admission, boxes, coming back after a cut."""

import asyncio
import base64
import hmac
import time

import pytest
from websockets.exceptions import InvalidStatus

from telemed_protocol.api import CloseLink
from telemed_protocol.joinlink import JoinLink
from telemed_protocol.room import (
    Admit,
    EndSeat,
    EnrolFrame,
    FromDeskFrame,
    FromPageFrame,
    HeadFrame,
    Leave,
    Ping,
    Pong,
    Refused,
    RoomFrame,
    SeatFrame,
    Stored,
    ToDesk,
    ToPage,
)
from telemed_protocol.talk import IceServer
from tests.server.rig import (
    Desk,
    ServerProcess,
    Socket,
    box_text,
    cookie_of,
    join,
    open_desk,
    open_page,
)
from tests.server.test_server_enrolment import addition, invite, next_record, removal, request_of


def second_desk(server: ServerProcess, desk: Desk) -> Desk:
    other = Desk(server, desk.clinic)
    code = invite(desk)
    other.post("/v1/enrol", request_of(other, code))
    added = desk.post("/v1/members", addition(desk, other, code, next_record(desk, other)))
    assert added.status_code == 201
    other.log_in()
    return other


def holder(server: ServerProcess, link: JoinLink) -> str:
    return cookie_of(join(server, link))


async def room_with(socket: Socket, **fields: object) -> RoomFrame:
    """Wait until the first seat of the room has these fields."""
    while True:
        frame = await socket.next(RoomFrame)
        if frame.seats and all(getattr(frame.seats[0], k) == v for k, v in fields.items()):
            return frame


async def test_a_visit_from_arrival_to_goodbye_with_two_desks(
    server: ServerProcess, desk: Desk
) -> None:
    link = desk.make_link()
    second = second_desk(server, desk)
    a, b = await open_desk(desk), await open_desk(second)
    assert (await a.next(RoomFrame)).seats == []
    page = await open_page(server, holder(server, link))
    assert await page.next(SeatFrame) == SeatFrame("waiting", 1, 2, [])

    room = await room_with(a, state="waiting", present=True)
    seat = room.seats[0]
    assert seat.link == link.jti_hash.hex()
    await page.send(ToDesk(box_text(link, "to-desk", b"intake"), "m1"))
    assert await page.next(Stored) == Stored("m1")
    for socket in (a, b):
        got = await socket.next(FromPageFrame)
        assert (got.seat, got.n) == (seat.seat, 1)

    await a.send(Admit(seat.seat))
    admitted = await page.next(SeatFrame, state="admitted")
    assert admitted.place == 0
    await room_with(b, state="admitted", admitted_by=desk.identity.device.hex())
    await b.send(Admit(seat.seat))
    assert (await b.next(Refused)).code == "already_admitted"
    await a.send(Admit(seat.seat))  # the first desk may repeat itself
    await a.send(ToPage(seat.seat, box_text(link, "to-page", b"offer"), "o1"))
    assert await a.next(Stored) == Stored("o1")
    assert (await page.next(FromDeskFrame)).n == 1

    await a.send(EndSeat(seat.seat))
    assert (await page.next(SeatFrame, state="ended")).ice_servers == []
    await page.send(ToDesk(box_text(link, "to-desk", b"rating"), "m2"))
    assert (await b.next(FromPageFrame)).n == 2
    for socket in (a, b, page):
        await socket.close()
    second.close()


async def test_relay_credentials_come_after_admission_only(
    server: ServerProcess, desk: Desk
) -> None:
    link = desk.make_link()
    page = await open_page(server, holder(server, link))
    assert (await page.next(SeatFrame)).ice_servers == []
    a = await open_desk(desk)
    seat = (await room_with(a)).seats[0].seat
    await a.send(Admit(seat))
    stun, turn = (await page.next(SeatFrame, state="admitted")).ice_servers
    assert stun == IceServer(["stun:127.0.0.1:3478"])
    expiry = int(turn.username.partition(":")[0])
    assert time.time() < expiry <= time.time() + 601
    mac = hmac.digest(b"a fictional relay secret", turn.username.encode(), "sha1")
    assert turn.credential == base64.b64encode(mac).decode()
    for socket in (a, page):
        await socket.close()


async def test_a_page_that_comes_back_has_its_place_and_misses_no_box_and_gets_none_twice(
    server: ServerProcess, desk: Desk
) -> None:
    links = [desk.make_link(), desk.make_link()]
    first = await open_page(server, cookie := holder(server, links[0]))
    await first.next(SeatFrame, place=1)
    second = await open_page(server, holder(server, links[1]))
    await second.next(SeatFrame, place=2)
    a = await open_desk(desk)
    seat = (await a.next(RoomFrame)).seats[0].seat
    await a.send(ToPage(seat, box_text(links[0], "to-page", b"1"), "b1"))
    assert (await first.next(FromDeskFrame)).n == 1
    first.connection.transport.abort()  # the network is gone, without a goodbye

    for mid in ("b2", "b3", "b3"):
        await a.send(ToPage(seat, box_text(links[0], "to-page", mid.encode()), mid))
        await a.next(Stored)
    back = await open_page(server, cookie, after=1)
    assert await back.next(SeatFrame) == SeatFrame("waiting", 1, 1, [])
    await a.send(ToPage(seat, box_text(links[0], "to-page", b"4"), "b4"))
    await back.next(FromDeskFrame, n=4)
    assert [f.n for f in back.frames if isinstance(f, FromDeskFrame)] == [2, 3, 4]

    await second.send(ToDesk(box_text(links[1], "to-desk", b"x"), "same"))
    await second.next(Stored)
    await second.send(ToDesk(box_text(links[1], "to-desk", b"x"), "same"))
    await second.next(Stored)
    await a.close()
    b = await open_desk(desk, after={})
    await b.next(FromPageFrame, n=1)
    await b.send(Ping(5.0))
    await b.next(Pong)
    assert len([f for f in b.frames if isinstance(f, FromPageFrame)]) == 1
    await b.close()
    again = await open_desk(
        desk, after={f.seat: f.n for f in b.frames if isinstance(f, FromPageFrame)}
    )
    await again.next(RoomFrame)
    await again.send(Ping(6.0))
    await again.next(Pong, at=6.0)
    assert not [f for f in again.frames if isinstance(f, FromPageFrame)]
    for socket in (again, back, second):
        await socket.close()


async def test_the_line_moves_up(server: ServerProcess, desk: Desk) -> None:
    pages = []
    for place in (1, 2, 3):
        page = await open_page(server, holder(server, desk.make_link()))
        await page.next(SeatFrame, place=place)
        pages.append(page)
    await pages[0].send(Leave())
    await pages[0].next(SeatFrame, state="ended")
    await pages[1].next(SeatFrame, place=1)
    a = await open_desk(desk)
    seats = (await a.next(RoomFrame)).seats
    assert [seat.state for seat in seats] == ["ended", "waiting", "waiting"]
    await a.send(Admit(seats[1].seat))
    await pages[2].next(SeatFrame, place=1)
    for socket in (a, *pages):
        await socket.close()


async def test_a_silent_page_is_away_and_a_heard_one_is_back(
    server: ServerProcess, desk: Desk
) -> None:
    page = await open_page(server, cookie := holder(server, desk.make_link()))
    a = await open_desk(desk)
    await room_with(a, present=True)
    away = await room_with(a, present=False)  # two seconds without a ping, though connected
    assert away.seats[0].state == "waiting"
    await page.send(Ping(1.0))
    assert (await page.next(Pong)).at == 1.0
    await room_with(a, present=True)
    await page.close()
    await room_with(a, present=False)
    back = await open_page(server, cookie)
    await room_with(a, present=True)
    for socket in (a, back):
        await socket.close()


async def test_a_newer_connection_of_the_same_browser_replaces_the_older(
    server: ServerProcess, desk: Desk
) -> None:
    cookie = holder(server, desk.make_link())
    old = await open_page(server, cookie)
    await old.next(SeatFrame)
    new = await open_page(server, cookie)
    await new.next(SeatFrame)
    assert await old.closed() == 4409
    assert isinstance(old.frames[-1], Refused)
    assert old.frames[-1].code == "replaced"
    await new.close()


async def test_a_third_connection_of_a_desk_replaces_the_oldest(desk: Desk) -> None:
    sockets = []
    for _ in range(3):  # each is let in before the next one comes
        sockets.append(await open_desk(desk))
        await sockets[-1].next(RoomFrame)
    assert await sockets[0].closed() == 4409
    await sockets[1].send(Ping(2.0))
    await sockets[1].next(Pong)
    for socket in sockets[1:]:
        await socket.close()


async def test_a_withdrawn_link_sends_its_patient_away(server: ServerProcess, desk: Desk) -> None:
    link = desk.make_link()
    page = await open_page(server, cookie := holder(server, link))
    await page.next(SeatFrame, state="waiting")
    await asyncio.to_thread(desk.post, "/v1/links/close", CloseLink(link.jti_hash))
    await page.next(SeatFrame, state="ended")
    assert join(server, link, cookie).status_code == 404
    await page.close()


async def test_other_clinics_neither_see_nor_touch_a_seat(
    server: ServerProcess, desk: Desk
) -> None:
    link = desk.make_link()
    page = await open_page(server, holder(server, link))
    a = await open_desk(desk)
    seat = (await room_with(a)).seats[0].seat
    stranger = Desk.founding(server)
    s = await open_desk(stranger, after={seat: 0})
    assert (await s.next(RoomFrame)).seats == []
    box = box_text(link, "to-page", b"x")
    for frame in (Admit(seat), EndSeat(seat), ToPage(seat, box, "m"), Admit("no such seat")):
        await s.send(frame)
        assert (await s.next(Refused)).code == "no_such_seat"
    for socket in (a, s, page):
        await socket.close()
    stranger.close()


async def test_desks_are_told_of_a_grown_log_and_of_who_asks(
    server: ServerProcess, desk: Desk
) -> None:
    a = await open_desk(desk)
    await a.next(RoomFrame)
    await asyncio.to_thread(desk.push_chain, 1, 2)
    await a.next(HeadFrame, sseq=2)
    code = await asyncio.to_thread(invite, desk)
    newcomer = Desk(server, desk.clinic)
    await asyncio.to_thread(newcomer.post, "/v1/enrol", request_of(newcomer, code))
    await a.next(EnrolFrame)
    b = await open_desk(desk)  # one that was not connected then is told as well
    await b.next(EnrolFrame)
    await b.next(HeadFrame, sseq=2)
    for socket in (a, b):
        await socket.close()
    newcomer.close()


async def test_a_revoked_desks_line_is_cut(server: ServerProcess, desk: Desk) -> None:
    second = second_desk(server, desk)
    b = await open_desk(second)
    await b.next(RoomFrame)
    revoke = await asyncio.to_thread(removal, desk, second)
    revoked = await asyncio.to_thread(desk.post, "/v1/members", revoke)
    assert revoked.status_code == 201
    assert await b.closed() == 4401
    second.close()


async def test_a_page_without_cookie_or_of_another_site_stays_out(
    server: ServerProcess, desk: Desk
) -> None:
    for cookie in ("", "x" * 43):
        page = await open_page(server, cookie)
        assert await page.closed() == 4401
        assert page.frames == [Refused("no_seat")]
    cookie = holder(server, desk.make_link())
    for origin in ("https://elsewhere.example", "null"):
        with pytest.raises(InvalidStatus) as refused:
            await open_page(server, cookie, origin=origin)
        assert refused.value.response.status_code == 403


async def test_a_desk_without_a_token_stays_out(desk: Desk) -> None:
    for token in ("", "x", "é" * 50):
        desk.token = token
        socket = await open_desk(desk)
        assert await socket.closed() == 4401
        assert socket.frames == [Refused("not_authorised")]
