"""A lost flight of the DTLS handshake costs no second."""

import asyncio
import itertools
import time

import pytest

from telemed_desk.media.transport.handshake import COPY_S, FlightCopies
from telemed_desk.media.transport.restart import RestartableTransport
from tests.media.engine.engine_calls import two_ends, until

_HANDSHAKE = range(20, 64)


async def test_a_call_connects_though_the_first_of_every_flight_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    send = RestartableTransport._transmit
    seen: dict[int, set[bytes]] = {}
    lost: list[float] = []

    async def lossy(self: RestartableTransport, data: bytes) -> None:
        said = seen.setdefault(id(self), set())
        if data[0] in _HANDSHAKE and data not in said and len(said) < 2:
            said.add(data)
            lost.append(time.monotonic())
            return
        await send(self, data)

    monkeypatch.setattr(RestartableTransport, "_transmit", lossy)
    async with two_ends() as (a, b):
        await until(lambda: a.heard.phase == b.heard.phase == "connected", "a call")
    assert len(lost) >= 3
    # copies bring each flight through; OpenSSL would have waited a second for the first alone
    gaps = [later - sooner for sooner, later in itertools.pairwise(lost)]
    assert min(gaps[:2]) < 0.9


class Line:
    def __init__(self) -> None:
        self.said: list[bytes] = []
        self.waiting = True

    async def send(self, data: bytes) -> None:
        self.said.append(data)
        if data == b"broken":
            raise ConnectionError


async def _quiet(copies: FlightCopies) -> None:
    task = copies._task
    assert task is not None
    await task


async def test_a_flight_is_said_again_and_later_only_while_it_matters() -> None:
    line = Line()
    copies = FlightCopies(line.send, lambda: 1.0, lambda: line.waiting)
    copies.sent([b"one", b"two"])
    await _quiet(copies)
    assert line.said == [b"one", b"two", b"one", b"two"]
    line.said.clear()
    line.waiting = False
    copies.sent([b"last word"])
    await _quiet(copies)
    assert line.said == [b"last word"]


async def test_an_answered_flight_is_not_said_again_and_a_dead_line_stops_it() -> None:
    line = Line()
    copies = FlightCopies(line.send, lambda: 1.0, lambda: line.waiting)
    copies.sent([b"one"])
    copies.sent([])
    await asyncio.sleep(2 * COPY_S)
    assert line.said == []
    copies.sent([b"broken", b"never"])
    await _quiet(copies)
    assert line.said == [b"broken"] * 2
