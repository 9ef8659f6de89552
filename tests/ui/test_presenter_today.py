"""Today: intentions in, states out."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest

from telemed_desk.clinical.consultations import ConsultationState
from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.queue import Waiting
from telemed_desk.ui.gallery_claims import lost_day
from telemed_desk.ui.gallery_days import MINUTE_MS, NOW_MS, PEOPLE, at, booked, visit, waiting
from telemed_desk.ui.screens.today.presenter import Booked, LinkResult, TodayPresenter
from telemed_desk.ui.screens.today.state import State, WaitingRow
from telemed_desk.workflow.claiming import LostVisit
from telemed_protocol.errors import FormatError, KnownError


@dataclass(frozen=True)
class Link:
    url: str = "https://visit.example/j#secret"
    expires_ms: int = at("11:40")


@dataclass(frozen=True)
class Result:
    link: Link | None = None
    problem: KnownError | None = None


class Desk:
    def __init__(self) -> None:
        self.now_ms = NOW_MS
        self.calls: list[tuple[object, ...]] = []
        self.states: list[State] = []
        self.linked: Callable[[LinkResult], None] = lambda _result: None
        self.presenter = TodayPresenter(
            self, self, lambda: self.now_ms, self.states.append, claims=self
        )

    @property
    def state(self) -> State:
        return self.presenter.state

    def row(self, seat: str) -> WaitingRow:
        return next(row for row in self.state.waiting if row.seat == seat)

    def start_visit(self, seat: str) -> None:
        self.calls.append(("start", seat))

    def clear_urgent(self, seat: str, reason: str) -> None:
        self.calls.append(("clear", seat, reason))

    def link_for(self, consultation: bytes, done: Callable[[LinkResult], None]) -> None:
        self.calls.append(("link", consultation))
        self.linked = done

    def open_note(self, consultation: bytes) -> None:
        self.calls.append(("note", consultation))

    def open_record(self, patient: bytes, consultation: bytes) -> None:
        self.calls.append(("record", patient, consultation))

    def take_by_phone(self, consultation: bytes) -> None:
        self.calls.append(("phone", consultation))

    def take_over(self, lost: LostVisit) -> None:
        self.calls.append(("over", lost))

    def was_read(self, lost: LostVisit) -> None:
        self.calls.append(("read", lost))

    def open_self_check(self) -> None:
        self.calls.append(("check",))


@pytest.fixture
def desk() -> Desk:
    made = Desk()
    made.presenter.room(waiting())
    made.presenter.day(booked())
    return made


def one(**changes: object) -> Waiting:
    return replace(waiting()[3], **changes)  # type: ignore[arg-type]  # names checked by replace


def test_urgent_stands_first_then_booked_time(desk: Desk) -> None:
    order = [row.seat for row in desk.state.waiting]
    assert order == ["halima", "barasa", "chebet", "nyambura", "kamau"]


def test_a_row_says_who_how_long_and_on_what_link(desk: Desk) -> None:
    row = desk.row("nyambura")
    assert (row.name, row.chip, row.waited, row.arrived) == (
        "Nyambura Mfano",
        "Booked 09:40",
        "4 min",
        "arrived 09:20",
    )
    assert row.facts == "67 y F · TD-004127 · Kikuyu · daughter Wairimu joins too"
    assert (row.rung, row.rung_word) == (Rung.LOW_VIDEO, "Low video")


def test_a_long_wait_is_marked_from_15_minutes(desk: Desk) -> None:
    assert desk.row("barasa").long_wait
    assert not desk.row("chebet").long_wait
    desk.now_ms += 4 * MINUTE_MS
    desk.presenter.tick()
    assert desk.row("chebet").long_wait


@pytest.mark.parametrize(
    ("changes", "kind", "enabled"),
    [
        ({"rung": Rung.HD_VIDEO}, "start", True),
        ({"rung": Rung.LOW_VIDEO}, "start", True),
        ({"rung": Rung.AUDIO_PHOTOS}, "audio", True),
        ({"rung": None}, "start", False),
        ({"identity_ok": None}, "start", False),
        ({"identity_ok": False}, "start", False),
    ],
)
def test_the_action_follows_link_and_identity(
    changes: dict[str, object], kind: str, *, enabled: bool
) -> None:
    desk = Desk()
    desk.presenter.room([one(**changes)])
    (action,) = desk.row("nyambura").actions
    assert (action.kind, action.enabled) == (kind, enabled)
    assert bool(action.reason) is not enabled
    desk.presenter.act("nyambura", kind)
    assert desk.calls == ([("start", "nyambura")] if enabled else [])


def test_a_visit_is_started_once(desk: Desk) -> None:
    desk.presenter.act("halima", "start")
    desk.presenter.act("chebet", "start")
    assert desk.calls == [("start", "halima")]
    assert desk.state.starting == "halima"
    desk.presenter.started()
    assert desk.state.starting == ""


def test_start_next_takes_the_first_who_can_be_called() -> None:
    desk = Desk()
    room = list(waiting())
    room[0] = replace(room[0], rung=None)
    desk.presenter.room(room)
    desk.presenter.start_first()
    assert desk.calls == [("start", "barasa")]


def test_the_urgent_flag_goes_only_with_a_reason(desk: Desk) -> None:
    desk.presenter.unflag("halima", "  ")
    desk.presenter.unflag("halima", "Seen by the nurse")
    assert desk.calls == [("clear", "halima", "Seen by the nurse")]


def test_offline_freezes_the_waiting_times_and_says_so(desk: Desk) -> None:
    desk.presenter.offline(at("09:23"))
    desk.now_ms += 30 * MINUTE_MS
    desk.presenter.tick()
    assert desk.row("nyambura").waited == "4 min"
    assert desk.state.as_of == "as of 09:24"
    assert desk.state.offline_title == "No link since 09:23"
    assert not any(a.enabled for a in desk.row("chebet").actions)
    desk.presenter.offline(None)
    assert desk.state.offline_title == ""
    assert desk.row("nyambura").waited == "34 min"


def test_what_comes_next_leaves_out_who_waits_and_who_is_done(desk: Desk) -> None:
    names = [row.name for row in desk.state.next_rows]
    assert names[0] == "Karanja Jaribio"
    assert desk.state.next_rows[0].unfinished
    assert "Nyambura Mfano" not in names
    assert "Leila Kielelezo" not in names
    assert desk.state.missed == "Juma Mfano did not join at 08:20."


def test_the_lanes_show_every_programme_and_visit(desk: Desk) -> None:
    assert len(desk.state.lanes) == 7
    blocks = [block for lane in desk.state.lanes for block in lane.blocks]
    assert len(blocks) == len(booked())
    assert {block.phase for block in blocks} == {"done", "now", "later"}


def test_an_early_visit_widens_the_day() -> None:
    desk = Desk()
    early = visit(1, PEOPLE["kamau"], waiting()[4].consultation.programme, "06:30")
    desk.presenter.day([Booked(early, PEOPLE["kamau"])])
    assert desk.state.hours[0] == 6


def test_a_link_is_shown_and_forgotten(desk: Desk) -> None:
    entity = desk.state.next_rows[1].entity
    desk.presenter.open_link(entity)
    assert desk.state.link is not None
    assert desk.state.link.working
    desk.linked(Result(Link()))
    assert desk.state.link.url == Link().url
    desk.presenter.close_link()
    assert desk.state.link is None
    desk.linked(Result(Link()))
    assert desk.state.link is None


def test_no_link_says_why(desk: Desk) -> None:
    desk.presenter.open_link(desk.state.next_rows[1].entity)
    desk.linked(Result(problem=FormatError()))
    assert desk.state.link is not None
    assert desk.state.link.sentence == FormatError.sentence
    assert desk.state.link.next_step == FormatError.next_step


def test_an_old_self_check_says_nothing_about_today(desk: Desk) -> None:
    assert desk.state.verdict is not None
    assert desk.state.verdict.rung is None
    desk.presenter.checked(Rung.VIDEO, "Video ready", desk.now_ms)
    assert desk.state.verdict.rung is Rung.VIDEO
    desk.now_ms += 13 * 60 * MINUTE_MS
    desk.presenter.tick()
    assert desk.state.verdict.rung is None


def test_recovered_writing_is_told_until_it_is_read(desk: Desk) -> None:
    desk.presenter.recovered(0)
    assert desk.state.recovered_title == ""
    desk.presenter.recovered(214)
    assert "214 characters" in desk.state.recovered_title
    desk.presenter.dismiss_recovered()
    assert desk.state.recovered_title == ""


def test_a_late_booking_is_marked() -> None:
    desk = Desk()
    late = visit(1, PEOPLE["kamau"], waiting()[4].consultation.programme, "09:00")
    desk.presenter.day([Booked(late, PEOPLE["kamau"])])
    assert desk.state.next_rows[0].late
    cancelled = replace(late, state=ConsultationState.CANCELLED)
    desk.presenter.day([Booked(cancelled, PEOPLE["kamau"])])
    assert desk.state.next_rows == ()
    assert all(not lane.blocks for lane in desk.state.lanes)


def test_a_lost_visit_is_told_in_plain_words_and_what_was_written_can_be_opened(desk: Desk) -> None:
    lost_day(desk.presenter)
    told = desk.state.lost
    assert told is not None
    assert told.title == "Dr Brian Mfano took the visit of Karanja Jaribio first, at 09:02"
    assert "What you wrote is kept" in told.words
    desk.presenter.open_lost()
    assert desk.calls[-1] == ("record", told.patient, told.consultation)
    desk.presenter.take_over()
    desk.presenter.read_lost()
    assert [call[0] for call in desk.calls[-2:]] == ["over", "read"]
    desk.presenter.day(booked())
    assert desk.state.lost is None
    desk.presenter.open_lost()
    desk.presenter.read_lost()
    desk.presenter.take_over()
    assert len(desk.calls) == 3


def test_what_somebody_else_has_says_so_and_starting_it_is_taking_over(desk: Desk) -> None:
    lost_day(desk.presenter)
    taken = [row for row in desk.state.next_rows if row.taken]
    assert {row.reason for row in taken} == {"With Dr Brian Mfano since 09:02"}
    assert not any(row.may_phone for row in taken)
    row = next(r for r in desk.state.waiting if r.warning)
    assert row.warning == "With Dr Brian Mfano since 09:02"
    assert [a.label for a in row.actions if a.kind != "unflag"] == ["Take over"]
    only = [w for w in waiting() if w.seat == row.seat]
    desk.presenter.room(only)
    desk.presenter.start_first()
    assert desk.calls == [], "the next one is never taken from somebody by a key"


def test_a_booked_visit_can_be_held_by_telephone_without_a_link(desk: Desk) -> None:
    desk.presenter.offline(desk.now_ms)
    free = [row for row in desk.state.next_rows if row.may_phone]
    assert free
    desk.presenter.phone(free[0].entity)
    assert desk.calls == [("phone", free[0].entity)]
    unfinished = next(row for row in desk.state.next_rows if row.unfinished)
    desk.presenter.phone(unfinished.entity)
    assert len(desk.calls) == 1
