"""Two ends of a call in two network namespaces, with the signalling between them carried by hand."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from functools import partial

from telemed_desk.media.control import IceServerSpec
from tests.media.engine.engine_calls import PATIENCE_S, End
from tests.support.network.place import Place


@dataclass
class Away:
    """One end, and where it lives."""

    place: Place
    end: End
    relays: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """How the call travels now."""
        return str(self.end.transport.connection.paths.kind)

    @property
    def shown(self) -> int:
        """Pictures shown so far."""
        return len(self.end.sink.counters)


async def until(condition: Callable[[], object], what: str) -> None:
    """Wait for a condition, as long as a loaded machine may need."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - the conditions live on other threads
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"never: {what}") from None


async def goes_on(*ends: Away, what: str = "pictures") -> None:
    """Wait until new pictures came to each end, and its path is heard."""
    before = [away.shown for away in ends]
    await until(lambda: all(a.shown > n + 8 for a, n in zip(ends, before, strict=True)), what)


@contextlib.asynccontextmanager
async def away(
    namespace: str, servers: list[IceServerSpec], *, offer: bool, relay_only: bool = False
) -> AsyncIterator[Away]:
    """One end in a namespace."""
    async with Place(namespace) as place:
        end = await place.do(
            lambda: End(
                *((440.0,) if offer else (700.0,)),
                offer=offer,
                width=320,
                height=180,
                ice_servers=servers,
                relay_only=relay_only,
            )
        )
        found = Away(place, end)
        end.call.on_relay = found.relays.__setitem__
        try:
            yield found
        finally:
            await place.run(end.close)


@contextlib.asynccontextmanager
async def signalling(
    a: Away, b: Away, *, delay_s: float = 0.0, up: asyncio.Event | None = None
) -> AsyncIterator[None]:
    """Set the call up and carry candidates both ways, restart offers, and wishes for one.

    Args:
        a: Who offers.
        b: Who answers.
        delay_s: Each way.
        up: While it is not set what is said waits, as a sealed line's boxes do; wishes are lost.
    """
    line = up or asyncio.Event()
    if up is None:
        line.set()
    wishes = a.end.call.want_restart
    b.end.call.on_restart_wanted = lambda: _there(a, wishes) if line.is_set() else None
    offer = await a.place.run(a.end.call.make_offer)
    answer = await b.place.run(partial(b.end.call.accept_offer, offer))
    await a.place.run(partial(a.end.call.accept_answer, answer))
    tasks = [
        asyncio.create_task(_carry(a, b, delay_s, line)),
        asyncio.create_task(_carry(b, a, delay_s, line)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


def _there(a: Away, wishes: Callable[[], None]) -> None:
    assert a.place.loop is not None
    a.place.loop.call_soon_threadsafe(wishes)


async def _carry(one: Away, other: Away, delay_s: float, up: asyncio.Event) -> None:
    """Bring over what one end says, in order, as the sealed line does."""
    while True:
        text, mid, number = await one.place.run(one.end.heard.said.get)
        await asyncio.sleep(delay_s)
        await up.wait()
        if text.startswith("v=0"):
            await _restart(one, other, text, number)
        else:
            await other.place.run(partial(other.end.call.add_candidate, text, mid, number))


async def _restart(one: Away, other: Away, sdp: str, revision: int | None) -> None:
    answer = await other.place.run(partial(other.end.call.accept_offer, sdp))
    await one.place.run(partial(one.end.call.accept_answer, answer, revision))
