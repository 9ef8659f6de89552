"""Scenes of the clinic's desks: the list, a PC that asks, the question, the sheet, a removed PC."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from PySide6.QtWidgets import QWidget

from telemed_desk.sync.letting_in import Asking
from telemed_desk.sync.problems import DeskRemoved
from telemed_desk.sync.status import Phase, SyncStatus
from telemed_desk.ui.gallery_days import NOW_MS, at
from telemed_desk.ui.screens.sync.desks import DesksPresenter
from telemed_desk.ui.screens.sync.presenter import Item, SyncPresenter
from telemed_desk.ui.screens.sync.view import SyncView
from telemed_desk.workflow.desks import DesksState, Member
from telemed_desk.workflow.enrolment import CodeResult
from telemed_desk.workflow.status import DeskStatus
from telemed_protocol.codes import EnrolCode
from telemed_protocol.identity import DevicePublic

Framed = Callable[..., QWidget]
_WEEK_MS = 7 * 86_400_000
HERE = Member(
    b"a" * 16, "Telemedicine room 4", NOW_MS - 9 * _WEEK_MS, at("09:21"), this_pc=True, sheet=False
)
MEMBERS = (
    HERE,
    Member(b"b" * 16, "Ward 2", NOW_MS - 9 * _WEEK_MS, at("08:55"), this_pc=False, sheet=False),
    Member(
        b"c" * 16,
        "Outreach laptop",
        NOW_MS - _WEEK_MS,
        NOW_MS - _WEEK_MS,
        this_pc=False,
        sheet=False,
    ),
    Member(b"s" * 16, "", NOW_MS - 9 * _WEEK_MS, None, this_pc=False, sheet=True),
)
CLINIC = DesksState(MEMBERS)
ASKING = Asking(
    DevicePublic(b"n" * 16, bytes(32), bytes(32)),
    EnrolCode("TMD", bytes(15)),
    "482913",
    b"k" * 32,
)


class Nobody:
    """Takes intentions and does nothing: the gallery only shows."""

    def sync_now(self) -> None:
        """Do nothing."""

    def pause_sync(self, *, paused: bool) -> None:
        """Do nothing."""

    def add_desk(self, done: Callable[[CodeResult], None]) -> None:
        """Do nothing."""

    def grant(self, device: bytes) -> None:
        """Do nothing."""

    def refuse(self, device: bytes) -> None:
        """Do nothing."""

    def remove(self, device: bytes) -> None:
        """Do nothing."""

    def make_sheet(self, done: Callable[[CodeResult], None]) -> None:
        """Show a fictional code."""
        done(CodeResult("TMK-7QK2-M4XV-09TR-AHH4-N3WZ-EPB6"))


@dataclass(frozen=True, slots=True)
class _Scene:
    framed: Framed
    items: Sequence[Item]
    state: DesksState
    status: DeskStatus
    then: Callable[[DesksPresenter], None] | None = None

    def __call__(self) -> QWidget:
        view = SyncView()
        presenter = SyncPresenter(Nobody(), lambda: NOW_MS, view.show_state)
        presenter.status(self.status)
        presenter.items(self.items)
        window = self.framed("sync", view, status=self.status)
        desks = DesksPresenter(Nobody(), view.members.show_state)
        desks.desks(self.state)
        if self.then is not None:
            self.then(desks)
        return window


def desks_scenes(
    framed: Framed, status: DeskStatus, items: Sequence[Item]
) -> dict[str, Callable[[], QWidget]]:
    """Return the scenes; ``status`` is that of an ordinary morning."""
    out = replace(
        *(status,),
        waiting_to_sync=3,
        link="offline",
        sync=SyncStatus(Phase.REFUSED, problem=DeskRemoved.code),
    )
    return {
        "07-sync-desks": _Scene(framed, items, CLINIC, status),
        "07-sync-desks-asking": _Scene(framed, items, replace(CLINIC, asking=(ASKING,)), status),
        "07-sync-desks-no-sheet": _Scene(framed, items, DesksState(MEMBERS[:2]), status),
        "07-sync-desks-question": _Scene(
            framed, items, CLINIC, status, lambda p: p.ask_to_remove(MEMBERS[2].device)
        ),
        "07-sync-desks-sheet": _Scene(
            framed, items, DesksState(MEMBERS[:2]), status, lambda p: p.make_sheet()
        ),
        "07-sync-removed": _Scene(framed, items, replace(CLINIC, removed=True), out),
    }
