"""The gallery's scenes of visits that somebody else has."""

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from telemed_desk.ui.gallery_days import NOW_MS, at, booked, waiting
from telemed_desk.ui.screens.today.presenter import TodayPresenter
from telemed_desk.ui.screens.today.view import TodayView
from telemed_desk.ui.shell.window import Shell
from telemed_desk.workflow.claiming import Holder, LostVisit

Scene = Callable[[], QWidget]
Framed = Callable[[str, QWidget], Shell]
BRIAN = Holder(
    (b"w" * 16, 3),
    "Dr Brian Mfano",
    mine=False,
    place="Tablet 2",
    at_ms=at("09:02"),
    tentative=False,
)


class Claims:
    """Takes nothing."""

    def take_by_phone(self, consultation: bytes) -> None:
        """Open nothing."""

    def take_over(self, lost: LostVisit) -> None:
        """Take nothing."""

    def was_read(self, lost: LostVisit) -> None:
        """Forget nothing."""


class Nowhere:
    """Goes nowhere."""

    def __getattr__(self, _name: str) -> Callable[..., None]:
        """Do nothing."""
        return lambda *_values: None


def lost_day(presenter: TodayPresenter) -> None:
    """Show a day on which one visit was lost and two more are somebody else's."""
    day = booked()
    writing, first, next_one = day[-1], waiting()[1], day[7]
    holders = {b.consultation.entity: BRIAN for b in (writing, first, next_one)}
    lost = LostVisit((b"m" * 16, 1), writing.consultation.entity, writing.patient, BRIAN)
    presenter.room(waiting())
    presenter.day(day, holders, [lost])


def claim_scenes(framed: Framed) -> dict[str, Scene]:
    """Return the scenes."""

    def lost() -> QWidget:
        view = TodayView()
        nowhere = Nowhere()
        presenter = TodayPresenter(
            nowhere, nowhere, lambda: NOW_MS, view.show_state, practice=True, claims=Claims()
        )  # fmt: skip
        lost_day(presenter)
        return framed("today", view)

    return {"02-today-lost": lost}
