"""Search and record: what is typed in, what is listed and opened out."""

from collections.abc import Callable

import pytest

from telemed_desk.ui.gallery_days import NOW_MS
from telemed_desk.ui.gallery_search import KENDIS, LAST, NYAMBURA, RECORD, UNFINISHED, _found
from telemed_desk.ui.screens.record.presenter import RecordPresenter
from telemed_desk.ui.screens.record.presenter import State as RecordState
from telemed_desk.ui.screens.search.presenter import DEBOUNCE_MS, SearchPresenter, State
from telemed_desk.vault.problems import VaultLocked
from telemed_desk.workflow.finding import Found, Record, SearchResult


class Search:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.answers: list[Callable[[SearchResult], None]] = []
        self.waiting: list[tuple[int, Callable[[], None]]] = []
        self.states: list[State] = []
        self.opened: list[tuple[Found, str]] = []
        self.presenter = SearchPresenter(
            self,
            lambda ms, call: self.waiting.append((ms, call)),
            lambda: NOW_MS,
            self.states.append,
            lambda found, typed: self.opened.append((found, typed)),
        )

    @property
    def state(self) -> State:
        return self.presenter.state

    def search(self, typed: str, done: Callable[[SearchResult], None]) -> None:
        self.asked.append(typed)
        self.answers.append(done)

    def pause(self) -> None:
        """Typing pauses long enough."""
        waiting, self.waiting = self.waiting, []
        for ms, call in waiting:
            assert ms == DEBOUNCE_MS
            call()

    def find(self, typed: str, result: SearchResult) -> None:
        self.presenter.typed(typed)
        self.pause()
        self.answers[-1](result)


@pytest.fixture
def desk() -> Search:
    return Search()


def test_only_the_pause_in_typing_asks_and_only_once(desk: Search) -> None:
    for typed in ("c", "co", "con", "cons"):
        desk.presenter.typed(typed)
    assert desk.asked == []
    desk.pause()
    assert desk.asked == ["cons"]


def test_what_was_found_is_listed_with_its_words_marked(desk: Search) -> None:
    desk.find("constip", _found("constip"))
    assert [row.title for row in desk.state.rows] == [
        "Nyambura Mfano", "Nyambura Mfano", "Kendi Jaribio", "Nyambura Mfano",
    ]  # fmt: skip
    first = desk.state.rows[0]
    ((start, end),) = first.excerpt_spans
    assert first.excerpt[start:end] == "Constipation"
    assert first.more == "Note · 23 November 2026 · Palliative · Draft"
    assert desk.state.rows[1].more.endswith("Signed")
    assert desk.state.rows[3].more == "67 y F · TD-004127 · Kikuyu · +254 700 000 127"
    assert desk.state.foot == "4 found. Only what is on this PC, newest first."


def test_an_answer_to_what_is_no_longer_typed_is_dropped(desk: Search) -> None:
    desk.presenter.typed("constip")
    desk.pause()
    late = desk.answers[-1]
    desk.find("kendi", SearchResult())
    late(_found("constip"))
    assert desk.state.rows == ()
    assert desk.state.title == "Nothing has the words: kendi"


def test_what_stands_is_kept_until_the_next_answer(desk: Search) -> None:
    desk.find("constip", _found("constip"))
    before = desk.state
    desk.presenter.typed("constipa")
    assert desk.state == before


def test_up_and_down_go_round_and_enter_opens(desk: Search) -> None:
    desk.find("constip", _found("constip"))
    desk.presenter.move(-1)
    assert desk.state.chosen == 3
    desk.presenter.move(1)
    desk.presenter.move(1)
    desk.presenter.open()
    ((found, typed),) = desk.opened
    assert found.consultation == LAST
    assert typed == "constip"
    assert not desk.state.is_open


def test_enter_before_the_answer_opens_the_first_when_it_is_there(desk: Search) -> None:
    desk.presenter.typed("constip")
    desk.presenter.open()
    desk.pause()
    assert desk.opened == []
    desk.answers[-1](_found("constip"))
    assert [found.consultation for found, _ in desk.opened] == [UNFINISHED]


def test_enter_where_nothing_was_found_opens_nothing(desk: Search) -> None:
    desk.presenter.open()
    desk.find("xyz", SearchResult())
    desk.presenter.open()
    desk.presenter.move(1)
    assert desk.opened == []


def test_an_empty_field_says_what_may_be_typed_and_esc_closes(desk: Search) -> None:
    desk.presenter.begin()
    assert desk.state.is_open
    assert "a name, a number, a phone" in desk.state.title
    desk.presenter.typed("co")
    desk.presenter.close()
    desk.pause()
    assert not desk.state.is_open
    assert desk.asked == []
    # Ctrl+K again: the same words are looked up anew.
    desk.presenter.begin()
    desk.pause()
    assert desk.asked == ["co"]


def test_a_vault_that_cannot_be_asked_says_why(desk: Search) -> None:
    desk.find("constip", SearchResult(problem=VaultLocked()))
    assert desk.state.is_problem
    assert (desk.state.title, desk.state.words) == (VaultLocked.sentence, VaultLocked.next_step)


def test_locking_forgets_what_was_typed_and_found(desk: Search) -> None:
    desk.find("constip", _found("constip"))
    desk.presenter.forget()
    assert desk.state == State()
    desk.presenter.pick(0)
    assert desk.opened == []


def test_a_visit_whose_patient_is_not_here_yet_is_still_listed(desk: Search) -> None:
    desk.find("since", SearchResult((Found("consult", None, KENDIS, NOW_MS, None, "since"),)))
    assert desk.state.rows[0].title == "Patient not on this PC yet"
    assert desk.state.rows[0].title_spans == ()


class Reading:
    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.written: list[bytes] = []
        self.done: Callable[[Record], None] = lambda _record: None
        self.states: list[RecordState] = []
        self.presenter = RecordPresenter(self, lambda: NOW_MS, self.states.append)

    @property
    def state(self) -> RecordState:
        return self.presenter.state

    def record(self, patient: bytes, done: Callable[[Record], None]) -> None:
        self.asked.append(patient)
        self.done = done

    def review_note(self, consultation: bytes) -> None:
        self.written.append(consultation)

    def read(self, record: Record, at: bytes | None = None) -> None:
        self.presenter.open(NYAMBURA.entity, at, "constip")
        self.done(record)


@pytest.fixture
def reading() -> Reading:
    return Reading()


def test_the_visit_that_was_found_is_shown_with_its_words_marked(reading: Reading) -> None:
    reading.read(RECORD, LAST.entity)
    state = reading.state
    assert reading.asked == [NYAMBURA.entity]
    assert [row.chosen for row in state.visits] == [False, True, False, False]
    assert (state.is_signed, state.may_write) == (True, False)
    assert state.note_state == "Signed 16 November 2026, 09:44, Dr Achieng Odera"
    assert state.allergies == "Allergies: penicillin"
    plan = next(p for p in state.passages if p.letter == "P")
    assert [plan.text[a:b] for a, b in plan.spans] == ["constipation"]


def test_only_an_unfinished_note_can_be_written_on(reading: Reading) -> None:
    reading.read(RECORD, LAST.entity)
    reading.presenter.write()
    assert reading.written == []
    reading.presenter.move(-1)
    assert reading.state.may_write
    reading.presenter.write()
    assert reading.written == [UNFINISHED.entity]


def test_versions_side_by_side_are_all_shown(reading: Reading) -> None:
    reading.read(RECORD, RECORD.visits[2].consultation.entity)
    assert reading.state.versions == "This note has 2 versions side by side"
    heads = [p.name for p in reading.state.passages if not p.letter]
    assert heads[0].startswith("Written by Mercy Wambui, 23 November 2026")
    assert heads[1].startswith("Written by Dr Achieng Odera")
    texts = [p.text for p in reading.state.passages if p.letter == "P"]
    assert "10 mg" in texts[0]
    assert "5 mg" in texts[1]


def test_walking_stops_at_the_ends_and_a_visit_without_a_note_says_so(reading: Reading) -> None:
    reading.read(RECORD)
    for _ in range(9):
        reading.presenter.move(1)
    assert reading.state.visits[-1].chosen
    assert reading.state.empty == "No note was written"
    assert reading.state.passages == ()
    reading.presenter.choose(LAST.entity)
    assert reading.state.empty == ""


def test_no_visits_and_a_problem_have_their_words(reading: Reading) -> None:
    reading.read(Record(NYAMBURA))
    assert reading.state.empty == "No visit is on this PC"
    reading.read(Record(problem=VaultLocked()))
    assert reading.state.problem == VaultLocked.sentence
    assert reading.state.name == ""


def test_an_answer_for_another_patient_is_dropped(reading: Reading) -> None:
    reading.presenter.open(b"x" * 16, None, "")
    late = reading.done
    reading.read(RECORD)
    shown = reading.state
    late(Record())
    assert reading.state == shown
    reading.presenter.forget()
    reading.done(RECORD)
    assert reading.state == RecordState()
