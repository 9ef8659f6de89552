"""The measurement over emulated links, with real sockets at both ends.

A busy machine holds packets up, which is nothing of the link: the figures here have room for that. How
exact they are on a quiet one is written down in docs/adr/0015; the imagined links test that.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest

from telemed_desk.devices.probe.figures import LinkFigures
from telemed_desk.devices.probe.plan import QUICK, STANDARD
from tests.support.link.emulated import EmulatedLink, End
from tests.support.link.spec import LinkSpec

PORT = 4747
ENDS = "tests.support.probe_ends"
LEAST_S = 120
SLACK = 0.15


@contextlib.asynccontextmanager
async def responder(end: End) -> AsyncIterator[None]:
    process = await asyncio.create_subprocess_exec(
        *end.command(sys.executable, "-m", ENDS, "respond", str(PORT)),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        assert await process.stdout.readline() == b"ready\n"
        yield
    finally:
        process.kill()
        await process.wait()


async def measured(end: End, plan: str, host: str) -> LinkFigures:
    process = await asyncio.create_subprocess_exec(
        *end.command(sys.executable, "-m", ENDS, "measure", plan, host, str(PORT)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await asyncio.wait_for(process.communicate(), LEAST_S)
    return msgspec.json.decode(said, type=LinkFigures)


@pytest.mark.parametrize(
    ("plan", "up_kbps", "down_kbps", "spec"),
    [
        ("standard", 300, 1200, LinkSpec(delay_ms=30, jitter_ms=5, queue_bytes=40_000)),
        ("standard", 1000, 1000, LinkSpec(delay_ms=100, loss_percent=2, queue_bytes=62_500)),
        ("quick", 64, 128, LinkSpec(delay_ms=40, queue_bytes=8_000)),
    ],
)
async def test_each_way_of_an_emulated_link(
    plan: str, up_kbps: int, down_kbps: int, spec: LinkSpec
) -> None:
    async with EmulatedLink(spec) as link, responder(link.b):
        await link.change(replace(spec, rate_kbps=up_kbps), "ab")
        await link.change(replace(spec, rate_kbps=down_kbps), "ba")
        figures = await measured(link.a, plan, link.b.address)
        passed = await link.counters()
    assert (figures.outcome, figures.path) == ("measured", "direct")
    assert figures.up.capacity_bps == pytest.approx(1000 * up_kbps, rel=SLACK)
    assert figures.down.capacity_bps == pytest.approx(1000 * down_kbps, rel=SLACK)
    budget = (QUICK if plan == "quick" else STANDARD).budget_bytes
    assert passed["ab"].in_bytes + passed["ba"].in_bytes <= budget
    assert figures.base_rtt_ms is not None
    assert figures.base_rtt_ms > 2 * (spec.delay_ms - spec.jitter_ms) - 1


async def test_where_udp_is_blocked_it_says_so_soon_and_has_cost_nothing() -> None:
    async with EmulatedLink(LinkSpec(down=True)) as link:
        figures = await measured(link.a, "standard", link.b.address)
        passed = await link.counters()
    assert figures == LinkFigures(moved_bytes=figures.moved_bytes)
    assert passed["ab"].in_bytes < 3_000
