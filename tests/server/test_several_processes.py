"""Two server processes over one PostgreSQL: who is connected to which makes no difference."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from pathlib import Path

import pytest

from telemed_protocol.api import Token
from telemed_protocol.room import (
    Admit,
    FromDeskFrame,
    FromPageFrame,
    HeadFrame,
    Leave,
    RoomFrame,
    SeatFrame,
    Stored,
    ToDesk,
    ToPage,
)
from telemed_protocol.segment import parse_segment
from telemed_server import room, schema, segments
from telemed_server.auth import Member
from telemed_server.postgres_bell import PostgresBell
from tests.server.rig import (
    WIDE,
    Desk,
    ServerProcess,
    Socket,
    box_text,
    cookie_of,
    join,
    open_desk,
    open_page,
    problem_of,
    unpack,
)
from tests.support.postgres import Postgres
from tests.support.waiting import until

Pair = tuple[ServerProcess, ServerProcess]


@pytest.fixture(scope="module")
def pair(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    store = postgres.fresh()
    folder = tmp_path_factory.mktemp("pair")
    options = (*WIDE, "--lease-seconds", "2")
    with (
        ServerProcess(folder / "a", *options, store=store) as a,
        ServerProcess(folder / "b", *options, store=store) as b,
    ):
        yield a, b


def at(server: ServerProcess, desk: Desk) -> Desk:
    """The same desk, connected to another process."""
    other = Desk(server, desk.clinic)
    other.identity, other.token, other.epoch_key = desk.identity, desk.token, desk.epoch_key
    return other


class Visit:
    """A desk at one process and a patient's page at the other."""

    def __init__(self, pair: Pair) -> None:
        self.a, self.b = pair
        self.desk = Desk.founding(self.a)
        self.link = self.desk.make_link()
        self.cookie = cookie_of(join(self.b, self.link))
        self.sockets: list[Socket] = []

    async def opened(self, opening: Awaitable[Socket]) -> Socket:
        socket = await opening
        self.sockets.append(socket)
        return socket

    async def desk_at(self, server: ServerProcess) -> Socket:
        return await self.opened(open_desk(at(server, self.desk)))

    async def page_at(self, server: ServerProcess, after: int = 0) -> Socket:
        return await self.opened(open_page(server, self.cookie, after))

    async def close(self) -> None:
        for socket in self.sockets:
            await socket.close()
        self.desk.close()


@pytest.fixture
async def visit(pair: Pair) -> AsyncIterator[Visit]:
    made = Visit(pair)
    yield made
    await made.close()


async def seat_with(desk: Socket, **fields: object) -> str:
    while True:
        frame = await desk.next(RoomFrame)
        for seat in frame.seats:
            if all(getattr(seat, name) == value for name, value in fields.items()):
                return seat.seat


async def test_a_visit_across_two_processes(visit: Visit) -> None:
    desk = await visit.desk_at(visit.a)
    page = await visit.page_at(visit.b)
    assert (await page.next(SeatFrame, desks_online=1)).state == "waiting"
    await page.send(ToDesk(box_text(visit.link, "to-desk", b"intake"), "m1"))
    await page.next(Stored)
    seat = await seat_with(desk, state="waiting", present=True)
    assert (await desk.next(FromPageFrame)).seat == seat
    await desk.send(Admit(seat))
    await desk.send(ToPage(seat, box_text(visit.link, "to-page", b"offer"), "o1"))
    assert (await page.next(SeatFrame, state="admitted")).desks_online == 1
    assert (await page.next(FromDeskFrame)).n == 1
    await page.send(ToDesk(box_text(visit.link, "to-desk", b"answer"), "m2"))
    assert (await desk.next(FromPageFrame)).n == 2
    await page.send(Leave())
    assert await seat_with(desk, state="ended") == seat


async def test_a_page_that_comes_back_elsewhere_leaves_its_old_line_and_misses_nothing(
    visit: Visit,
) -> None:
    desk = await visit.desk_at(visit.a)
    old = await visit.page_at(visit.a)
    seat = await seat_with(desk, present=True)
    await desk.send(ToPage(seat, box_text(visit.link, "to-page", b"one"), "o1"))
    assert (await old.next(FromDeskFrame)).n == 1
    new = await visit.page_at(visit.b, after=1)
    assert await old.closed() == 4409
    await desk.send(ToPage(seat, box_text(visit.link, "to-page", b"two"), "o2"))
    assert (await new.next(FromDeskFrame)).n == 2


async def test_a_desk_that_goes_is_no_longer_counted_at_the_other_process(visit: Visit) -> None:
    page = await visit.page_at(visit.b)
    await page.next(SeatFrame, desks_online=0)
    desk = await visit.desk_at(visit.a)
    await page.next(SeatFrame, desks_online=1)
    await desk.close()
    await page.next(SeatFrame, desks_online=0)


async def test_a_segment_pushed_here_is_hinted_at_there(visit: Visit) -> None:
    there = await visit.desk_at(visit.b)
    await there.next(RoomFrame)
    await asyncio.to_thread(visit.desk.push_chain, 1, 2)
    await there.next(HeadFrame, sseq=2)


async def test_who_proved_itself_here_is_let_in_there_and_no_proof_works_twice(pair: Pair) -> None:
    a, b = pair
    desk = Desk.founding(a)
    there = at(b, desk)
    assert there.get("/v1/wraps").status_code == 200
    proof = desk.signed(desk.challenge())
    assert unpack(there.post("/v1/auth/token", proof), Token).expires_in_s == 900
    for again in (desk, there):
        refused = again.post("/v1/auth/token", proof)
        assert (refused.status_code, problem_of(refused)) == (401, "not_authorised")
    desk.close()
    there.close()


async def test_what_no_notification_told_is_found_all_the_same(visit: Visit) -> None:
    """Another program writes into the tables and tells nobody: so it looks when a ring is lost."""
    desk = await visit.desk_at(visit.a)
    page = await visit.page_at(visit.b)
    seat = await seat_with(desk, present=True)
    member = Member(visit.desk.identity.device, visit.desk.clinic)
    box = visit.link.seal("to-desk", b"silent")
    wire = visit.desk.seal(1, 1).wire
    now = time.time()

    def write() -> None:
        with visit.a.database() as db:
            room.store_from_page(db, now, seat, room.Sent("s1", box))
            room.store_from_desk(db, now, member, seat, room.Sent("s2", box))
            room.admit(db, now, member, seat)
            segments.append(db, now, member, parse_segment(wire))

    await asyncio.to_thread(write)
    await desk.next(FromPageFrame, n=1)
    await desk.next(HeadFrame, sseq=1)
    await page.next(FromDeskFrame, n=1)
    while not any(isinstance(f, SeatFrame) and f.state == "admitted" for f in page.frames):
        await page.next(SeatFrame)

    def remove() -> None:
        with visit.a.database() as db:
            db.execute(
                schema.devices.update()
                .where(schema.devices.c.device == member.device)
                .values(active=False)
            )

    await asyncio.to_thread(remove)
    assert await desk.closed() == 4401


async def test_a_killed_process_takes_its_desks_and_pages_with_it_after_a_while(
    postgres: Postgres, tmp_path: Path
) -> None:
    store = postgres.fresh()
    options = (*WIDE, "--lease-seconds", "2")
    a = ServerProcess(tmp_path / "a", *options, store=store)
    b = ServerProcess(tmp_path / "b", *options, store=store)
    with a:
        b.start()
        visit = Visit((a, b))
        desk = await visit.desk_at(a)
        page = await visit.page_at(b)
        await page.next(SeatFrame, desks_online=1)
        seat = await seat_with(desk, present=True)
        b.kill()
        assert await page.closed()
        assert await seat_with(desk, present=False) == seat
        back = await visit.page_at(a)
        await back.next(SeatFrame, desks_online=1)
        assert await seat_with(desk, present=True) == seat
        b.start()  # finds everything again
        other = await visit.page_at(b)
        assert (await other.next(SeatFrame, desks_online=1)).state == "waiting"
        await visit.close()
        assert b.stop() == 0


async def test_a_bell_is_heard_by_others_and_rings_again_after_its_line_was_cut(
    postgres: Postgres,
) -> None:
    store = postgres.fresh_database()
    heard: list[set[bytes] | None] = []
    own: list[set[bytes] | None] = []
    here, there = PostgresBell(store), PostgresBell(store)
    tasks = [
        asyncio.create_task(here.keep(own.append)),
        asyncio.create_task(there.keep(heard.append)),
    ]
    await until(lambda: None in heard and None in own, "both listen")
    ids = [os.urandom(16) for _ in range(450)]  # more than one message holds
    for one in ids:
        here.ring(one)
    await until(lambda: set(ids) <= set().union(*(h or () for h in heard)), "all were heard")
    cut = heard.count(None)
    with postgres.connect("postgres") as db:
        db.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
            (store.database,),
        )
    await until(lambda: heard.count(None) > cut, "it listens again, and says that it missed some")
    last = os.urandom(16)

    def rung() -> bool:
        here.ring(last)  # the first ring after a cut may be lost
        return any(h and last in h for h in heard)

    await until(rung, "it is heard again")
    assert all(h is None for h in own)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
