"""A link and a responder in one imagined second after another: the real session, the real responder.

Nothing waits: events are taken in the order of their times. Loss is drawn after the limiter, as on a
radio link, or before it.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from telemed_desk.devices.probe.figures import LinkFigures
from telemed_desk.devices.probe.plan import ProbePlan
from telemed_desk.devices.probe.session import ProbeSession
from telemed_protocol.probe import OVERHEAD_BYTES
from telemed_server.probe_responder import Grant, Responder

ADDRESS = ("198.51.100.7", 4000)
SESSION, KEY = b"8 bytes.", b"k" * 32


@dataclass(frozen=True, kw_only=True)
class Way:
    """One direction.

    Attributes:
        bps: Of IP packets.
        queue_bytes: Drop-tail.
        delay_ms, jitter_ms: Jitter is uniform and keeps the order.
        loss: Share lost at random; ``loss_before`` the limiter rather than after it.
        bucket_bytes: Tokens that let a first burst through unlimited.
        polices: Drops what exceeds the rate, without a queue.
        resends: As TCP does: what is lost comes a round trip later, and holds up all behind it.
        stands: From and to when nothing passes; all of it comes at the end, as after a Wi-Fi scan.
    """

    bps: float
    queue_bytes: int = 60_000
    delay_ms: float = 10.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    loss_before: bool = False
    bucket_bytes: int = 0
    polices: bool = False
    resends: bool = False
    stands: tuple[float, float] = (0.0, 0.0)


@dataclass
class _Lane:
    way: Way
    chance: random.Random
    free_at: float = 0.0
    last_at: float = 0.0
    tokens: float = 0.0
    filled_at: float = 0.0
    carried: int = 0
    longest_queue_s: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = float(self.way.bucket_bytes)

    def arrival(self, now: float, size: int) -> float | None:
        """Return when a packet that leaves now arrives; None = lost."""
        way = self.way
        self.carried += size
        if way.stands[0] <= now < way.stands[1]:
            self.free_at = max(self.free_at, way.stands[1])
        if way.loss_before and self.chance.random() < way.loss:
            return None
        self.tokens = min(way.bucket_bytes, self.tokens + (now - self.filled_at) * way.bps / 8)
        self.filled_at = now
        if way.polices:
            if self.tokens < size:
                return None
            self.tokens -= size
            leaves = now
        elif self.tokens >= size and self.free_at <= now:
            self.tokens -= size
            leaves = now
        else:
            waiting_s = max(0.0, self.free_at - now)
            if waiting_s * way.bps / 8 + size > way.queue_bytes:
                return None
            self.longest_queue_s = max(self.longest_queue_s, waiting_s)
            self.tokens = 0.0
            leaves = self.free_at = max(self.free_at, now) + size * 8 / way.bps
        again_s = 0.0
        if not way.loss_before and self.chance.random() < way.loss:
            if not way.resends:
                return None
            again_s = 2 * way.delay_ms / 1000 + max(0.0, self.free_at - now)
        jitter_ms = self.chance.uniform(-way.jitter_ms, way.jitter_ms)
        self.last_at = max(
            self.last_at, leaves + again_s + max(0.0, way.delay_ms + jitter_ms) / 1000
        )
        return self.last_at


@dataclass
class Outcome:
    """What came of it."""

    figures: LinkFigures
    up: _Lane
    down: _Lane
    seconds: float
    events: int = 0

    @property
    def carried(self) -> int:
        return self.up.carried + self.down.carried


@dataclass
class Simulation:
    """One measurement; ``mute_after_s``: the responder's answers are lost from then on."""

    up: Way
    down: Way
    plan: ProbePlan
    seed: int = 1
    mute_after_s: float = float("inf")
    grant_bytes: int = 60_000_000
    server_clock_s: float = 7_000.0
    answers: bool = True
    on_server: Callable[[float, bytes, list[bytes]], None] | None = None
    loop: bool = False
    stream: bool = False
    _events: list[tuple[float, int, str, bytes]] = field(default_factory=list)
    _count: "itertools.count[int]" = field(default_factory=itertools.count)

    def run(self) -> Outcome:
        up = _Lane(self.up, random.Random(f"up {self.seed}"))
        down = _Lane(self.down, random.Random(f"down {self.seed}"))
        responder = Responder()
        size = self.grant_bytes
        responder.admit(Grant(SESSION, KEY, self.server_clock_s + 120, size, size, 40_000_000))
        session = ProbeSession(SESSION, KEY, self.plan, loop=self.loop, stream=self.stream)
        now, events = 0.0, 0
        session.start(now)

        def fly(lane: _Lane, kind: str, datas: list[bytes]) -> None:
            for data in datas:
                at = lane.arrival(now, len(data) + OVERHEAD_BYTES)
                if at is not None:
                    heapq.heappush(self._events, (at, next(self._count), kind, data))

        while not session.done and now < 120:
            events += 1
            fly(up, "up", session.poll(now))
            theirs = self.server_clock_s + now
            fly(down, "down", [data for data, _ in responder.poll(theirs)])
            due = responder.next_due(theirs)
            times = [max(now, session.next_due(now))]
            if due is not None:
                times.append(max(now, due - self.server_clock_s))
            if self._events and self._events[0][0] <= min(times):
                now, _, kind, data = heapq.heappop(self._events)
                if kind == "down" or (kind == "up" and self.loop):
                    if kind == "up":
                        fly(down, "down", [data])
                    elif now < self.mute_after_s:
                        session.receive(now, data)
                elif self.answers:
                    said = responder.datagram(self.server_clock_s + now, ADDRESS, data)
                    if self.on_server is not None:
                        self.on_server(now, data, [one for one, _ in said])
                    fly(down, "down", [one for one, _ in said])
            else:
                now = max(min(times), now + 1e-6)
        return Outcome(session.figures("direct"), up, down, now, events)
