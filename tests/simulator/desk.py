"""One desk: the product's core, hands and fold on a simulated PC."""

from collections.abc import Callable
from typing import TypeVar

from telemed_desk.sync.events import (
    Activity,
    Event,
    Failure,
    HeadAnnounced,
    LinkChanged,
    MembersChanged,
    Pull,
    Queued,
    Refresh,
    Seal,
    Send,
    Tick,
    TryNow,
    WaitUntil,
)
from telemed_desk.sync.hands import failed
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.problems import BadAnswer, Refused, ServerUnreachable
from telemed_desk.sync.receiving import Position
from telemed_desk.sync.status import Phase
from telemed_desk.vault.problems import VaultDamaged
from telemed_protocol.api import Held, PulledSegments, Receipt, WrappedKey
from telemed_protocol.errors import KnownError
from telemed_protocol.membership import SignedRecord
from telemed_protocol.op import Op, OpId
from tests.simulator.cast import IDENTITIES, epoch_key, founding
from tests.simulator.disk import Crash, Disk
from tests.simulator.world import World

T = TypeVar("T")
TIMEOUT_MS = 20_000
PAGE = 4
MOST_EPOCHS = 100


class SimDesk:
    """``index`` names it in the cast; a clone has the same index and another ``name``."""

    def __init__(self, world: World, index: int, disk: Disk | None = None, name: str = "") -> None:
        self.world = world
        self.index = index
        self.name = name or f"d{index}"
        self.identity = IDENTITIES[index]
        self.clock_offset_ms = 0
        self.line_up = True
        self.excused = ""
        self.noticed = False
        self.mine: dict[OpId, Op] = {}
        self.receipted: set[OpId] = set()
        self.life = 0
        self.alive = False
        self.wake_ms: int | None = None
        if disk is None:
            disk = Disk()
            empty = world.parts.store(self.identity.device, disk, self.wall_ms)
            empty.keep_member_records(list(founding(world.plan.desks)))
            empty.keep_epoch_key(0, epoch_key(0))
            disk.flush()
        self.disk = disk
        self.boot()

    def wall_ms(self) -> int:
        return self.world.now_ms + self.clock_offset_ms

    # ---- life and death --------------------------------------------------------------------

    def boot(self) -> None:
        """Switch the PC on."""
        self.life += 1
        self.alive = True
        self.guarded(self._start)

    def _start(self) -> None:
        try:
            self.store = self.world.parts.store(
                self.identity.device, self.disk, self.wall_ms, self._trouble
            )
        except VaultDamaged:
            self.alive = False
            self.excused = "damaged"
            return
        self.hands = self.world.parts.hands(
            self.store, self.identity, self.wall_ms, lambda _ops: None
        )
        self.core = self.world.parts.core(self.hands.waiting(), self.hands.cursor_sseq())
        self.feed(self.hands.count_pending())

    def _trouble(self, when: str) -> None:
        if self.world.chance(self.world.plan.crash):
            self.world.note(self.name, f"crash {when}")
            raise Crash

    def guarded(self, action: Callable[[], None]) -> None:
        """Run an action; a crash in it ends this life and begins the next a while later."""
        if not self.alive:
            return
        try:
            action()
        except Crash:
            self.crash()

    def crash(self) -> None:
        """Cut the power."""
        self.alive = False
        self.disk.power_cut()
        self.world.later(self.world.delay(), lambda: None if self.alive else self.boot())

    def restored(self, older: Disk) -> None:
        """Somebody puts an older copy of the whole disk back."""
        self.alive = False
        kept = older.copy()
        self.disk.log, self.disk.durable = kept.log, kept.durable
        self.mine = {}
        for entry in kept.log:
            if entry[0] == "record":
                self.mine |= {op.op_id: op for op in entry[1]}
        self.boot()

    # ---- the clinician ---------------------------------------------------------------------

    def record(self, *drafts: tuple[str, bytes, tuple[OpId, ...], dict[str, object]]) -> None:
        """Record something; what did not commit was never shown as saved."""

        def write() -> None:
            try:
                ops = self.store.record(*drafts)
            except KnownError as error:
                self.world.note(self.name, f"not saved {error.code}")
                return
            for op in ops:
                self.mine[op.op_id] = op
                self.world.know(op)
            self.world.note(self.name, "saved " + " ".join(op.kind for op in ops[:3]))
            self.feed(self.hands.count_pending())

        before = set(self.store.ops) if self.alive else set()
        self.guarded(write)
        if self.disk.log and self.disk.log[-1][0] == "record":
            # A commit whose answer was lost in the crash: it may be there, nobody was told.
            for op in self.disk.log[-1][1]:
                if op.op_id not in before and op.op_id not in self.mine:
                    self.world.know(op)

    def help(self) -> None:
        """A person presses "try now"."""
        self.guarded(lambda: self.feed(TryNow()))

    def link(self, *, up: bool) -> None:
        """The desk's socket comes or goes."""
        self.guarded(lambda: self.feed(LinkChanged(up)))

    # ---- core and effects ------------------------------------------------------------------

    def feed(self, event: Event) -> None:
        self.world.note(self.name, _brief(event))
        for effect in self.core.handle(event, self.wall_ms()):
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

        self.world.later(max(0, at_ms - self.wall_ms()), tick)

    def _begin(self, activity: Activity) -> None:
        server, device = self.world.server, self.identity.device
        match activity:
            case Seal():
                self._come_back(activity, lambda: self._seal(activity), 0)
            case Send(queued):
                self._send(activity, queued)
            case Pull():
                asked = self.hands.position()
                self._ask(
                    activity,
                    lambda: server.pull(device, asked.cursor.sseq, PAGE),
                    lambda page: self._take_page(page, asked),
                )
            case Refresh():
                known = self.hands.members_known()
                self._ask(
                    activity,
                    lambda: (*server.members(device), server.held(device)),
                    lambda answer: self._take_members(*answer, known=known),
                )

    def _take_page(self, page: PulledSegments, asked: Position) -> Event:
        self.world.page_taken(self.identity.device, page, asked.cursor.sseq)
        return self.hands.take_page(page, asked)

    def _take_members(
        self, records: list[SignedRecord], wraps: list[WrappedKey], held: Held, *, known: int
    ) -> Event:
        self.world.members_taken(self.identity.device, records)
        return self.hands.take_members(records, wraps, held, known=known)

    def _seal(self, activity: Seal) -> Event:
        """Seal, and remember who this desk knew to be removed when it did."""
        chain = verified_chain(self.store.member_records())
        gone = {who.device for who in IDENTITIES if chain.removed_at(who.device) is not None}
        event = self.hands.seal(activity)
        for queued in event.segments:
            self.world.kept_from[queued.hash] = gone
        return event

    def _send(self, activity: Activity, queued: Queued) -> None:
        world, hands, device = self.world, self.hands, self.identity.device
        wire = hands.segment(queued).wire
        sent = wire
        if world.chance(world.plan.truncated):
            sent = wire[: world.random.randrange(len(wire))]

        def arrive() -> Receipt:
            if sent == wire:
                world.left_a_desk(wire)
            try:
                receipt = world.server.push(device, sent)
            except Refused as error:
                if sent != wire:
                    raise BadAnswer("cut short") from error
                raise
            world.announce(receipt.sseq)
            return receipt

        def take(receipt: Receipt) -> Event:
            world.receipt_taken(device, receipt, self.store.cursor().sseq)
            event = hands.take_receipt(queued, receipt)
            self.note_receipts()
            return event

        self._ask(activity, arrive, take)

    def note_receipts(self) -> None:
        """Remember which of our ops have a receipt: from now on they may never be missing."""
        waiting = {s.hash for s in self.store.unacknowledged()}
        for key, known in self.store.segments.items():
            if key[0] == self.identity.device and known.segment.hash not in waiting:
                self.world.acknowledged.add(known.segment.hash)

    def _ask(self, activity: Activity, ask: Callable[[], T], take: Callable[[T], Event]) -> None:
        """There and back again, unless the network or the server has other plans."""
        world, life = self.world, self.life

        def nothing() -> None:
            self._come_back(activity, _no_route, world.random.choice((0, TIMEOUT_MS)))

        def reach() -> None:
            if not world.server_up or not self.line_up:
                return nothing()
            try:
                answer = ask()
            except KnownError as error:
                problem = error

                def refuse() -> Event:
                    raise problem

                return self._come_back(activity, refuse, world.delay())
            if world.chance(world.plan.lost):
                return nothing()  # it happened, and the answer is lost
            if world.chance(world.plan.truncated):
                return self._come_back(activity, _garbled, world.delay())
            return self._come_back(activity, lambda: take(answer), world.delay())

        def repeat() -> None:
            if world.server_up and self.line_up:
                _suppressed(ask)

        if not self.line_up or world.chance(world.plan.lost):
            nothing()
            return
        world.later(world.delay(), lambda: reach() if self.life == life else repeat())
        if isinstance(activity, Send) and world.chance(world.plan.doubled):
            world.later(world.delay() * 4, repeat)

    def _come_back(self, activity: Activity, outcome: Callable[[], Event], delay_ms: int) -> None:
        life = self.life

        def finish() -> None:
            if self.life != life:
                return
            try:
                event = outcome()
            except KnownError as error:
                event = failed(activity, error)
                if event.failure is Failure.INCONSISTENT:
                    self.noticed = True
                    self.world.note(self.name, f"alarm {error.code} {error.detail}")
            self.feed(event)

        self.world.later(delay_ms, lambda: self.guarded(finish))

    def hear_of(self, sseq: int) -> None:
        """The server's announcement of a new number arrives."""
        if self.line_up:
            self.guarded(lambda: self.feed(HeadAnnounced(sseq)))

    def hear_of_members(self) -> None:
        """The server's hint that membership has news arrives."""
        if self.line_up:
            self.guarded(lambda: self.feed(MembersChanged()))

    @property
    def removed(self) -> bool:
        """Whether it was removed from the clinic."""
        return self.identity.device in self.world.server.removed

    @property
    def held_keys(self) -> set[bytes | None]:
        """All keys of the clinic that it holds."""
        return {self.store.epoch_key(epoch) for epoch in range(MOST_EPOCHS)}

    @property
    def later_epochs(self) -> range:
        """Epochs whose keys this desk must never have."""
        begun = self.world.server.removed.get(self.identity.device)
        return range(0) if begun is None else range(begun, MOST_EPOCHS)

    @property
    def alarmed(self) -> bool:
        """Whether the doctor is told that a person must look."""
        return self.alive and self.core.status().phase in {Phase.INCONSISTENT, Phase.REFUSED}


def _no_route() -> Event:
    raise ServerUnreachable


def _garbled() -> Event:
    raise BadAnswer("cut short")


def _suppressed(ask: Callable[[], object]) -> None:
    """A request that reaches the server although nobody waits for its answer any more."""
    try:
        ask()
    except KnownError:
        return


def _brief(event: Event) -> str:
    values = []
    for name in event.__dataclass_fields__:
        value = getattr(event, name)
        if isinstance(value, bytes):
            value = value[:4].hex()
        elif isinstance(value, tuple):
            value = len(value)
        elif isinstance(value, Send):
            value = f"send {value.segment.lane}/{value.segment.n}"
        elif isinstance(value, Seal | Pull | Refresh):
            value = type(value).__name__
        values.append(str(value))
    return f"{type(event).__name__} {' '.join(values)}"
