"""Devices prove who they are; nothing else lets anybody in."""

import httpx
import pytest

from telemed_protocol.api import ChallengeRequest, Token, TokenRequest
from telemed_protocol.identity import auth_message
from telemed_protocol.ids import new_id
from tests.server.rig import Desk, ServerProcess, problem_of, unpack


def test_a_nonce_works_once(desk: Desk) -> None:
    request = desk.signed(desk.challenge())
    first = desk.post("/v1/auth/token", request)
    assert unpack(first, Token).expires_in_s == 900
    assert desk.post("/v1/auth/token", request).status_code == 401


def test_a_nonce_of_our_own_making_does_not_work(desk: Desk) -> None:
    assert desk.post("/v1/auth/token", desk.signed(new_id() * 2)).status_code == 401


@pytest.mark.parametrize("host", ["clinic.example", "localhost", "127.0.0.1:80", ""])
def test_a_proof_for_another_name_does_not_work(desk: Desk, host: str) -> None:
    refused = desk.post("/v1/auth/token", desk.signed(desk.challenge(), host))
    assert (refused.status_code, problem_of(refused)) == (401, "not_authorised")


def test_a_name_that_is_not_the_servers_is_refused_before_anything(server: ServerProcess) -> None:
    for host in ("clinic.example", "a; script-src *@localhost", "localhost@clinic.example", "["):
        answer = httpx.get(f"{server.url}/v1/ice", headers={"Host": host})
        assert answer.status_code in {400, 421}
    assert httpx.get(f"{server.url}/j/x", headers={"Host": "localhost"}).status_code == 200


def test_another_devices_key_does_not_work(server: ServerProcess, desk: Desk) -> None:
    other = Desk.founding(server)
    device = desk.identity.device
    nonce = desk.challenge()
    signature = other.identity.sign(auth_message("127.0.0.1", device, nonce))
    assert desk.post("/v1/auth/token", TokenRequest(device, nonce, signature)).status_code == 401
    # nor a nonce that was handed to another device
    assert desk.post("/v1/auth/token", desk.signed(other.challenge())).status_code == 401
    other.close()


def test_an_unknown_device_learns_nothing_from_the_challenge(server: ServerProcess) -> None:
    stranger = Desk(server)
    asked = stranger.post("/v1/auth/challenge", ChallengeRequest(stranger.identity.device))
    assert asked.status_code == 200
    refused = stranger.post("/v1/auth/token", stranger.signed(stranger.challenge()))
    assert (refused.status_code, problem_of(refused)) == (401, "not_authorised")
    stranger.close()


@pytest.mark.parametrize(
    "header",
    ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer " + "x" * 5000, "Bearer é"],
)
def test_no_token_no_entry(server: ServerProcess, header: str) -> None:
    for method, path in (("GET", "/v1/segments"), ("POST", "/v1/segments"), ("GET", "/v1/ice")):
        answer = httpx.request(
            method, server.url + path, headers={b"Authorization": header.encode("latin-1")}
        )
        assert answer.status_code == 401
