"""What the doctor chose holds for the whole visit, over every connection of it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media import control
from telemed_desk.ui.gallery_days import waiting
from telemed_desk.workflow.visit import Visit, VisitPorts
from telemed_protocol import talk
from tests.vault.vault_kit import Place, make_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "vault")
    yield made
    made.close()


class Surroundings:
    """What a visit says to the media process, in order."""

    def __init__(self, place: Place) -> None:
        self.media: list[control.ToMedia] = []
        self.later: list[Callable[[], None]] = []
        ports = VisitPorts(
            say=lambda _seat, _message: None,
            admit=lambda _seat: None,
            end_seat=lambda _seat: None,
            media=self.media.append,
            later=lambda _delay, work: self.later.append(work),
            ice_servers=list,
            now_ms=lambda: 1_790_000_000_000,
        )
        self.visit = Visit(
            waiting()[0], place.vault, ports, lambda _state: None, start_rung=Rung.VIDEO
        )

    def after_the_last_start(self) -> list[control.ToMedia]:
        starts = [n for n, m in enumerate(self.media) if isinstance(m, control.StartCall)]
        return self.media[starts[-1] + 1 :]


def test_a_fresh_call_is_neither_muted_nor_clinical(place: Place) -> None:
    desk = Surroundings(place)
    desk.visit.start()
    assert desk.after_the_last_start() == []


@pytest.mark.parametrize("again", ["page", "process"])
def test_mute_clinical_sound_and_chosen_rung_outlive_the_connection(
    place: Place, again: str
) -> None:
    """A muted doctor whose patient reloads the page must not be heard again by surprise."""
    desk = Surroundings(place)
    desk.visit.start()
    desk.visit.mute(microphone=True, camera=False)
    desk.visit.use_clinical_sound(on=True)
    desk.visit.choose(Rung.LOW_VIDEO)
    if again == "page":
        desk.visit.on_page(talk.NeedOffer())
    else:
        desk.visit.on_media_died()
        desk.visit.on_media_ready()
    assert desk.after_the_last_start() == [
        control.Mute(microphone=True, camera=False),
        control.ClinicalSound(on=True),
        control.ChooseRung(int(Rung.LOW_VIDEO)),
    ]
    desk.visit.choose(Rung.HD_VIDEO)
    desk.visit.use_clinical_sound(on=False)
    desk.visit.on_page(talk.NeedOffer())
    assert desk.after_the_last_start() == [control.Mute(microphone=True, camera=False)]
    assert not desk.visit.state.clinical_sound


def test_how_the_sound_is_treated_is_kept_for_the_screen(place: Place) -> None:
    desk = Surroundings(place)
    desk.visit.start()
    told = control.SoundState(clinical=True, cancels_echo=True, problem="")
    desk.visit.on_media(told)
    assert desk.visit.state.sound == told


def test_records_that_lock_right_after_a_call_are_not_asked_what_it_was_like(place: Place) -> None:
    desk = Surroundings(place)
    desk.visit.start()
    desk.visit.end([])
    place.close()  # locking finishes what was begun, so the summary has been asked for
    assert len(desk.later) == 1
    desk.later[0]()
    assert desk.visit.state.phase == "ended"
    assert desk.visit.state.summary is None
