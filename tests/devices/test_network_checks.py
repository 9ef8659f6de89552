"""What the self-check measures of a link, against the real server through a relay of known speed."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.network import network_findings
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import RATE_CAP_BPS
from tests.server.rig import WIDE, Desk, ServerProcess
from tests.support.devices.throttled_relay import ThrottledRelay

ALL = {"N1", "N4", "N8.down", "N8.up", "N9"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("probe") / "data", *WIDE) as process:
        yield process


@pytest.fixture(scope="module")
def token(server: ServerProcess) -> Iterator[str]:
    desk = Desk.founding(server)
    yield desk.token
    desk.close()


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as made:
        yield made


async def measure(
    client: httpx.AsyncClient, url: str, token: str, *, ahead_s: float = 0.0
) -> dict[str, Finding]:
    findings = network_findings(client, url, token, wall_clock=lambda: time.time() + ahead_s)
    return {finding.check: finding async for finding in findings}


def port_of(server: ServerProcess) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port


async def test_a_fast_link_passes_everything(
    client: httpx.AsyncClient, server: ServerProcess, token: str
) -> None:
    found = await measure(client, server.url, token)
    assert set(found) == ALL
    assert found["N4"].outcome is Outcome.PASS
    for check in ("N8.down", "N8.up"):
        assert found[check].value is not None
        assert found[check].value <= RATE_CAP_BPS / 1000
        assert found[check].ceiling is Rung.HD_VIDEO


@pytest.mark.parametrize(
    ("up_bps", "down_bps", "up_rung", "down_rung"),
    [
        (120_000, 1_000_000, Rung.AUDIO_PHOTOS, Rung.VIDEO),
        (400_000, 400_000, Rung.LOW_VIDEO, Rung.LOW_VIDEO),
    ],
)
async def test_a_slow_link_is_measured_each_way_and_cheaply(
    client: httpx.AsyncClient,
    server: ServerProcess,
    token: str,
    *,
    up_bps: int,
    down_bps: int,
    up_rung: Rung,
    down_rung: Rung,
) -> None:
    async with ThrottledRelay(port_of(server), up_bps=up_bps, down_bps=down_bps) as relay:
        found = await measure(client, f"http://127.0.0.1:{relay.port}", token)
        await client.aclose()
        assert relay.carried < 500_000
    assert set(found) == ALL
    assert found["N8.up"].value == pytest.approx(up_bps / 1000, rel=0.35)
    assert found["N8.down"].value == pytest.approx(down_bps / 1000, rel=0.35)
    assert (found["N8.up"].ceiling, found["N8.down"].ceiling) == (up_rung, down_rung)
    assert found["N9"].value is not None
    assert found["N9"].value > 5


async def test_a_wrong_clock_is_named(
    client: httpx.AsyncClient, server: ServerProcess, token: str
) -> None:
    found = await measure(client, server.url, token, ahead_s=-90)
    assert found["N4"].outcome is Outcome.FAIL
    assert found["N4"].value == pytest.approx(90, abs=2)
    assert "clock" in found["N4"].action


async def test_without_a_token_the_rate_cannot_be_told(
    client: httpx.AsyncClient, server: ServerProcess
) -> None:
    found = await measure(client, server.url, "nonsense")
    assert found["N1"].outcome is not Outcome.CANNOT_TELL
    assert found["N8.up"].outcome is Outcome.CANNOT_TELL
    assert found["N8.up"].ceiling is Rung.AUDIO_PHOTOS
    assert found["N9"].outcome is Outcome.CANNOT_TELL


async def test_no_server_is_no_link(client: httpx.AsyncClient, tmp_path: Path) -> None:
    gone = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    found = await measure(client, f"http://127.0.0.1:{port}", "t")
    assert (found["N1"].outcome, found["N1"].ceiling) == (Outcome.FAIL, Rung.NO_LINK)
    assert {found[check].outcome for check in ALL - {"N1"}} == {Outcome.CANNOT_TELL}
