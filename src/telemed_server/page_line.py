"""What one connected page is owed: where it stands, and its boxes."""

import time
from collections.abc import Callable
from typing import Final

from starlette.websockets import WebSocket

from telemed_protocol.ids import to_base64url
from telemed_protocol.room import FromDeskFrame, SeatFrame
from telemed_protocol.talk import IceServer
from telemed_server import room
from telemed_server.line import CLOSE_REPLACED, Line
from telemed_server.store import Store

BATCH: Final = 50
CREDENTIALS_RENEWED_S: Final = 300.0
"""Relay credentials last ten minutes; a page in a call gets new ones in time to restart ICE."""


class PageLine:
    """One page. Event loop only.

    Args:
        tag: Names this connection; the seat's row says which one is the newest.
        ice_servers: Makes fresh relay credentials; asked only after the seat was admitted.
    """

    def __init__(
        self,
        socket: WebSocket,
        store: Store,
        row: room.SeatRow,
        *,
        tag: str,
        after: int,
        desks_online: Callable[[], int],
        ice_servers: Callable[[], list[IceServer]],
    ) -> None:
        self.seat = row.seat
        self.clinic = row.clinic
        self.line = Line(socket, self._produce)
        self._tag = tag
        self._store = store
        self._cursor = after
        self._desks_online = desks_online
        self._make_ice = ice_servers
        self._ice: list[IceServer] = []
        self._ice_made_at = 0.0
        self._told: SeatFrame | None = None
        self._room_dirty = True
        self._boxes_dirty = True

    def room_changed(self) -> None:
        """Look at the room again."""
        self._room_dirty = True
        self.line.wake()

    def boxes_changed(self) -> None:
        """Fetch boxes."""
        self._boxes_dirty = True
        self.line.wake()

    def heard(self) -> None:
        """Renew relay credentials when they get old; called on every ping."""
        if self._ice and time.monotonic() - self._ice_made_at > CREDENTIALS_RENEWED_S:
            self._ice = []
            self.room_changed()

    async def _produce(self) -> None:
        if self._room_dirty:
            self._room_dirty = False
            await self._tell_standing()
        if self._boxes_dirty:
            self._boxes_dirty = False
            await self._tell_boxes()

    async def _tell_standing(self) -> None:
        standing = await self._store.run(lambda db: room.standing(db, self.seat))
        if standing.line not in {None, self._tag}:  # a newer one, perhaps of another process
            self.line.refuse("replaced", CLOSE_REPLACED)
            return
        if standing.state != "admitted":
            self._ice = []
        elif not self._ice:
            self._ice = self._make_ice()
            self._ice_made_at = time.monotonic()
        frame = SeatFrame(standing.state, standing.place, self._desks_online(), self._ice)
        if frame != self._told:
            await self.line.send(frame)
            self._told = frame

    async def _tell_boxes(self) -> None:
        while True:
            batch = await self._store.run(
                lambda db: room.boxes_after(db, self.seat, "to-page", self._cursor, BATCH)
            )
            for box in batch:
                await self.line.send(FromDeskFrame(to_base64url(box.box), box.n))
                self._cursor = box.n
            if len(batch) < BATCH:
                return
