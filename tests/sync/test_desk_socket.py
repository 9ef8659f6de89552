"""The desk's line to the real waiting room, with a real page at the other end."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telemed_desk.sync.desk_socket import SILENCE_S, DeskSocket, LinkState
from telemed_desk.sync.enrolment import make_invitation
from telemed_desk.sync.joining import request_enrolment
from telemed_desk.sync.page_talk import PageTalk
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.errors import ForgeryError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import from_base64url, new_id
from telemed_protocol.joinlink import Sequence
from telemed_protocol.room import FromDeskFrame, RoomFrame, SeatFrame, Stored, ToDesk
from telemed_protocol.talk import (
    DeskText,
    FromPage,
    Intake,
    PageMessage,
    PageText,
    decode_from_desk,
    encode_talk,
)
from tests.server.rig import WIDE, Desk, ServerProcess, Socket, box_text, cookie_of, join, open_page
from tests.support.waiting import until
from tests.sync.real_desk import wall_ms


class Line:
    """A desk socket and everything that it reported."""

    def __init__(self, desk: Desk, url: str) -> None:
        self.client = ServerClient(url, desk.identity)
        self.rooms: list[RoomFrame] = []
        self.boxes: list[tuple[str, bytes, int]] = []
        self.held: dict[str, int] = {}
        self.heads: list[int] = []
        self.enrols = 0
        self.links: list[tuple[LinkState, float | None]] = []
        self.socket = DeskSocket(
            self.client,
            on_room=self.rooms.append,
            on_box=self._box,
            on_head=self.heads.append,
            on_enrol=self._enrol,
            on_link=lambda state, rtt: self.links.append((state, rtt)),
            after=lambda: self.held,
            jitter=lambda: 0.05,
        )

    def _box(self, seat: str, box: bytes, n: int) -> None:
        self.boxes.append((seat, box, n))
        self.held[seat] = n

    def _enrol(self) -> None:
        self.enrols += 1

    @property
    def is_up(self) -> bool:
        return bool(self.links) and self.links[-1][0] is LinkState.UP

    def state_of(self, index: int = 0) -> str:
        seats = self.rooms[-1].seats if self.rooms else []
        return seats[index].state if len(seats) > index else ""

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["Line"]:
        task = asyncio.create_task(self.socket.run())
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
            await self.client.aclose()


class Page:
    """A patient's page, as far as the line is concerned."""

    def __init__(self, desk: Desk, server: ServerProcess) -> None:
        self.link = desk.make_link()
        self.cookie = cookie_of(join(server, self.link))
        self.server = server
        self.sequence = Sequence()
        self.socket: Socket

    async def open(self, after: int = 0) -> None:
        self.socket = await open_page(self.server, self.cookie, after)
        await self.socket.next(SeatFrame)

    async def hear(self) -> FromDeskFrame:
        """Return the first box from the desk, whether it came already or still comes."""
        for frame in self.socket.frames:
            if isinstance(frame, FromDeskFrame):
                return frame
        return await self.socket.next(FromDeskFrame)

    async def say(self, message: PageMessage) -> None:
        sid, n = self.sequence.next()
        box = box_text(self.link, "to-desk", encode_talk(FromPage(sid, n, message)))
        await self.socket.send(ToDesk(box, f"{sid}-{n}"))
        await self.socket.next(Stored)


@pytest.fixture
def server(tmp_path: Path) -> ServerProcess:
    return ServerProcess(tmp_path / "data", *WIDE, "--lease-seconds", "2")


async def test_a_patient_is_seen_admitted_spoken_with_and_seen_off(server: ServerProcess) -> None:
    with server:
        desk = Desk.founding(server)
        page = Page(desk, server)
        async with Line(desk, server.url).running() as line:
            await page.open()
            intake = Intake("self", "Zawadi Mfano", 1971, True, False, "sw")
            await page.say(intake)
            await until(lambda: len(line.boxes) == 1, "the intake")
            seat, box, n = line.boxes[0]
            talk = PageTalk(page.link)
            assert talk.open(box) == intake
            assert talk.open(box) is None
            with pytest.raises(ForgeryError):
                talk.open(box[:-1] + bytes([box[-1] ^ 1]))
            assert n == 1
            assert [s.link for s in line.rooms[-1].seats] == [page.link.jti_hash.hex()]

            line.socket.admit(seat)
            await until(lambda: line.state_of() == "admitted", "admitted")
            line.socket.send_box(seat, talk.seal(DeskText("Habari")))
            frame = await page.hear()
            opened = page.link.open("to-page", from_base64url(frame.box))
            assert decode_from_desk(opened).body == DeskText("Habari")
            await until(lambda: any(rtt is not None for _, rtt in line.links), "a round trip")
            line.socket.end(seat)
            await until(lambda: line.state_of() in {"ended", ""}, "ended")
            await until(lambda: line.socket.unconfirmed == 0, "everything confirmed")
            await page.socket.close()
        desk.close()


async def test_after_a_killed_server_nothing_is_lost_and_nothing_comes_twice(
    server: ServerProcess,
) -> None:
    with server:
        desk = Desk.founding(server)
        page = Page(desk, server)
        talk = PageTalk(page.link)
        async with Line(desk, server.url).running() as line:
            await page.open()
            await page.say(PageText("one"))
            await until(lambda: len(line.boxes) == 1, "the first box")
            seat = line.boxes[0][0]
            line.socket.admit(seat)
            await until(lambda: line.state_of() == "admitted", "admitted")

            await asyncio.to_thread(server.kill)
            await until(lambda: not line.is_up, "the line down")
            line.socket.send_box(seat, talk.seal(DeskText("sent into the void")))
            assert line.socket.unconfirmed == 1
            await asyncio.to_thread(server.start)
            await until(lambda: line.is_up, "the line up again")
            await page.open()
            await page.say(PageText("two"))
            frame = await page.hear()
            opened = decode_from_desk(page.link.open("to-page", from_base64url(frame.box)))
            assert opened.body == DeskText("sent into the void")
            await until(lambda: len(line.boxes) == 2, "the second box")
            await until(lambda: line.socket.unconfirmed == 0, "confirmed")
            assert [talk.open(box) for _, box, _ in line.boxes] == [
                PageText("one"),
                PageText("two"),
            ]
            await page.socket.close()
        desk.close()


async def test_a_request_to_join_the_clinic_is_announced(server: ServerProcess) -> None:
    with server:
        desk = Desk.founding(server)
        async with Line(desk, server.url).running() as line:
            await until(lambda: line.is_up, "the line up")
            code = await make_invitation(line.client, wall_ms() / 1000)
            newcomer = ServerClient(server.url)
            await request_enrolment(newcomer, code.text, DeviceIdentity.generate(new_id()))
            await until(lambda: line.enrols > 0, "word of the request")
            await newcomer.aclose()
        desk.close()


async def test_a_desk_that_the_server_does_not_know_stays_down(server: ServerProcess) -> None:
    with server:
        stranger = Desk(server)
        async with Line(stranger, server.url).running() as line:
            await until(lambda: len(line.links) >= 4, "two tries")
            assert not any(state is LinkState.UP for state, _ in line.links)
        stranger.close()


async def test_a_line_that_swallows_a_frame_is_left_long_before_silence_alone_would_tell(
    server: ServerProcess,
) -> None:
    with server:
        desk = Desk.founding(server)
        async with Line(desk, server.url).running() as line:
            await until(lambda: line.is_up, "up")
            assert server._process is not None
            os.kill(server._process.pid, signal.SIGSTOP)  # the connection stands and says nothing
            try:
                line.socket.send_box("seat", b"x")
                await until(lambda: not line.is_up, "taken for dead", SILENCE_S - 3)
            finally:
                os.kill(server._process.pid, signal.SIGCONT)
            await until(lambda: line.is_up, "up again")
        desk.close()
