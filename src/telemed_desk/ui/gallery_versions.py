"""The gallery's scenes of the versions of a note."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.notes import NoteText, Section
from telemed_desk.clinical.people import Patient, Sex
from telemed_desk.ui.gallery_days import at
from telemed_desk.ui.screens.versions.presenter import VersionsPresenter
from telemed_desk.ui.screens.versions.view import VersionsView
from telemed_desk.workflow.note_choosing import ChoosingState, Version
from telemed_protocol.op import OpId

Scene = Callable[[], QWidget]
Frame = Callable[[str, QWidget], QWidget]

BASE = NoteText(
    "Pain in left chest wall and arm is better since the dose went up on Thursday. Two"
    " breakthrough doses in 24 h. Sleeping 6 h. Bowels last opened 2 days ago.",
    "Comfortable at rest, speaks in full sentences. Left arm swelling unchanged, skin intact."
    " Weight 51.5 kg, temperature 36.7, SpO2 95%.",
    "Cancer pain, improving. Constipation on opioid.",
    "Continue morphine. Nurse visit Thursday, include heel and sacrum check.",
)
MINE = replace(
    BASE,
    assessment="Cancer pain, improving, not yet at goal (3 or less). Constipation on opioid.",
    plan="Continue morphine. Increase bisacodyl to 10 mg at night. Nurse visit Thursday.",
)
THEIRS = replace(
    BASE,
    assessment="Cancer pain, improving, at rest 2, on moving 5. Constipation on opioid."
    " Heel skin red, not broken.",
    plan="Continue morphine. Increase bisacodyl to 5 mg at night. Nurse visit Thursday.",
)
THIRD = replace(THEIRS, plan="Stop morphine at noon. Nurse visit Thursday.")


def version(number: int, author: str, time: str, text: NoteText, *, mine: bool = False) -> Version:
    """Return an invented version."""
    place = "" if mine else "Tablet 2"
    return Version(OpId(b"d" * 16, number), author, mine, place, mine, at(time), text)


FIRST = replace(version(1, "Dr Achieng Odera", "10:31", BASE, mine=True), stands=False)
OURS = version(2, "Dr Achieng Odera", "10:51", MINE, mine=True)
HERS = version(3, "Mercy Wambui", "10:47", THEIRS)
LATE = version(4, "Mercy Wambui", "10:58", THIRD)
PATIENT = Patient(b"p" * 16, "Nyambura", "Mfano", "TD-004127", 1959, Sex.FEMALE)
TWO = ChoosingState(
    b"n" * 16, b"c" * 16, PATIENT, versions=(HERS, OURS), history=(FIRST, HERS, OURS)
)
THREE = replace(TWO, versions=(HERS, OURS, LATE), history=(FIRST, HERS, OURS, LATE))
SIGNED = replace(TWO, versions=(HERS, replace(OURS, signed=True)), signed_ms=at("10:55"))
ONE = replace(TWO, versions=(OURS,))


class Nowhere:
    """Takes what is chosen and does nothing."""

    def settle(self, text: NoteText, shown: tuple[OpId, ...]) -> None:
        """Record nothing."""

    def keep(self, edits: Mapping[Section, str]) -> None:
        """Keep nothing."""


def versions_scene(
    framed: Frame,
    state: ChoosingState,
    then: Callable[[VersionsPresenter], None] = lambda _presenter: None,
    *,
    history: bool = False,
) -> Scene:
    """Return a scene of the screen."""

    def scene() -> QWidget:
        view = VersionsView()
        presenter = VersionsPresenter(Nowhere(), lambda: None, view.show_state)
        presenter.choosing(state)
        then(presenter)
        shell = framed("versions", view)
        if history:
            view.show_history()
        return shell

    return scene


def _half(presenter: VersionsPresenter) -> None:
    presenter.take(Section.ASSESSMENT, 0)


def _by_hand(presenter: VersionsPresenter) -> None:
    presenter.take(Section.PLAN, 0)
    presenter.edit(Section.ASSESSMENT)


def _news(presenter: VersionsPresenter) -> None:
    _by_hand(presenter)
    presenter.choosing(THREE)


def _looked(presenter: VersionsPresenter) -> None:
    _news(presenter)
    presenter.show_newer()


def versions_scenes(framed: Frame) -> dict[str, Scene]:
    """Return all of them by name."""
    return {
        "06-versions": versions_scene(framed, TWO, _half),
        "06-versions-by-hand": versions_scene(framed, TWO, _by_hand),
        "06-versions-news": versions_scene(framed, TWO, _news),
        "06-versions-three": versions_scene(framed, TWO, _looked),
        "06-versions-signed": versions_scene(framed, SIGNED),
        "06-versions-one": versions_scene(framed, ONE),
        "06-versions-history": versions_scene(framed, TWO, history=True),
    }
