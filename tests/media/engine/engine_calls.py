"""Two ends of a call in one process, over real UDP on this machine."""

import asyncio
import itertools
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from telemed_desk.media.control import CallPhase, IceServerSpec
from telemed_desk.media.engine.call import Call, CallParts
from tests.media.engine.engine_sources import CountingSink, PatternCamera, Speaker, ToneMicrophone

PATIENCE_S = 90.0


async def until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for a condition, as long as a loaded machine may need."""
    try:
        async with asyncio.timeout(patience_s):
            while not condition():  # noqa: ASYNC110 - the conditions live on threads that know no event
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


class Heard:
    """What a call told its owner."""

    def __init__(self) -> None:
        self.phases: list[tuple[CallPhase, str]] = []
        self.messages: list[str | bytes] = []
        self.opened = 0
        self.restart_offers: asyncio.Queue[tuple[str, int]] = asyncio.Queue()
        self.said: asyncio.Queue[tuple[str, str | None, int | None]] = asyncio.Queue()

    @property
    def phase(self) -> str:
        return self.phases[-1][0] if self.phases else ""

    def on_phase(self, phase: CallPhase, reason: str) -> None:
        self.phases.append((phase, reason))

    def on_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        self.said.put_nowait((candidate, mid, mline))

    def on_data(self, message: str | bytes) -> None:
        self.messages.append(message)

    def on_data_open(self) -> None:
        self.opened += 1

    def on_restart_offer(self, sdp: str, revision: int) -> None:
        self.restart_offers.put_nowait((sdp, revision))
        self.said.put_nowait((sdp, None, revision))


class End:
    """One end with test devices."""

    def __init__(
        self,
        hz: float,
        *,
        offer: bool,
        width: int = 640,
        height: int = 360,
        noise: int = 0,
        ice_servers: list[IceServerSpec] | None = None,
        relay_only: bool = False,
    ) -> None:
        self.camera = PatternCamera(width, height, noise=noise)
        self.microphone = ToneMicrophone(hz)
        self.sink = CountingSink()
        self.heard = Heard()
        self.call = Call(
            "test",
            CallParts(self.camera, self.microphone, self.sink),
            self.heard,
            offer=offer,
            ice_servers=ice_servers or [],
            relay_only=relay_only,
            start_rung=4,
        )
        self.speaker = Speaker(self.call.feed.pull)

    @property
    def transport(self) -> Any:
        return self.call._streams.transport

    def drop(self, share: float, seed: int) -> None:
        """Lose this share of the media packets that this end sends."""
        rng = random.Random(seed)
        ice = self.transport.transport
        send = ice._send

        async def lossy(data: bytes) -> None:
            if 128 <= data[0] < 192 and rng.random() < share:
                return
            await send(data)

        ice._send = lossy

    def kill_path(self) -> None:
        """Nothing leaves any more through the sockets that are open now."""

        async def nowhere(data: bytes, addr: tuple[str, int]) -> None:
            del data, addr

        for protocol in self.transport.connection._protocols:
            protocol.send_data = nowhere
            protocol.send_stun = lambda *_: None

    async def close(self) -> None:
        await self.call.close()
        await asyncio.to_thread(self.speaker.close)
        await asyncio.to_thread(self.camera.close)
        await asyncio.to_thread(self.microphone.close)


@asynccontextmanager
async def two_ends() -> AsyncIterator[tuple[End, End]]:
    """Two ends of our own, connected."""
    a, b = End(440.0, offer=True), End(700.0, offer=False)
    try:
        answer = await b.call.accept_offer(await a.call.make_offer())
        await a.call.accept_answer(answer)
        await until(lambda: a.heard.phase == b.heard.phase == "connected", "connected")
        yield a, b
    finally:
        await asyncio.gather(a.close(), b.close())


def in_order(counters: list[int]) -> bool:
    """Counters only ever go forward (they wrap at 600)."""
    return all(0 < (later - earlier) % 600 < 300 for earlier, later in itertools.pairwise(counters))
