"""Planted bugs of claims, patients and addenda."""

from typing import Any

from telemed_desk.vault import fold, fold_claims, fold_patient
from tests.simulator import broken_records as b
from tests.simulator.world import Parts, Plan

APART = Plan(desks=4, actions=40, lost=0.1, partitions=True)
ONE_PATIENT = Plan(desks=4, actions=40, lost=0.1, partitions=True, records=True)


def _in(module: Any, name: str, replacement: Any) -> Parts:
    return Parts(patches=((module, name, replacement),))


RECORD_BUGS: tuple[tuple[str, Parts, Plan], ...] = (
    (
        "claims-by-the-clock",
        _in(fold_claims, "settle", b.by_the_clock),
        Plan(desks=4, actions=40, clocks=True, partitions=True),
    ),
    ("last-claim-wins", _in(fold_claims, "settle", b.last_one_wins), APART),
    ("claims-by-arrival", Parts(store=b.NumbersByArrival), APART),
    ("own-claim-first", Parts(store=b.BelievesItself), APART),
    ("numbers-from-receipts", Parts(store=b.ReceiptsOnly), APART),
    ("loser-ends-the-visit", _in(fold, "counted_steps", b.all_steps), Plan(desks=4, actions=60)),
    ("removal-takes-words", _in(fold_patient, "entries", b.words_taken_off), ONE_PATIENT),
    ("removal-leaves-no-trace", _in(fold_patient, "entries", b.removals_forgotten), ONE_PATIENT),
    ("removal-does-nothing", _in(fold_patient, "entries", b.removals_ignored), ONE_PATIENT),
    ("newest-dose-wins", _in(fold_patient, "entries", b.one_replacement), ONE_PATIENT),
    ("newest-field-wins", _in(fold_patient, "heads", b.newest_value), ONE_PATIENT),
    ("one-addendum", Parts(store=b.OneAddendum), Plan(desks=3, actions=80)),
    ("newest-allergies", Parts(store=b.NewestAllergies), ONE_PATIENT),
)
