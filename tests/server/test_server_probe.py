"""Measuring against the real server: leave over HTTP, datagrams over a real socket."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemed_desk.devices.probe.figures import LinkFigures
from telemed_desk.media.control import LinkProbed, RunLinkProbe
from telemed_desk.media.probe.run import run_link_probe
from telemed_protocol import probe
from telemed_protocol.api import ProbeAsk, ProbeEnd, ProbeGrant
from tests.server.rig import WIDE, Desk, ServerProcess, problem_of, run_cli, unpack
from tests.server.test_server_enrolment import addition, invite, next_record, request_of


@pytest.fixture(scope="module")
def prober(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("prober") / "data", *WIDE) as process:
        yield process


@pytest.fixture
def asker(prober: ServerProcess) -> Iterator[Desk]:
    made = Desk.founding(prober)
    yield made
    made.close()


def lease(desk: Desk) -> ProbeGrant:
    answer = desk.post("/v1/probe/lease", ProbeAsk())
    assert answer.status_code == 200, answer.content
    return unpack(answer, ProbeGrant)


def add_to_clinic(desk: Desk, newcomer: Desk) -> None:
    """Add a second desk, as a member desk does."""
    code = invite(desk)
    assert newcomer.post("/v1/enrol", request_of(newcomer, code)).status_code == 202
    record = next_record(desk, newcomer)
    assert desk.post("/v1/members", addition(desk, newcomer, code, record)).status_code == 201
    newcomer.log_in()


async def measured(grant: ProbeGrant) -> LinkFigures:
    said: list[object] = []
    request = RunLinkProbe("r", "quick", grant.session, grant.key, "127.0.0.1", grant.port)
    moved = await run_link_probe(request, said.append)
    [message] = said
    assert isinstance(message, LinkProbed)
    assert message.figures.moved_bytes == moved
    return message.figures


async def test_a_desk_measures_with_its_leave_and_gives_it_back(asker: Desk) -> None:
    grant = lease(asker)
    figures = await measured(grant)
    assert (figures.outcome, figures.path) == ("measured", "direct")
    assert figures.moved_bytes < 450_000
    for train in (figures.up, figures.down):
        assert train.capacity_bps is not None
        assert train.capacity_bps > 100_000  # loopback; a busy machine may hold it up
    assert figures.voice.mos is not None
    assert asker.post("/v1/probe/end", ProbeEnd(grant.session)).status_code == 204
    assert (await measured(grant)).outcome == "no-answer"


async def test_several_clinics_measure_at_the_same_time(prober: ServerProcess) -> None:
    desks = [Desk.founding(prober) for _ in range(3)]
    found = await asyncio.gather(*(measured(lease(desk)) for desk in desks))
    assert {figures.outcome for figures in found} == {"measured"}
    for desk in desks:
        desk.close()


def test_without_a_token_there_is_no_leave(prober: ServerProcess) -> None:
    stranger = Desk(prober)
    refused = stranger.post("/v1/probe/lease", ProbeAsk())
    assert (refused.status_code, problem_of(refused)) == (401, "not_authorised")
    stranger.close()


def test_a_second_pc_of_the_site_waits(asker: Desk, prober: ServerProcess) -> None:
    grant = lease(asker)
    second = Desk(prober, asker.clinic)
    add_to_clinic(asker, second)
    refused = second.post("/v1/probe/lease", ProbeAsk())
    assert (refused.status_code, problem_of(refused)) == (409, "other_pc_checks")
    assert 0 < int(refused.headers["Retry-After"]) <= 40
    asker.post("/v1/probe/end", ProbeEnd(grant.session))
    lease(second)
    second.close()


def test_the_port_says_nothing_to_strangers(prober: ServerProcess) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.3)
        sock.connect(("127.0.0.1", prober.port))
        for data in (b"", b"\1", probe.hello(b"nobody..", b"k" * 32), bytes(1200)):
            sock.send(data)
        with pytest.raises(TimeoutError):
            sock.recv(2048)


async def test_it_can_be_switched_off(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", *WIDE, "--probe-listen", "off") as process:
        desk = Desk.founding(process)
        grant = lease(desk)
        assert grant.port == 0
        assert (await measured(grant)).outcome == "no-answer"
        desk.close()


def test_an_address_of_its_own_is_passed_on(tmp_path: Path) -> None:
    with ServerProcess(
        *(tmp_path / "data", *WIDE, "--probe-listen", "127.0.0.1:0"),
        *("--probe-address", "probe.example.org:8741"),
    ) as process:
        desk = Desk.founding(process)
        grant = lease(desk)
        assert (grant.host, grant.port) == ("probe.example.org", 8741)
        desk.close()


@pytest.mark.parametrize(
    "options",
    [("--probe-listen", "8741"), ("--probe-address", "a:b"), ("--probe-max-kbps", "10")],
)
def test_odd_settings_are_refused(tmp_path: Path, options: tuple[str, str]) -> None:
    done = run_cli("serve", "--data", str(tmp_path / "data"), "--port", "0", *options)
    assert done.returncode == 2
    assert "TD-SRV-014" in done.stderr
