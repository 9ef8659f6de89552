"""Planted bugs: each a broken part, and the kind of history in which it must be found."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from telemed_desk.clinical import merging
from telemed_desk.sync import hands as hands_module
from telemed_desk.sync import receiving, removal
from telemed_desk.vault import fold_note
from telemed_protocol.membership import MemberChain
from tests.simulator import store as store_module
from tests.simulator.broken import (
    ArrivalOrder,
    ClearsLane,
    CursorFirst,
    CursorLast,
    DropsFuture,
    EarlyReceipt,
    EditsSigned,
    ForgetsOutbox,
    ForgetsSegments,
    LastOfOneName,
    LastWriteWins,
    LateIsALie,
    LateNumber,
    LosesOps,
    NeverAsksForKeys,
    NoDedup,
    NumberNotReserved,
    NumbersAtOnce,
    SealsAsBefore,
    SkipsFsync,
    TakesFromRemoved,
    WaitsForTheClock,
    WallClockOnly,
    believes_heads,
    believes_keys,
    believes_members,
    believes_page,
    forgets_one,
    keys_for_all,
    nothing,
    one_side,
    only_chains,
    remembers_refused,
)
from tests.simulator.record_bugs import RECORD_BUGS
from tests.simulator.world import Parts, Plan


@dataclass(frozen=True)
class Bug:
    """A name, what is broken, and directed histories."""

    name: str
    parts: Parts
    plan: Plan


def _reader(name: str, replacement: Any = nothing) -> Parts:
    return Parts(patches=((receiving.LogReader, name, replacement),))


CALM = Plan(desks=3, actions=24)
ROUGH = Plan(desks=3, actions=24, lost=0.2, doubled=0.2)
CRASHES = Plan(desks=3, actions=24, lost=0.1, crash=0.05)
OLDER = Plan(desks=2, actions=60, lost=0.1, restore=True)
REMOVAL = Plan(desks=4, actions=40, lost=0.2, removal=True, unattended=True)


CROWD = Plan(desks=6, actions=30, removal=True, unattended=True)
FULL = Plan(desks=5, actions=20, disk_full=True, removal=True, unattended=True)
LAGGING = Plan(desks=6, actions=30, liar="omit", partitions=True)


def _lies(kind: str) -> Plan:
    return Plan(desks=4, actions=40, liar=kind)


BUGS: tuple[Bug, ...] = (
    Bug("skip-fsync", Parts(store=SkipsFsync), CRASHES),
    Bug("last-write-wins", Parts(store=LastWriteWins), Plan(desks=4, actions=40, partitions=True)),
    Bug(
        "merges-doses",
        Parts(patches=((merging, "is_delicate", lambda _word: False),)),
        Plan(desks=4, actions=40, partitions=True),
    ),
    Bug(
        "takes-one-of-two",
        Parts(patches=((fold_note, "merged", one_side),)),
        Plan(desks=4, actions=40, partitions=True),
    ),
    Bug("no-dedup", Parts(server=NoDedup), ROUGH),
    Bug("reused-number", Parts(store=NumberNotReserved), ROUGH),
    Bug("cursor-before-ops", Parts(store=CursorFirst), CRASHES),
    Bug("cursor-behind-ops", Parts(store=CursorLast), CALM),
    Bug("ops-lost-in-sealing", Parts(store=LosesOps), ROUGH),
    Bug("future-ops-dropped", Parts(store=DropsFuture), Plan(desks=3, actions=24, skew=True)),
    Bug(
        "last-of-one-name",
        Parts(store=LastOfOneName, patches=((receiving.LogReader, "_check_twin", nothing),)),
        Plan(desks=3, actions=60, clone=True),
    ),
    Bug("arrival-order", Parts(store=ArrivalOrder), CALM),
    Bug("signed-note-edited", Parts(store=EditsSigned), Plan(desks=3, actions=60)),
    Bug(
        "clock-runs-back",
        Parts(patches=((store_module, "HybridClock", WallClockOnly),)),
        Plan(desks=2, actions=40, clocks=True),
    ),
    Bug("lane-cleared", Parts(core=ClearsLane), Plan(desks=2, actions=24, bulk=True, lost=0.2)),
    Bug("outbox-forgotten", Parts(core=ForgetsOutbox), CRASHES),
    Bug("keys-never-asked-for", Parts(core=NeverAsksForKeys), REMOVAL),
    Bug(
        "waits-for-the-clock",
        Parts(core=WaitsForTheClock),
        Plan(desks=3, actions=40, clocks=True, lost=0.2, unattended=True),
    ),
    Bug(
        "older-copy-numbers-at-once",
        Parts(core=NumbersAtOnce, patches=((hands_module, "_OTHER_BYTES", frozenset()),)),
        OLDER,
    ),
    Bug("receipt-unchecked", Parts(hands=ForgetsSegments), _lies("receipt")),
    Bug("early-receipt", Parts(server=EarlyReceipt), ROUGH),
    Bug("late-number", Parts(server=LateNumber), Plan(desks=3, actions=40)),
    Bug("removed-desk-goes-on", Parts(server=TakesFromRemoved), REMOVAL),
    Bug(
        "removal-not-looked-at",
        Parts(
            server=TakesFromRemoved,
            patches=((receiving.LogReader, "_check_removal", nothing),),
        ),
        REMOVAL,
    ),
    Bug("sealed-as-before", Parts(hands=SealsAsBefore), REMOVAL),
    Bug("refused-page-remembered", _reader("take", remembers_refused), FULL),
    Bug("late-answer-is-a-lie", Parts(hands=LateIsALie), CROWD),
    Bug(
        "new-key-for-the-removed",
        Parts(patches=((removal, "removal_of", keys_for_all),)),
        REMOVAL,
    ),
    Bug("one-gets-no-key", Parts(patches=((removal, "removal_of", forgets_one),)), REMOVAL),
    Bug(
        "keys-not-vouched-for",
        Parts(patches=((MemberChain, "vouches_for", believes_keys),)),
        Plan(desks=4, actions=40, liar="rekey", removal=True),
    ),
    Bug(
        "signature-not-checked",
        Parts(patches=((receiving, "verify_segment", nothing),)),
        _lies("forge"),
    ),
    Bug(
        "log-chain-not-checked",
        Parts(
            patches=(
                (receiving, "check_log_chain", believes_page),
                (receiving.LogReader, "_check_chains", nothing),
            )
        ),
        Plan(desks=6, actions=30, liar="swap", partitions=True),
    ),
    Bug("lane-chain-not-checked", _reader("_check_chains"), LAGGING),
    Bug("seen-not-compared", _reader("_check_chains", only_chains("seen")), _lies("fork")),
    Bug("rollback-not-noticed", _reader("take", believes_heads), _lies("rollback")),
    Bug(
        "members-not-verified",
        Parts(patches=((hands_module, "grown_chain", believes_members),)),
        _lies("stranger"),
    ),
    *(Bug(*each) for each in RECORD_BUGS),
)


def find(bug: Bug, histories: Iterable[int]) -> tuple[int, str] | None:
    """Return after how many histories a bug was found, and which rule found it."""
    from tests.simulator.history import play  # noqa: PLC0415 - history does not know its bugs

    for count, seed in enumerate(histories, 1):
        outcome = play(seed, bug.plan, bug.parts)
        if outcome.violation:
            return count, outcome.rule
    return None
