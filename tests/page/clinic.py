"""The real server in its own process, and a member desk that speaks its real interface."""

import asyncio
import contextlib
import json
import secrets
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec
from websockets.asyncio.client import ClientConnection, connect

from telemed_protocol.api import (
    CONTENT_TYPE,
    Challenge,
    ChallengeRequest,
    FoundClinic,
    NewLink,
    Token,
    TokenRequest,
)
from telemed_protocol.codes import EnrolCode
from telemed_protocol.identity import DeviceIdentity, auth_message
from telemed_protocol.ids import from_base64url, new_id, to_base64url
from telemed_protocol.joinlink import JoinLink
from telemed_protocol.membership import MemberRecord, sign_record
from telemed_protocol.room import (
    Admit,
    DeskFrame,
    DeskHello,
    EndSeat,
    FromPageFrame,
    RoomFrame,
    Seat,
    ToPage,
    decode_to_desk_frame,
    encode_frame,
)
from tests.page.doctor import CARD, WAIT_S, Desk

LINK_LIFE_S = 3600.0


async def _run(*arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "telemed_server", *arguments, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


@contextlib.asynccontextmanager
async def running_server(data: Path) -> AsyncIterator[str]:
    """Start ``telemed-server serve`` on a free loopback port; yields its origin."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telemed_server", "serve", "--data", str(data), "--port", "0"),
        *("--lease-seconds", "6", "--limit", "page=6000/minute"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(WAIT_S):
            while not (line := await process.stdout.readline()).startswith(b'{"ready"'):
                assert line, "the server ended before it was ready"
        yield str(json.loads(line)["ready"])
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


class Clinic:
    """A clinic with one desk: links, the waiting room, and boxes both ways."""

    def __init__(self, origin: str, http: httpx.AsyncClient, identity: DeviceIdentity) -> None:
        self.origin = origin
        self.seats: list[Seat] = []
        self.token = ""
        self._http = http
        self._identity = identity
        self._socket: ClientConnection | None = None
        self._desks: dict[str, Desk] = {}  # by hex of the link's jti_hash
        self._early: list[FromPageFrame] = []
        self._news = asyncio.Condition()

    async def _post(self, path: str, body: Any, status: int = 200) -> bytes:
        headers = {"content-type": CONTENT_TYPE}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        answer = await self._http.post(
            self.origin + path, content=msgspec.msgpack.encode(body), headers=headers
        )
        assert answer.status_code == status, (path, answer.status_code, answer.content)
        return answer.content

    async def found(self, code: EnrolCode) -> None:
        """Found the clinic and log in."""
        me = self._identity
        record = MemberRecord(1, new_id(), 1, bytes(32), "found", me.public, 0, me.device)
        await self._post(
            "/v1/clinics", FoundClinic(code.lookup_id, sign_record(record, me)), status=201
        )
        asked = await self._post("/v1/auth/challenge", ChallengeRequest(me.device))
        nonce = msgspec.msgpack.decode(asked, type=Challenge).nonce
        host = urlsplit(self.origin).hostname or ""
        signature = me.sign(auth_message(host, me.device, nonce))
        given = await self._post("/v1/auth/token", TokenRequest(me.device, nonce, signature))
        self.token = msgspec.msgpack.decode(given, type=Token).token

    async def invite(self, *, life_s: float = LINK_LIFE_S) -> Desk:
        """Make a link; returns the desk's end of it."""
        link = JoinLink.generate()
        card = link.seal("card", msgspec.json.encode(CARD))
        now = time.time()
        body = NewLink(link.jti_hash, now - 60, now + life_s, card)
        await self._post("/v1/links", body, status=201)

        async def send(box: bytes) -> None:
            seat = await self.seat(link)
            await self.tell(ToPage(seat.seat, to_base64url(box), secrets.token_hex(8)))

        desk = Desk(link, send)
        desk.expires_at = now + life_s
        self._desks[link.jti_hash.hex()] = desk
        return desk

    async def tell(self, frame: DeskFrame) -> None:
        """Send a frame on the desk's line."""
        assert self._socket is not None
        await self._socket.send(encode_frame(frame))

    async def seat(self, link: JoinLink, state: str = "", *, present: bool | None = None) -> Seat:
        """Wait for the patient's seat, in a state if one is named."""

        def found() -> list[Seat]:
            name = link.jti_hash.hex()
            return [
                seat
                for seat in self.seats
                if seat.link == name
                and seat.state in (state or seat.state)
                and present in (None, seat.present)
            ]

        async with asyncio.timeout(WAIT_S), self._news:
            await self._news.wait_for(lambda: bool(found()))
        return found()[0]

    async def admit(self, desk: Desk) -> None:
        """Bring the patient in."""
        await self.tell(Admit((await self.seat(desk.link)).seat))
        await self.seat(desk.link, "admitted")

    async def end(self, desk: Desk) -> None:
        """End the visit at the server."""
        await self.tell(EndSeat((await self.seat(desk.link)).seat))

    async def forget(self, desk: Desk) -> None:
        """Hang up, and empty the patient's seat if one was taken."""
        await desk.close()
        name = desk.link.jti_hash.hex()
        for seat in self.seats:
            if seat.link == name and seat.state != "ended":
                await self.tell(EndSeat(seat.seat))

    async def post_join(self, desk: Desk) -> int:
        """Use a link as another browser would; returns the status."""
        answer = await self._http.post(f"{self.origin}/v1/join/{to_base64url(desk.link.jti)}")
        return answer.status_code

    async def attend(self) -> None:
        """Be online until cancelled."""
        address = self.origin.replace("http", "ws", 1) + "/v1/desk"
        async with connect(address) as socket:
            self._socket = socket
            await self.tell(DeskHello(1, self.token))
            async for text in socket:
                frame = decode_to_desk_frame(text)
                if isinstance(frame, RoomFrame):
                    async with self._news:
                        self.seats = frame.seats
                        self._news.notify_all()
                elif isinstance(frame, FromPageFrame):
                    self._early.append(frame)
                await self._deliver()

    async def _deliver(self) -> None:
        names = {seat.seat: seat.link for seat in self.seats}
        waiting, self._early = self._early, []
        for frame in waiting:
            if frame.seat in names:
                await self._desks[names[frame.seat]].hear(from_base64url(frame.box))
            else:
                self._early.append(frame)


@contextlib.asynccontextmanager
async def running_clinic(folder: Path) -> AsyncIterator[Clinic]:
    """A server, a clinic founded on it, and its desk online."""
    code = EnrolCode.parse((await _run("code", "--data", str(folder))).split()[-1])
    async with running_server(folder) as origin, httpx.AsyncClient() as http:
        clinic = Clinic(origin, http, DeviceIdentity.generate(new_id()))
        await clinic.found(code)
        online = asyncio.create_task(clinic.attend())
        try:
            yield clinic
        finally:
            online.cancel()
            await asyncio.gather(online, return_exceptions=True)
            for desk in clinic._desks.values():
                await desk.close()
