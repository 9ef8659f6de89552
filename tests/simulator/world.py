"""Time, chance and the network: everything that happens comes from one seed."""

import hashlib
import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.hands import StoreHands
from telemed_protocol.api import PulledSegments, Receipt
from telemed_protocol.membership import SignedRecord
from telemed_protocol.op import Op, OpId
from telemed_protocol.segment import parse_segment
from tests.simulator.cast import IDENTITIES, founding
from tests.simulator.liars import ABOUT_MEMBERS
from tests.simulator.server import SimServer
from tests.simulator.store import SimStore

BEGIN_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
YEAR_MS = 365 * DAY_MS


class Violated(AssertionError):
    """An invariant does not hold; ``rule`` names it."""

    def __init__(self, rule: str, words: str) -> None:
        super().__init__(f"{rule}: {words}")
        self.rule = rule


@dataclass(frozen=True)
class Plan:
    """What kind of history: how many desks, and which misfortunes may strike."""

    desks: int = 2
    actions: int = 16
    lost: float = 0.0
    doubled: float = 0.0
    truncated: float = 0.0
    crash: float = 0.0
    partitions: bool = False
    clocks: bool = False
    disk_full: bool = False
    disk_damage: bool = False
    server_rot: bool = False
    restore: bool = False
    clone: bool = False
    removal: bool = False
    records: bool = False  # they mostly write one patient's record
    skew: bool = False
    bulk: bool = False
    liar: str = ""
    real_log: bool = False
    unattended: bool = False
    """Nobody presses "try now" at the end, and no socket says that the line is back."""


LIES = (
    *("omit", "swap", "edit", "rollback", "fork", "stranger", "forge", "receipt"),
    *ABOUT_MEMBERS,
)


def drawn(seed: int) -> Plan:
    """Draw a plan: calm and wild ones, few misfortunes at once and many."""
    rng = random.Random(f"plan {seed}")

    def some(chance: float) -> bool:
        return rng.random() < chance

    hostile = some(0.12)
    liar = rng.choice(LIES) if hostile else ""
    return Plan(
        desks=rng.choice((2, 2, 3, 3, 4, 5, 6, 8)),
        actions=rng.choice((8, 12, 16, 24)),
        lost=rng.choice((0.0, 0.05, 0.15, 0.3)),
        doubled=rng.choice((0.0, 0.1, 0.2)),
        truncated=rng.choice((0.0, 0.0, 0.05, 0.15)),
        crash=rng.choice((0.0, 0.0, 0.01, 0.04)),
        partitions=some(0.4),
        clocks=some(0.35),
        disk_full=some(0.2),
        disk_damage=some(0.06),
        server_rot=not hostile and some(0.04),
        restore=not hostile and some(0.1),
        clone=not hostile and some(0.08),
        removal=some(0.15) if not hostile else liar in ABOUT_MEMBERS,
        skew=some(0.3),
        bulk=some(0.15),
        liar=liar,
        real_log=not hostile and some(0.05),
        unattended=some(0.5),
    )


@dataclass(frozen=True)
class Outcome:
    """What became of a history; ``tail`` is the end of its trace, kept when something is wrong."""

    seed: int
    trace_hash: str
    steps: int
    violation: str = ""
    rule: str = ""
    tail: tuple[str, ...] = ()


@dataclass
class Parts:
    """What a planted bug replaces by a broken part."""

    core: type[SyncCore] = SyncCore
    hands: type[StoreHands] = StoreHands
    store: type[SimStore] = SimStore
    server: type[SimServer] = SimServer
    patches: tuple[tuple[Any, str, Any], ...] = ()


@dataclass
class World:
    """Time, network and server of one history."""

    seed: int
    plan: Plan
    parts: Parts = field(default_factory=Parts)
    now_ms: int = BEGIN_MS
    healed: bool = False
    server_up: bool = True
    sent: dict[tuple[bytes, int, int], bytes] = field(default_factory=dict)
    recorded: dict[OpId, list[Op]] = field(default_factory=dict)
    kept_from: dict[bytes, set[bytes]] = field(default_factory=dict)
    acknowledged: set[bytes] = field(default_factory=set)
    announce: Callable[[int], None] = lambda _sseq: None
    announce_members: Callable[[], None] = lambda: None
    receipt_taken: Callable[[bytes, Receipt, int], None] = lambda *_: None
    page_taken: Callable[[bytes, PulledSegments, int], None] = lambda *_: None
    members_taken: Callable[[bytes, list[SignedRecord]], None] = lambda *_: None
    words: int = 0
    steps: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self._hash = hashlib.sha256()
        self._queue: list[tuple[int, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self.tail: list[str] = []
        members = {who.device for who in IDENTITIES[: self.plan.desks]}
        self.server = self.parts.server(list(founding(self.plan.desks)), members)

    @property
    def trace_hash(self) -> str:
        return self._hash.hexdigest()

    def outcome(self, violation: str = "", rule: str = "") -> Outcome:
        """Sum up."""
        return Outcome(self.seed, self.trace_hash, self.steps, violation, rule, tuple(self.tail))

    def note(self, who: str, what: str) -> None:
        """Add a line to the trace."""
        line = f"{self.now_ms - BEGIN_MS} {who} {what}"
        self._hash.update(line.encode() + b"\n")
        self.steps += 1
        self.tail.append(line)
        if len(self.tail) > 400:
            del self.tail[:200]

    def later(self, delay_ms: int, action: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (self.now_ms + delay_ms, next(self._count), action))

    def chance(self, probability: float) -> bool:
        return not self.healed and self.random.random() < probability

    def delay(self) -> int:
        return self.random.randint(10, 3_000)

    def run_until(self, until_ms: int) -> None:
        while self._queue and self._queue[0][0] <= until_ms:
            self.now_ms, _, action = heapq.heappop(self._queue)
            action()
        self.now_ms = until_ms

    def left_a_desk(self, wire: bytes) -> None:
        """I6: one number, one content, for ever."""
        header = parse_segment(wire).header
        known = self.sent.setdefault((header.device, header.lane, header.n), wire)
        if known != wire and not self.plan.clone:
            raise Violated("I6", f"number {header.n} of lane {header.lane} left with other bytes")

    def know(self, op: Op) -> None:
        """Remember what somebody wrote; a cloned PC may use one name for two things."""
        there = self.recorded.setdefault(op.op_id, [])
        if op not in there:
            there.append(op)

    def word(self) -> str:
        """A word that nobody wrote before; one in four looks like a dose."""
        self.words += 1
        letters = "".join("bdfghjknpt"[int(digit)] for digit in str(self.words))
        dose = self.random.random() < 0.25
        return f"{letters}{self.words}" if dose else f"{letters}uz"
