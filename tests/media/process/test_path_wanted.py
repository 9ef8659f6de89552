"""A path that is gone: the side that answers asks for another, the side that offers offers one."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest

from telemed_desk.media import control
from tests.media.process.sides import Side, connect


@pytest.fixture
async def sides() -> AsyncIterator[tuple[Side, Side]]:
    a, b = Side(), Side()
    await asyncio.gather(a.media.start(), b.media.start())
    for side in (a, b):
        side.media.send(control.Devices("pattern:320x180@10", "tone:500", "null"))
    yield a, b
    await asyncio.gather(a.media.stop(), b.media.stop())


async def test_who_answers_and_hears_nothing_asks_again_and_again(
    sides: tuple[Side, Side],
) -> None:
    a, b = sides
    await connect(a, b, "c1")
    assert b.desk.of(control.PathWanted) == []
    assert a.media.pid is not None
    os.kill(a.media.pid, signal.SIGKILL)
    await b.desk.until(lambda: len(b.desk.of(control.PathWanted)) >= 2, "asked twice")
    assert {wanted.call for wanted in b.desk.of(control.PathWanted)} == {"c1"}
    assert a.desk.of(control.PathWanted) == []


async def test_who_offers_and_is_asked_offers_another_path_in_the_same_call(
    sides: tuple[Side, Side],
) -> None:
    a, b = sides
    await connect(a, b, "c1")
    servers = [control.IceServerSpec(["stun:192.0.2.1:3478"])]  # nobody lives there
    a.media.send(control.UseServers("c1", servers, restart=True))
    offer = await a.desk.first(control.LocalDescription, lambda said: said.revision == 1)
    assert (offer.call, offer.kind) == ("c1", "offer")
    b.media.send(control.RemoteDescription("c1", "offer", offer.sdp, 1))
    answer = await b.desk.first(control.LocalDescription, lambda said: said.revision == 1)
    a.media.send(control.RemoteDescription("c1", "answer", answer.sdp, 1))
    await asyncio.gather(a.picture("c1"), b.picture("c1"))
    # Without the wish, servers are for the next time.
    a.media.send(control.UseServers("c1", servers))
    a.media.send(control.UseServers("another", servers, restart=True))
    await a.desk.first(control.Fault, lambda fault: fault.code == "no-such-call")
    assert len(a.desk.of(control.LocalDescription)) == 2
