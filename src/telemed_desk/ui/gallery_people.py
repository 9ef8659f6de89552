"""The gallery's calls of three, and a colleague's call."""

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtWidgets import QWidget

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Guest, Role
from telemed_desk.sync.guest_line import JoinRefused
from telemed_desk.sync.problems import ServerUnreachable
from telemed_desk.ui import gallery_call
from telemed_desk.ui.gallery_call import NOW_MS, STARTED_MS, frames
from telemed_desk.ui.gallery_days import MINUTE_MS
from telemed_desk.ui.screens.call.people import Invite, PeoplePresenter
from telemed_desk.ui.screens.call.view import CallView
from telemed_desk.ui.screens.joined.presenter import JoinDialog, JoinedPresenter
from telemed_desk.ui.screens.joined.view import JoinedView, JoinQuestion
from telemed_desk.workflow.booking import LinkResult
from telemed_desk.workflow.company import Attendee
from telemed_desk.workflow.joining import JoinedState
from telemed_desk.workflow.people import PeopleState
from telemed_protocol.talk import Person

Scene = Callable[[], QWidget]
CONSULTATION = b"c" * 16
LINK = "https://visit.example/j/Zk3w#1.fictional-link-for-the-gallery-0123456789"
PEOPLE = PeopleState(
    there=(
        Attendee("w", Role.CARER, "Wairimu Mfano", "connected", "g1", "remote"),
        Attendee("a", Role.COLLEAGUE, "Dr Amani Kielelezo", "reconnecting", "g2"),
    ),
    waiting=(
        Guest("t", CONSULTATION, Role.INTERPRETER, NOW_MS - MINUTE_MS, True, "Taabu Jaribio"),
    ),
)
JOINED = JoinedState(
    phase="connected",
    clinic="Mto Mawe Referral Hospital",
    clinician="Dr Achieng Odera",
    patient="Nyambura M.",
    people=(Person("Nyambura", "patient"), Person("Wairimu Mfano", "carer")),
    call="c",
    connected_ms=STARTED_MS,
    remote_memory="remote",
    local_memory="local",
)


class Nobody:
    """Takes intentions and does nothing."""

    def link_for(self, consultation: bytes, role: Role, done: Callable[[LinkResult], None]) -> None:
        """Make nothing."""

    def admit(self, seat: str) -> None:
        """Admit nobody."""

    def remove(self, seat: str) -> None:
        """Remove nobody."""

    def join(self, url: str) -> None:
        """Join nothing."""

    def mute_joined(self, *, microphone: bool, camera: bool) -> None:
        """Mute nothing."""

    def choose_joined(self, rung: Rung) -> None:
        """Choose nothing."""

    def share_joined(self, *, on: bool) -> None:
        """Show nothing."""

    def leave_joined(self) -> None:
        """Stay."""


def _with_people(scene: Scene, people: PeopleState, invite: Invite | None = None) -> Scene:
    def make() -> QWidget:
        window = scene()
        view = window.findChild(CallView)
        if not isinstance(view, CallView):
            raise TypeError("no call in this scene")
        presenter = PeoplePresenter(Nobody(), view.people.show_state)
        presenter.visit(gallery_call.visit())
        presenter.people(people)
        if invite is not None:
            presenter._set(invite=invite)  # noqa: SLF001 - a drawn moment, not a walk
        for guest in view.people.tiles:
            guest.poll()
        return window

    return make


def _joined(framed: Callable[[str, QWidget], QWidget], state: JoinedState) -> Scene:
    def make() -> QWidget:
        view = JoinedView(frames)
        presenter = JoinedPresenter(Nobody(), lambda: NOW_MS, view.show_state, lambda _dialog: None)
        presenter.joined(state)
        for tile in (view.stage.remote, view.stage.local, view.stage.shared, view.stage.person):
            tile.poll()
        return framed("joined", view)

    return make


def _question(scene: Scene, dialog: JoinDialog) -> Scene:
    def make() -> QWidget:
        window = scene()
        asked = JoinQuestion(window)
        asked.show_dialog(dialog)
        asked.open()
        return window

    return make


def people_scenes(
    framed: Callable[[str, QWidget], QWidget], call: Scene, today: Scene
) -> dict[str, Scene]:
    """Return the scenes; ``call`` and ``today`` are what they stand on."""
    problem = "That is not a link to a visit. Copy the whole of it, with everything behind the #."
    return {
        "04-call-three": _with_people(call, PEOPLE),
        "04-call-three-muted": _with_people(call, MUTED),
        "04-call-invite": _with_people(call, PeopleState(), Invite()),
        "04-call-invite-link": _with_people(
            call, PeopleState(), Invite(Role.COLLEAGUE, url=LINK, valid="Good until 11:40.")
        ),
        "04-call-invite-refused": _with_people(
            call, PeopleState(), _refused(Invite(Role.INTERPRETER))
        ),
        "02-today-join": _question(today, JoinDialog()),
        "02-today-join-wrong": _question(today, JoinDialog("https://example.org/", problem)),
        "12-joined": _joined(framed, JOINED),
        "12-joined-screen": _joined(framed, replace(JOINED, others_screen="screen")),
        "12-joined-waiting": _joined(
            framed, replace(JOINED, phase="waiting", people=(), remote_memory="", connected_ms=None)
        ),
        "12-joined-refused": _joined(
            framed, JoinedState(phase="ended", problem=JoinRefused("link_in_use"))
        ),
    }


def _refused(invite: Invite) -> Invite:
    away = ServerUnreachable()
    return replace(invite, sentence=away.sentence, next_step=away.next_step)


MUTED = replace(
    PEOPLE, there=(replace(PEOPLE.there[0], microphone=False, camera=False),), waiting=()
)
