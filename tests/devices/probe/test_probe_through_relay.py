"""The measurement through a real relay, as a call would go; and between two addresses there."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import msgspec
import pytest

from telemed_desk.devices.probe.figures import LinkFigures
from tests.support.network.coturn import Coturn
from tests.support.network.town import House, Town

PORT = 4747
ENDS = "tests.support.probe_ends"


@contextlib.asynccontextmanager
async def responder(house: House) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *house.command(sys.executable, "-m", ENDS, "respond", str(PORT)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        await process.wait()


async def measured(desk: House, host: str, port: int, relay: Coturn, *ways: str) -> LinkFigures:
    servers = msgspec.json.encode([relay.spec(*ways)]).decode()
    process = await asyncio.create_subprocess_exec(
        *desk.command(sys.executable, "-m", ENDS, "measure", "quick", host, str(port), servers),
        stdout=asyncio.subprocess.PIPE,
        env={"SSL_CERT_FILE": str(relay.authority), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"},
    )
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    return msgspec.json.decode(said, type=LinkFigures)


@pytest.mark.parametrize(("ways", "path"), [(("tcp", "udp"), "relay-udp"), (("tcp",), "relay-tcp")])
async def test_a_relay_is_measured_through(ways: tuple[str, ...], path: str) -> None:
    async with (
        Town("desk", "relay", "server") as town,
        Coturn(town["relay"]) as relay,
        responder(town["server"]),
    ):
        # Straight to the server nothing passes: what is measured went through the relay.
        await town.block("desk", "server")
        figures = await measured(town["desk"], town["server"].v4, PORT, relay, *ways)
    assert (figures.outcome, figures.path) == ("measured", path)
    for train in (figures.up, figures.down):
        assert train.capacity_bps is not None
        assert train.capacity_bps > 300_000
    assert figures.moved_bytes <= 450_000


async def test_with_a_relay_only_it_goes_from_one_address_there_to_another() -> None:
    async with Town("desk", "relay") as town, Coturn(town["relay"]) as relay:
        figures = await measured(town["desk"], town["relay"].v4, 0, relay, "udp")
    assert (figures.outcome, figures.path) == ("measured", "loop-udp")
    assert figures.up == figures.down
    assert figures.up.capacity_bps is not None
    assert figures.up.capacity_bps > 300_000
    assert figures.voice.up_loss is not None
    assert figures.moved_bytes <= 450_000


async def test_a_relay_that_refuses_does_not_stand_in_the_way() -> None:
    async with (
        Town("desk", "relay", "server") as town,
        Coturn(town["relay"], secret="another") as relay,
        responder(town["server"]),
    ):
        relay.secret = "north"  # what the credential is made with
        figures = await measured(town["desk"], town["server"].v4, PORT, relay, "udp")
    assert (figures.outcome, figures.path) == ("measured", "direct")
