"""Sync and the status line: facts in, words out."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.sync.status import Phase, SyncStatus
from telemed_desk.ui.gallery_days import NOW_MS, at
from telemed_desk.ui.gallery_screens import SYNC_ITEMS
from telemed_desk.ui.screens.sync.presenter import State, SyncPresenter
from telemed_desk.ui.shell.state import CallLink, Person, status_state
from telemed_desk.vault import NoteConflict
from telemed_desk.vault.problems import RestoredCopy
from telemed_desk.workflow.enrolment import CodeResult
from telemed_desk.workflow.status import DeskStatus
from telemed_protocol.errors import FormatError

ONLINE = DeskStatus(link="online", rtt_ms=84, last_contact_ms=NOW_MS)


class Desk:
    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.calls: list[tuple[object, ...]] = []
        self.states: list[State] = []
        self.coded: Callable[[CodeResult], None] = lambda _result: None
        self.presenter = SyncPresenter(self, lambda: self.now_ms, self.states.append)

    @property
    def state(self) -> State:
        return self.presenter.state

    def sync_now(self) -> None:
        self.calls.append(("now",))

    def pause_sync(self, *, paused: bool) -> None:
        self.calls.append(("pause", paused))

    def add_desk(self, done: Callable[[CodeResult], None]) -> None:
        self.calls.append(("code",))
        self.coded = done


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_the_headline_counts_what_waits(desk: Desk) -> None:
    desk.presenter.status(replace(ONLINE, waiting_to_sync=7, waiting_bytes=18_200_000))
    assert desk.state.headline == "7 items wait to be sent, 18.2 MB"
    assert "encrypted on this PC" in desk.state.words
    desk.presenter.status(ONLINE)
    assert desk.state.headline == "Everything has been sent"
    assert desk.state.words.endswith("Last contact 09:24.")


def test_offline_counts_down_to_the_next_try(desk: Desk) -> None:
    sync = SyncStatus(Phase.OFFLINE, next_try_ms=NOW_MS + 40_000)
    desk.presenter.status(DeskStatus(link="offline", link_since_ms=at("08:58"), sync=sync))
    assert desk.state.activity == "No link since 08:58, next try in 40 s"
    desk.now_ms += 35_000
    desk.presenter.tick()
    assert desk.state.activity == "No link since 08:58, next try in 5 s"
    assert desk.state.problem == ""


def test_each_line_has_exactly_one_state(desk: Desk) -> None:
    desk.presenter.items(SYNC_ITEMS)
    states = [row.state for row in desk.state.rows]
    assert states[0] == "Saved on this PC"
    assert states.count("On its way") == 2
    assert states[-1].startswith("Sent, confirmed")
    assert [row.title for row in desk.state.rows][:2] == ["Draft note", "Signed note"]


def test_a_photo_whose_file_is_refused_needs_help_and_the_others_go_on(desk: Desk) -> None:
    photo = next(item for item in SYNC_ITEMS if item.kind == "photo.add")
    desk.presenter.items([replace(photo, state="waiting"), replace(photo, entity=b"x" * 16)])
    before = [row.state for row in desk.state.rows]
    stuck = SyncStatus(Phase.IDLE, problem="TD-NET-009", stuck=frozenset({photo.entity}))
    desk.presenter.status(replace(ONLINE, sync=stuck))
    assert [row.state for row in desk.state.rows] == ["Needs help", before[1]]
    assert desk.state.problem
    desk.presenter.status(replace(ONLINE, sync=SyncStatus(Phase.IDLE)))
    assert [row.state for row in desk.state.rows] == before


def test_a_problem_is_a_sentence_and_an_unknown_one_keeps_its_code(desk: Desk) -> None:
    refused = SyncStatus(Phase.REFUSED, problem="TD-NET-005")
    desk.presenter.status(replace(ONLINE, sync=refused))
    assert "identity could not be confirmed" in desk.state.problem
    desk.presenter.status(replace(ONLINE, sync=SyncStatus(Phase.REFUSED, problem="TD-XYZ-999")))
    assert "TD-XYZ-999" in desk.state.problem_words


HELD = replace(ONLINE, sync=SyncStatus(Phase.IDLE), held=RestoredCopy())


def test_a_restored_copy_needs_help_and_never_says_sent(desk: Desk) -> None:
    desk.presenter.items(SYNC_ITEMS)
    desk.presenter.status(replace(HELD, waiting_to_sync=4, waiting_bytes=18_000))
    state = desk.state
    assert state.headline == "4 items are not sent, 18 kB"
    assert state.needs_help
    assert state.problem == f"Needs help: {RestoredCopy.sentence}"
    assert state.problem_words == RestoredCopy.next_step
    assert state.activity == "Receiving only"
    assert [row.state for row in state.rows[:4]] == ["Needs help"] * 4
    # What the server had confirmed before the copy was made stays confirmed.
    assert all(row.state.startswith("Sent, confirmed") for row in state.rows[4:])
    shown = status_state(desk.presenter._status, ME, NOW_MS)
    assert (shown.sync_help, shown.sync, shown.sync_badge) == ("Needs help", "4 are not sent", 1)


def test_a_restored_copy_with_nothing_new_does_not_say_that_all_was_sent(desk: Desk) -> None:
    desk.presenter.status(HELD)
    assert desk.state.headline == "This PC sends nothing"
    assert "confirmed" not in desk.state.words
    assert "sent" not in desk.state.words
    shown = status_state(HELD, ME, NOW_MS)
    assert shown.sync_help == "Needs help"
    assert "All sent" not in shown.sync


def test_what_came_before_the_reason_is_drawn_anew_with_it(desk: Desk) -> None:
    desk.presenter.items(SYNC_ITEMS)
    assert desk.state.rows[0].state == "Saved on this PC"
    desk.presenter.status(HELD)
    assert desk.state.rows[0].state == "Needs help"
    desk.presenter.status(ONLINE)
    assert desk.state.rows[0].state == "Saved on this PC"


def test_pause_and_go_on(desk: Desk) -> None:
    desk.presenter.pause()
    desk.presenter.status(replace(ONLINE, sync=SyncStatus(Phase.IDLE, paused=True)))
    assert desk.state.activity == "Paused"
    desk.presenter.pause()
    desk.presenter.try_now()
    assert desk.calls == [("pause", True), ("pause", False), ("now",)]


def test_a_code_is_shown_until_the_dialog_closes_and_never_printed(desk: Desk) -> None:
    desk.presenter.add_desk()
    desk.presenter.add_desk()
    assert desk.calls == [("code",)]
    desk.coded(CodeResult("TMD-7QK2"))
    assert desk.state.add_desk is not None
    assert desk.state.add_desk.code == "TMD-7QK2"
    assert "7QK2" not in repr(desk.states)
    desk.presenter.close_code()
    desk.coded(CodeResult("TMD-LATE"))
    assert desk.state.add_desk is None


def test_no_code_says_why(desk: Desk) -> None:
    desk.presenter.add_desk()
    desk.coded(CodeResult(problem=FormatError()))
    assert desk.state.add_desk is not None
    assert desk.state.add_desk.problem == FormatError.sentence


ME = Person("Dr Achieng Odera", lock_minutes=5, practice=True)


@pytest.mark.parametrize(
    ("status", "rung", "words"),
    [
        (ONLINE, Rung.HD_VIDEO, "Clinic link good"),
        (replace(ONLINE, rtt_ms=500), Rung.LOW_VIDEO, "Clinic link slow"),
        (replace(ONLINE, rtt_ms=2000), Rung.AUDIO_PHOTOS, "Clinic link weak"),
        (DeskStatus(link="offline"), Rung.NO_LINK, "No link"),
        (DeskStatus(), Rung.NO_LINK, "Looking for the clinic server"),
    ],
)
def test_the_link_in_glyph_and_words(status: DeskStatus, rung: Rung, words: str) -> None:
    state = status_state(status, ME, NOW_MS)
    assert (state.link_rung, state.link_strong) == (rung, words)


def test_saved_is_never_said_before_the_disk_has_it() -> None:
    writing = status_state(replace(ONLINE, unsaved=True), ME, NOW_MS)
    assert "aved" not in writing.saved
    broken = status_state(replace(ONLINE, save_problem="TD-VLT-009"), ME, NOW_MS)
    assert broken.saved.startswith("Not saved")
    assert broken.saved_tone == "danger"


def test_practice_is_marked_and_a_call_pauses_the_lock() -> None:
    state = status_state(ONLINE, ME, NOW_MS, CallLink(Rung.VIDEO, "118 ms"))
    assert state.mode == "Practice: fictional patients"
    assert state.lock == "Auto-lock paused during the call"
    assert state.link_strong == "This call: Video"


def test_a_note_with_versions_stands_first_with_one_state_and_can_be_chosen_from(
    desk: Desk,
) -> None:
    draft = next(item for item in SYNC_ITEMS if item.kind == "note.revise")
    own = replace(draft, entity=b"n" * 16)
    others = [item for item in SYNC_ITEMS if item is not draft]
    desk.presenter.items([*others, own], [NoteConflict(own.entity, b"c" * 16, 2, at("09:21"))])
    first, *rest = desk.state.rows
    assert (first.title, first.state, first.made) == ("Draft note", "2 versions, choose", "09:21")
    assert first.consultation == b"c" * 16
    assert not any(row.consultation or row.title == "Draft note" for row in rest)
    desk.presenter.items([*others, own])
    assert not any(row.consultation for row in desk.state.rows)
    assert any(row.title == "Draft note" for row in desk.state.rows)
