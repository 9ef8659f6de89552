"""Who lost the path says ``need-path``, and the desk in the middle offers another, in the same call."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Guest, Role
from telemed_desk.media import control
from telemed_desk.ui.gallery_days import waiting
from telemed_desk.workflow.company import Company
from telemed_desk.workflow.joining import Joining, JoiningPorts
from telemed_desk.workflow.visit import Visit, VisitPorts
from telemed_protocol import talk
from telemed_protocol.joinlink import JoinLink
from tests.vault.vault_kit import Place, make_place

LINK = JoinLink(bytes(16), bytes(16)).url("https://clinic.example")


class Around:
    """What is said to the media process and to the pages; the relays' credentials change each time."""

    def __init__(self) -> None:
        self.media: list[control.ToMedia] = []
        self.asked = 0
        self.ports = VisitPorts(
            say=lambda _seat, _message: None,
            admit=lambda _seat: None,
            end_seat=lambda _seat: None,
            media=self.media.append,
            later=lambda _delay, _work: None,
            ice_servers=self.servers,
            now_ms=lambda: 1_790_000_000_000,
        )

    def servers(self) -> list[talk.IceServer]:
        self.asked += 1
        return [talk.IceServer(["turn:relay.example"], f"user{self.asked}", "secret")]

    def restarts(self) -> list[control.UseServers]:
        return [m for m in self.media if isinstance(m, control.UseServers)]


@pytest.fixture
def around() -> Around:
    return Around()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "vault")
    yield made
    made.close()


def test_a_patient_who_needs_a_path_is_offered_one_in_the_same_call(
    around: Around, place: Place
) -> None:
    visit = Visit(waiting()[0], place.vault, around.ports, lambda _: None, start_rung=Rung.VIDEO)
    visit.start()
    (start,) = [m for m in around.media if isinstance(m, control.StartCall)]
    visit.on_page(talk.NeedPath("an earlier call"))
    assert around.restarts() == []
    visit.on_page(talk.NeedPath(start.call))
    (wanted,) = around.restarts()
    assert (wanted.call, wanted.restart) == (start.call, True)
    # Not with the credentials of the beginning: they may have ended.
    assert wanted.ice_servers[0].username != start.ice_servers[0].username
    assert [m for m in around.media if isinstance(m, control.StartCall)] == [start]
    visit.on_page(talk.NeedPath(start.call))
    assert len(around.restarts()) == 2  # a page says it until something is heard


def test_a_page_that_asks_for_a_call_while_there_is_no_media_process_is_called_once_there_is(
    around: Around, place: Place
) -> None:
    visit = Visit(waiting()[0], place.vault, around.ports, lambda _: None, start_rung=Rung.VIDEO)
    visit.start()
    visit.on_media_died()
    visit.on_page(talk.NeedOffer())
    visit.on_media_ready()
    last = [m for m in around.media if isinstance(m, control.StartCall)][-1]
    assert isinstance(around.media[-1], control.StartCall)  # said to the process that is up now
    assert (visit.state.call, visit.state.restarts) == (last.call, 1)
    visit.on_page(talk.NeedOffer())
    assert visit.state.call != last.call


def test_a_guest_who_needs_a_path_is_offered_one_and_nobody_else(around: Around) -> None:
    patient = waiting()[3]
    company = Company(patient, around.ports, lambda _there: None, start_rung=Rung.VIDEO)
    for seat in ("a", "b"):
        company.admit(Guest(seat, patient.consultation.entity, Role.CARER, 0, True, seat))
    call = company.there[0].call
    company.on_page("b", talk.NeedPath(call))  # somebody else's call is not theirs to restart
    company.on_page("unknown", talk.NeedPath(call))
    assert around.restarts() == []
    company.on_page("a", talk.NeedPath(call))
    (wanted,) = around.restarts()
    assert (wanted.call, wanted.restart) == (call, True)
    assert wanted.ice_servers


def test_a_joined_desk_asks_for_a_path_as_a_page_does(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[talk.PageMessage] = []
    ports = JoiningPorts(lambda _m: None, lambda _s, _w: None, lambda work: work.close(), lambda: 0)
    joining = Joining(LINK, "Dr Mfano", ports, lambda _state: None, start_rung=Rung.VIDEO)
    monkeypatch.setattr(joining, "_say", said.append)
    joining.on_media(control.PathWanted("one"))
    assert said == []  # no call yet
    joining._told(talk.Offer("one", 0, "sdp"))
    joining.on_media(control.PathWanted("another"))
    joining.on_media(control.PathWanted("one"))
    assert said == [talk.NeedPath("one")]
