"""Unlock and set-up: intentions in, states out."""

from collections.abc import Callable

import pytest

from telemed_desk.ui.screens.set_up.presenter import Form, Outcome, SetUpPresenter, Way
from telemed_desk.ui.screens.set_up.presenter import State as SetUpState
from telemed_desk.ui.screens.unlock.presenter import Attempt, Clinician, Place, UnlockPresenter
from telemed_desk.ui.screens.unlock.presenter import State as UnlockState

ACHIENG = Clinician(b"a" * 16, "Dr Achieng Odera", "Palliative care")
MERCY = Clinician(b"m" * 16, "Mercy Wambui", "Nurse")


class DoorPort:
    def __init__(self) -> None:
        self.tries: list[tuple[bytes, str]] = []
        self.done: Callable[[Attempt], None] = lambda _attempt: None
        self.pins: dict[bytes, int] = {}

    def unlock_with_pin(self, clinician: bytes, pin: str, done: Callable[[Attempt], None]) -> None:
        self.tries.append((clinician, pin))
        self.done = done

    def pin_tries_left(self, clinician: bytes) -> int:
        return self.pins.get(clinician, 0)

    def unlock(self, clinician: bytes, passphrase: str, done: Callable[[Attempt], None]) -> None:
        self.tries.append((clinician, passphrase))
        self.done = done


class Unlock:
    def __init__(self) -> None:
        self.now_ms = 1_000_000
        self.port = DoorPort()
        self.states: list[UnlockState] = []
        self.presenter = UnlockPresenter(
            self.port, lambda: self.now_ms, self.states.append, Place(clinic="Mto Mawe")
        )
        self.presenter.clinicians([ACHIENG, MERCY])

    @property
    def state(self) -> UnlockState:
        return self.presenter.state


@pytest.fixture
def desk() -> Unlock:
    return Unlock()


def test_the_last_user_is_chosen(desk: Unlock) -> None:
    assert desk.state.chosen == ACHIENG.entity
    assert ACHIENG.initials == "AO"


def test_a_passphrase_goes_to_the_chosen_clinician_once(desk: Unlock) -> None:
    desk.presenter.choose(MERCY.entity)
    desk.presenter.unlock("four words of mine")
    desk.presenter.unlock("four words of mine")
    assert desk.port.tries == [(MERCY.entity, "four words of mine")]
    assert desk.state.working


def test_without_a_pin_there_is_no_field_for_one(desk: Unlock) -> None:
    assert desk.state.pin_tries == 0
    desk.presenter.unlock_with_pin("480713")
    assert desk.port.tries == []


def test_after_a_lock_the_pin_is_offered_to_who_set_it(desk: Unlock) -> None:
    desk.port.pins[ACHIENG.entity] = 5
    desk.presenter.clinicians([ACHIENG, MERCY])
    assert desk.state.pin_tries == 5
    assert desk.state.pin_hint == "5 tries left, then only your passphrase opens."
    desk.presenter.unlock_with_pin("480713")
    assert desk.port.tries == [(ACHIENG.entity, "480713")]
    assert "480713" not in repr(desk.states)
    desk.port.done(Attempt("ok"))
    assert not desk.state.working
    desk.presenter.choose(MERCY.entity)
    assert desk.state.pin_tries == 0


def test_a_wrong_pin_says_how_many_tries_are_left_until_none_is(desk: Unlock) -> None:
    desk.port.pins[ACHIENG.entity] = 2
    desk.presenter.clinicians([ACHIENG])
    desk.presenter.unlock_with_pin("111222")
    desk.port.pins[ACHIENG.entity] = 1
    desk.port.done(Attempt("wrong-pin"))
    assert (desk.state.pin_error, desk.state.pin_tries) == ("That PIN is wrong.", 1)
    assert desk.state.pin_hint == "1 try left, then only your passphrase opens."
    desk.presenter.typed_pin()
    assert desk.state.pin_error == ""
    desk.presenter.unlock_with_pin("111222")
    del desk.port.pins[ACHIENG.entity]
    desk.port.done(Attempt("pin-gone"))
    assert (desk.state.pin_tries, desk.state.pin_error) == (0, "")
    assert desk.state.error == "The PIN no longer opens. Type your passphrase."


@pytest.mark.parametrize("pin", ["", "12345", "4807 1", "abcdef"])
def test_what_cannot_be_a_pin_costs_no_try(desk: Unlock, pin: str) -> None:
    desk.port.pins[ACHIENG.entity] = 5
    desk.presenter.clinicians([ACHIENG])
    desk.presenter.unlock_with_pin(pin)
    assert desk.port.tries == []
    assert desk.state.pin_error == "A PIN has six digits."


def test_a_pin_whose_hours_are_over_goes_from_the_screen_by_itself(desk: Unlock) -> None:
    desk.port.pins[ACHIENG.entity] = 5
    desk.presenter.clinicians([ACHIENG])
    del desk.port.pins[ACHIENG.entity]
    desk.presenter.tick()
    assert (desk.state.pin_tries, desk.state.pin_hint) == (0, "")


def test_the_wait_after_wrong_passphrases_does_not_hold_the_pin_back(desk: Unlock) -> None:
    desk.port.pins[ACHIENG.entity] = 5
    desk.presenter.clinicians([ACHIENG])
    desk.presenter.unlock("wrong")
    desk.port.done(Attempt("wrong", wait_s=30))
    desk.presenter.unlock_with_pin("480713")
    assert desk.port.tries[-1] == (ACHIENG.entity, "480713")


def test_nothing_typed_asks_nobody(desk: Unlock) -> None:
    desk.presenter.unlock("")
    assert desk.port.tries == []
    assert desk.state.error


def test_a_wrong_passphrase_never_says_which_part(desk: Unlock) -> None:
    desk.presenter.unlock("wrong")
    desk.port.done(Attempt("wrong"))
    assert "does not match" in desk.state.error
    assert ACHIENG.name not in desk.state.error
    desk.presenter.typed()
    assert desk.state.error == ""


def test_too_many_tries_count_down_and_take_nothing(desk: Unlock) -> None:
    desk.presenter.unlock("wrong")
    desk.port.done(Attempt("wrong", wait_s=30))
    assert "30 seconds" in desk.state.error
    desk.presenter.unlock("again")
    assert len(desk.port.tries) == 1
    desk.now_ms += 29_000
    desk.presenter.tick()
    assert "1 second." in desk.state.error
    desk.now_ms += 1_000
    desk.presenter.tick()
    assert desk.state.error == ""
    desk.presenter.unlock("again")
    assert len(desk.port.tries) == 2


def test_a_damaged_vault_is_told_apart_from_a_wrong_passphrase(desk: Unlock) -> None:
    desk.presenter.unlock("right")
    desk.port.done(Attempt("problem", sentence="The records are damaged.", next_step="Restore."))
    assert desk.state.problem == "The records are damaged."
    assert desk.state.problem_words == "Restore."
    assert desk.state.error == ""


def test_choosing_somebody_else_forgets_the_error(desk: Unlock) -> None:
    desk.presenter.unlock("wrong")
    desk.port.done(Attempt("wrong"))
    desk.presenter.choose(MERCY.entity)
    assert (desk.state.error, desk.state.misses) == ("", 0)


def test_the_queue_shows_a_count_and_no_contents(desk: Unlock) -> None:
    desk.presenter.waiting(3, 4_600_000)
    assert desk.state.queue_title == "3 items waiting to sync, 4.6 MB"


def test_no_passphrase_is_in_any_state(desk: Unlock) -> None:
    desk.presenter.unlock("secret words here")
    desk.port.done(Attempt("wrong"))
    assert "secret words here" not in repr(desk.states)


class NewPort:
    def __init__(self) -> None:
        self.forms: list[Form] = []
        self.progress: Callable[[str], None] = lambda _step: None
        self.done: Callable[[Outcome], None] = lambda _outcome: None
        self.finished = 0

    def set_up(
        self, form: Form, progress: Callable[[str], None], done: Callable[[Outcome], None]
    ) -> None:
        self.forms.append(form)
        self.progress, self.done = progress, done

    def passphrase_problem(self, passphrase: str) -> str | None:
        return "Too easy to guess." if len(passphrase) < 12 else None

    def code_problem(self, code: str, way: Way) -> str | None:
        right = code.startswith("TMC" if way == "found" else "TMD")
        return None if right else "Not a code."

    def set_up_finished(self) -> None:
        self.finished += 1


GOOD = Form(
    way="found",
    server_url="https://desk.example",
    code="TMC-1",
    clinic_name="Mto Mawe",
    clinician_name="Dr Achieng Odera",
    passphrase="four words of mine",
    repeat="four words of mine",
)


class SetUp:
    def __init__(self) -> None:
        self.port = NewPort()
        self.states: list[SetUpState] = []
        self.presenter = SetUpPresenter(self.port, self.states.append)


def bad(**changes: str) -> Form:
    values = {name: getattr(GOOD, name) for name in Form.__slots__}
    return Form(**{**values, **changes})


@pytest.mark.parametrize(
    ("form", "field"),
    [
        (bad(server_url="desk.example"), "server_url"),
        (bad(code="TMD-1"), "code"),
        (bad(clinic_name=" "), "clinic_name"),
        (bad(clinician_name=""), "clinician_name"),
        (bad(passphrase="short", repeat="short"), "passphrase"),
        (bad(repeat="other"), "repeat"),
    ],
)
def test_what_is_wrong_stands_at_its_field(form: Form, field: str) -> None:
    desk = SetUp()
    desk.presenter.submit(form)
    assert list(desk.presenter.state.errors) == [field]
    assert desk.port.forms == []


def test_joining_needs_no_clinic_name() -> None:
    desk = SetUp()
    desk.presenter.choose("join")
    desk.presenter.submit(bad(way="join", code="TMD-1", clinic_name=""))
    assert len(desk.port.forms) == 1


def test_the_recovery_code_must_be_written_down_and_is_shown_once() -> None:
    desk = SetUp()
    desk.presenter.submit(GOOD)
    assert desk.presenter.state.step == "working"
    first = desk.presenter.state.progress
    desk.port.progress("found")
    assert desk.presenter.state.progress != first
    desk.port.done(Outcome(recovery_code="K7QM-2XVP"))
    assert desk.presenter.state.recovery_code == "K7QM-2XVP"
    desk.presenter.go_on()
    assert desk.port.finished == 0
    desk.presenter.written_down(yes=True)
    desk.presenter.go_on()
    assert desk.port.finished == 1
    assert desk.presenter.state.recovery_code == ""


def test_joining_shows_six_digits_to_compare() -> None:
    desk = SetUp()
    desk.presenter.choose("join")
    desk.presenter.submit(bad(way="join", code="TMD-1", clinic_name=""))
    desk.port.progress("wait:482913")
    assert "482 913" in desk.presenter.state.progress


def test_the_clinics_recovery_sheet_is_shown_with_the_code_of_this_pc_and_forgotten() -> None:
    desk = SetUp()
    desk.presenter.submit(GOOD)
    desk.port.done(Outcome("K7QM-2XVP", "TMK-9TRA"))
    assert desk.presenter.state.sheet_code == "TMK-9TRA"
    desk.presenter.written_down(yes=True)
    desk.presenter.go_on()
    assert desk.presenter.state.sheet_code == ""
    assert "9TRA" not in repr(desk.states)


def test_a_failed_set_up_comes_back_to_the_form_with_a_next_step() -> None:
    desk = SetUp()
    desk.presenter.submit(GOOD)
    desk.port.done(Outcome(sentence="No answer.", next_step="Check the address."))
    state = desk.presenter.state
    assert (state.step, state.problem, state.problem_words) == (
        "form",
        "No answer.",
        "Check the address.",
    )


def test_no_secret_is_printed_with_a_state_or_form() -> None:
    desk = SetUp()
    desk.presenter.submit(GOOD)
    desk.port.done(Outcome(recovery_code="K7QM-2XVP"))
    assert "four words" not in repr(desk.states)
    assert "four words" not in repr(desk.port.forms)
    assert "K7QM" not in repr(desk.states)
