"""A photo that was asked for is not forgotten when its call breaks."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from telemed_desk.clinical.notes import NoteText
from telemed_desk.media import control
from telemed_desk.media.photo_encode import reencode
from telemed_desk.ui.screens.call.banner import banner
from telemed_desk.ui.screens.call.phrases import controls
from telemed_desk.ui.shell.state import Person, status_state
from telemed_desk.vault import SpaceLeft
from telemed_desk.vault.problems import NoRoomForPhotos
from telemed_desk.workflow.photo_keeping import PhotoNotOurs
from telemed_desk.workflow.space_watch import watch_space
from telemed_desk.workflow.status import DeskStatus
from telemed_protocol import talk
from tests.support.waiting import until
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


# ---- into the vault ------------------------------------------------------------------------------


def photo_of(desk: Surroundings, jpeg: bytes | None = None, **changes: object) -> control.Photo:
    """A photo as the media process hands it over."""
    pixels = np.random.default_rng(2).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    made = reencode(cv2.imencode(".png", pixels)[1].tobytes())
    photo = control.Photo(
        desk.visit.state.call, asked(desk)[0].photo, jpeg or made.jpeg, made.preview_jpeg, 80, 60,
        "camera", made.thumb_jpeg,
    )  # fmt: skip
    return msgspec.structs.replace(photo, **changes)


def at_once(desk: Surroundings) -> list[threading.Event]:
    """Run what the visit wants to do later as soon as it says so; return what tells of that."""
    done = threading.Event()

    def later(_delay: float, work: Callable[[], None]) -> None:
        work()
        done.set()

    desk.visit._ports.later = later
    return [done]


def kept(desk: Surroundings, photo: control.Photo) -> None:
    (done,) = at_once(desk)
    desk.visit.on_media(photo)
    assert done.wait(60)


def test_a_photo_is_kept_with_preview_and_thumbnail(place: Place) -> None:
    desk = in_call_with_photo(place)
    photo = photo_of(desk)
    kept(desk, photo)
    (shown,) = desk.visit.state.photos
    assert (shown.preview_jpeg, shown.thumb_jpeg) == (photo.preview_jpeg, photo.thumb_jpeg)
    (stored,) = place.vault.photos_of(desk.visit.state.waiting.consultation.entity)
    assert (stored.preview, stored.thumb) == (photo.preview_jpeg, photo.thumb_jpeg)
    assert place.vault.read_photo(shown.entity) == photo.jpeg
    assert desk.visit.state.photo_problem is None


EXIF = b"\xff\xd8\xff\xe1\x00\x10Exif\0\0-1.28,36.8"


@pytest.mark.parametrize(
    "changes",
    [
        {"jpeg": b"GIF89a"},
        {"preview_jpeg": b""},
        {"thumb_jpeg": b"<svg/>"},
        {"width": 81},
        {"jpeg": "with exif"},
    ],
)
def test_what_our_encoder_would_not_write_is_not_kept_and_that_is_said(
    place: Place, changes: dict[str, object]
) -> None:
    """Were the media process taken over by a stranger's bytes, these would be its next step."""
    desk = in_call_with_photo(place)
    photo = photo_of(desk)
    if changes == {"jpeg": "with exif"}:
        changes = {"jpeg": EXIF + photo.jpeg[2:]}
    kept(desk, msgspec.structs.replace(photo, **changes))
    problem = desk.visit.state.photo_problem
    assert isinstance(problem, PhotoNotOurs)
    assert banner(desk.visit.state) == ("warn", problem.sentence, problem.next_step)
    assert desk.visit.state.photos == ()
    assert place.vault.photos_of(desk.visit.state.waiting.consultation.entity) == []
    kept(desk, photo)
    assert len(desk.visit.state.photos) == 1
    assert desk.visit.state.photo_problem is None


def test_on_a_nearly_full_disk_no_photo_is_asked_for_and_one_on_its_way_is_said(
    place: Place,
) -> None:
    desk = in_call_with_photo(place)
    place.vault.photo_stop_bytes = 2**62
    desk.visit.take_photo()
    assert len(asked(desk)) == 1
    assert isinstance(desk.visit.state.photo_problem, NoRoomForPhotos)
    kept(desk, photo_of(desk))
    assert isinstance(desk.visit.state.photo_problem, NoRoomForPhotos)
    assert desk.visit.state.photos == ()
    # Notes go on.
    consultation = desk.visit.state.waiting.consultation.entity
    place.vault.journal_draft(b"n" * 16, consultation, NoteText("still"), 1).result()
    place.vault.sign_note(b"n" * 16, 2).result()
    place.vault.photo_stop_bytes = 0
    desk.visit.take_photo()
    assert len(asked(desk)) == 2
    assert desk.visit.state.photo_problem is None


def test_what_the_screen_says_of_room_on_the_disk(place: Place) -> None:
    desk = in_call_with_photo(place)
    for level, said in (
        ("plenty", ""),
        ("low", "disk nearly full, 900.0 MB free"),
        ("no-photos", "no photos, notes go on"),
        ("notes-only", "notes only, no photos"),
    ):
        space = SpaceLeft(level, 900_000_000)  # type: ignore[arg-type]  # each of them
        line = status_state(DeskStatus(space=space), Person(), 0)
        assert said in line.saved
        assert (line.saved_tone == "warn") is (level in {"no-photos", "notes-only"})
        buttons = controls(desk.visit.state, space)
        assert buttons.photo_enabled is (level in {"plenty", "low"})
    # What is not saved at all stays the worst of it.
    worst = status_state(DeskStatus(space=space, save_problem="TD-VLT-011"), Person(), 0)
    assert worst.saved_tone == "danger"


async def test_the_room_is_looked_at_until_the_vault_is_locked(place: Place) -> None:
    seen: list[SpaceLeft] = []
    watching = asyncio.create_task(watch_space(place.vault, seen.append, every_s=0.01))
    await until(lambda: len(seen) > 1, "looked", timeout_s=30)
    place.vault.photo_stop_bytes = 2**62
    await until(lambda: seen[-1].level == "no-photos", "noticed", timeout_s=30)
    place.vault.lock()
    await asyncio.wait([watching], timeout=30)
    assert watching.done()
