"""Calls between homes behind address translation, and between neighbours who hide their addresses.

Needs root, iproute2, /dev/net/tun and coturn; without them these fail and say what is missing.
"""

import re
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aioice.mdns import create_mdns_protocol

from tests.media.engine.away_calls import Away, away, goes_on, signalling, until
from tests.support.network.coturn import Coturn
from tests.support.network.lane import Lane
from tests.support.network.nat import INSIDE, Dependence, Nat
from tests.support.network.town import Town

Manners = tuple[Dependence, Dependence]
"""Mapping and filtering."""
USUAL: Manners = ("none", "address-port")
OPEN: Manners = ("none", "none")
BY_ADDRESS: Manners = ("address", "address")
STRICT: Manners = ("address-port", "address-port")


@asynccontextmanager
async def homes(
    desk: Manners, patient: Manners, *, relay: bool
) -> AsyncIterator[tuple[Away, Away, Nat, Nat]]:
    """A desk and a patient, each at home, with the same address there; a server knows both outside."""
    async with (
        Town("desk", "patient", "server") as town,
        Coturn(town["server"]) as server,
        Nat(town["desk"], mapping=desk[0], filtering=desk[1]) as one,
        Nat(town["patient"], mapping=patient[0], filtering=patient[1]) as other,
    ):
        servers = [server.spec("stun", "udp") if relay else server.spec("stun")]
        async with (
            away(one.namespace, servers, offer=True) as a,
            away(other.namespace, servers, offer=False) as b,
            signalling(a, b),
        ):
            yield a, b, one, other


def far_end(away_end: Away) -> str:
    """Where the packets of a call go to."""
    return str(away_end.end.transport.connection.paths.carrying.remote_candidate.host)


@pytest.mark.parametrize(
    ("desk", "patient"),
    [
        (USUAL, USUAL),
        (OPEN, USUAL),
        (BY_ADDRESS, ("none", "address")),
        (STRICT, OPEN),
    ],
    ids=["usual", "open", "by address", "strict and open"],
)
async def test_two_homes_find_a_direct_path(desk: Manners, patient: Manners) -> None:
    """Only a server that says where one is seen from is asked; nobody relays."""
    async with homes(desk, patient, relay=False) as (a, b, one, other):
        await goes_on(a, b)
        assert a.path == b.path == "direct"
        assert (far_end(a), far_end(b)) == (other.address, one.address)
        # the address that both have at home was said as well, and has misled nobody
        assert INSIDE in a.end.call._negotiation.sdp


@pytest.mark.parametrize(
    ("desk", "patient"),
    [(STRICT, STRICT), (STRICT, USUAL), (BY_ADDRESS, BY_ADDRESS)],
    ids=["strict", "strict and usual", "by address"],
)
async def test_homes_that_no_guess_opens_are_joined_by_the_relay(
    desk: Manners, patient: Manners
) -> None:
    async with homes(desk, patient, relay=True) as (a, b, one, other):
        await goes_on(a, b)
        assert {a.path, b.path} <= {"relay-udp", "relay"}
        assert one.refused + other.refused > 0  # a direct path was tried for


async def test_neighbours_who_hide_their_addresses_find_each_other_by_name() -> None:
    """As browsers do without camera permission: the address is a name that is asked for aloud."""
    name = f"{uuid.uuid4()}.local"
    async with (
        Lane() as lane,
        away(lane.a.namespace, [], offer=True) as a,
        away(lane.b.namespace, [], offer=False) as b,
    ):
        responder = await b.place.run(create_mdns_protocol)
        try:
            await b.place.run(partial(responder.publish, name, lane.b.v4))
            offer = await a.place.run(a.end.call.make_offer)
            # Nothing of ours is said, so that nobody comes from there: the name must do.
            hidden = re.sub(r"a=candidate:.*\r\n", "", offer)
            answer = await b.place.run(partial(b.end.call.accept_offer, hidden))
            assert lane.b.v4 in answer
            named = re.sub(
                rf"(a=candidate:.*) {re.escape(lane.b.v4)} (\d+ typ host)", rf"\1 {name} \2", answer
            )
            assert name in named
            await a.place.run(partial(a.end.call.accept_answer, named))
            await goes_on(a, b)
            carrying = a.end.transport.connection.paths.carrying
            assert carrying.remote_candidate.type == "host"
            assert carrying.remote_candidate.host == name
            assert carrying.remote_addr[0] == lane.b.v4
        finally:
            await b.place.run(responder.close)


async def test_a_name_that_nobody_knows_does_no_harm() -> None:
    async with (
        Lane() as lane,
        away(lane.a.namespace, [], offer=True) as a,
        away(lane.b.namespace, [], offer=False) as b,
    ):
        offer = await a.place.run(a.end.call.make_offer)
        answer = await b.place.run(partial(b.end.call.accept_offer, offer))
        unknown = answer.replace(f" {lane.b.v4} ", f" {uuid.uuid4()}.local ")
        await a.place.run(partial(a.end.call.accept_answer, unknown))
        await until(lambda: a.end.heard.phase == "connected", "found by the other's own checks")
        await goes_on(a, b)
