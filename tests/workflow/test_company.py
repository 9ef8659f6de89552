"""Who is let into a call, kept, told of each other and let go; without media or server."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Guest, Role
from telemed_desk.media import control
from telemed_desk.ui.gallery_days import waiting
from telemed_desk.workflow.company import MOST_GUESTS, Company
from telemed_desk.workflow.visit import VisitPorts
from telemed_protocol import talk

PATIENT = waiting()[3]
CONSULTATION = PATIENT.consultation.entity


def guest(seat: str, role: Role = Role.CARER, consultation: bytes = CONSULTATION) -> Guest:
    return Guest(seat, consultation, role, 0, True, f"Guest {seat}")


@dataclass
class Around:
    """What the company does to its surroundings."""

    said: list[tuple[str, talk.DeskMessage]] = field(default_factory=list)
    media: list[control.ToMedia] = field(default_factory=list)
    admitted: list[str] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    later: list[Callable[[], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        ports = VisitPorts(
            say=lambda seat, message: self.said.append((seat, message)),
            admit=self.admitted.append,
            end_seat=self.ended.append,
            media=self.media.append,
            later=lambda _s, action: self.later.append(action),
            ice_servers=list,
            now_ms=lambda: 0,
        )
        self.company = Company(PATIENT, ports, lambda _there: None, start_rung=Rung.VIDEO)

    def call_of(self, seat: str) -> str:
        return next(g.call for g in self.company.there if g.seat == seat)

    def phase_of(self, seat: str) -> str:
        return next(g.phase for g in self.company.there if g.seat == seat)

    def starts(self) -> list[control.StartCall]:
        return [m for m in self.media if isinstance(m, control.StartCall)]

    def told(self, seat: str) -> list[str]:
        """Return the names that somebody was told last."""
        people = [m for s, m in self.said if s == seat and isinstance(m, talk.People)]
        return [person.name for person in people[-1].people] if people else []


@pytest.fixture
def around() -> Around:
    return Around()


def test_who_is_let_in_is_admitted_and_called_on_a_leg_of_their_own(around: Around) -> None:
    around.company.admit(guest("a"))
    around.company.admit(guest("a"))
    (start,) = around.starts()
    assert (around.admitted, start.offer, start.leg) == (["a"], True, "a")
    around.company.on_media(control.LocalDescription(start.call, "offer", "sdp", 0))
    assert ("a", talk.Offer(start.call, 0, "sdp", [])) in around.said


def test_nobody_of_another_consultation_and_no_more_than_this_pc_carries(around: Around) -> None:
    around.company.admit(guest("x", consultation=b"another"))
    for seat in "abcd":
        around.company.admit(guest(seat))
    assert [g.seat for g in around.company.there] == list("abcd")[:MOST_GUESTS]


def test_everybody_is_told_of_all_others_and_once_only(around: Around) -> None:
    around.company.admit(guest("a"))
    around.company.admit(guest("b", Role.INTERPRETER))
    assert around.told(PATIENT.seat) == ["Guest a", "Guest b"]
    assert around.told("a") == [PATIENT.patient.given_name, "Guest b"]
    before = len(around.said)
    around.company.on_page("a", talk.PageState(camera=False, microphone=True))
    assert len(around.said) == before
    around.company.remove("b")
    assert around.told(PATIENT.seat) == ["Guest a"]
    assert ("b", talk.Ended()) in around.said
    assert around.ended == ["b"]


def test_an_answer_to_an_older_call_and_of_a_stranger_is_not_taken(around: Around) -> None:
    around.company.admit(guest("a"))
    around.company.on_page("a", talk.Answer("older", 0, "sdp"))
    around.company.on_page("z", talk.Answer(around.call_of("a"), 0, "sdp"))
    assert not [m for m in around.media if isinstance(m, control.RemoteDescription)]
    around.company.on_page("a", talk.Answer(around.call_of("a"), 0, "sdp"))
    assert len([m for m in around.media if isinstance(m, control.RemoteDescription)]) == 1


def test_a_failed_call_is_offered_again_unless_the_page_is_gone(around: Around) -> None:
    around.company.admit(guest("a"))
    first = around.call_of("a")
    around.company.on_media(control.CallState(first, "failed", "no-path"))
    around.later.pop()()
    second = around.call_of("a")
    assert second != first
    around.company.on_media(control.CallState(second, "reconnecting"))
    around.company.listed({"a": False})
    assert around.phase_of("a") == "away"
    around.company.on_media(control.CallState(first, "failed"))  # of a call that is no more
    assert around.phase_of("a") == "away"
    around.company.listed({"a": True})
    assert around.call_of("a") != second
    assert around.phase_of("a") == "reconnecting"


def test_who_leaves_or_is_no_longer_listed_frees_the_place(around: Around) -> None:
    around.company.admit(guest("a"))
    around.company.admit(guest("b"))
    calls = {around.call_of("a"), around.call_of("b")}
    around.company.on_page("a", talk.Bye())
    around.company.listed({})
    assert around.company.there == ()
    assert {m.call for m in around.media if isinstance(m, control.EndCall)} == calls
    assert around.told(PATIENT.seat) == []


def test_a_dead_media_process_calls_all_guests_again(around: Around) -> None:
    around.company.admit(guest("a"))
    around.company.on_media(control.VideoStream("remote", "memory", around.call_of("a")))
    around.company.on_media_died()
    assert [(g.phase, g.memory) for g in around.company.there] == [("reconnecting", "")]
    around.company.on_media_ready()
    around.company.on_media_ready()
    assert len(around.starts()) == 2


def test_who_asks_to_be_called_while_there_is_no_media_process_is_called_once_there_is(
    around: Around,
) -> None:
    around.company.admit(guest("a"))
    around.company.on_media_died()
    around.company.on_page("a", talk.NeedOffer())  # this order reaches nobody
    said = len(around.starts())
    around.company.on_media_ready()
    assert len(around.starts()) == said + 1
    assert around.starts()[-1].call == around.call_of("a")


def test_the_end_of_the_visit_is_the_end_for_all(around: Around) -> None:
    around.company.admit(guest("a"))
    around.company.admit(guest("b"))
    around.company.end()
    assert sorted(around.ended) == ["a", "b"]
    assert around.company.there == ()
