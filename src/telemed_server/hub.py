"""Who is connected, and who was heard lately. Event loop only; nothing here is durable.

A change in the database is followed by a wake-up here; whoever is woken reads what is new. A lost
wake-up would delay, never lose: every connection reads from where it got to. With several processes
on one store, :class:`telemed_server.neighbours.Neighbours` joins this hub to the others.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Final

from telemed_server import room
from telemed_server.desk_line import DeskLine
from telemed_server.errors import RequestRefused
from telemed_server.here import Here
from telemed_server.page_line import PageLine
from telemed_server.room import SeatRow
from telemed_server.settings import Settings
from telemed_server.store import Store

HOUSEKEEPING_S: Final = 60.0


def _nobody(_clinic: bytes) -> None:
    """Stand in for the neighbours of a server that is alone."""


class Hub:
    """Connections and presence leases.

    Attributes:
        here: This process's own connections; waking them rings for nobody else.
        desks_elsewhere: Devices by clinic that other processes hold.
        presence_changed: Set when a neighbour should hear who came or went.
        away_after_s: A page not heard for so long is away, as the database tells it.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self.here = Here()
        self.desks_elsewhere: dict[bytes, frozenset[bytes]] = {}
        self.presence_changed = asyncio.Event()
        self.away_after_s = settings.lease_s
        self._shared = False
        self._ring: Callable[[bytes], None] = _nobody
        self._look: Callable[[bytes], None] = _nobody
        self._changed_presence: set[bytes] = set()
        self._heard: dict[str, tuple[bytes, float]] = {}
        self._hearing_since = time.time()

    def join(
        self,
        ring: Callable[[bytes], None],
        look: Callable[[bytes], None],
        *,
        shared_s: float,
    ) -> None:
        """Be one of several.

        Args:
            ring: Tells the others that a clinic has news.
            look: Has this process look at a clinic's tables soon.
            shared_s: How often presence is written for the others.
        """
        self._ring, self._look = ring, look
        self._shared = True
        self.away_after_s = self._settings.lease_s + shared_s

    # ---- presence -------------------------------------------------------------------------------

    def hear(self, clinic: bytes, seat: str) -> None:
        """Renew a page's lease."""
        was_away = seat not in self._heard
        self._heard[seat] = (clinic, time.time())
        if was_away:
            self.here.room_changed(clinic)
            self._tell_presence(clinic)

    def heard_at(self, row: SeatRow) -> float | None:
        """Return when a present page was last heard; None if it is away."""
        found = self._heard.get(row.seat)
        if found is not None:
            return found[1]
        if self._shared and row.heard_at > time.time() - self.away_after_s:
            return row.heard_at
        return None

    def desks_online(self, clinic: bytes) -> int:
        """Count the clinic's desks that are connected."""
        return len(self.here.devices(clinic) | self.desks_elsewhere.get(clinic, frozenset()))

    def clinics_here(self) -> set[bytes]:
        """Return the clinics that this process has to look after."""
        clinics = self.here.clinics()
        for gone in self.desks_elsewhere.keys() - clinics:
            del self.desks_elsewhere[gone]
        return clinics

    def desks_here(self) -> dict[bytes, bytes]:
        """Return this process's desks: clinic by device."""
        return {
            line.member.device: clinic
            for clinic, lines in self.here.desks.items()
            for line in lines
        }

    def pages_heard(self) -> dict[str, float]:
        """Return when this process's pages were last heard."""
        return {seat: at for seat, (_, at) in self._heard.items()}

    def take_changed_presence(self) -> set[bytes]:
        """Return the clinics whose presence changed since this was asked last."""
        changed, self._changed_presence = self._changed_presence, set()
        return changed

    def _tell_presence(self, clinic: bytes) -> None:
        self._changed_presence.add(clinic)
        self.presence_changed.set()

    def was_deaf(self) -> None:
        """Note that nobody's lease could be written: that time counts against no page."""
        self._hearing_since = time.time()

    # ---- connections ----------------------------------------------------------------------------

    def add_desk(self, line: DeskLine) -> None:
        """Take in a desk."""
        self.here.add_desk(line)
        self._look(line.member.clinic)
        self.here.room_changed(line.member.clinic)
        self._tell_presence(line.member.clinic)

    def remove_desk(self, line: DeskLine) -> None:
        """Let a desk's connection go."""
        self.here.remove_desk(line)
        self.here.room_changed(line.member.clinic)
        self._tell_presence(line.member.clinic)

    def add_page(self, line: PageLine) -> None:
        """Take in a page."""
        self.here.add_page(line)
        self._look(line.clinic)

    def remove_page(self, line: PageLine) -> None:
        """Let a page's connection go; its lease runs on."""
        self.here.remove_page(line)

    def drop_device(self, clinic: bytes, device: bytes) -> None:
        """Close a revoked device's connections."""
        self.here.drop_device(clinic, device)
        self._ring(clinic)

    # ---- wake-ups -------------------------------------------------------------------------------

    def room_changed(self, clinic: bytes) -> None:
        """Have desks and pages of a clinic look at the room again."""
        self.here.room_changed(clinic)
        self._ring(clinic)

    def box_for_page(self, clinic: bytes, seat: str) -> None:
        """Have a page fetch its boxes."""
        self.here.box_for_page(seat)
        self._ring(clinic)

    def box_for_desks(self, clinic: bytes, seat: str) -> None:
        """Have the clinic's desks fetch a seat's boxes."""
        self.here.box_for_desks(clinic, seat)
        self._ring(clinic)

    def log_grew(self, clinic: bytes, head: int) -> None:
        """Hint to pull."""
        self.here.log_grew(clinic, head)
        self._ring(clinic)

    def somebody_asks(self, clinic: bytes) -> None:
        """Hint to look at the requests to join."""
        self.here.somebody_asks(clinic)
        self._ring(clinic)

    # ---- time -----------------------------------------------------------------------------------

    async def keep_time(self) -> None:
        """End leases and, once a minute, seats that were given up. Runs until cancelled."""
        lease_s = self._settings.lease_s
        pause_s = min(1.0, lease_s / 4)
        housekeeping_s = min(HOUSEKEEPING_S, self._settings.seat_kept_s / 4)
        next_housekeeping = time.monotonic()
        while True:
            try:
                await self._end_leases(lease_s)
                if time.monotonic() >= next_housekeeping:
                    next_housekeeping = time.monotonic() + housekeeping_s
                    await self._keep_house()
            except RequestRefused:  # busy, away or disk full: the next round does it
                self.was_deaf()
            await asyncio.sleep(pause_s)

    async def _end_leases(self, lease_s: float) -> None:
        now = time.time()
        over = {s: (c, at) for s, (c, at) in self._heard.items() if at + lease_s <= now}
        for seat in over:
            del self._heard[seat]
        clinics = {clinic for clinic, _ in over.values()}
        if over:
            with contextlib.suppress(RequestRefused):  # at most a share old in the database
                await self._write_heard(over)
        for clinic in clinics:
            self.room_changed(clinic)

    async def _write_heard(self, heard: dict[str, tuple[bytes, float]]) -> None:
        times = {seat: at for seat, (_, at) in heard.items()}
        await self._store.run(lambda db: room.note_heard(db, times))

    async def _keep_house(self) -> None:
        now = time.time()
        kept_s = self._settings.seat_kept_s
        await self._write_heard(self._heard)
        # Nobody could be heard while the server or its database was down: that time does not count.
        if now - self._hearing_since >= kept_s:
            gone = await self._store.run(lambda db: room.give_up_unheard(db, now, now - kept_s))
            for clinic in {row.clinic for row in gone}:
                self.room_changed(clinic)
        await self._store.run(lambda db: room.sweep(db, now, now - kept_s))

    def close(self) -> None:
        """Forget everybody (shutdown)."""
        self.here.forget()
