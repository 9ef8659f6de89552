"""Carers, interpreters and colleagues who have arrived, each for one consultation. Core thread.

Their link says in which role they come; it was made by a desk of this clinic for this consultation, so
no year of birth is asked for. Nobody is let in by the link alone: the clinician admits.
"""

from dataclasses import dataclass, replace

from telemed_desk.clinical.queue import Guest, Role
from telemed_desk.sync.page_talk import PageTalk
from telemed_desk.vault import OpenLink
from telemed_protocol.room import Seat
from telemed_protocol.talk import Intake

MOST_NAME_CHARACTERS = 80


@dataclass(slots=True)
class _GuestSeat:
    guest: Guest
    talk: PageTalk
    admitted_by: str


class GuestSeats:
    """The guests' part of the waiting room."""

    def __init__(self) -> None:
        self._seats: dict[str, _GuestSeat] = {}

    def __len__(self) -> int:
        """How many there are."""
        return len(self._seats)

    def take(self, seat: Seat, arrived_ms: int, link: OpenLink, role: Role) -> None:
        """Take a seat of the server's list."""
        known = self._seats.get(seat.seat)
        if known is None:
            guest = Guest(seat.seat, link.consultation, role, arrived_ms, seat.present)
            self._seats[seat.seat] = _GuestSeat(guest, PageTalk(link.link), seat.admitted_by)
            return
        known.guest = replace(known.guest, present=seat.present, arrived_ms=arrived_ms)
        known.admitted_by = seat.admitted_by

    def keep(self, listed: set[str]) -> None:
        """Forget all others: they have left."""
        self._seats = {seat: known for seat, known in self._seats.items() if seat in listed}

    def introduced(self, seat: str, intake: Intake) -> None:
        """Somebody said who they are."""
        known = self._seats.get(seat)
        if known is not None:
            name = intake.name.strip()[:MOST_NAME_CHARACTERS]
            known.guest = replace(known.guest, name=name)

    def talk_of(self, seat: str) -> PageTalk | None:
        """Return a seat's sealed conversation; None for one that is no guest's."""
        known = self._seats.get(seat)
        return known.talk if known is not None else None

    def present_to(self, device: str) -> tuple[Guest, ...]:
        """Return who said who they are and was not brought in by another desk; first come first."""
        guests = [
            known.guest
            for known in self._seats.values()
            if known.guest.name and known.admitted_by in ("", device)
        ]
        return tuple(sorted(guests, key=lambda guest: (guest.arrived_ms, guest.seat)))
