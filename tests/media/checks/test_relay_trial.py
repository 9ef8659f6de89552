"""Relays asked directly: a real coturn in namespaces of its own, healthy and in every way wrong.

Needs root, iproute2 and coturn; without them these fail and say what is missing.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from aioice import stun

from telemed_desk.devices.checks.nat import Mapping, mapping_of
from telemed_desk.devices.checks.relay import RelayAnswer, relay_findings
from telemed_desk.devices.findings import Outcome
from telemed_desk.media.control import IceServerSpec
from telemed_desk.media.media_loop import turn_servers
from telemed_desk.media.relay_trial import relay_cause, try_relays
from tests.media.engine.away_calls import until
from tests.support.network.coturn import PORT, Coturn
from tests.support.network.place import Place
from tests.support.network.town import Town

PATIENT_S = 6.0


@pytest.fixture(autouse=True)
def _no_second_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far satellites are not what these show."""
    monkeypatch.setattr("telemed_desk.media.relay_trial.LATEST_S", 0.0)


async def ask(
    town: Town,
    specs: Sequence[IceServerSpec],
    *,
    deadline_s: float = PATIENT_S,
    clock_ahead_s: float = 0.0,
) -> dict[str, RelayAnswer]:
    """Ask from the desk's house; answers by way."""
    async with Place(town["desk"].namespace) as place:
        answers = await place.run(
            partial(
                try_relays,
                turn_servers(specs),
                deadline_s=deadline_s,
                clock_ahead_s=clock_ahead_s,
                wall_clock=lambda: time.time() + clock_ahead_s,
            )
        )
    return {answer.way: answer for answer in answers}


def outcome(answers: dict[str, RelayAnswer]) -> tuple[Outcome, str]:
    found = relay_findings(list(answers.values()))[0]
    return found.outcome, found.cause


async def test_a_healthy_relay_works_in_every_way_and_gets_its_addresses_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with Town("desk", "relay") as town, Coturn(town["relay"]) as relay:
        monkeypatch.setenv("SSL_CERT_FILE", str(relay.authority))
        spec = relay.spec("udp", "tcp", "tls")
        answers = await ask(town, [spec])
        assert {way: a.code for way, a in answers.items()} == {"udp": "", "tcp": "", "tls": ""}
        assert all(a.ms is not None and a.ms > 0 for a in answers.values())
        await until(lambda: relay.log().count("lifetime=0") == 3, "all given back")
        findings = relay_findings(list(answers.values()))
        assert Outcome.FAIL not in {finding.outcome for finding in findings}


WRONG: dict[str, tuple[Callable[[Coturn], IceServerSpec], float, str]] = {
    "wrong secret": (lambda r: r.spec("udp", "tcp", secret="south"), 0.0, "relay-refused"),
    "expired": (lambda r: r.spec("udp", "tcp", life_s=-5), 0.0, "relay-expired"),
    # our clock is a quarter of an hour slow: to it the credential of yesterday looks good
    "clock slow": (lambda r: r.spec("udp", "tcp", life_s=-5), -900.0, "relay-clock"),
    # our clock is fast: to it a fresh credential looks old, which is not why it is refused
    "clock fast": (lambda r: r.spec("udp", secret="south"), 900.0, "relay-refused"),
    "unknown authority": (lambda r: r.spec("tls"), 0.0, "relay-certificate"),
    "no such name": (
        lambda _: IceServerSpec(["turn:relay.invalid"], "1:x", "y"),
        0.0,
        "relay-name",
    ),
    "nobody on that port": (
        lambda r: IceServerSpec(
            [f"turn:{r.house.v4}:9?transport=tcp", f"turn:{r.house.v4}:9"], "1:x", "y"
        ),
        0.0,
        "relay-closed",
    ),
    "no TLS there": (
        lambda r: IceServerSpec([f"turns:{r.house.v4}:80?transport=tcp"], "1:x", "y"),
        0.0,
        "relay-tls",
    ),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_is_wrong_is_named(what: str) -> None:
    make, ahead_s, code = WRONG[what]
    async with (
        Town("desk", "relay") as town,
        Coturn(town["relay"]) as relay,
        Place(town["relay"].namespace) as there,
    ):
        plain = await there.run(lambda: asyncio.start_server(_talk_plainly, town["relay"].v4, 80))
        answers = await ask(town, [make(relay)], deadline_s=1.5, clock_ahead_s=ahead_s)
        await there.do(plain.close)
    assert {answer.code for answer in answers.values()} == {code}, answers
    assert outcome(answers)[0] is Outcome.FAIL


async def _talk_plainly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read(64)
    writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await writer.drain()
    writer.close()


async def test_a_full_relay_says_so() -> None:
    async with Town("desk", "relay") as town, Coturn(town["relay"], "--user-quota=1") as relay:
        answers = await ask(town, [relay.spec("udp", "tcp")])
        assert sorted(answer.code for answer in answers.values()) == ["", "relay-quota"]


async def test_blocked_udp_is_told_from_a_relay_behind_a_wall() -> None:
    async with Town("desk", "relay") as town, Coturn(town["relay"]) as relay:
        await town.block("desk", "relay", protocol="udp")
        answers = await ask(town, [relay.spec("udp", "tcp")], deadline_s=1.5)
        assert {way: a.code for way, a in answers.items()} == {"udp": "relay-silent", "tcp": ""}
        result, cause = outcome(answers)
        assert result is Outcome.WARN
        assert "UDP" in cause
        await town.open("desk", "relay", protocol="udp")
        await town.block("desk", "relay")
        answers = await ask(town, [relay.spec("udp", "tcp", "tls")], deadline_s=0.5)
        assert {answer.code for answer in answers.values()} == {"relay-silent"}
        assert outcome(answers)[0] is Outcome.FAIL


async def test_only_ipv6() -> None:
    async with (
        Town("desk", "relay", v4=False, v6=True) as town,
        Coturn(town["relay"]) as relay,
    ):
        answers = await ask(town, [relay.spec("udp", "tcp")])
        assert {answer.code for answer in answers.values()} == {""}


async def test_cancelled_in_the_middle_nothing_stays_open() -> None:
    async with Town("desk", "relay") as town, Coturn(town["relay"]) as relay:
        await town.block("desk", "relay")

        async def cancelled() -> int:
            trial = asyncio.create_task(try_relays(turn_servers([relay.spec("udp", "tcp")])))
            await asyncio.sleep(0.2)
            trial.cancel()
            await asyncio.gather(trial, return_exceptions=True)
            await asyncio.sleep(0.1)
            return len([task for task in asyncio.all_tasks() if "_allocate" in repr(task)])

        async with Place(town["desk"].namespace) as place:
            assert await place.run(cancelled) == 0


# ---- naming, without a network -------------------------------------------------------------------


def refusal(code: int) -> stun.TransactionFailed:
    message = stun.Message(message_method=stun.Method.ALLOCATE, message_class=stun.Class.ERROR)
    message.attributes["ERROR-CODE"] = (code, "no")
    return stun.TransactionFailed(message)


def certificate_error(verify_code: int) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError("no")
    error.verify_code = verify_code
    return error


@pytest.mark.parametrize(
    ("error", "username", "ahead_s", "code"),
    [
        (refusal(401), "2000:x", 0.0, "relay-refused"),
        (refusal(401), "500:x", 0.0, "relay-expired"),
        (refusal(401), "1200:x", -600.0, "relay-clock"),
        (refusal(401), "900:x", 600.0, "relay-refused"),
        (refusal(486), "2000:x", 0.0, "relay-quota"),
        (refusal(400), "2000:x", 0.0, "relay-error"),
        (certificate_error(20), "", 7200.0, "relay-certificate"),
        (certificate_error(9), "", -7200.0, "relay-clock"),
        (certificate_error(10), "", 0.0, "relay-certificate"),
        (ConnectionRefusedError(), "", 0.0, "relay-closed"),
        (ssl.SSLError("wrong version"), "", 0.0, "relay-tls"),
        (TimeoutError(), "", 0.0, "relay-silent"),
        (OSError("unreachable"), "", 0.0, "relay-silent"),
        (socket.gaierror(), "", 0.0, "relay-name"),
    ],
)
def test_names_of_errors(error: BaseException, username: str, ahead_s: float, code: str) -> None:
    assert relay_cause(error, username, 1000.0, ahead_s) == code


# ---- the router ----------------------------------------------------------------------------------


async def mapping_seen(town: Town, server: str) -> Mapping:
    async with Place(town["desk"].namespace) as place:
        return await place.run(lambda: mapping_of((server, PORT)))


async def test_a_pc_without_a_router_in_between_and_one_without_udp() -> None:
    async with Town("desk", "relay") as town, Coturn(town["relay"]) as relay:
        assert await mapping_seen(town, relay.house.v4) == "none"
        await town.block("desk", "relay", protocol="udp")
        assert await mapping_seen(town, relay.house.v4) == "silent"


class Router:
    """A STUN server of two addresses as it looks through a router: what it says is ours to choose."""

    def __init__(self, *ports: int, other: bool = True) -> None:
        self._ports = ports
        self._other = other

    async def mapping(self) -> Mapping:
        loop = asyncio.get_running_loop()
        first, second = [self._listen(address) for address in ("127.0.0.1", "127.0.0.2")]
        addresses = [sock.getsockname() for sock in (first, second)]
        alternate = self._listen("127.0.0.2", addresses[0][1])
        asked = 0

        def answer(sock: socket.socket) -> None:
            nonlocal asked
            data, sender = sock.recvfrom(1500)
            request = stun.parse_message(data)
            response = stun.Message(
                message_method=stun.Method.BINDING,
                message_class=stun.Class.RESPONSE,
                transaction_id=request.transaction_id,
            )
            port = self._ports[min(asked, len(self._ports) - 1)]
            asked += 1
            response.attributes["XOR-MAPPED-ADDRESS"] = ("203.0.113.7", port)
            if self._other:
                response.attributes["OTHER-ADDRESS"] = addresses[1]
            sock.sendto(bytes(response), sender)

        sockets = (first, second, alternate)
        for sock in sockets:
            loop.add_reader(sock, answer, sock)
        try:
            return await mapping_of(addresses[0])
        finally:
            for sock in sockets:
                loop.remove_reader(sock)
                sock.close()

    def _listen(self, address: str, port: int = 0) -> socket.socket:
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.setblocking(False)
        sock.bind((address, port))
        return sock


@pytest.mark.parametrize(
    ("router", "mapping"),
    [
        (Router(4000), "same"),
        (Router(4000, 4001, 4002), "other"),
        (Router(4000, 4000, 4001), "other"),
        (Router(4000, other=False), "unknown"),
    ],
)
async def test_how_a_router_maps_ports(router: Router, mapping: Mapping) -> None:
    assert await router.mapping() == mapping
