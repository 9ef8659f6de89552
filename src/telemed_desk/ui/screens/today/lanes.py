"""The day's visits as lanes of the schedule. Plain functions."""

from collections.abc import Sequence
from dataclasses import dataclass

from telemed_desk.clinical.consultations import Consultation, ConsultationState
from telemed_desk.clinical.people import Patient, Programme
from telemed_desk.ui import words
from telemed_desk.ui.screens.today.state import Block, Lane
from telemed_desk.ui.text import t


@dataclass(frozen=True, slots=True)
class Booked:
    """A consultation of today and its patient."""

    consultation: Consultation
    patient: Patient


def lanes_of(day: Sequence[Booked], now: int) -> tuple[Lane, ...]:
    """Return a lane a programme with the day's visits; ``now`` in Unix milliseconds."""
    lanes = []
    for programme in Programme:
        blocks = []
        for booked in day:
            visit = booked.consultation
            if visit.programme is not programme or visit.state is ConsultationState.CANCELLED:
                continue
            at = words.local(visit.booked_ms)
            name = t(f"programme.{programme.value}")
            blocks.append(
                Block(
                    entity=visit.entity,
                    initials=booked.patient.initials,
                    start_min=at.hour * 60 + at.minute,
                    minutes=visit.minutes,
                    phase="done"
                    if visit.state in {ConsultationState.SIGNED, ConsultationState.NOT_JOINED}
                    else "now"
                    if visit.state is ConsultationState.IN_CALL
                    or visit.booked_ms <= now < visit.booked_ms + visit.minutes * 60_000
                    else "later",
                    tip=t(
                        "today.block",
                        time=words.clock(visit.booked_ms),
                        name=words.patient_name(booked.patient),
                        programme=name,
                    ),
                )
            )
        lanes.append(Lane(programme, t(f"programme.lane.{programme.value}"), tuple(blocks)))
    return tuple(lanes)
