"""Words for visits that somebody else has. Plain functions."""

from collections.abc import Sequence

from telemed_desk.ui import words
from telemed_desk.ui.screens.today.state import LostBanner
from telemed_desk.ui.text import t
from telemed_desk.workflow.claiming import Holder, LostVisit


def taken_words(holder: Holder) -> str:
    """Return who has a visit, and since when by their PC's clock."""
    time = words.clock(holder.at_ms)
    return t("today.taken", who=name_of(holder), time=time)


def name_of(holder: Holder) -> str:
    """Return a holder's name, or their PC's while the name has not arrived."""
    return holder.name or holder.place or t("today.taken.somebody")


def lost_banner(lost: Sequence[LostVisit]) -> LostBanner | None:
    """Return what is said of the newest lost visit; the next one follows when it was read."""
    if not lost:
        return None
    newest = lost[0]
    patient = newest.patient
    holder = newest.holder
    title = t(
        "today.lost",
        who=name_of(holder),
        name=words.patient_name(patient),
        time=words.clock(holder.at_ms),
    )
    return LostBanner(
        title,
        t("today.lost.words"),
        patient.entity if patient is not None else b"",
        newest.consultation,
    )
