"""What one connected desk is owed: the room, the boxes of its seats, hints."""

import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from starlette.websockets import WebSocket

from telemed_protocol.ids import to_base64url
from telemed_protocol.room import FromPageFrame, HeadFrame, RoomFrame, Seat
from telemed_server import room
from telemed_server.auth import Member
from telemed_server.line import Line
from telemed_server.store import Store

BATCH: Final = 50


class DeskLine:
    """One desk. Event loop only.

    Args:
        after: The last box the desk has, by seat.
        heard_at: When a present page was last heard; None for one that is away.
        kept_s: How long ended seats stay in the picture.
    """

    def __init__(
        self,
        socket: WebSocket,
        store: Store,
        member: Member,
        *,
        after: dict[str, int],
        heard_at: Callable[[room.SeatRow], float | None],
        kept_s: float,
    ) -> None:
        self.member = member
        self.line = Line(socket, self._produce)
        self._store = store
        self._cursors = after
        self._heard_at = heard_at
        self._kept_s = kept_s
        self._told: list[Seat] | None = None
        self._seats: set[str] = set()
        self._dirty: set[str] = set()
        self._room_dirty = True
        self._head = 0
        self._head_told = 0

    def room_changed(self) -> None:
        """Look at the room again."""
        self._room_dirty = True
        self.line.wake()

    def boxes_changed(self, seat: str) -> None:
        """Fetch a seat's boxes."""
        self._dirty.add(seat)
        self.line.wake()

    def log_grew(self, head: int) -> None:
        """Hint at a new head of the log."""
        self._head = max(self._head, head)
        self.line.wake()

    async def _produce(self) -> None:
        if self._room_dirty:
            self._room_dirty = False
            await self._tell_room()
        while self._dirty:
            await self._tell_boxes(self._dirty.pop())
        if self._head > self._head_told:
            self._head_told = self._head
            await self.line.send(HeadFrame(self._head_told))

    async def _tell_room(self) -> None:
        now = time.time()
        rows = await self._store.run(
            lambda db: room.seats_of(db, self.member.clinic, now - self._kept_s)
        )
        seats = [self._seat(row) for row in rows]
        new = {seat.seat for seat in seats} - self._seats
        self._seats = {seat.seat for seat in seats}
        self._dirty |= new
        # A ping changes heard_at every few seconds and is no news by itself.
        unheard = [_without_heard(seat) for seat in seats]
        if unheard != self._told:
            await self.line.send(RoomFrame(seats, now, takes_segments=True))
            self._told = unheard

    def _seat(self, row: room.SeatRow) -> Seat:
        heard = self._heard_at(row)
        return Seat(
            seat=row.seat,
            link=row.link.hex(),
            state=row.state,
            present=heard is not None,
            arrived_at=row.arrived_at,
            heard_at=row.heard_at if heard is None else heard,
            admitted_by=row.admitted_by.hex() if row.admitted_by else "",
        )

    async def _tell_boxes(self, seat: str) -> None:
        def fetch(db: sa.Connection) -> list[room.Box]:
            return room.boxes_after(db, seat, "to-desk", self._cursors.get(seat, 0), BATCH)

        while True:
            batch = await self._store.run(fetch)
            for box in batch:
                await self.line.send(FromPageFrame(seat, to_base64url(box.box), box.n))
                self._cursors[seat] = box.n
            if len(batch) < BATCH:
                return


def _without_heard(seat: Seat) -> Seat:
    return Seat(
        seat.seat, seat.link, seat.state, seat.present, seat.arrived_at, 0.0, seat.admitted_by
    )
