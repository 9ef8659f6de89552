"""Setting and dropping the PIN: words, digits, and that nothing of them stays."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from telemed_desk.ui.gallery_days import NOW_MS
from telemed_desk.ui.screens.pin.presenter import PinPresenter, State
from telemed_desk.ui.screens.pin.view import PinDialog
from telemed_desk.vault.problems import WeakPin
from telemed_protocol.errors import KnownError
from tests.ui.windows import Heard, shown


class Pin:
    def __init__(self) -> None:
        self.left = 0
        self.kept: list[str] = []
        self.dropped = 0
        self.said: list[str] = []
        self.states: list[State | None] = []
        self.done: Callable[[KnownError | None], None] = lambda _problem: None
        self.presenter = PinPresenter(self, lambda: NOW_MS, self.states.append, self.said.append)

    @property
    def state(self) -> State:
        assert self.presenter.state is not None
        return self.presenter.state

    def tries_left(self) -> int:
        return self.left

    def keep(self, pin: str, done: Callable[[KnownError | None], None]) -> None:
        self.kept.append(pin)
        self.done = done

    def drop(self) -> None:
        self.dropped += 1
        self.left = 0


@pytest.fixture
def pin() -> Pin:
    made = Pin()
    made.presenter.ask()
    return made


def test_the_words_say_what_a_pin_is_and_is_not(pin: Pin) -> None:
    said = " ".join((pin.state.words, *pin.state.limits))
    for part in ("6 digits", "8 hours", "restart", "five wrong", "not a second passphrase",
                 "nowhere on the disk", "memory"):  # fmt: skip
        assert part in said
    assert not pin.state.is_set


def test_six_digits_typed_twice_are_set_once(pin: Pin) -> None:
    pin.presenter.keep("480713", "480713")
    pin.presenter.keep("480713", "480713")
    assert pin.kept == ["480713"]
    assert pin.state.working
    pin.left = 5
    pin.done(None)
    assert pin.presenter.state is None
    assert pin.said == ["PIN set: it opens again until 17:24, with 5 tries."]
    assert "480713" not in repr(pin.states)


@pytest.mark.parametrize(
    ("typed", "again", "which"),
    [("48071", "48071", "pin"), ("", "", "pin"), ("abcdef", "abcdef", "pin"),
     ("480713", "480731", "again"), ("480713", "", "again")],
)  # fmt: skip
def test_what_does_not_fit_is_said_below_its_field(
    pin: Pin, typed: str, again: str, which: str
) -> None:
    pin.presenter.keep(typed, again)
    assert pin.kept == []
    assert bool(pin.state.pin_error) == (which == "pin")
    assert bool(pin.state.again_error) == (which == "again")
    pin.presenter.typed()
    assert not pin.state.pin_error + pin.state.again_error


def test_one_that_is_guessed_first_says_why_and_may_be_changed(pin: Pin) -> None:
    pin.presenter.keep("123456", "123456")
    pin.done(WeakPin())
    assert pin.state.pin_error == f"{WeakPin.sentence} {WeakPin.next_step}"
    assert not pin.state.working
    assert pin.said == []


def test_one_that_is_set_can_be_dropped(pin: Pin) -> None:
    pin.presenter.close()
    pin.left = 5
    pin.presenter.ask()
    assert pin.state.is_set
    pin.presenter.drop()
    assert (pin.dropped, pin.presenter.state) == (1, None)
    assert "only your passphrase" in pin.said[-1]


def test_an_answer_after_the_dialog_closed_opens_nothing(pin: Pin) -> None:
    pin.presenter.keep("480713", "480713")
    pin.presenter.close()
    pin.done(WeakPin())
    assert pin.presenter.state is None


def test_the_dialog_is_filled_with_the_keyboard_and_forgets_on_closing(qtbot: QtBot) -> None:
    dialog = PinDialog(None, State(words="w", limits=("l",)))
    qtbot.addWidget(dialog)
    wanted = Heard()
    dialog.wanted.connect(wanted)
    dialog.show()
    qtbot.keyClicks(dialog.pin.edit, "48071399")
    qtbot.keyClick(dialog.pin.edit, Qt.Key.Key_Return)
    qtbot.keyClicks(dialog.again.edit, "480713")
    qtbot.keyClick(dialog.again.edit, Qt.Key.Key_Return)
    assert wanted.said == [("480713", "480713")]
    assert not dialog.drop.isVisible()
    edits = (dialog.pin.edit, dialog.again.edit)
    texts = Heard()
    for edit in edits:
        edit.textChanged.connect(texts)
    dialog.reject()
    assert texts.said == [("",), ("",)]


def test_the_rails_lock_button_and_the_top_bar_lead_to_it(qtbot: QtBot) -> None:
    shell = shown(qtbot, "today", QWidget())
    asked, locks = Heard(), Heard()
    shell.pin_asked.connect(asked)
    shell.lock_asked.connect(locks)
    qtbot.mouseClick(shell.top_bar.pin, Qt.MouseButton.LeftButton)
    lock, pin = shell.rail.menu.actions()
    pin.trigger()
    assert (len(asked.said), len(locks.said)) == (2, 0)
    lock.trigger()
    assert len(locks.said) == 1
