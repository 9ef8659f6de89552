"""What is read from a call's record, and the speed test that is the yardstick."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest

from benchmarks.prediction import data_flow, tcp_flow
from benchmarks.prediction.one_link import seen_of_call
from tests.support.calls.recording import Recording
from tests.support.calls.run import CallRecord
from tests.support.link.emulated import Counters
from tests.support.sound import Sound

if TYPE_CHECKING:
    from aiortc import RTCDataChannel

CLICK_MS = 1_000_000.0


def counters(in_bytes: int) -> Counters:
    return Counters(1, in_bytes, 1, in_bytes, 0, 0, 0.0, 0, 0.0)


def recording(*rungs: int, estimate_bps: float | None = 300_000.0) -> Recording:
    nothing = np.zeros((0, 4))
    stats: list[dict[str, Any]] = [
        {
            "wall": CLICK_MS + 1000 * (second + 1),
            "rung": rung,
            "reason": "rate",
            "estimate_bps": estimate_bps,
            "path": "direct",
        }
        for second, rung in enumerate(rungs)
    ]
    silence = Sound(np.zeros(0), np.zeros(0), np.zeros(0))
    return Recording(nothing, nothing, silence, silence, stats)


def state(who: str, at_s: float, word: str) -> dict[str, Any]:
    return {"ev": "connectionState", "who": who, "wall": CLICK_MS + 1000 * at_s, "v": word}


def record(*more: dict[str, Any]) -> CallRecord:
    return CallRecord(
        CLICK_MS,
        CLICK_MS + 120_000,
        recording(*[4] * 29, *[3] * 90),
        recording(*[4] * 29, *[5] * 90, estimate_bps=None),
        events=[state("a", 0.4, "connected"), state("b", 0.7, "connected"), *more],
        link={"ab": counters(1_500_000 + 4000), "ba": counters(3_000_000)},
        busy_shares=[0.2, 0.4],
    )


BEFORE = {"ab": counters(4000), "ba": counters(0)}


def test_a_call_is_read_in_both_directions() -> None:
    seen = seen_of_call(record(), BEFORE)
    assert (seen.rung, seen.up.rung, seen.down.rung) == (3, 3, 5)
    assert seen.up.wire_kbps == pytest.approx(100)  # what passed before the call is not its own
    assert seen.up.estimate_kbps == 300
    assert seen.down.estimate_kbps is None
    assert seen.connected_s == pytest.approx(0.7)
    assert seen.busy_share == pytest.approx(0.3)
    assert not seen.given_up


def test_an_end_that_gave_up_leaves_the_telephone_from_then_on() -> None:
    seen = seen_of_call(record(state("b", 50.0, "failed")), BEFORE)
    assert seen.given_up
    assert (seen.rung, seen.up.rung, seen.down.rung) == (1, 1, 1)
    back = seen_of_call(record(state("b", 50.0, "failed"), state("b", 52.0, "connected")), BEFORE)
    assert not back.given_up
    assert back.rung == 3


async def test_one_flow_each_way_is_counted_at_the_receiver(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tcp_flow, "SECONDS", 0.1)
    server = await asyncio.start_server(tcp_flow._answer, "127.0.0.1", 0)
    async with server:
        seen = await tcp_flow.measure("127.0.0.1", server.sockets[0].getsockname()[1])
    assert seen.up_kbps is not None
    assert seen.down_kbps is not None
    assert min(seen.up_kbps, seen.down_kbps) > 100


async def test_where_nobody_answers_the_yardstick_has_no_result() -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        assert await tcp_flow.measure("127.0.0.1", port) == tcp_flow.FlowSeen(None, None)
    assert await tcp_flow.measure("127.0.0.1", port) == tcp_flow.FlowSeen(None, None)


class Channel:
    """An end of a channel that loses nothing and holds nothing up; as much of it as is used."""

    readyState = "open"  # noqa: N815 - aiortc's name
    bufferedAmount = 0  # noqa: N815 - as above

    def __init__(self) -> None:
        self.other: Channel
        self._hear: Callable[[str | bytes], None] = lambda _message: None

    def on(self, _event: str, hear: Callable[[str | bytes], None]) -> None:
        self._hear = hear

    def send(self, message: str | bytes) -> None:
        self.bufferedAmount += len(message)
        asyncio.get_running_loop().call_soon(self._arrive, message)

    def _arrive(self, message: str | bytes) -> None:
        self.bufferedAmount -= len(message)
        self.other._hear(message)


async def test_a_data_channel_is_counted_at_the_receiver_each_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data_flow, "SECONDS", 0.1)
    near, far = Channel(), Channel()
    near.other, far.other = far, near
    serving = asyncio.create_task(data_flow.serve_channel(cast("RTCDataChannel", far)))
    await asyncio.sleep(0)
    seen = await data_flow.measure(cast("RTCDataChannel", near))
    await serving
    assert seen.up_kbps is not None
    assert seen.down_kbps is not None
    assert min(seen.up_kbps, seen.down_kbps) > 100


async def test_a_meter_counts_from_the_first_byte_to_the_end_of_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(data_flow, "SECONDS", 0.2)
    meter = data_flow.Meter()
    for _ in range(3):
        meter.take(1000)
    kbps = await asyncio.wait_for(meter.kbps(), 60)
    assert 0 < kbps <= 2 * 8 / 0.2
