"""A real server process on loopback, and small clients that speak to it as desk and page do."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx
import msgspec
import sqlalchemy as sa
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from telemed_protocol.api import (
    CONTENT_TYPE,
    SEAT_COOKIE,
    Challenge,
    ChallengeRequest,
    FoundClinic,
    NewLink,
    Receipt,
    Token,
    TokenRequest,
)
from telemed_protocol.codes import EnrolCode
from telemed_protocol.identity import DeviceIdentity, auth_message
from telemed_protocol.ids import new_id, to_base64url
from telemed_protocol.joinlink import Direction, JoinLink
from telemed_protocol.membership import MemberRecord, SignedRecord, sign_record
from telemed_protocol.op import Op, pack_payload
from telemed_protocol.room import (
    DeskFrame,
    DeskHello,
    PageFrame,
    PageHello,
    ToDeskFrame,
    ToPageFrame,
    decode_to_desk_frame,
    decode_to_page_frame,
    encode_frame,
)
from telemed_protocol.segment import (
    COMPRESSION_ZSTD,
    GENESIS_HASH,
    SealedSegment,
    SegmentHeader,
    seal_segment,
)
from telemed_server.address import StoreAddress
from telemed_server.keeper import make_codes
from telemed_server.places import Place, keepers_engine
from tests.support.postgres import url_of

T = TypeVar("T")
START_S = 60
WIDE = tuple(
    f"--limit={name}=100000/minute"
    for name in (
        *("found", "enrol", "enrol-status", "auth", "join", "page", "socket"),
        *("device", "segments", "attachments", "probe", "desk-frames", "page-frames", "link"),
    )
)


class ServerProcess:
    """``telemed-server serve`` as its own process."""

    def __init__(self, data: Path, *options: str, store: StoreAddress | None = None) -> None:
        self.data = data
        self.place: Place = store or data
        self.log = data.parent / f"{data.name}.log"
        self._options = options
        self._where = ("--store", url_of(store)) if store else ("--data", str(data))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0

    def start(self) -> Self:
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "telemed_server", "serve"),
                    *(*self._where, "--port", str(self.port), *self._options),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, self.log.read_text()
        self.port = json.loads(line)["port"]
        return self

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        return self._end(signal.SIGTERM)

    def _end(self, number: int) -> int:
        if self._process is None:
            return 0
        os.kill(self._process.pid, number)
        return self.wait()

    def wait(self) -> int:
        """Wait until it has ended by itself; returns the exit status."""
        assert self._process is not None
        status = self._process.wait(START_S)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        return status

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def code(self) -> EnrolCode:
        """Make a founding code, from another process than the server's, as the keeper does."""
        return EnrolCode.parse(make_codes(self.place, 1, time.time())[0])

    @contextlib.contextmanager
    def database(self) -> Iterator[sa.Connection]:
        """Change the real database behind the server's back, in one transaction."""
        with keepers_engine(self.place) as engine, engine.begin() as db:
            yield db

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid


def run_cli(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "telemed_server", *args],
        capture_output=True,
        text=True,
        timeout=START_S,
        check=False,
    )


def pack(message: object) -> bytes:
    return msgspec.msgpack.encode(message)


def unpack(response: httpx.Response, kind: type[T]) -> T:
    assert response.headers["content-type"] == CONTENT_TYPE
    return msgspec.msgpack.decode(response.content, type=kind)


def problem_of(response: httpx.Response) -> str:
    body: dict[str, Any] = (
        response.json()
        if response.headers["content-type"] == "application/json"
        else msgspec.msgpack.decode(response.content)
    )
    return str(body["code"])


def founding_record(identity: DeviceIdentity, clinic: bytes) -> SignedRecord:
    record = MemberRecord(1, clinic, 1, bytes(32), "found", identity.public, 0, identity.device)
    return sign_record(record, identity)


class Desk:
    """A desk as far as the server is concerned."""

    def __init__(self, server: ServerProcess, clinic: bytes = b"") -> None:
        self.server = server
        self.clinic = clinic or new_id()
        self.identity = DeviceIdentity.generate(new_id())
        self.epoch_key = os.urandom(32)
        self.http = httpx.Client(base_url=server.url, timeout=60, verify=False)
        self.token = ""
        self._ops = 0

    @classmethod
    def founding(cls, server: ServerProcess) -> "Desk":
        """Found a clinic and log in."""
        desk = cls(server)
        founding = founding_record(desk.identity, desk.clinic)
        made = desk.post("/v1/clinics", FoundClinic(server.code().lookup_id, founding))
        assert made.status_code == 201, made.content
        desk.log_in()
        return desk

    def post(self, path: str, message: object) -> httpx.Response:
        data = message if isinstance(message, bytes) else pack(message)
        headers = {"Content-Type": CONTENT_TYPE}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        return self.http.post(path, content=data, headers=headers)

    def put(self, path: str, message: object) -> httpx.Response:
        data = message if isinstance(message, bytes) else pack(message)
        headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {self.token}"}
        return self.http.put(path, content=data, headers=headers)

    def get(self, path: str) -> httpx.Response:
        return self.http.get(path, headers={"Authorization": f"Bearer {self.token}"})

    def challenge(self) -> bytes:
        asked = self.post("/v1/auth/challenge", ChallengeRequest(self.identity.device))
        return unpack(asked, Challenge).nonce

    def signed(self, nonce: bytes, host: str = "127.0.0.1") -> TokenRequest:
        device = self.identity.device
        return TokenRequest(device, nonce, self.identity.sign(auth_message(host, device, nonce)))

    def log_in(self) -> None:
        got = self.post("/v1/auth/token", self.signed(self.challenge()))
        assert got.status_code == 200, got.content
        self.token = unpack(got, Token).token

    def seal(
        self, lane: int, n: int, prev: bytes = GENESIS_HASH, text: str = "", **header: Any
    ) -> SealedSegment:
        """Seal one op whose payload is ``text``."""
        self._ops += 1
        op = Op(
            *(1, self.identity.device, self._ops, 0, self.identity.device, "test.note", 1),
            *(new_id(), (), pack_payload({"text": text})),
        )
        fields: dict[str, Any] = {
            "clinic": self.clinic,
            "device": self.identity.device,
            "lane": lane,
            "n": n,
            "prev_hash": prev,
            "epoch": 0,
            "compression": COMPRESSION_ZSTD,
            "ops": 1,
            "compartment": 0,
            "seen_sseq": 0,
            "seen_log_hash": GENESIS_HASH,
        }
        return seal_segment(
            SegmentHeader(**(fields | header)), (op,), self.epoch_key, self.identity
        )

    def push_chain(self, lane: int, count: int) -> list[Receipt]:
        """Seal and push a chain of segments from number 1 on."""
        receipts = []
        prev = GENESIS_HASH
        for n in range(1, count + 1):
            segment = self.seal(lane, n, prev)
            pushed = self.post("/v1/segments", segment.wire)
            assert pushed.status_code == 201, pushed.content
            receipts.append(unpack(pushed, Receipt))
            prev = segment.hash
        return receipts

    def make_link(
        self, valid_s: float = 600.0, card: bytes = b'{"clinic":"Kielelezo"}'
    ) -> JoinLink:
        link = JoinLink.generate()
        now = time.time()
        made = self.post(
            "/v1/links",
            NewLink(link.jti_hash, now - 900, now + valid_s, link.seal("card", card)),
        )
        assert made.status_code == 201, made.content
        return link

    def close(self) -> None:
        self.http.close()


def join(server: ServerProcess, link: JoinLink, cookie: str = "") -> httpx.Response:
    headers = {b"Cookie": f"{SEAT_COOKIE}={cookie}".encode()} if cookie else {}
    return httpx.post(f"{server.url}/v1/join/{to_base64url(link.jti)}", headers=headers, timeout=60)


def cookie_of(response: httpx.Response) -> str:
    return str(response.cookies[SEAT_COOKIE])


class Socket:
    """One WebSocket; keeps every frame it got."""

    def __init__(self, connection: ClientConnection, *, desk: bool) -> None:
        self.connection = connection
        self._decode = decode_to_desk_frame if desk else decode_to_page_frame
        self.frames: list[ToDeskFrame | ToPageFrame] = []

    async def send(self, frame: DeskFrame | PageFrame) -> None:
        await self.connection.send(encode_frame(frame))

    async def next(self, kind: type[T], **fields: object) -> T:
        """Read until a frame of this kind with these fields comes."""
        async with asyncio.timeout(60):
            while True:
                frame = self._decode(await self.connection.recv())
                self.frames.append(frame)
                if isinstance(frame, kind) and all(
                    getattr(frame, name) == value for name, value in fields.items()
                ):
                    return frame

    async def closed(self) -> int:
        """Wait for the end; returns the close code."""
        async with asyncio.timeout(60):
            with contextlib.suppress(ConnectionClosed):
                while True:
                    self.frames.append(self._decode(await self.connection.recv()))
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code

    async def close(self) -> None:
        await self.connection.close()


async def open_desk(desk: Desk, after: dict[str, int] | None = None) -> Socket:
    url = f"ws://127.0.0.1:{desk.server.port}/v1/desk"
    socket = Socket(await connect(url, compression=None), desk=True)
    await socket.send(DeskHello(1, desk.token, after or {}))
    return socket


async def open_page(
    server: ServerProcess, cookie: str, after: int = 0, *, hello: bool = True, origin: str = ""
) -> Socket:
    connection = await connect(
        f"ws://127.0.0.1:{server.port}/v1/room",
        compression=None,
        origin=origin or server.url,  # type: ignore[arg-type]  # a NewType of str
        additional_headers={"Cookie": f"{SEAT_COOKIE}={cookie}"},
    )
    socket = Socket(connection, desk=False)
    if hello:
        await socket.send(PageHello(1, after))
    return socket


def box_text(link: JoinLink, direction: Direction, words: bytes) -> str:
    return to_base64url(link.seal(direction, words))
