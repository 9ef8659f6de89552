"""Other server processes on the same store: what they do is noticed, what this one does is told.

Shared through tables: everything durable, which page is heard and by which connection, which desks
are connected where. Per process: the connections themselves, rate limits, leaves to measure. A ring
of the bell says which clinic to look at *now*; without any, everything is looked at every
:data:`POLL_S`. So a lost ring costs two seconds, and the same code runs in both cases.
"""

import asyncio
import contextlib
import secrets
import time
from typing import Final

from telemed_server import news, presence
from telemed_server.errors import RequestRefused
from telemed_server.hub import Hub
from telemed_server.news import Picture
from telemed_server.settings import Settings
from telemed_server.store import Bell, Store

POLL_S: Final = 2.0
SHARE_S: Final = 5.0
GONE_AFTER_SHARES: Final = 3
"""A process that did not say that it lives for so many rounds is taken for dead."""


class Neighbours:
    """Joins this process's hub to the others'. Event loop only."""

    def __init__(self, settings: Settings, store: Store, bell: Bell, hub: Hub) -> None:
        self._settings = settings
        self._store = store
        self._bell = bell
        self._hub = hub
        self._process = secrets.token_hex(8)
        self._pictures: dict[bytes, Picture] = {}
        self._poked: set[bytes] = set()
        self._look_at_all = True
        self._wake = asyncio.Event()
        self._share_s = min(SHARE_S, settings.lease_s / 4)
        hub.join(bell.ring, lambda clinic: self._heard({clinic}), shared_s=self._share_s)

    async def keep(self) -> None:
        """Run until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._bell.keep(self._heard), name="bell")
            tasks.create_task(self._keep_looking(), name="neighbours")
            tasks.create_task(self._keep_sharing(), name="presence")

    async def leave(self) -> None:
        """Say that this process's desks are gone; if that fails, silence says so a little later."""
        with contextlib.suppress(RequestRefused):
            await self._store.run(lambda db: presence.leave(db, self._process), patience_s=0.0)

    def _heard(self, clinics: set[bytes] | None) -> None:
        if clinics is None:
            self._look_at_all = True
        else:
            self._poked |= clinics
        self._wake.set()

    # ---- looking --------------------------------------------------------------------------------

    async def _keep_looking(self) -> None:
        next_poll = 0.0
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.0, next_poll - time.monotonic())):
                    await self._wake.wait()
            self._wake.clear()
            if self._look_at_all or time.monotonic() >= next_poll:
                next_poll = time.monotonic() + POLL_S
                self._look_at_all = True
            try:
                await self._look()
            except RequestRefused:  # away or busy: the next round looks at everything
                self._look_at_all = True

    async def _look(self) -> None:
        here = self._hub.clinics_here()
        wanted = sorted(here if self._look_at_all else here & self._poked)
        self._look_at_all = False
        self._poked.clear()
        for gone in self._pictures.keys() - here:
            del self._pictures[gone]
        if not wanted:
            return
        now = time.time()
        found = await self._store.run(
            lambda db: news.look(
                db,
                wanted,
                process=self._process,
                now=now,
                away_after_s=self._hub.away_after_s,
                gone_after_s=GONE_AFTER_SHARES * max(1.0, self._share_s),
                kept_s=self._settings.seat_kept_s,
            )
        )
        for clinic, picture in found.items():
            before = self._pictures.get(clinic)
            self._pictures[clinic] = picture
            self._tell(clinic, before, picture)

    def _tell(self, clinic: bytes, before: Picture | None, now: Picture) -> None:
        """Wake who is owed something; at the first look that is everybody."""
        hub = self._hub.here
        if before is None:  # who was removed long ago is no news
            before = Picture(0, revoked=now.revoked - hub.devices(clinic))
        if now.head > before.head:
            hub.log_grew(clinic, now.head)
        if now.asking and (now.asking, now.asked_at) != (before.asking, before.asked_at):
            hub.somebody_asks(clinic)
        for device in now.revoked - before.revoked:
            hub.drop_device(clinic, device)
        room_changed = now.desks_elsewhere != before.desks_elsewhere
        self._hub.desks_elsewhere[clinic] = now.desks_elsewhere
        nothing = news.SeatNews("", None, False, None, 0, 0)
        for seat in now.seats.keys() | before.seats.keys():
            old, new = before.seats.get(seat, nothing), now.seats.get(seat, nothing)
            if new.to_page > old.to_page:
                hub.box_for_page(seat)
            if new.to_desk > old.to_desk:
                hub.box_for_desks(clinic, seat)
            if new[:4] != old[:4]:
                room_changed = True
        if room_changed:
            hub.room_changed(clinic)

    # ---- sharing --------------------------------------------------------------------------------

    async def _keep_sharing(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._share_s):
                    await self._hub.presence_changed.wait()
            self._hub.presence_changed.clear()
            changed = self._hub.take_changed_presence()
            desks, heard = self._hub.desks_here(), self._hub.pages_heard()
            now = time.time()
            try:
                await self._store.run(
                    lambda db, desks=desks, heard=heard, now=now: presence.share(  # type: ignore[misc]
                        db, now, self._process, desks, heard
                    )
                )
            except RequestRefused:
                self._hub.was_deaf()
                self._hub.presence_changed.set()  # what was not told is told when it is back
                await asyncio.sleep(self._share_s)
                continue
            for clinic in changed:
                self._bell.ring(clinic)
