"""The link's speed within a check: real server, real media process, and what is said when refused."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.media.control import Devices
from telemed_desk.workflow.link_speed import LinkSpeed, PlanName
from telemed_desk.workflow.media_hub import MediaHub
from telemed_protocol.api import ProbeAsk, ProbeGrant
from tests.server.rig import WIDE, Desk, ServerProcess, unpack
from tests.server.test_server_probe import add_to_clinic

SPEED = {"N8.down", "N8.up", "N9"}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as made:
        yield made


@pytest.fixture
async def hub() -> AsyncIterator[MediaHub]:
    made = MediaHub(Devices("none", "none", "null"))
    await made.start()
    yield made
    await made.stop()


@pytest.fixture(scope="module")
def measuring(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("measuring") / "data", *WIDE) as process:
        yield process


async def found(
    client: httpx.AsyncClient,
    server: ServerProcess,
    token: str,
    hub: MediaHub,
    plan: PlanName = "quick",
    *,
    far: bool = False,
) -> tuple[dict[str, Finding], int]:
    speed = LinkSpeed(client, server.url, token, hub, [])
    rest_rtt = asyncio.get_running_loop().create_future()
    rest_rtt.set_result(0.001)
    findings = [finding async for finding in speed.findings(plan, rest_rtt=rest_rtt, far=far)]
    assert len({finding.check for finding in findings}) == len(findings)
    return {finding.check: finding for finding in findings}, speed.moved_bytes


async def leave_for(desk: Desk) -> None:
    """Wait until the leave is back: whoever measured does not wait for that."""
    async with asyncio.timeout(5):
        while desk.post("/v1/probe/lease", ProbeAsk()).status_code != 200:  # noqa: ASYNC110 - the server tells nobody
            await asyncio.sleep(0.05)


async def test_it_is_measured_by_the_media_process_and_the_leave_goes_back(
    client: httpx.AsyncClient, measuring: ServerProcess, hub: MediaHub
) -> None:
    desk = Desk.founding(measuring)
    findings, moved_bytes = await found(client, measuring, desk.token, hub)
    assert findings["N8.exact"].outcome is Outcome.PASS
    assert set(findings) > SPEED | {"N7.rtt", "N11"}
    assert 50_000 < moved_bytes < 450_000
    second = Desk(measuring, desk.clinic)
    add_to_clinic(desk, second)
    await leave_for(second)
    for one in (desk, second):
        one.close()


async def test_nothing_faster_than_a_call_is_sent_to_a_far_server(
    client: httpx.AsyncClient, measuring: ServerProcess, hub: MediaHub
) -> None:
    desk = Desk.founding(measuring)
    findings, moved_bytes = await found(client, measuring, desk.token, hub, "standard", far=True)
    assert findings["N8.up"].value == pytest.approx(2000, rel=0.1)
    assert 100_000 < moved_bytes < 2_100_000
    desk.close()


async def test_another_pc_of_the_site_is_waited_for(
    client: httpx.AsyncClient, measuring: ServerProcess, hub: MediaHub
) -> None:
    desk = Desk.founding(measuring)
    second = Desk(measuring, desk.clinic)
    add_to_clinic(desk, second)
    unpack(desk.post("/v1/probe/lease", ProbeAsk()), ProbeGrant)
    findings, moved_bytes = await found(client, measuring, second.token, hub)
    assert set(findings) == SPEED
    assert {finding.outcome for finding in findings.values()} == {Outcome.CANNOT_TELL}
    assert "Another PC" in findings["N8.up"].cause
    assert moved_bytes == 0
    for one in (desk, second):
        one.close()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--probe-listen", "off"), "no measuring port"),
        (("--probe-address", "127.0.0.1:9"), "no UDP packet came back"),
    ],
)
async def test_without_udp_it_is_an_estimate_and_says_why(
    client: httpx.AsyncClient,
    tmp_path: Path,
    hub: MediaHub,
    options: tuple[str, str],
    words: str,
) -> None:
    with ServerProcess(tmp_path / "data", *WIDE, *options) as server:
        desk = Desk.founding(server)
        findings, _ = await found(client, server, desk.token, hub)
        desk.close()
    assert set(findings) == SPEED | {"N8.exact"}
    assert findings["N8.exact"].outcome is not Outcome.PASS
    assert words in findings["N8.exact"].cause
    assert findings["N8.exact"].action
    assert findings["N8.up"].value


async def test_a_second_of_voice_goes_and_comes_and_the_leave_goes_back(
    client: httpx.AsyncClient, measuring: ServerProcess, hub: MediaHub
) -> None:
    desk = Desk.founding(measuring)
    speed = LinkSpeed(client, measuring.url, desk.token, hub, [])
    figures = await speed.voice()
    assert figures is not None
    assert figures.up.capacity_bps is None, "nothing is filled behind a doctor's back"
    assert figures.voice.mos is not None
    assert 10_000 < speed.moved_bytes <= 45_000
    second = Desk(measuring, desk.clinic)
    add_to_clinic(desk, second)
    await leave_for(second)
    assert await speed.voice() is None, "while another PC measures, nothing is known"
    for one in (desk, second):
        one.close()


async def test_who_is_not_signed_in_is_told_nothing_green(
    client: httpx.AsyncClient, measuring: ServerProcess, hub: MediaHub
) -> None:
    findings, _ = await found(client, measuring, "", hub)
    assert set(findings) == SPEED
    assert {finding.outcome for finding in findings.values()} == {Outcome.CANNOT_TELL}
