"""Who is connected right now, and who was heard lately. Event loop only; nothing here is durable.

A change in the database is followed by a wake-up here; whoever is woken reads what is new. A lost
wake-up would delay, never lose: every connection reads from where it got to.
"""

import asyncio
import contextlib
import time
from typing import Final

from telemed_protocol.room import EnrolFrame
from telemed_server import room
from telemed_server.desk_line import DeskLine
from telemed_server.errors import RequestRefused
from telemed_server.line import CLOSE_NOT_AUTHORISED, CLOSE_REPLACED
from telemed_server.page_line import PageLine
from telemed_server.settings import Settings
from telemed_server.storage import Store

MAX_LINES_PER_DEVICE: Final = 2
HOUSEKEEPING_S: Final = 60.0


class Hub:
    """Connections and presence leases."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._desks: dict[bytes, list[DeskLine]] = {}
        self._pages: dict[str, PageLine] = {}
        self._heard: dict[str, tuple[bytes, float]] = {}
        self._started_at = time.time()

    # ---- presence -------------------------------------------------------------------------------

    def hear(self, clinic: bytes, seat: str) -> None:
        """Renew a page's lease."""
        was_away = seat not in self._heard
        self._heard[seat] = (clinic, time.time())
        if was_away:
            self.room_changed(clinic)

    def heard_at(self, seat: str) -> float | None:
        """Return when a present page was last heard; None if it is away."""
        found = self._heard.get(seat)
        return found[1] if found else None

    def desks_online(self, clinic: bytes) -> int:
        """Count the clinic's desks that are connected."""
        return len({line.member.device for line in self._desks.get(clinic, [])})

    # ---- connections ----------------------------------------------------------------------------

    def add_desk(self, line: DeskLine) -> None:
        """Take in a desk; beyond two connections of a device the oldest goes.

        A desk that changes networks leaves a dead connection behind; refusing the newest would
        keep it out until that one is noticed.
        """
        lines = self._desks.setdefault(line.member.clinic, [])
        lines.append(line)
        own = [other for other in lines if other.member.device == line.member.device]
        for old in own[:-MAX_LINES_PER_DEVICE]:
            old.line.refuse("replaced", CLOSE_REPLACED)
        self.room_changed(line.member.clinic)

    def remove_desk(self, line: DeskLine) -> None:
        """Let a desk's connection go."""
        lines = self._desks.get(line.member.clinic, [])
        if line in lines:
            lines.remove(line)
        if not lines:
            self._desks.pop(line.member.clinic, None)
        self.room_changed(line.member.clinic)

    def add_page(self, line: PageLine) -> None:
        """Take in a page; an older connection of the same seat goes."""
        old = self._pages.get(line.seat)
        self._pages[line.seat] = line
        if old is not None:
            old.line.refuse("replaced", CLOSE_REPLACED)

    def remove_page(self, line: PageLine) -> None:
        """Let a page's connection go; its lease runs on."""
        if self._pages.get(line.seat) is line:
            del self._pages[line.seat]

    def drop_device(self, clinic: bytes, device: bytes) -> None:
        """Close a revoked device's connections."""
        for line in self._desks.get(clinic, []):
            if line.member.device == device:
                line.line.refuse("revoked", CLOSE_NOT_AUTHORISED)

    # ---- wake-ups -------------------------------------------------------------------------------

    def room_changed(self, clinic: bytes) -> None:
        """Have desks and pages of a clinic look at the room again."""
        for desk in self._desks.get(clinic, []):
            desk.room_changed()
        for page in self._pages.values():
            if page.clinic == clinic:
                page.room_changed()

    def box_for_page(self, seat: str) -> None:
        """Have a page fetch its boxes."""
        page = self._pages.get(seat)
        if page is not None:
            page.boxes_changed()

    def box_for_desks(self, clinic: bytes, seat: str) -> None:
        """Have the clinic's desks fetch a seat's boxes."""
        for desk in self._desks.get(clinic, []):
            desk.boxes_changed(seat)

    def log_grew(self, clinic: bytes, head: int) -> None:
        """Hint to pull."""
        for desk in self._desks.get(clinic, []):
            desk.log_grew(head)

    def somebody_asks(self, clinic: bytes) -> None:
        """Hint to look at the requests to join."""
        for desk in self._desks.get(clinic, []):
            desk.line.reply(EnrolFrame())

    # ---- time -----------------------------------------------------------------------------------

    async def keep_time(self) -> None:
        """End leases and, once a minute, seats that were given up. Runs until cancelled."""
        lease_s = self._settings.lease_s
        pause_s = min(1.0, lease_s / 4)
        housekeeping_s = min(HOUSEKEEPING_S, self._settings.seat_kept_s / 4)
        next_housekeeping = time.monotonic()
        while True:
            with contextlib.suppress(RequestRefused):  # busy or disk full: the next round does it
                await self._end_leases(lease_s)
                if time.monotonic() >= next_housekeeping:
                    next_housekeeping = time.monotonic() + housekeeping_s
                    await self._keep_house()
            await asyncio.sleep(pause_s)

    async def _end_leases(self, lease_s: float) -> None:
        now = time.time()
        over = {s: (c, at) for s, (c, at) in self._heard.items() if at + lease_s <= now}
        for seat in over:
            del self._heard[seat]
        if over:
            await self._write_heard(over)
        for clinic in {clinic for clinic, _ in over.values()}:
            self.room_changed(clinic)

    async def _write_heard(self, heard: dict[str, tuple[bytes, float]]) -> None:
        times = {seat: at for seat, (_, at) in heard.items()}
        await self._store.run(lambda db: room.note_heard(db, times))

    async def _keep_house(self) -> None:
        now = time.time()
        kept_s = self._settings.seat_kept_s
        await self._write_heard(self._heard)
        # Nobody could be heard while the server was down: that time does not count.
        if now - self._started_at >= kept_s:
            gone = await self._store.run(lambda db: room.give_up_unheard(db, now, now - kept_s))
            for clinic in {row.clinic for row in gone}:
                self.room_changed(clinic)
        await self._store.run(lambda db: room.sweep(db, now, now - kept_s))

    def close(self) -> None:
        """Forget everybody (shutdown)."""
        self._desks.clear()
        self._pages.clear()
