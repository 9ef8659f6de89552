"""Whatever arrives: a clear refusal, never a 500, and the security headers on it."""

import asyncio
import contextlib
import itertools
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from telemed_protocol.ids import to_base64url
from telemed_protocol.room import (
    Admit,
    DeskHello,
    EndSeat,
    PageHello,
    Ping,
    Refused,
    SeatFrame,
    ToPage,
    encode_frame,
)
from telemed_server import attachment_routes, desk_routes, open_routes
from telemed_server.cli import main
from tests.server.rig import (
    WIDE,
    Desk,
    ServerProcess,
    Socket,
    cookie_of,
    join,
    open_desk,
    open_page,
    problem_of,
)

ROUTES = [
    (
        method,
        route.path.replace("{jti}", "AAAA")
        .replace("{name:path}", "index.html")
        .replace("{attachment}", "A" * 22)
        .replace("{part}", "0"),
    )
    for route in (*desk_routes.ROUTES, *attachment_routes.ROUTES, *open_routes.ROUTES)
    for method in sorted(route.methods or ())
]
DEEP = b"\x91" * 100_000
BODIES = {
    "nothing": b"",
    "one byte": b"\xc1",
    "json": b'{"t": "hello"}',
    "deep": DEEP,
    "claims 4 GiB": b"\xdd\xff\xff\xff\xff",
    "claims 4 GiB of bytes": b"\xc6\xff\xff\xff\xff",
    "wrong fields": msgspec.msgpack.encode({"lookup_id": 7, "device": "x", "record": []}),
    "short ids": msgspec.msgpack.encode(
        {
            "lookup_id": b"x",
            "device": b"x",
            "public": [b"", b"", b""],
            "mac": b"",
            "nonce": b"",
            "signature": b"",
            "founding": [b"", b""],
            "record": [b"", b""],
            "expires_at": 1e308,
            "not_before": -1e308,
            "jti_hash": b"",
            "card": b"",
        }
    ),
    "numbers beyond 64 bits": msgspec.msgpack.encode({"expires_at": 2**64 - 1, "lookup_id": b""}),
    "too large": bytes(2 * 1024 * 1024),
}
FRAMES = {
    "nothing": "",
    "no json": "{",
    "no tag": "{}",
    "unknown tag": '{"t":"root"}',
    "a list": "[1]",
    "deep": "[" * 40_000,
    "wrong version": '{"t":"hello","v":99,"token":"","after":{}}',
    "huge number": '{"t":"hello","v":1e400,"token":""}',
    "surrogate": '{"t":"hello","v":1,"token":"\\ud800"}',
    "too long": '{"t":"ping","at":' + "1" * (97 * 1024) + "}",
    "far too long": "x" * 1_000_000,
    "binary": b"\x00\xff\xfe",
}
HEADERS = {
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


@pytest.fixture(scope="module")
def desk(server: ServerProcess) -> Iterator[Desk]:
    made = Desk.founding(server)
    yield made
    made.close()


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_route_breaks_on_odd_bodies(desk: Desk, method: str, path: str) -> None:
    token = {"Authorization": f"Bearer {desk.token}"}
    for body, headers in itertools.product(BODIES.values(), ({}, token)):
        answer = desk.http.request(method, path, content=body, headers=headers)
        assert answer.status_code < 500, answer.content
        if answer.status_code >= 400 and method != "HEAD":
            assert re.fullmatch(r"[a-z_]+", problem_of(answer))
        for name, value in HEADERS.items():
            assert answer.headers[name] == value
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "path", ["/", "/v2", "/page/../cli.py", "/page/%2e%2e/cli.py", "/j/", "/%ff"]
)
def test_unknown_paths_are_problems_too(server: ServerProcess, path: str) -> None:
    answer = httpx.get(server.url + path)
    assert (answer.status_code, problem_of(answer)) == (404, "not_found")
    assert httpx.put(f"{server.url}/v1/links").status_code == 405


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"POST /v1/clinics HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/wraps HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nContent-Length: 8\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/room HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ],
)
def test_broken_http_is_answered_with_4xx_or_cut(server: ServerProcess, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as line:
        first = b""
        with contextlib.suppress(OSError):  # cut while we were still talking
            line.sendall(raw)
            line.shutdown(socket.SHUT_WR)
            first = line.recv(64)
    assert not first or re.match(rb"HTTP/1\.1 4\d\d ", first), first
    assert httpx.get(f"{server.url}/healthz").json()["status"] == "ok"


@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES.keys())
@pytest.mark.parametrize("greeted", [False, True])
@pytest.mark.parametrize("which", ["page", "desk"])
async def test_odd_frames_are_refused_and_close_the_line(
    server: ServerProcess, desk: Desk, which: str, frame: str | bytes, *, greeted: bool
) -> None:
    line: Socket
    if which == "page":
        line = await open_page(server, cookie_of(join(server, desk.make_link())), hello=greeted)
    elif greeted:
        line = await open_desk(desk)
    else:
        url = f"ws://127.0.0.1:{server.port}/v1/desk"
        line = Socket(await connect(url, compression=None), desk=True)
    with contextlib.suppress(ConnectionClosed):  # refused while most of it was still to be sent
        await line.connection.send(frame)
    code = await line.closed()
    assert code in {4400, 4401, 1009}, code
    if code != 1009:
        assert isinstance(line.frames[-1], Refused)


@pytest.mark.parametrize(
    "frame",
    [
        '{"t":"to-desk","box":"AA","mid":"m"}',
        '{"t":"to-desk","box":"!!","mid":"m"}',
        '{"t":"to-desk","box":"' + "A" * 90_000 + '","mid":"m"}',
        '{"t":"to-desk","box":"","mid":""}',
        '{"t":"to-desk","box":"AQAA","mid":"' + "m" * 65 + '"}',
        '{"t":"to-desk","box":"AQAA","mid":"\\u0000"}',
    ],
)
async def test_odd_boxes_are_refused_and_the_line_stays(
    server: ServerProcess, desk: Desk, frame: str
) -> None:
    page = await open_page(server, cookie_of(join(server, desk.make_link())))
    await page.connection.send(frame)
    assert (await page.next(Refused)).code == "format"
    await page.send(Ping(1.0))
    await page.close()


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)  # the store has no part in it
async def test_a_silent_socket_is_let_go(server: ServerProcess, desk: Desk) -> None:
    page = await open_page(server, cookie_of(join(server, desk.make_link())), hello=False)
    assert await page.closed() == 4408
    assert page.frames == [Refused("hello_expected")]


async def test_numbers_that_no_database_holds_are_harmless(
    server: ServerProcess, desk: Desk
) -> None:
    for after in (-1, 2**63, 2**64 - 1):
        page = await open_page(server, cookie_of(join(server, desk.make_link())), after=after)
        assert (await page.next(SeatFrame)).state == "waiting"
        await page.close()
        line = await open_desk(desk, after={"x": after, "": after})
        await line.send(Ping(1.0))
        await line.close()


async def test_texts_that_no_database_takes_name_no_seat(server: ServerProcess) -> None:
    asker = Desk.founding(server)
    socket = await open_desk(asker)
    for text in (
        "",
        "\x00",
        "a" * 31 + "\x00",
        "\u00e9" * 32,
        "\U0001f512" * 9,
        "A" * 32,
        "f" * 5000,
    ):
        for frame in (
            Admit(text),
            EndSeat(text),
            ToPage(text, to_base64url(b"\x01" + bytes(40)), "m"),
        ):
            await socket.send(frame)
            assert (await socket.next(Refused)).code == "no_such_seat"
    await socket.close()
    asker.close()


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[ServerProcess]:
    few = [
        *("--limit=join=3/minute", "--limit=segments=2/minute", "--limit=auth=20/minute"),
        *("--limit=page-frames=10/minute", "--limit=found=100/minute"),
    ]
    with ServerProcess(tmp_path / "data", *few) as process:
        yield process


async def test_who_asks_too_often_is_told_how_long_to_wait(strict: ServerProcess) -> None:
    desk = await asyncio.to_thread(Desk.founding, strict)
    link = desk.make_link()
    cookie = cookie_of(join(strict, link))
    answers = [join(strict, link, cookie) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    answers = [desk.post("/v1/segments", b"x") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [422, 422, 429]
    for _ in range(40):
        if (last := desk.http.post("/v1/auth/challenge", content=b"x")).status_code == 429:
            break
    for refused in (answers[-1], last):
        assert problem_of(refused) == "too_many_requests"
        assert 1 <= int(refused.headers["retry-after"]) <= 60
    page = await open_page(strict, cookie)
    for _ in range(20):
        await page.send(Ping(1.0))
    assert await page.closed() == 4429
    assert page.frames[-1] == Refused("too_many_frames")
    desk.close()


@pytest.mark.parametrize("server", ["sqlite"], indirect=True)
def test_the_page_may_do_nothing_but_its_work(server: ServerProcess) -> None:
    for path in ("/j/AAAA", "/page/index.html"):
        answer = httpx.get(server.url + path)
        policy = answer.headers["content-security-policy"].split("; ")
        assert policy == [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src blob:",
            f"connect-src 'self' ws://127.0.0.1:{server.port}",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ]
        permissions = answer.headers["permissions-policy"]
        assert "camera=(self), microphone=(self)" in permissions
        assert "geolocation=()" in permissions
    assert httpx.get(f"{server.url}/j/AAAA").headers["cache-control"] == "no-store"
    assert httpx.get(f"{server.url}/v1/ice").headers["cache-control"] == "no-store"


def test_behind_tls_cookies_and_sockets_are_secure(tmp_path: Path) -> None:
    options = ("--origin", "https://clinic.example", "--behind-proxy", *WIDE)
    with ServerProcess(tmp_path / "data", *options) as server:
        named = {"Host": "clinic.example"}
        assert httpx.get(f"{server.url}/j/AAAA").status_code == 421
        page = httpx.get(f"{server.url}/j/AAAA", headers=named)
        assert "connect-src 'self' wss://clinic.example" in page.headers["content-security-policy"]
        assert page.headers["strict-transport-security"].startswith("max-age=31536000")
        script = httpx.get(f"{server.url}/page/main.js", headers=named)
        assert "; Secure" in script.headers["set-cookie"]


@pytest.mark.parametrize(
    "options",
    [
        ("--host", "0.0.0.0"),
        ("--origin", "clinic.example"),
        ("--turn-url", "turn:x"),
        ("--limit", "nonsense=1/minute"),
        ("--limit", "join=often"),
        ("--tls-cert", "x"),
        ("--lease-seconds", "0"),
    ],
)
def test_unsafe_settings_do_not_start(
    tmp_path: Path, options: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    umask = os.umask(0o077)
    try:
        assert main(["serve", "--data", str(tmp_path / "d"), "--port", "0", *options]) == 2
    finally:
        os.umask(umask)
    assert "TD-SRV-014" in capsys.readouterr().err


def test_hello_frames_are_what_the_contract_says() -> None:
    assert encode_frame(PageHello(1)) == '{"t":"hello","v":1,"after":0}'
    assert encode_frame(DeskHello(1, "t")) == '{"t":"hello","v":1,"token":"t","after":{}}'
