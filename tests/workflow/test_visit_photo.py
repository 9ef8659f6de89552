"""A photo that was asked for is not forgotten when its call breaks."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from telemed_desk.media import control
from telemed_protocol import talk
from tests.vault.vault_kit import Place, make_place
from tests.workflow.test_visit_sound import Surroundings


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "vault")
    yield made
    made.close()


def connect(desk: Surroundings) -> None:
    desk.visit.on_media(control.CallState(desk.visit.state.call, "connected"))


def asked(desk: Surroundings) -> list[control.TakePhoto]:
    return [m for m in desk.media if isinstance(m, control.TakePhoto)]


def in_call_with_photo(place: Place) -> Surroundings:
    desk = Surroundings(place)
    waiting = desk.visit.state.waiting
    agreed = replace(waiting, consultation=replace(waiting.consultation, consent_photos=True))
    desk.visit.state = replace(desk.visit.state, waiting=agreed)
    desk.visit.start()
    connect(desk)
    desk.visit.take_photo()
    assert len(asked(desk)) == 1
    return desk


@pytest.mark.parametrize("again", ["page", "process"])
def test_the_same_photo_is_asked_for_in_the_next_call(place: Place, again: str) -> None:
    desk = in_call_with_photo(place)
    before = desk.visit.state.call
    if again == "page":
        desk.visit.on_page(talk.NeedOffer())
    else:
        desk.visit.on_media_died()
        desk.visit.on_media_ready()
    assert len(asked(desk)) == 1  # not before it is connected
    connect(desk)
    connect(desk)
    first, second = asked(desk)
    assert first.photo == second.photo
    assert (first.call, second.call) == (before, desk.visit.state.call)
    assert before != desk.visit.state.call


def test_a_path_that_comes_back_in_the_same_call_asks_for_nothing(place: Place) -> None:
    desk = in_call_with_photo(place)
    desk.visit.on_media(control.CallState(desk.visit.state.call, "reconnecting"))
    connect(desk)
    assert len(asked(desk)) == 1


def test_a_photo_that_was_declined_is_not_asked_for_again(place: Place) -> None:
    desk = in_call_with_photo(place)
    photo = asked(desk)[0].photo
    call = desk.visit.state.call
    desk.visit.on_media(control.PhotoProgress(call, photo, 0, 0, "declined"))
    desk.visit.on_page(talk.NeedOffer())
    connect(desk)
    assert len(asked(desk)) == 1


def test_a_second_request_that_was_too_early_does_not_make_the_first_forgotten(
    place: Place,
) -> None:
    desk = in_call_with_photo(place)
    first = asked(desk)[0].photo
    desk.visit.take_photo()
    second = asked(desk)[1].photo
    desk.visit.on_media(control.PhotoProgress(desk.visit.state.call, second, 0, 0, "busy"))
    desk.visit.on_page(talk.NeedOffer())
    connect(desk)
    assert asked(desk)[2].photo == first
