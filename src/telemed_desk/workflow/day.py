"""The day's consultations and what has travelled, as the screens list them."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from telemed_desk.clinical.consultations import Consultation, ConsultationState
from telemed_desk.clinical.people import Patient
from telemed_desk.vault import NoteConflict, SyncItem, Vault
from telemed_desk.workflow.claiming import Holder, LostVisit, holders, lost_visits
from telemed_protocol.errors import KnownError

DAY_MS = 86_400_000
SYNC_ITEMS = 200


@dataclass(frozen=True, slots=True)
class Records:
    """What Today and Sync list, read together.

    ``held`` says why this PC may send nothing at all, as the copy of a vault may not; None = it may.
    ``holders`` says who has which visit of the day, ``lost`` which ones somebody else had first.
    """

    day: tuple[tuple[Consultation, Patient], ...] = ()
    sync_items: tuple[SyncItem, ...] = ()
    waiting: int = 0
    waiting_bytes: int = 0
    held: KnownError | None = None
    conflicts: tuple[NoteConflict, ...] = ()
    holders: Mapping[bytes, Holder] = field(default_factory=dict)
    lost: tuple[LostVisit, ...] = ()


def read_records(vault: Vault, now_ms: int) -> Records:
    """Read them; some ten milliseconds with 10,000 consultations, so on no loop."""
    outbox = vault.outbox()
    day = tuple(day_of(vault, now_ms))
    return Records(
        day=day,
        sync_items=tuple(vault.sync_items(SYNC_ITEMS)),
        waiting=outbox.count,
        waiting_bytes=outbox.waiting_bytes,
        held=vault.push_held,
        conflicts=tuple(vault.note_conflicts()),
        holders=holders(vault, [consultation.entity for consultation, _ in day]),
        lost=lost_visits(vault, now_ms),
    )


def start_of_day_ms(now_ms: int) -> int:
    """Return local midnight, Unix ms."""
    local = time.localtime(now_ms / 1000)
    seconds = (local.tm_hour * 60 + local.tm_min) * 60 + local.tm_sec
    return now_ms - seconds * 1000 - now_ms % 1000


def day_of(vault: Vault, now_ms: int) -> list[tuple[Consultation, Patient]]:
    """Return today's consultations, and older ones whose note still waits to be finished."""
    start = start_of_day_ms(now_ms)
    today = vault.today(start, start + DAY_MS)
    known = {c.entity for c, _ in today}
    open_notes = {ConsultationState.IN_CALL, ConsultationState.WRITING}
    older = [
        (c, p)
        for c, p in vault.open_consultations()
        if c.state in open_notes and c.entity not in known
    ]
    return [*older, *today]
