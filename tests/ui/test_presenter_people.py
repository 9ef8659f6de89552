"""The people of a call, and a colleague's call: intentions in, states out."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Role
from telemed_desk.media.control import CallStats, ScreenState
from telemed_desk.sync.guest_line import JoinRefused
from telemed_desk.sync.problems import ServerUnreachable
from telemed_desk.ui.gallery_call import NOW_MS, visit
from telemed_desk.ui.gallery_people import JOINED, LINK, PEOPLE
from telemed_desk.ui.screens.call.people import PeoplePresenter
from telemed_desk.ui.screens.call.people import State as PeopleShown
from telemed_desk.ui.screens.joined.presenter import JoinDialog, JoinedPresenter
from telemed_desk.ui.screens.joined.presenter import State as JoinedShown
from telemed_desk.workflow.booking import LinkResult, PatientLink
from telemed_desk.workflow.company import Attendee
from telemed_desk.workflow.joining import JoinedState
from telemed_desk.workflow.people import PeopleState


class Desk:
    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.states: list[PeopleShown] = []
        self.made: Callable[[LinkResult], None] = lambda _result: None
        self.people = PeoplePresenter(self, self.states.append)
        self.shown: list[JoinedShown] = []
        self.dialogs: list[JoinDialog | None] = []
        self.joined = JoinedPresenter(self, lambda: NOW_MS, self.shown.append, self.dialogs.append)

    def link_for(self, consultation: bytes, role: Role, done: Callable[[LinkResult], None]) -> None:
        self.calls.append(("link", consultation, role))
        self.made = done

    def admit(self, seat: str) -> None:
        self.calls.append(("admit", seat))

    def remove(self, seat: str) -> None:
        self.calls.append(("remove", seat))

    def join(self, url: str) -> None:
        self.calls.append(("join", url))

    def mute_joined(self, *, microphone: bool, camera: bool) -> None:
        self.calls.append(("mute", microphone, camera))

    def choose_joined(self, rung: Rung) -> None:
        self.calls.append(("choose", rung))

    def share_joined(self, *, on: bool) -> None:
        self.calls.append(("share", on))

    def leave_joined(self) -> None:
        self.calls.append(("leave",))


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.people.visit(visit())
    return made


def test_who_is_there_comes_before_who_waits_with_name_role_and_state(desk: Desk) -> None:
    desk.people.people(PEOPLE)
    rows = desk.people.state.rows
    assert [(r.name, r.role, r.said, r.inside) for r in rows] == [
        ("Wairimu Mfano", "Carer", "In the call", True),
        ("Dr Amani Kielelezo", "Colleague", "Reconnecting", True),
        ("Taabu Jaribio", "Interpreter", "Waits to be let in", False),
    ]
    assert [r.memory for r in rows] == ["remote", "", ""]


def test_a_guest_without_camera_or_with_the_microphone_off_is_said(desk: Desk) -> None:
    quiet = replace(PEOPLE.there[0], microphone=False, camera=False)
    desk.people.people(PeopleState(there=(quiet,)))
    (row,) = desk.people.state.rows
    assert (row.said, row.memory, row.stage_words) == ("In the call, muted", "", "Wairimu Mfano")


def test_who_waits_is_let_in_and_who_is_there_let_go(desk: Desk) -> None:
    desk.people.people(PEOPLE)
    desk.people.admit("t")
    desk.people.remove("w")
    assert desk.calls == [("admit", "t"), ("remove", "w")]


def test_a_full_call_says_so_and_lets_nobody_else_in(desk: Desk) -> None:
    there = tuple(Attendee(str(n), Role.CARER, f"Guest {n}") for n in range(3))
    desk.people.people(PeopleState(there, PEOPLE.waiting))
    assert "4 others" in desk.people.state.full
    desk.people.admit("t")
    assert desk.calls == []


def test_a_link_is_made_for_the_role_and_shown(desk: Desk) -> None:
    desk.people.invite()
    desk.people.choose("interpreter")
    desk.people.make_link()
    desk.people.make_link()
    consultation = visit().waiting.consultation.entity
    assert desk.calls == [("link", consultation, Role.INTERPRETER)]
    desk.made(LinkResult(PatientLink(LINK, NOW_MS)))
    invite = desk.people.state.invite
    assert invite is not None
    assert (invite.url, invite.working) == (LINK, False)
    desk.people.choose("carer")  # the interpreter's link must not be taken for the carer's
    assert desk.people.state.invite is not None
    assert desk.people.state.invite.url == ""


def test_no_link_says_why_and_a_closed_dialog_stays_closed(desk: Desk) -> None:
    desk.people.invite()
    desk.people.make_link()
    desk.made(LinkResult(problem=ServerUnreachable()))
    assert desk.people.state.invite is not None
    assert desk.people.state.invite.sentence == ServerUnreachable.sentence
    desk.people.make_link()
    desk.people.close_invite()
    desk.made(LinkResult(PatientLink(LINK, NOW_MS)))
    assert desk.people.state.invite is None


def test_without_a_running_call_nobody_is_invited(desk: Desk) -> None:
    desk.people.invite()
    desk.people.visit(visit("ended"))
    assert desk.people.state.invite is None
    desk.people.invite()
    assert desk.people.state.invite is None


def test_a_colleagues_call_says_where_who_and_how(desk: Desk) -> None:
    desk.joined.joined(JOINED)
    state = desk.joined.state
    assert state.title == "In Dr Achieng Odera's consultation"
    assert state.people == "Here: Dr Achieng Odera, Nyambura (Patient), Wairimu Mfano (Carer)"
    assert (state.live, state.stage.remote_memory, state.timer) == (True, "remote", "13:00")
    desk.joined.joined(replace(JOINED, phase="reconnecting"))
    assert desk.joined.state.rung is Rung.NO_LINK
    assert desk.joined.state.stage.words == "Reconnecting"


def test_mute_and_camera_of_a_joined_call_leave_each_other_alone(desk: Desk) -> None:
    desk.joined.joined(JOINED)
    desk.joined.toggle_mute()
    desk.joined.joined(replace(JOINED, microphone_muted=True))
    desk.joined.toggle_camera()
    assert desk.calls == [("mute", True, False), ("mute", True, True)]


def test_who_speaks_into_a_muted_microphone_of_a_joined_desk_is_told_only_then(desk: Desk) -> None:
    desk.joined.joined(replace(JOINED, speaking_while_muted=True))
    assert not desk.joined.state.speaking_while_muted
    desk.joined.joined(replace(JOINED, speaking_while_muted=True, microphone_muted=True))
    assert desk.joined.state.speaking_while_muted


def test_a_joined_desk_shows_its_screen_after_a_question_and_says_so(desk: Desk) -> None:
    desk.joined.joined(JOINED)
    desk.joined.toggle_share()
    assert desk.joined.state.asks_share
    desk.joined.decline_share()
    assert not desk.joined.state.asks_share
    assert desk.calls == []
    desk.joined.toggle_share()
    desk.joined.tick()
    assert desk.joined.state.asks_share  # a second gone by takes no question away
    desk.joined.confirm_share()
    assert desk.calls == [("share", True)]
    assert not desk.joined.state.sharing  # not before the media process says so
    desk.joined.joined(replace(JOINED, screen=ScreenState(on=True)))
    assert desk.joined.state.sharing
    assert desk.joined.state.banner == "Everybody in this call sees this screen"
    desk.joined.toggle_share()
    assert desk.calls[-1] == ("share", False)
    desk.joined.joined(replace(JOINED, screen=ScreenState(on=False, code="TD-SCR-001")))
    assert desk.joined.state.banner == "This screen cannot be shown"
    desk.joined.toggle_share()
    desk.joined.joined(replace(JOINED, phase="ended"))
    assert not desk.joined.state.asks_share


def test_a_joined_desk_wants_less_picture_and_it_is_shown_as_chosen(desk: Desk) -> None:
    desk.joined.choose_rung(Rung.LOW_VIDEO)
    assert desk.calls == []  # no call yet
    desk.joined.joined(JOINED)
    desk.joined.choose_rung(Rung.HD_VIDEO)
    assert desk.calls == []  # that is what is chosen already
    desk.joined.choose_rung(Rung.LOW_VIDEO)
    assert desk.calls == [("choose", Rung.LOW_VIDEO)]
    assert desk.joined.state.chosen is Rung.HD_VIDEO  # shown is what is so
    desk.joined.joined(replace(JOINED, chosen=Rung.LOW_VIDEO))
    assert desk.joined.state.chosen is Rung.LOW_VIDEO
    desk.joined.joined(replace(JOINED, phase="ended"))
    desk.joined.choose_rung(Rung.VIDEO)
    assert len(desk.calls) == 1


def test_a_screen_that_is_shared_takes_the_stage(desk: Desk) -> None:
    desk.joined.joined(replace(JOINED, others_screen="screen"))
    assert desk.joined.state.stage.screen_memory == "screen"


def test_a_picture_that_is_not_of_this_moment_is_said_to_be_so(desk: Desk) -> None:
    def said(**figures: object) -> str:
        stats = CallStats("c", 4, "", 80.0, 3e5, 3e5, 0.0, 0.0, 5e5)
        desk.joined.joined(replace(JOINED, stats=msgspec.structs.replace(stats, **figures)))
        return desk.joined.state.stage.stale

    assert said() == ""  # none has come yet
    assert said(shown_width=640, shown_fps=15.0) == ""
    assert said(shown_width=640, shown_fps=15.0, picture_stands=True) == (
        "Picture stands, part of it was lost"
    )
    assert said(shown_width=640, shown_fps=0.0) == "Last picture, not live"


def test_a_refused_link_says_what_to_do_and_leads_back(desk: Desk) -> None:
    desk.joined.joined(JoinedState(phase="ended", problem=JoinRefused("link_in_use")))
    assert (desk.joined.state.live, desk.joined.state.next_step) == (False, JoinRefused.next_step)
    desk.joined.toggle_mute()
    desk.joined.leave()
    assert desk.calls == [("leave",)]


def test_what_is_no_link_is_not_opened(desk: Desk) -> None:
    desk.joined.ask()
    desk.joined.paste("https://example.org/")
    desk.joined.join()
    assert desk.calls == []
    assert desk.joined.dialog is not None
    assert "not a link" in desk.joined.dialog.problem
    desk.joined.paste(f"  {LINK} ")
    desk.joined.join()
    assert desk.calls == [("join", LINK)]
    assert desk.dialogs[-1] is None
