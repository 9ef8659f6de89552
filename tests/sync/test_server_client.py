"""The client against the real server, and against what else answers on clinics' networks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import trustme

from telemed_desk.sync.enrolment import found_clinic, parse_code
from telemed_desk.sync.problems import (
    BadAnswer,
    CertificateUntrusted,
    CodeRefused,
    InsecureServer,
    NotAuthorised,
    Refused,
    ServerBusy,
    ServerUnreachable,
    WrongKindOfCode,
)
from telemed_desk.sync.server_client import ServerClient
from telemed_protocol.codes import EnrolCode
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id
from telemed_protocol.segment import GENESIS_HASH
from tests.server.rig import WIDE, ServerProcess
from tests.sync.clinic_of_two import DESK_A


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("client") / "data", *WIDE) as process:
        yield process


@contextlib.asynccontextmanager
async def member_of(server: ServerProcess) -> AsyncIterator[ServerClient]:
    """A client whose device founded a clinic."""
    client = ServerClient(server.url, DeviceIdentity.generate(new_id()))
    assert client.identity is not None
    await found_clinic(client, server.code().text, client.identity)
    yield client
    await client.aclose()


async def test_a_member_signs_in_by_itself(server: ServerProcess) -> None:
    async with member_of(server) as client:
        assert len(await client.members()) == 1
        assert await client.wraps() == []
        page = await client.pull(0, 10)
        assert (page.segments, page.head) == ([], 0)
        assert (await client.health()).status == "ok"
        assert len(await client.probe_down(1000)) == 1000
        assert (await client.probe_up(bytes(2000))).size == 2000
        assert isinstance(await client.ice_servers(), list)


async def test_a_token_that_the_server_forgot_is_renewed(server: ServerProcess) -> None:
    async with member_of(server) as client:
        first = await client.token()
        client._token = "not a token that it knows"
        assert len(await client.members()) == 1
        assert await client.token() not in {first, "not a token that it knows"}


async def test_an_old_token_is_renewed_before_it_is_refused(server: ServerProcess) -> None:
    now = [0.0]
    identity = DeviceIdentity.generate(new_id())
    client = ServerClient(server.url, identity, monotonic=lambda: now[0])
    await found_clinic(client, server.code().text, identity)
    first = await client.token()
    assert await client.token() == first
    now[0] += 3600
    assert await client.token() != first
    await client.aclose()


async def test_a_stranger_is_not_authorised(server: ServerProcess) -> None:
    client = ServerClient(server.url, DESK_A)
    with pytest.raises(NotAuthorised):
        await client.members()
    await client.aclose()


async def test_a_refusal_names_its_code(server: ServerProcess) -> None:
    async with member_of(server) as client:
        with pytest.raises(Refused) as caught:
            await client._signed("POST", "/v1/segments", b"\x01 not a segment")
        assert (caught.value.status, caught.value.reason) == (422, "segment_format")


async def test_a_used_or_wrong_code_is_refused(server: ServerProcess) -> None:
    client = ServerClient(server.url, DESK_A)
    with pytest.raises(CodeRefused):
        await found_clinic(client, EnrolCode.generate("TMC").text, DESK_A)
    with pytest.raises(WrongKindOfCode):
        parse_code(EnrolCode.generate("TMD").text, "TMC")
    await client.aclose()


async def test_a_server_that_is_not_there_is_unreachable(tmp_path: Path) -> None:
    server = ServerProcess(tmp_path / "data", *WIDE).start()
    server.kill()
    client = ServerClient(server.url, DESK_A)
    with pytest.raises(ServerUnreachable):
        await client.health()
    await client.aclose()


@pytest.mark.parametrize(
    "origin", ["http://clinic.example", "ftp://127.0.0.1", "clinic.example", "", "https://"]
)
async def test_an_unprotected_address_is_refused(origin: str) -> None:
    with pytest.raises(InsecureServer):
        ServerClient(origin)


ANSWERS = {
    "portal": (b"200 OK\r\nContent-Type: text/html", b"<html>Sign in</html>", BadAnswer),
    "redirect": (b"302 Found\r\nLocation: http://portal.example/", b"", BadAnswer),
    "busy": (b"429 Too Many\r\nRetry-After: 7", b"", ServerBusy),
    "broken": (b"502 Bad Gateway\r\nContent-Type: text/html", b"<html>nginx</html>", ServerBusy),
    "garbage": (b"400 No\r\nContent-Type: application/msgpack", b"\xff\xff", BadAnswer),
    "cut": (b"200 OK\r\nContent-Length: 50", b"half", ServerUnreachable),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_other_answers_are_told_apart(kind: str) -> None:
    head, body, error = ANSWERS[kind]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        length = b"" if b"Length" in head else b"\r\nContent-Length: %d" % len(body)
        writer.write(b"HTTP/1.1 " + head + length + b"\r\nConnection: close\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    listener = await asyncio.start_server(answer, "127.0.0.1", 0)
    client = ServerClient(f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}", DESK_A)
    with pytest.raises(error) as caught:
        await client.members()
    if isinstance(caught.value, ServerBusy) and kind == "busy":
        assert caught.value.retry_after_s == 7
    await client.aclose()
    listener.close()
    await listener.wait_closed()


async def test_tls_is_checked_against_whom_we_trust(tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    for blob in certificate.cert_chain_pems:
        blob.write_to_path(str(tmp_path / "cert.pem"), append=True)
    options = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    with ServerProcess(tmp_path / "data", *WIDE, *options) as server:
        origin = f"https://127.0.0.1:{server.port}"
        trusting = ServerClient(origin, DESK_A, ca_file=tmp_path / "ca.pem")
        founded = await found_clinic(trusting, server.code().text, DESK_A)
        assert (await trusting.members())[0].hash == founded.chain.genesis
        assert (await trusting.pull(0, 1)).head == 0
        wary = ServerClient(origin, DESK_A)
        with pytest.raises(CertificateUntrusted):
            await wary.health()
        for client in (trusting, wary):
            await client.aclose()
    assert founded.chain.records[0].parse().prev_hash == GENESIS_HASH
