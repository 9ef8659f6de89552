"""What the self-check says of the way to the server, against the real one and what stands in between."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from email.utils import formatdate
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
import trustme

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks import reach
from telemed_desk.devices.checks.names import issuer_finding, name_finding
from telemed_desk.devices.checks.network import LinkFacts, network_findings
from telemed_desk.devices.checks.portal import PortalAnswer, judge, portal_finding
from telemed_desk.devices.checks.reach import at_rest, clock_ahead_s, first_answer, unreachable
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS, RATE_CAP_BPS
from telemed_protocol.api import ECHO_HEADER
from tests.server.rig import WIDE, Desk, ServerProcess
from tests.support.devices.throttled_relay import ThrottledRelay
from tests.support.network.small_web import Page, SmallWeb

SPEED = {"N8.down", "N8.up", "N9"}
ALWAYS = {"N1", "N1.dns", "N2", "N3.proxy", "N3.vpn", "N3.metered", "N4"}


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
    async with httpx.AsyncClient(timeout=30, trust_env=False) as made:
        yield made


async def measure(
    client: httpx.AsyncClient,
    url: str,
    token: str,
    *,
    ahead_s: float = 0.0,
    speed: bool = True,
    facts: LinkFacts | None = None,
) -> dict[str, Finding]:
    findings = network_findings(
        client,
        url,
        token,
        wall_clock=lambda: time.time() + ahead_s,
        speed=speed,
        facts=facts,
    )
    return {finding.check: finding async for finding in findings}


def port_of(server: ServerProcess) -> int:
    port = urlsplit(server.url).port
    assert port is not None
    return port


# ---- the real server -----------------------------------------------------------------------------


async def test_a_fast_link_passes_everything(
    client: httpx.AsyncClient, server: ServerProcess, token: str
) -> None:
    found = await measure(client, server.url, token)
    assert set(found) >= ALWAYS | SPEED
    for check in ("N1.dns", "N2", "N4"):
        assert found[check].outcome is Outcome.PASS, found[check]
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
    assert found["N8.up"].value == pytest.approx(up_bps / 1000, rel=0.35)
    assert found["N8.down"].value == pytest.approx(down_bps / 1000, rel=0.35)
    assert (found["N8.up"].ceiling, found["N8.down"].ceiling) == (up_rung, down_rung)
    assert found["N9"].value is not None
    assert found["N9"].value > 5


async def test_a_wrong_clock_is_named_and_how_it_is_wrong_is_kept(
    client: httpx.AsyncClient, server: ServerProcess, token: str
) -> None:
    facts = LinkFacts()
    found = await measure(client, server.url, token, ahead_s=-90, speed=False, facts=facts)
    assert found["N4"].outcome is Outcome.FAIL
    assert found["N4"].value == pytest.approx(90, abs=2)
    assert "clock" in found["N4"].action
    assert facts.reached
    assert facts.clock_ahead_s == pytest.approx(-90, abs=2)
    assert set(found).isdisjoint(SPEED)


async def test_without_a_token_the_rate_cannot_be_told(
    client: httpx.AsyncClient, server: ServerProcess
) -> None:
    found = await measure(client, server.url, "nonsense")
    assert found["N1"].outcome is not Outcome.CANNOT_TELL
    assert found["N8.up"].outcome is Outcome.CANNOT_TELL
    assert found["N8.up"].ceiling is Rung.AUDIO_PHOTOS
    assert found["N9"].outcome is Outcome.CANNOT_TELL


async def test_the_server_echoes_digits_and_nothing_else(
    client: httpx.AsyncClient, server: ServerProcess
) -> None:
    for said, echo in (("0a1f", "0a1f"), ("<script>", ""), ("f" * 33, ""), ("a%0d%0ab", "")):
        answer = await client.get(f"{server.url}/generate_204?n={said}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer.headers[ECHO_HEADER] == echo


# ---- no server -----------------------------------------------------------------------------------


async def test_no_server_is_no_link(client: httpx.AsyncClient) -> None:
    gone = await asyncio.start_server(lambda _r, _w: None, "127.0.0.1", 0)
    port = gone.sockets[0].getsockname()[1]
    gone.close()
    await gone.wait_closed()
    found = await measure(client, f"http://127.0.0.1:{port}", "t")
    assert (found["N1"].outcome, found["N1"].ceiling) == (Outcome.FAIL, Rung.NO_LINK)
    assert "refuses" in found["N1"].cause
    assert {found[check].outcome for check in SPEED | {"N2", "N4"}} == {Outcome.CANNOT_TELL}


async def test_a_name_that_nobody_knows_is_not_a_dead_server(client: httpx.AsyncClient) -> None:
    found = await measure(client, "https://clinic.invalid", "t", speed=False)
    assert found["N1.dns"].outcome is Outcome.FAIL
    assert "name" in found["N1"].cause
    assert found["N3.vpn"].outcome is Outcome.CANNOT_TELL
    assert (await name_finding("2001:db8::7")).outcome is Outcome.PASS


# ---- who vouches for the server ------------------------------------------------------------------


def certificate(authority: trustme.CA, *, ends: float | None = None) -> ssl.SSLContext:
    end = None if ends is None else datetime.fromtimestamp(ends, UTC)
    issued = authority.issue_cert("127.0.0.1", not_after=end)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    issued.configure_cert(context)
    return context


def trusting(*authorities: trustme.CA) -> httpx.AsyncClient:
    context = ssl.create_default_context()
    for authority in authorities:
        authority.configure_trust(context)
    return httpx.AsyncClient(verify=context, trust_env=False)


def healthy(path: str) -> Page:
    date = {"Date": formatdate(usegmt=True)}
    if path.startswith("/generate_204"):
        said = parse_qs(urlsplit(path).query)["n"][0]
        return Page(204, {**date, ECHO_HEADER: said})
    return Page(200, {**date, "Content-Type": "application/json"}, b"{}")


async def test_who_reads_along_is_named() -> None:
    firewall = trustme.CA(organization_name="Zscaler Inc.")
    async with SmallWeb(healthy, tls=certificate(firewall)) as web, trusting(firewall) as client:
        facts = LinkFacts()
        found = await measure(client, web.url, "t", speed=False, facts=facts)
    assert found["N1"].outcome is not Outcome.FAIL
    assert found["N1.issuer"].outcome is Outcome.WARN
    assert "Zscaler" in found["N1.issuer"].cause
    assert facts.issuer == "Zscaler Inc."


@pytest.mark.parametrize(
    ("usual", "own", "outcome"),
    [
        ("", False, Outcome.CANNOT_TELL),
        ("Mfano Hospital", False, Outcome.PASS),
        ("Let's Encrypt", False, Outcome.WARN),
        ("", True, Outcome.PASS),
    ],
)
async def test_a_private_authority_is_held_against_earlier_checks(
    usual: str, *, own: bool, outcome: Outcome
) -> None:
    clinic = trustme.CA(organization_name="Mfano Hospital")
    async with SmallWeb(healthy, tls=certificate(clinic)) as web, trusting(clinic) as client:
        findings = network_findings(
            client, web.url, "t", speed=False, usual_issuer=usual, own_authority=own
        )
        found = {finding.check: finding async for finding in findings}
    assert found["N1.issuer"].outcome is outcome
    assert found["N2"].outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("issuer", "usual", "own", "outcome"),
    [
        ("Let's Encrypt", "", False, Outcome.PASS),
        ("DigiCert Inc", "Let's Encrypt", False, Outcome.PASS),
        ("Mfano Hospital CA", "", False, Outcome.CANNOT_TELL),
        ("Mfano Hospital CA", "Mfano Hospital CA", False, Outcome.PASS),
        ("Mfano Hospital CA", "Let's Encrypt", False, Outcome.WARN),
        ("Mfano Hospital CA", "", True, Outcome.PASS),
        ("Fortinet", "Fortinet", False, Outcome.WARN),
        ("", "Let's Encrypt", False, Outcome.CANNOT_TELL),
    ],
)
def test_issuers(issuer: str, usual: str, *, own: bool, outcome: Outcome) -> None:
    found = issuer_finding(issuer, usual, own_authority=own)
    assert found.outcome is outcome
    assert found.ceiling is Rung.HD_VIDEO  # somebody who reads the web does not stop a call


async def test_a_certificate_that_is_over_speaks_of_the_clock_and_a_foreign_one_does_not() -> None:
    ours = trustme.CA()
    over = certificate(ours, ends=time.time() - 86_400)
    foreign = certificate(trustme.CA())
    causes = []
    for context in (over, foreign):
        async with SmallWeb(healthy, tls=context) as web, trusting(ours) as client:
            with pytest.raises(httpx.ConnectError) as error:
                await first_answer(client, web.url)
            causes.append(unreachable(error.value).cause)
    assert "clock" in causes[0]
    assert "trusted" in causes[1]


class DeafAtFirst:
    """Answers only from a connection on: what was sent over those before got lost."""

    def __init__(self, deaf: int) -> None:
        self._deaf = deaf
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        is_deaf = self.connections <= self._deaf
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while await reader.readuntil(b"\r\n\r\n"):
                if not is_deaf:
                    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()


@pytest.mark.parametrize(
    ("deaf", "answers"),
    [(0, True), (1, True), (reach.MOST_AT_ONCE - 1, True), (reach.MOST_AT_ONCE, False)],
)
async def test_a_connection_that_hangs_is_not_taken_for_a_dead_server(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, *, deaf: int, answers: bool
) -> None:
    monkeypatch.setattr("telemed_desk.devices.checks.reach.ANOTHER_AFTER_S", 0.2)
    web = DeafAtFirst(deaf)
    server = await asyncio.start_server(web.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        if answers:
            assert (await first_answer(client, url, within_s=20)).seconds < 20
        else:
            with pytest.raises(TimeoutError) as error:
                await first_answer(client, url, within_s=2)
            assert "cannot be reached" in unreachable(error.value).cause
        assert web.connections == deaf + 1 if answers else web.connections == reach.MOST_AT_ONCE
    finally:
        await client.aclose()
        server.close()


def test_a_server_that_answers_late_is_not_said_to_be_away() -> None:
    late = LIMITS["N1"].judge(2.8)
    assert late.outcome is Outcome.WARN
    assert "slowly" in late.cause


# ---- sign-in pages -------------------------------------------------------------------------------


async def test_a_hotel_that_answers_for_everybody_is_a_sign_in_page(
    client: httpx.AsyncClient,
) -> None:
    def hotel(_path: str) -> Page:
        return Page(302, {"Location": "http://hotel.test/login"})

    async with SmallWeb(hotel) as web:
        found = await measure(client, web.url, "t", speed=False)
        assert (found["N2"].outcome, found["N2"].ceiling) == (Outcome.FAIL, Rung.NO_LINK)
        assert "sign in" in found["N2"].action


async def test_one_that_shows_its_page_at_once_too(client: httpx.AsyncClient) -> None:
    async with SmallWeb(lambda _path: Page(200, {}, b"<html>Welcome</html>")) as web:
        assert (await portal_finding(client, web.url, reached=True)).outcome is Outcome.FAIL


async def test_a_portal_that_plays_204_to_everybody_is_not_believed(
    client: httpx.AsyncClient,
) -> None:
    async with SmallWeb(lambda _path: Page(204)) as web:
        assert (await portal_finding(client, web.url, reached=True)).outcome is Outcome.CANNOT_TELL
    async with SmallWeb(healthy) as web:
        assert (await portal_finding(client, web.url, reached=True)).outcome is Outcome.PASS


@pytest.mark.parametrize(
    ("answer", "reached", "outcome"),
    [
        (PortalAnswer(None), False, Outcome.CANNOT_TELL),
        (PortalAnswer(301), False, Outcome.CANNOT_TELL),  # to https of the same host
        (PortalAnswer(307, elsewhere=True), False, Outcome.FAIL),
        (PortalAnswer(511, empty=False), False, Outcome.FAIL),
        (PortalAnswer(404, empty=False), True, Outcome.CANNOT_TELL),  # an older server
        (PortalAnswer(502, empty=False), False, Outcome.CANNOT_TELL),
    ],
)
def test_portals(answer: PortalAnswer, *, reached: bool, outcome: Outcome) -> None:
    assert judge(answer, reached=reached).outcome is outcome


# ---- clocks --------------------------------------------------------------------------------------


def test_dates_that_say_nothing() -> None:
    assert clock_ahead_s(None, 0.0) is None
    assert clock_ahead_s("yesterday", 0.0) is None
    assert clock_ahead_s("Thu, 01 Jan 1970 00:00:10 GMT", 12.5) == 2.0


async def test_whoever_waits_for_the_server_asks_before_it_is_asked_for_more(
    client: httpx.AsyncClient,
) -> None:
    asked: list[str] = []

    def answer(path: str) -> Page:
        asked.append(path)
        return Page(200)

    async with SmallWeb(answer) as web:

        async def ask() -> None:
            await client.get(f"{web.url}/leave")

        findings = network_findings(client, web.url, "t", speed=False, on_reached=ask)
        said = [finding.check async for finding in findings]
    assert asked[:3] == ["/healthz", "/leave", "/healthz"]
    assert said[0] == "N1"


async def test_a_server_that_does_not_say_the_time(client: httpx.AsyncClient) -> None:
    async with SmallWeb(lambda _path: Page(200)) as web:
        first = await first_answer(client, web.url)
        rest = await at_rest(client, web.url)
        found = await measure(client, web.url, "t", speed=False)
    assert rest.rtt_s is not None
    assert rest.clock_ahead_s is None
    assert first.issuer is None
    assert found["N4"].outcome is Outcome.CANNOT_TELL
    assert "N1.issuer" not in found
