"""The connections that this process holds, and waking them. Event loop only; nothing is durable.

Whoever is woken reads what is new from where it got to: a wake-up for nothing is harmless.
"""

from typing import Final

from telemed_protocol.room import EnrolFrame
from telemed_server.desk_line import DeskLine
from telemed_server.line import CLOSE_NOT_AUTHORISED, CLOSE_REPLACED
from telemed_server.page_line import PageLine

MAX_LINES_PER_DEVICE: Final = 2


class Here:
    """Desks and pages of this process."""

    def __init__(self) -> None:
        self.desks: dict[bytes, list[DeskLine]] = {}
        self.pages: dict[str, PageLine] = {}

    def add_desk(self, line: DeskLine) -> None:
        """Take in a desk; beyond two connections of a device the oldest goes.

        A desk that changes networks leaves a dead connection behind; refusing the newest would
        keep it out until that one is noticed.
        """
        lines = self.desks.setdefault(line.member.clinic, [])
        lines.append(line)
        own = [other for other in lines if other.member.device == line.member.device]
        for old in own[:-MAX_LINES_PER_DEVICE]:
            old.line.refuse("replaced", CLOSE_REPLACED)

    def remove_desk(self, line: DeskLine) -> None:
        """Let a desk's connection go."""
        lines = self.desks.get(line.member.clinic, [])
        if line in lines:
            lines.remove(line)
        if not lines:
            self.desks.pop(line.member.clinic, None)

    def add_page(self, line: PageLine) -> None:
        """Take in a page; an older connection of the same seat goes."""
        old = self.pages.get(line.seat)
        self.pages[line.seat] = line
        if old is not None:
            old.line.refuse("replaced", CLOSE_REPLACED)

    def remove_page(self, line: PageLine) -> None:
        """Let a page's connection go."""
        if self.pages.get(line.seat) is line:
            del self.pages[line.seat]

    def devices(self, clinic: bytes) -> set[bytes]:
        """Return the clinic's devices that are connected here."""
        return {line.member.device for line in self.desks.get(clinic, [])}

    def clinics(self) -> set[bytes]:
        """Return the clinics that somebody here belongs to."""
        return {*self.desks, *(page.clinic for page in self.pages.values())}

    # ---- waking ---------------------------------------------------------------------------------

    def room_changed(self, clinic: bytes) -> None:
        """Have desks and pages of a clinic look at the room again."""
        for desk in self.desks.get(clinic, []):
            desk.room_changed()
        for page in self.pages.values():
            if page.clinic == clinic:
                page.room_changed()

    def box_for_page(self, seat: str) -> None:
        """Have a page fetch its boxes."""
        page = self.pages.get(seat)
        if page is not None:
            page.boxes_changed()

    def box_for_desks(self, clinic: bytes, seat: str) -> None:
        """Have the clinic's desks fetch a seat's boxes."""
        for desk in self.desks.get(clinic, []):
            desk.boxes_changed(seat)

    def log_grew(self, clinic: bytes, head: int) -> None:
        """Hint to pull."""
        for desk in self.desks.get(clinic, []):
            desk.log_grew(head)

    def somebody_asks(self, clinic: bytes) -> None:
        """Hint to look at the requests to join."""
        for desk in self.desks.get(clinic, []):
            desk.line.reply(EnrolFrame())

    def drop_device(self, clinic: bytes, device: bytes) -> None:
        """Close a revoked device's connections, and have the others look at who belongs to them."""
        for line in self.desks.get(clinic, []):
            if line.member.device == device:
                line.line.refuse("revoked", CLOSE_NOT_AUTHORISED)
        self.somebody_asks(clinic)

    def forget(self) -> None:
        """Forget everybody (shutdown)."""
        self.desks.clear()
        self.pages.clear()
