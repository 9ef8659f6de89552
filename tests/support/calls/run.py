"""Hold one call between two ends over an emulated link, and keep all that was seen of it."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from tests.support.calls.endpoints import Endpoint, Event
from tests.support.calls.processor import machine_busy_s, session_cpu_s, session_memory_mb
from tests.support.calls.recording import Recording
from tests.support.link.emulated import Counters, EmulatedLink

Change = tuple[float, Callable[[], Awaitable[None]]]
"""Seconds after the click, and what to do to the link then."""
_TICK_S = 0.05
_LOOK_EVERY_S = 1.0
_CORES = os.cpu_count() or 1


@dataclass
class CallRecord:
    """A finished call. ``a`` made the offer.

    Attributes:
        click_ms: When the call was begun, Unix ms.
        end_ms: When the measuring ended.
        a: The offerer's record.
        b: The answerer's record.
        events: Of both ends, each with ``who``.
        link: Counters per direction (``ab``, ``ba``), between click and end.
        cpu_cores: Processor use of each end.
        background_cores: Processor use of everything else on this machine meanwhile.
        changes_ms: When each change of the link was made, Unix ms.
        busy_shares: How busy the whole machine was, one share (0 to 1) a second.
        memory_mb: Of each end when the call ended.
    """

    click_ms: float
    end_ms: float
    a: Recording
    b: Recording
    events: list[Event]
    link: dict[str, Counters]
    cpu_cores: dict[str, float] = field(default_factory=dict)
    background_cores: float = 0.0
    changes_ms: list[float] = field(default_factory=list)
    busy_shares: list[float] = field(default_factory=list)
    memory_mb: dict[str, float] = field(default_factory=dict)

    @property
    def busy_share(self) -> float:
        """How busy the whole machine was on average, 0 to 1."""
        return sum(self.busy_shares) / len(self.busy_shares) if self.busy_shares else 0.0

    def ended_by(self, who: str) -> bool:
        """Whether this end gave the call up: its last state says so, or its program is gone."""
        states = self.states(who)
        gone = any(e["ev"] == "gone" and e["who"] == who for e in self.events)
        return gone or (bool(states) and states[-1] in ("closed", "failed"))

    def states(self, who: str) -> list[str]:
        """Connection states that an end went through."""
        return [e["v"] for e in self.events if e["ev"] == "connectionState" and e["who"] == who]

    def errors(self) -> list[str]:
        """What the ends complained about."""
        return [
            f"{e['who']}: {e.get('e', 'gone')}" for e in self.events if e["ev"] in ("error", "gone")
        ]


class Signalling:
    """Carries descriptions and candidates between the ends, as late as the link would.

    While the link is down nothing comes through; loss and a low rate do not delay it.
    """

    def __init__(
        self,
        ends: dict[str, Endpoint],
        link: EmulatedLink,
        restarts: dict[str, bool],
        ice_servers: Sequence[Event] = (),
    ) -> None:
        self._ice_servers = list(ice_servers)
        self._restarts = restarts
        self.events: list[Event] = []
        self._ends = ends
        self._link = link
        self._deliveries: set[asyncio.Task[None]] = set()
        self._pumps = [asyncio.create_task(self._pump(who)) for who in ends]

    async def _pump(self, who: str) -> None:
        other = "b" if who == "a" else "a"
        while True:
            event = await self._ends[who].events.get()
            self.events.append({**event, "who": who})
            match event:
                case {"ev": "offer" | "reoffer", "sdp": sdp}:
                    cfg = {"iceServers": self._ice_servers, "restarts": self._restarts[other]}
                    self._later(other, {"cmd": "onoffer", "sdp": sdp, "cfg": cfg})
                case {"ev": "answer", "sdp": sdp}:
                    self._later(other, {"cmd": "onanswer", "sdp": sdp})
                case {"ev": "candidate", "c": dict() as candidate}:
                    self._later(other, {"cmd": "candidate", "c": candidate})

    def _later(self, who: str, command: Event) -> None:
        delivery = asyncio.create_task(self._deliver(who, command))
        self._deliveries.add(delivery)
        delivery.add_done_callback(self._deliveries.discard)

    async def _deliver(self, who: str, command: Event) -> None:
        await asyncio.sleep(self._link.spec.delay_ms / 1000)
        await self._link.up.wait()
        try:
            await self._ends[who].send(command)
        except Exception as error:  # noqa: BLE001 - a refused command is a result of the call
            wall = time.time() * 1000
            self.events.append({"ev": "error", "e": repr(error), "wall": wall, "who": who})

    async def stop(self) -> None:
        """Carry nothing more."""
        jobs = [*self._pumps, *self._deliveries]
        for job in jobs:
            job.cancel()
        for job in jobs:
            with contextlib.suppress(asyncio.CancelledError):
                await job


async def run_call(
    link: EmulatedLink,
    a: Endpoint,
    b: Endpoint,
    seconds: float,
    changes: Sequence[Change] = (),
    *,
    answerer_restarts: bool = False,
    ice_servers: Sequence[Event] = (),
) -> CallRecord:
    """Let ``a`` call ``b``, wait, and collect the records. Both ends are prepared already.

    Args:
        link: Between them.
        a: Makes the offer, and looks for a new path when this one is gone.
        b: Answers.
        seconds: From the offer on.
        changes: What happens to the link meanwhile.
        answerer_restarts: ``b`` looks for a new path as well, because ``a`` never would.
        ice_servers: Both ends may use; as in an ``RTCConfiguration``.
    """
    ends = {"a": a, "b": b}
    signalling = Signalling(ends, link, {"a": True, "b": answerer_restarts}, ice_servers)
    made_ms: list[float] = []
    machine: asyncio.Task[list[float]] | None = None
    try:
        cpu_s = {who: session_cpu_s(end.session_pid) for who, end in ends.items()}
        busy_s = machine_busy_s()
        began = time.time()
        machine = asyncio.create_task(look_at_machine())
        await a.send({"cmd": "offer", "cfg": {"iceServers": list(ice_servers), "restarts": True}})
        left = sorted(changes, key=lambda change: change[0])
        while (passed := time.time() - began) < seconds:
            while left and passed >= left[0][0]:
                await left.pop(0)[1]()
                made_ms.append(time.time() * 1000)
            await asyncio.sleep(_TICK_S)
        took = time.time() - began
        machine.cancel()
        busy_shares = await machine
        cpu_cores = {
            who: (session_cpu_s(end.session_pid) - cpu_s[who]) / took for who, end in ends.items()
        }
        background = (machine_busy_s() - busy_s) / took - sum(cpu_cores.values())
        memory_mb = {who: session_memory_mb(end.session_pid) for who, end in ends.items()}
        counters = await link.counters()
        events = list(signalling.events)  # what happens while they leave is no part of the call
        recordings = await asyncio.gather(a.finish(), b.finish())
    finally:
        if machine is not None:
            machine.cancel()
        await signalling.stop()
    return CallRecord(
        began * 1000,
        (began + took) * 1000,
        *recordings,
        events=events,
        link=counters,
        cpu_cores=cpu_cores,
        background_cores=max(0.0, background),
        changes_ms=made_ms,
        busy_shares=busy_shares,
        memory_mb=memory_mb,
    )


async def look_at_machine() -> list[float]:
    """Return how busy the machine was in each second, until cancelled."""
    shares = []
    before, at = machine_busy_s(), time.monotonic()
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(_LOOK_EVERY_S)
            now, then = machine_busy_s(), time.monotonic()
            shares.append((now - before) / ((then - at) * _CORES))
            before, at = now, then
    return shares
