"""The call and its note: intentions in, states out."""

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from msgspec.structs import replace as replace_struct

from telemed_desk.clinical.call_record import CallSummary, summarise
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.notes import NoteText, Section
from telemed_desk.media.control import DeviceState, PhotoProgress, ScreenState, SoundState
from telemed_desk.ui.gallery_call import NOW_MS, note, signed, visit
from telemed_desk.ui.screens.call.presenter import CallPresenter
from telemed_desk.ui.screens.call.state import State
from telemed_desk.workflow.status import DeskStatus
from telemed_protocol.errors import FormatError, KnownError


class Desk:
    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.calls: list[tuple[object, ...]] = []
        self.states: list[State] = []
        self.signed: Callable[[KnownError | None], None] = lambda _problem: None
        self.presenter = CallPresenter(
            self, lambda: self.calls.append(("today",)), lambda: self.now_ms, self.states.append
        )

    @property
    def state(self) -> State:
        return self.presenter.state

    def mute(self, *, microphone: bool, camera: bool) -> None:
        self.calls.append(("mute", microphone, camera))

    def use_clinical_sound(self, *, on: bool) -> None:
        self.calls.append(("clinical", on))

    def choose_rung(self, rung: Rung) -> None:
        self.calls.append(("rung", rung))

    def share_screen(self, *, on: bool) -> None:
        self.calls.append(("share", on))

    def take_photo(self) -> None:
        self.calls.append(("photo",))

    def end_visit(self, agreed: list[str]) -> None:
        self.calls.append(("end", tuple(agreed)))

    def leave_visit(self) -> None:
        self.calls.append(("leave",))

    def edit(self, section: Section, text: str) -> None:
        self.calls.append(("edit", section, text))

    def save_now(self) -> None:
        self.calls.append(("save",))

    def sign(self, done: Callable[[KnownError | None], None]) -> None:
        self.calls.append(("sign",))
        self.signed = done


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.presenter.note(note())
    made.presenter.visit(visit())
    return made


def test_the_header_never_forgets_allergy_and_consent(desk: Desk) -> None:
    header = desk.state.header
    assert header.name == "Nyambura Mfano"
    assert "penicillin" in header.allergies
    assert header.consent == "Consent: video and photos, 10:31"
    assert header.timer == "12:48"


def test_mute_and_camera_leave_each_other_alone(desk: Desk) -> None:
    desk.presenter.toggle_mute()
    desk.presenter.visit(replace(visit(), microphone_muted=True))
    desk.presenter.toggle_camera()
    assert desk.calls == [("mute", True, False), ("mute", True, True)]
    assert desk.state.controls.muted


def test_speaking_while_muted_is_said_only_while_muted(desk: Desk) -> None:
    desk.presenter.visit(replace(visit(), speaking_while_muted=True))
    assert not desk.state.controls.speaking_while_muted
    desk.presenter.visit(replace(visit(), speaking_while_muted=True, microphone_muted=True))
    assert desk.state.controls.speaking_while_muted


def test_clinical_sound_is_switched_and_says_what_it_does(desk: Desk) -> None:
    assert "as they sound" in desk.state.controls.clinical_tip
    desk.presenter.toggle_clinical_sound()
    desk.presenter.visit(replace(visit(), clinical_sound=True))
    assert desk.state.controls.clinical_sound
    assert "headphones" not in desk.state.controls.clinical_tip
    echo = SoundState(clinical=True, cancels_echo=True)
    desk.presenter.visit(replace(visit(), clinical_sound=True, sound=echo))
    assert "wear headphones" in desk.state.controls.clinical_tip
    desk.presenter.toggle_clinical_sound()
    assert desk.calls == [("clinical", True), ("clinical", False)]


def test_a_pc_that_cannot_cancel_echo_says_so_unless_headphones_are_worn(desk: Desk) -> None:
    broken = SoundState(problem="TD-SND-001")
    desk.presenter.visit(replace(visit(), sound=broken))
    assert desk.state.banner == "Echo and noise are not removed on this PC."
    desk.presenter.visit(replace(visit(), sound=replace_struct(broken, headphones=True)))
    assert desk.state.banner == ""


def test_no_photo_without_consent(desk: Desk) -> None:
    refused = visit()
    waiting = replace(
        refused.waiting,
        consent_photos=False,
        consultation=replace(refused.waiting.consultation, consent_photos=False),
    )
    desk.presenter.visit(replace(refused, waiting=waiting))
    assert not desk.state.controls.photo_enabled
    assert "not agreed to photos" in desk.state.controls.photo_reason
    desk.presenter.take_photo()
    assert desk.calls == []


def test_one_photo_at_a_time_with_its_progress(desk: Desk) -> None:
    desk.presenter.take_photo()
    assert desk.calls == [("photo",)]
    desk.presenter.visit(replace(visit(), photo_progress=PhotoProgress("c", "p", 41_000, 68_000)))
    assert desk.state.stage.progress == "Photo arriving: 41 kB of 68 kB"
    desk.presenter.take_photo()
    assert desk.calls == [("photo",)]
    declined = PhotoProgress("c", "p", 0, 0, problem="declined")
    desk.presenter.visit(replace(visit(), photo_progress=declined))
    assert "did not want" in desk.state.stage.progress
    assert desk.state.controls.photo_enabled


def test_a_weak_link_turns_to_voice_and_says_so(desk: Desk) -> None:
    desk.presenter.visit(visit(rung=Rung.AUDIO_PHOTOS, rtt=640, loss=0.09))
    state = desk.state
    assert state.stage.voice_only
    assert state.controls.camera_by_link
    assert state.controls.photo_label == "Ask photo"
    assert state.banner == "Video is off so that you can keep hearing each other"
    assert state.link.path.legs[0].tone == "danger"
    assert state.link.path.legs[0].words == "640 ms · 9% loss · through the relay"


def test_voice_by_choice_is_said_as_a_choice_and_not_as_a_bad_link(desk: Desk) -> None:
    desk.presenter.choose_rung(Rung.AUDIO_PHOTOS)
    assert desk.calls == [("rung", Rung.AUDIO_PHOTOS)]
    chosen = replace(visit(rung=Rung.AUDIO_PHOTOS), chosen=Rung.AUDIO_PHOTOS, reason="choice")
    desk.presenter.visit(chosen)
    state = desk.state
    assert state.link.chosen is Rung.AUDIO_PHOTOS
    assert state.link.sentence == "You chose: Voice and photos."
    assert state.link.path.legs[0].tone == "ok"
    assert (state.banner_tone, state.banner) == ("info", "You chose voice without pictures")
    assert state.controls.camera_by_choice
    assert not state.controls.camera_by_link
    desk.presenter.choose_rung(Rung.AUDIO_PHOTOS)
    assert len(desk.calls) == 1  # it is so already
    desk.presenter.choose_rung(Rung.HD_VIDEO)
    assert desk.calls[-1] == ("rung", Rung.HD_VIDEO)


def test_a_link_that_carries_less_than_was_chosen_is_named_and_not_the_choice(desk: Desk) -> None:
    desk.presenter.visit(replace(visit(rung=Rung.AUDIO_PHOTOS), chosen=Rung.LOW_VIDEO))
    assert desk.state.banner == "Video is off so that you can keep hearing each other"
    assert desk.state.controls.camera_by_link
    assert "You chose" not in desk.state.link.sentence


def test_nothing_is_chosen_for_a_call_that_is_over(desk: Desk) -> None:
    desk.presenter.visit(visit("ended"))
    desk.presenter.choose_rung(Rung.LOW_VIDEO)
    assert desk.calls == []


def test_a_frozen_picture_carries_its_time(desk: Desk) -> None:
    desk.presenter.visit(visit("reconnecting"))
    assert desk.state.stage.stale == "Frozen 10:43:57, reconnecting"
    link = desk.presenter.call_link()
    assert link is not None
    assert (link.rung, link.word) == (Rung.NO_LINK, "Reconnecting")


def test_the_patient_left_is_said_with_what_to_do(desk: Desk) -> None:
    desk.presenter.visit(visit("patient-away"))
    assert desk.state.banner == "Nyambura left at 10:43"
    assert desk.state.banner_words


def test_a_device_problem_is_told_with_its_next_step(desk: Desk) -> None:
    busy = DeviceState("camera", "Webcam", "TD-CAM-002")
    desk.presenter.visit(replace(visit(), devices={"camera": busy}))
    assert desk.state.banner == "Another program is using the camera."
    assert desk.state.banner_words == "Close that program, or call with sound only."


def test_the_media_process_may_die_and_the_note_goes_on(desk: Desk) -> None:
    desk.presenter.visit(visit("restarting"))
    assert "note is safe" in desk.state.banner_words
    desk.presenter.edit(Section.PLAN, "x")
    assert desk.calls == [("edit", Section.PLAN, "x")]


def test_the_next_patient_turns_amber_five_minutes_before(desk: Desk) -> None:
    desk.presenter.next_patient(NOW_MS + 6 * 60_000)
    assert not desk.state.header.next_soon
    desk.now_ms += 60_000
    desk.presenter.tick()
    assert desk.state.header.next_soon


def test_saved_and_sent_are_two_statements(desk: Desk) -> None:
    desk.presenter.status(DeskStatus(waiting_to_sync=3))
    assert desk.state.note.save_words == "Saved on this PC 2 s ago · 3 waiting to sync"
    desk.presenter.note(replace(note(), unsaved=True))
    assert not desk.state.note.save_words.startswith("Saved")
    desk.presenter.note(replace(note(), problem=FormatError()))
    assert desk.state.note.save_tone == "danger"
    assert "Saved" not in desk.state.note.save_words


def test_ending_asks_only_when_no_note_was_started(desk: Desk) -> None:
    desk.presenter.end()
    assert ("end", ()) in desk.calls
    desk.calls.clear()
    desk.presenter.note(replace(note(), text=NoteText()))
    desk.presenter.end()
    assert desk.state.asks_end
    assert desk.calls == []
    desk.presenter.go_on()
    assert not desk.state.asks_end
    desk.presenter.end()
    desk.presenter.confirm_end()
    assert ("end", ()) in desk.calls


def test_signing_waits_for_the_end_of_the_call(desk: Desk) -> None:
    desk.presenter.review()
    assert desk.state.sign is None
    assert desk.state.notice
    assert desk.calls == [("save",)]
    desk.presenter.visit(visit("ended"))
    desk.presenter.review()
    assert desk.state.sign is not None
    desk.presenter.sign()
    desk.presenter.sign()
    assert desk.calls.count(("sign",)) == 1
    desk.signed(None)
    assert desk.state.sign is None


def test_a_picture_that_stands_is_never_shown_as_live(desk: Desk) -> None:
    assert desk.state.stage.stale == ""
    shown = visit()
    assert shown.stats is not None
    stands = msgspec.structs.replace(shown.stats, picture_stands=True)
    desk.presenter.visit(replace(shown, stats=stands))
    assert desk.state.stage.stale == "Picture stands, part of it was lost"


def test_the_screen_is_shown_only_after_a_question_and_says_so_all_the_time(desk: Desk) -> None:
    desk.presenter.toggle_share()
    assert desk.state.asks_share
    desk.presenter.decline_share()
    assert not desk.state.asks_share
    assert ("share", True) not in desk.calls
    desk.presenter.toggle_share()
    desk.presenter.confirm_share()
    assert desk.calls[-1] == ("share", True)
    assert not desk.state.asks_share
    assert not desk.state.controls.sharing  # not before the media process says so
    desk.presenter.visit(replace(visit(), screen=ScreenState(on=True)))
    assert desk.state.controls.sharing
    assert desk.state.banner == "Everybody in this call sees this screen"
    desk.presenter.toggle_share()
    assert desk.calls[-1] == ("share", False)
    desk.presenter.visit(replace(visit(), screen=ScreenState(on=False, code="TD-SCR-001")))
    assert desk.state.banner == "This screen cannot be shown"
    assert not desk.state.controls.sharing


def test_a_colleagues_screen_takes_the_stage_until_the_call_ends(desk: Desk) -> None:
    desk.presenter.visit(replace(visit(), others_screen="screen"))
    assert desk.state.stage.screen_memory == "screen"
    desk.presenter.visit(replace(visit("ended"), others_screen="screen"))
    assert desk.state.stage.screen_memory == ""


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("rate", "About 900 kb/s gets through; that keeps it below HD."),
        ("loss", "0.4% of what is sent gets lost; that keeps it lower."),
        ("delay", "What is sent takes 118 ms there and back; that keeps it lower."),
        ("processor", "This PC cannot make larger pictures in time."),
        ("other-side", "Nyambura's phone takes no more."),
        ("choice", "You chose: As good as the link allows."),
    ],
)
def test_the_link_names_what_limits_it(desk: Desk, reason: str, said: str) -> None:
    desk.presenter.visit(replace(visit(), reason=reason))
    assert desk.state.link.sentence == said


def test_after_the_call_the_link_says_what_it_was_like(desk: Desk) -> None:
    rungs = {Rung.VIDEO: 600, Rung.AUDIO_PHOTOS: 200}
    summary = CallSummary(800, rungs, 2, 14_200, 900, "rate", 210, 480, relayed=False)
    desk.presenter.visit(replace(visit("ended"), summary=summary))
    assert desk.state.link.sentence == (
        "13:20: Video 75%, Audio + photos 25%. Interrupted 2 times. The picture stood for 0:14."
    )
    once = replace(summary, interruptions=1, frozen_ms=300)
    desk.presenter.visit(replace(visit("ended"), summary=once))
    assert desk.state.link.sentence == "13:20: Video 75%, Audio + photos 25%. Interrupted 1 time."
    desk.presenter.visit(replace(visit("ended"), summary=summarise([])))
    assert desk.state.link.sentence == "The call has ended."


def test_a_refused_signature_keeps_the_dialog_and_says_why(desk: Desk) -> None:
    desk.presenter.visit(visit("ended"))
    desk.presenter.review()
    desk.presenter.sign()
    desk.signed(FormatError())
    assert desk.state.sign is not None
    assert (desk.state.sign.working, desk.state.sign.problem) == (False, FormatError.sentence)


def test_an_empty_note_is_not_signed_and_missing_parts_are_named(desk: Desk) -> None:
    desk.presenter.visit(visit("ended"))
    desk.presenter.note(replace(note(), text=NoteText()))
    desk.presenter.review()
    assert desk.state.sign is None
    desk.presenter.note(replace(note(), text=NoteText(subjective="Better")))
    desk.presenter.review()
    assert desk.state.sign is not None
    assert desk.state.sign.empty_sections == "Still empty: Objective, Assessment, Plan."


def test_a_signed_note_takes_no_more_words(desk: Desk) -> None:
    desk.presenter.visit(visit("ended"))
    desk.presenter.note(signed())
    assert desk.state.note.read_only
    assert "7QK2-M4XV" in desk.state.note.status
    desk.presenter.edit(Section.PLAN, "more")
    desk.presenter.review()
    assert desk.calls == []


def test_one_cannot_walk_out_of_a_running_call(desk: Desk) -> None:
    desk.presenter.leave()
    assert desk.calls == []
    desk.presenter.visit(visit("ended"))
    desk.presenter.leave()
    assert desk.calls == [("save",), ("leave",), ("today",)]
    assert desk.presenter.call_link() is None


def test_versions_side_by_side_hold_the_signature_back_and_lead_to_the_choice(desk: Desk) -> None:
    desk.presenter.visit(visit("ended"))
    desk.presenter.note(replace(note(), leaves=2))
    view = desk.state.note
    assert (view.versions, view.versions_open) == ("This note has 2 versions", "Choose")
    assert not view.may_sign
    desk.presenter.review()
    assert desk.state.sign is None
    desk.presenter.note(replace(note(), leaves=1))
    assert desk.state.note.versions == ""
    assert desk.state.note.may_sign


def test_during_the_call_versions_are_said_and_chosen_afterwards(desk: Desk) -> None:
    desk.presenter.visit(visit())
    desk.presenter.note(replace(note(), leaves=2))
    assert desk.state.note.versions
    assert desk.state.note.versions_open == ""


def test_text_that_was_read_anew_is_another_key_for_the_editor(desk: Desk) -> None:
    desk.presenter.visit(visit("ended"))
    desk.presenter.note(replace(note(), loaded=1))
    first = desk.state.note.key
    desk.presenter.note(replace(note(), loaded=2))
    assert desk.state.note.key != first
