"""Relays: a real coturn in a small internet of namespaces; every network that lets anything through.

Needs root, iproute2 and coturn; without them these fail and say what is missing.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest

from telemed_desk.media.control import IceServerSpec
from tests.media.engine.away_calls import Away, away, goes_on, signalling, until
from tests.support.network.coturn import Coturn
from tests.support.network.town import Town


@asynccontextmanager
async def town_with(
    *relays: str, v4: bool = True, v6: bool = False
) -> AsyncIterator[tuple[Town, list[Coturn]]]:
    """A desk, a patient that it cannot reach directly, and relays."""
    async with Town("desk", "patient", *relays, v4=v4, v6=v6) as town, AsyncExitStack() as stack:
        await town.block("desk", "patient")
        yield town, [await stack.enter_async_context(Coturn(town[name])) for name in relays]


@asynccontextmanager
async def call_between(
    town: Town,
    desk: list[IceServerSpec],
    patient: list[IceServerSpec],
    *,
    relay_only: bool = False,
) -> AsyncIterator[tuple[Away, Away]]:
    async with (
        away(town["desk"].namespace, desk, offer=True, relay_only=relay_only) as a,
        away(town["patient"].namespace, patient, offer=False) as b,
        signalling(a, b),
    ):
        yield a, b


@pytest.mark.parametrize("way", ["udp", "tcp", "tls"])
async def test_a_call_goes_through_whatever_the_network_lets_pass(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with town_with("relay") as (town, (relay,)):
        monkeypatch.setenv("SSL_CERT_FILE", str(relay.authority))
        if way != "udp":
            await town.block("desk", "relay", protocol="udp")
        ways = ["udp", "tcp", "tls"] if way != "tls" else ["udp", "tls"]
        async with call_between(town, [relay.spec(*ways)], []) as (a, b):
            await until(lambda: a.end.heard.phase == b.end.heard.phase == "connected", "connected")
            await goes_on(a, b)
            await until(lambda: a.path == f"relay-{way}", f"the best way that there is, {way}")
            assert b.path == "relay"
            await until(lambda: f"{way} {relay.house.v4}" in str(sorted(a.relays)), "named")
            named = {server.split()[0]: code for server, code in a.relays.items()}
            assert named[way] == ""


async def test_relay_only_shows_no_address_of_its_own() -> None:
    async with Town("desk", "patient", "relay") as town, Coturn(town["relay"]) as relay:
        spec = [relay.spec("stun", "udp")]
        async with call_between(town, spec, [], relay_only=True) as (a, b):
            await goes_on(a, b)
            assert a.path == "relay-udp"
            remote = {c.host for c in b.end.transport.connection.remote_candidates}
            assert remote == {relay.house.v4}
            assert town["desk"].v4 not in (
                a.end.call._negotiation.sdp + str(b.end.transport.connection.remote_candidates)
            )


async def test_only_ipv6_direct_and_relayed() -> None:
    async with (
        Town("desk", "patient", "relay", v4=False, v6=True) as town,
        Coturn(town["relay"]) as relay,
        call_between(town, [relay.spec("stun", "udp")], []) as (a, b),
    ):
        await goes_on(a, b)
        assert a.path == b.path == "direct"
        await town.block("desk", "patient")
        await until(lambda: a.path == "relay-udp", "through the relay")
        await goes_on(a, b)
        assert a.end.transport.ice.restarts == 0  # no signalling was needed


async def test_a_dead_relay_and_a_living_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with town_with("relay", "other") as (town, (relay, other)):
        monkeypatch.setattr("telemed_desk.media.transport.gathering.SERVER_S", 3.0)
        relay.kill()
        await town.block("desk", "relay")  # not even a refusal comes back
        specs = [relay.spec("udp", "tcp"), other.spec("udp")]
        async with call_between(town, specs, []) as (a, b):
            await goes_on(a, b)
            assert a.path == "relay-udp"
            await until(lambda: len(a.relays) == 3, "each is named")
            codes = {server.split()[1].split(":")[0]: code for server, code in a.relays.items()}
            assert codes == {relay.house.v4: "relay-unreachable", other.house.v4: ""}


WRONG: dict[str, tuple[Callable[[Coturn], IceServerSpec], str]] = {
    "wrong": (lambda relay: relay.spec("udp", secret="south"), "relay-refused"),
    "expired": (lambda relay: relay.spec("udp", life_s=-5), "relay-expired"),
    "unknown authority": (lambda relay: relay.spec("tls"), "relay-certificate"),
    "no such name": (
        lambda _: IceServerSpec(["turn:relay.invalid"], "1:x", "y"),
        "relay-name",
    ),
    "nobody there": (
        lambda relay: IceServerSpec([f"turn:{relay.house.v4}:9?transport=tcp"], "1:x", "y"),
        "relay-unreachable",
    ),
}


@pytest.mark.parametrize("what", WRONG)
async def test_a_relay_that_is_of_no_use_is_named_and_does_no_harm(what: str) -> None:
    make, code = WRONG[what]
    async with (
        Town("desk", "patient", "relay") as town,
        Coturn(town["relay"]) as relay,
        call_between(town, [make(relay)], []) as (a, b),
    ):
        await goes_on(a, b)
        assert a.path == "direct"
        await until(lambda: list(a.relays.values()) == [code], code)


async def test_a_full_relay_says_so() -> None:
    async with (
        Town("desk", "patient", "relay") as town,
        Coturn(town["relay"], "--user-quota=1") as relay,
        call_between(town, [relay.spec("udp", "tcp")], []) as (a, b),
    ):
        await goes_on(a, b)
        await until(lambda: sorted(a.relays.values()) == ["", "relay-quota"], "quota")


async def test_a_relay_that_dies_in_a_call_is_left_for_another() -> None:
    async with town_with("relay", "other") as (town, relays):
        specs = [relay.spec("udp") for relay in relays]
        async with call_between(town, specs, []) as (a, b):
            await goes_on(a, b)
            carrying = a.end.transport.connection.paths.carrying.local_candidate.host
            dead = next(relay for relay in relays if relay.house.v4 == carrying)
            dead.kill()
            await until(
                lambda: a.end.transport.connection.paths.carrying.local_candidate.host != carrying,
                "another relay carries",
            )
            await goes_on(a, b)
            assert a.end.transport.ice.restarts == 0  # no signalling was needed
            assert "failed" not in {phase for phase, _ in a.end.heard.phases}


async def test_a_direct_path_is_taken_when_one_appears() -> None:
    async with (
        town_with("relay") as (town, (relay,)),
        call_between(town, [relay.spec("udp")], []) as (a, b),
    ):
        await goes_on(a, b)
        assert a.path == "relay-udp"
        await town.open("desk", "patient")
        await until(lambda: a.path == b.path == "direct", "direct")
        await goes_on(a, b)
        phases = {phase for phase, _ in a.end.heard.phases + b.end.heard.phases}
        assert phases == {"connecting", "connected"}


async def test_an_allocation_outlives_its_credential_and_a_restart_takes_fresh_ones() -> None:
    async with (
        town_with("relay") as (town, (relay,)),
        call_between(town, [relay.spec("udp", life_s=3)], []) as (a, b),
    ):
        await goes_on(a, b)
        await asyncio.sleep(4)  # the credential's own clock: nothing to poll
        client = a.end.transport.connection.paths.carrying.protocol.transport.client
        lifetime = await a.place.run(lambda: refreshed(client))
        assert lifetime >= 600  # the server renews what it once gave
        a.relays.clear()
        await a.place.run(a.end.call.restart)
        await until(lambda: a.relays, "asked again")
        assert set(a.relays.values()) == {"relay-expired"}
        await goes_on(a, b, what="the path in use stays")
        a.relays.clear()
        fresh = [relay.spec("udp")]
        await a.place.do(lambda: a.end.call.use_servers(fresh))
        await a.place.run(a.end.call.restart)
        await until(lambda: set(a.relays.values()) == {""}, "fresh credentials are taken")
        await until(lambda: a.end.transport.ice.restarts == 1, "and the path made with them")
        await goes_on(a, b)


async def refreshed(client: object) -> int:
    from aioice import stun  # noqa: PLC0415 - one use

    request = stun.Message(message_method=stun.Method.REFRESH, message_class=stun.Class.REQUEST)
    request.attributes["LIFETIME"] = 600
    response, _ = await client.request_with_retry(request)  # type: ignore[attr-defined]
    return int(response.attributes["LIFETIME"])
