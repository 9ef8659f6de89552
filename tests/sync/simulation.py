"""Two desks, one server and a bad network in one thread, all from one seed.

The core, the sealing, the log reader and the receipts are the product's own code; the network, the
clock, the crashes and the users are drawn from the seed.
"""

import heapq
import itertools
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.events import (
    Activity,
    Event,
    HeadAnnounced,
    LinkChanged,
    Pull,
    Pulled,
    Queued,
    Refresh,
    Refreshed,
    Seal,
    Send,
    Tick,
    WaitUntil,
)
from telemed_desk.sync.hands import StoreHands, failed
from telemed_desk.sync.problems import ServerUnreachable
from telemed_desk.sync.receiving import Position
from telemed_desk.sync.status import Phase
from telemed_protocol.errors import KnownError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.op import OpId
from telemed_protocol.segment import open_segment, parse_segment
from tests.sync.clinic_of_two import DESK_A, DESK_B, EPOCH_KEY, store_of
from tests.sync.memory_store import MemoryStore
from tests.sync.reference_server import ReferenceServer

TIMEOUT_MS = 20_000
PAGE = 3


class Violated(AssertionError):
    """An invariant does not hold."""


class Crash(BaseException):
    """The PC lost its power in the middle of a store call; no code of ours may catch it."""


@dataclass
class Faults:
    """How likely each misfortune is."""

    lost: float = 0.15
    doubled: float = 0.1
    crash: float = 0.03
    healed: bool = False

    def heal(self) -> None:
        self.lost = self.doubled = self.crash = 0.0
        self.healed = True


@dataclass
class Parts:
    """What a negative control replaces by a broken part."""

    core: Callable[[tuple[Queued, ...], int], SyncCore] = SyncCore
    store: Callable[[DeviceIdentity, Callable[[], None]], MemoryStore] = store_of
    server: Callable[[], ReferenceServer] = ReferenceServer


@dataclass
class World:
    """Time, network and server."""

    seed: int
    parts: Parts = field(default_factory=Parts)
    now_ms: int = 0
    faults: Faults = field(default_factory=Faults)
    sent: dict[tuple[bytes, int, int], bytes] = field(default_factory=dict)
    server_up: bool = True
    trace: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.server = self.parts.server()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self.desks = [Desk(self, DESK_A), Desk(self, DESK_B)]

    def later(self, delay_ms: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now_ms + delay_ms, next(self._count), action))

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def delay(self) -> int:
        return self.random.randint(10, 3_000)

    def run_until(self, until_ms: int) -> None:
        while self._queue and self._queue[0][0] <= until_ms:
            self.now_ms, _, action = heapq.heappop(self._queue)
            action()
        self.now_ms = until_ms

    def at_server(self, wire: bytes) -> None:
        """Note what left a desk: one number, one content, for ever."""
        header = parse_segment(wire).header
        known = self.sent.setdefault((header.device, header.lane, header.n), wire)
        if known != wire:
            raise Violated("a number was used for other bytes")


class Desk:
    """One desk: product code on a simulated PC."""

    def __init__(self, world: World, identity: DeviceIdentity) -> None:
        self.world = world
        self.identity = identity
        self.store = world.parts.store(identity, self._commit)
        self.recorded: set[OpId] = set()
        self.life = 0
        self.wake_ms: int | None = None
        self.start()

    def _commit(self) -> None:
        if self.world.chance(self.world.faults.crash):
            raise Crash

    def start(self) -> None:
        self.life += 1
        self.hands = StoreHands(
            self.store, self.identity, lambda: self.world.now_ms, lambda _ops: None
        )
        self.core = self.world.parts.core(self.hands.waiting(), self.hands.cursor_sseq())
        self.feed(self.hands.count_pending())

    def guarded(self, action: Callable[[], None]) -> None:
        """Run an action; a crash in it kills this life and starts the next a while later."""
        life = self.life
        if life < 0:
            return
        try:
            action()
        except Crash:
            self.life = -abs(life)
            self.wake_ms = None
            self.world.later(self.world.delay(), self._reboot)

    def _reboot(self) -> None:
        self.life = abs(self.life)
        self.guarded(self.start)

    def write(self) -> None:
        """The clinician records something; what did not commit was never shown as saved."""

        def record() -> None:
            lane = self.world.random.choice((0, 1, 1, 2, 3))
            op = self.store.record(lane, f"words {self.world.random.random()}")
            self.recorded.add(op.op_id)
            self.feed(self.hands.count_pending())

        self.guarded(record)

    def link(self, up: bool) -> None:
        """The socket comes or goes."""
        self.guarded(lambda: self.feed(LinkChanged(up)))

    def feed(self, event: Event) -> None:
        self.world.trace.append(f"{self.world.now_ms} {self.identity.device[:1]!r} {event}")
        for effect in self.core.handle(event, self.world.now_ms):
            if isinstance(effect, WaitUntil):
                self._wait(effect.at_ms)
            else:
                self._begin(effect)

    def _wait(self, at_ms: int | None) -> None:
        self.wake_ms = at_ms
        if at_ms is None:
            return
        life = self.life

        def tick() -> None:
            if self.life == life and self.wake_ms == at_ms:
                self.guarded(lambda: self.feed(Tick()))

        self.world.later(max(0, at_ms - self.world.now_ms), tick)

    def _begin(self, activity: Activity) -> None:
        match activity:
            case Seal():
                self._come_back(activity, lambda: self.hands.seal(activity), 0)
            case Send(queued):
                self._send(activity, queued)
            case Pull():
                self._pull(activity)
            case Refresh():
                self._over_network(activity, Refreshed, Refreshed)

    def _send(self, activity: Activity, queued: Queued) -> None:
        wire = self.hands.segment(queued).wire

        def arrive() -> Callable[[], Event]:
            self.world.at_server(wire)
            receipt = self.world.server.push(wire)
            for desk in self.world.desks:
                if self.world.chance(0.7):
                    self.world.later(self.world.delay(), desk.announcer(receipt.sseq))
            return lambda: self.hands.take_receipt(queued, receipt)

        self._over_network(activity, arrive, None)

    def _pull(self, activity: Activity) -> None:
        asked: Position = self.hands.position()

        def arrive() -> Callable[[], Pulled]:
            page = self.world.server.pull(asked.cursor.sseq, PAGE)
            return lambda: self.hands.take_page(page, asked)

        self._over_network(activity, arrive, None)

    def announcer(self, sseq: int) -> Callable[[], None]:
        return lambda: self.guarded(lambda: self.feed(HeadAnnounced(sseq)))

    def _over_network(
        self,
        activity: Activity,
        arrive: Callable[[], object],
        direct: Callable[[], Event] | None,
    ) -> None:
        """There and back again, unless the network or the server has other plans."""
        world = self.world

        def unreachable() -> None:
            self._come_back(activity, _no_route, world.random.choice((0, TIMEOUT_MS)))

        def reach() -> None:
            if not world.server_up:
                return unreachable()
            try:
                outcome = arrive()
            except KnownError as error:
                problem = error

                def refuse() -> Event:
                    raise problem

                return self._come_back(activity, refuse, world.delay())
            if world.chance(world.faults.lost):
                return unreachable()  # it happened, but the answer is lost
            answer = direct if direct is not None else outcome
            assert callable(answer)
            return self._come_back(activity, answer, world.delay())

        life = self.life
        if world.chance(world.faults.lost):
            unreachable()
            return
        world.later(world.delay(), lambda: reach() if self.life == life else arrive_only(arrive))
        if world.chance(world.faults.doubled):
            world.later(world.delay() * 4, lambda: arrive_only(arrive))

    def _come_back(self, activity: Activity, outcome: Callable[[], Event], delay_ms: int) -> None:
        life = self.life

        def finish() -> None:
            if self.life != life:
                return
            try:
                event = outcome()
            except KnownError as error:
                event = failed(activity, error)
            self.feed(event)

        self.world.later(delay_ms, lambda: self.guarded(finish))


def arrive_only(arrive: Callable[[], object]) -> None:
    """A request that reaches the server although nobody waits for its answer any more."""
    try:
        arrive()
    except KnownError:
        return


def _no_route() -> Event:
    raise ServerUnreachable


def play(seed: int, parts: Parts | None = None, actions: int = 12) -> World:
    """Live through one history and check it at the end."""
    world = World(seed, parts or Parts())
    for _ in range(actions):
        desk = world.random.choice(world.desks)
        match world.random.choice(("write", "write", "write", "write", "crash", "server", "link")):
            case "write":
                desk.write()
            case "crash":
                desk.guarded(_crash)
            case "server":
                world.server_up = not world.server_up
            case "link":
                desk.link(world.chance(0.5))
        world.run_until(world.now_ms + world.random.choice((5, 500, 5_000, 60_000)))
    world.server_up = True
    world.faults.heal()
    world.run_until(world.now_ms + 3 * 3_600_000)
    check(world)
    return world


def _crash() -> None:
    raise Crash


def check(world: World) -> None:
    """Nothing lost, nothing doubled, the same everywhere, and everybody at rest."""
    everything = set().union(*(desk.recorded for desk in world.desks))
    in_log = Counter(
        op.op_id
        for entry in world.server.log
        for op in open_segment(parse_segment(entry.wire), EPOCH_KEY)
    )
    if any(count > 1 for count in in_log.values()):
        raise Violated("an op stands twice in the log")
    if set(in_log) < everything:
        raise Violated("an op never reached the server")
    for desk in world.desks:
        if not everything <= set(desk.store.ops):
            raise Violated("an op never reached a desk")
        head = world.server.log[-1] if world.server.log else None
        if head is not None and desk.store.at.log_hash != head.log_hash:
            raise Violated("a desk stands elsewhere in the log")
        status = desk.core.status()
        if status.waiting_ops or status.phase is not Phase.IDLE or desk.store.unacknowledged():
            raise Violated(f"a desk is not at rest: {status}")
        if desk.store.quarantined:
            raise Violated("something could not be read")
    if set(world.desks[0].store.ops) != set(world.desks[1].store.ops):
        raise Violated("the desks differ")
