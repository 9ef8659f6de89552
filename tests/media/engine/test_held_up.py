"""A PC that stood still for seconds does not take that for silence of the other side."""

import asyncio
import time
from types import SimpleNamespace
from typing import Any

from telemed_desk.media.engine.liveness import Liveness

STOOD_S = 2.8
PATIENCE_S = 30.0


async def test_the_first_packet_after_standing_still_is_waited_for() -> None:
    paths = SimpleNamespace(path_lost=False, consent_ns=None, kind="host/udp")
    connection = SimpleNamespace(last_heard_ns=time.monotonic_ns(), paths=paths)
    transport: Any = SimpleNamespace(connection=connection)
    told: list[str] = []
    ticks: list[int] = []
    restarts: list[str] = []

    async def restart() -> None:
        restarts.append("asked for")

    live = Liveness(
        lambda: transport, lambda phase, _reason: told.append(phase), restart, ticks.append
    )
    live.begin()
    live.on_connection_state("connected")
    task = live._tasks[0]
    await asyncio.sleep(0)
    loop = asyncio.get_running_loop()

    def packet() -> None:
        connection.last_heard_ns = time.monotonic_ns()

    for at_s in (0.1, STOOD_S + 0.2, STOOD_S + 0.4, STOOD_S + 0.6):
        loop.call_later(at_s, packet)
    await asyncio.sleep(0.15)
    time.sleep(STOOD_S)  # noqa: ASYNC251 - the loop stands still, as under a very busy PC
    async with asyncio.timeout(PATIENCE_S):
        while len(ticks) < 2:  # noqa: ASYNC110 - what is counted is the other task's looks
            await asyncio.sleep(0.02)
    assert not task.done()
    assert told == ["connecting", "connected"]
    assert restarts == []
    connection.last_heard_ns -= 60_000_000_000  # and true silence is still told
    async with asyncio.timeout(PATIENCE_S):
        while "reconnecting" not in told:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.02)
    live.stop()
