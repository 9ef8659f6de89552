"""Broken parts of claims, patients and addenda: what their planted bugs are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from telemed_desk.clinical.claims import Claim, settle
from telemed_desk.clinical.entries import Added, Entry, TakenOff, compared, entries
from telemed_desk.clinical.fields import Written
from telemed_desk.vault.fold import fold
from telemed_desk.vault.rows import Known, Rows, sort_key
from telemed_protocol.op import Op, OpId
from tests.simulator.store import SimStore


def by_the_clock(claims: Iterable[Claim]) -> list[Claim]:
    """The earlier clock wins."""
    return settle(replace(c, number=c.at_ms) for c in claims)


def last_one_wins(claims: Iterable[Claim]) -> list[Claim]:
    """Who came later replaces who came first."""
    known = list(claims)
    return settle(replace(c, knew=frozenset(k.claim for k in known)) for c in known)


class NumbersByArrival(SimStore):
    """Claims are numbered in the order in which they came to this desk."""

    def numbers(self) -> dict[OpId, int]:
        numbered = super().numbers()
        return {op_id: place for place, op_id in enumerate(self.ops) if op_id in numbered}


class BelievesItself(SimStore):
    """Its own claims count as first."""

    def numbers(self) -> dict[OpId, int]:
        return {
            op_id: 0 if op_id.device == self.device else number
            for op_id, number in super().numbers().items()
        }


class ReceiptsOnly(SimStore):
    """Numbers are taken from receipts, and never from the log."""

    def numbers(self) -> dict[OpId, int]:
        return {k: n for k, n in super().numbers().items() if k.device == self.device}


def all_steps(known: list[Known], _claims: list[Claim]) -> list[Known]:
    """Who lost a visit ends it for who has it."""
    return known


def words_taken_off(added: Sequence[Added], taken_off: Sequence[TakenOff]) -> list[Entry]:
    """A removal takes off the words, whoever added them."""
    words = {tag[1] for off in taken_off for tag in off.tags}
    return [e for e in entries(added, taken_off) if e.gone or compared(e.what) not in words]


def removals_forgotten(added: Sequence[Added], taken_off: Sequence[TakenOff]) -> list[Entry]:
    """What was taken off is gone without a trace."""
    return [e for e in entries(added, taken_off) if e.gone is None]


def removals_ignored(added: Sequence[Added], _taken_off: Sequence[TakenOff]) -> list[Entry]:
    """Nothing can be taken off."""
    return entries(added, [])


def one_replacement(added: Sequence[Added], taken_off: Sequence[TakenOff]) -> list[Entry]:
    """Of two changes of one dose the newer replaces the other."""
    newest = {tag: add.fact for add in added for tag in add.instead_of}
    kept = [a for a in added if all(newest[tag] == a.fact for tag in a.instead_of)]
    return entries(kept, taken_off)


def newest_value(written: Sequence[Written]) -> list[Written]:
    """Of two values of a field the newer one is shown and the other is not."""
    return list(written[-1:])


class OneAddendum(SimStore):
    """Only the newest addendum of a note is kept."""

    def folded(self, entity: bytes) -> Rows:
        rows = super().folded(entity)
        if "addendum" in rows:
            rows["addendum"] = rows["addendum"][-1:]
        return rows


class NewestAllergies(SimStore):
    """Of two lists of allergies of an earlier version the newer one replaces the other."""

    def folded(self, entity: bytes) -> Rows:
        ops: list[Op] = sorted(self.by_entity.get(entity, ()), key=sort_key)
        lists = [op for op in ops if b"allergies" in op.payload]
        return fold(entity, [op for op in ops if op not in lists[:-1]], self.numbers())
