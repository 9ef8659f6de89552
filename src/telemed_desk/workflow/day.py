"""The day's consultations, as Today shows them."""

import time

from telemed_desk.clinical.consultations import Consultation, ConsultationState
from telemed_desk.clinical.people import Patient
from telemed_desk.vault import Vault

DAY_MS = 86_400_000


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
