"""The box that makes a passphrase need the keyring: when it is shown, what it says, what it forgets."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from telemed_desk.ui.screens.pin.keyring_presenter import KeyringPart, KeyringPresenter
from telemed_desk.ui.screens.pin.presenter import State
from telemed_desk.ui.screens.pin.view import PinDialog
from telemed_desk.vault.problems import KeyringSecretGone, WrongPassphrase
from telemed_desk.workflow.door import KeyringState
from telemed_protocol.errors import KnownError
from tests.ui.windows import Heard

TYPED = "quiet lamp orbit thistle"


class Box:
    def __init__(self) -> None:
        self.asked: list[Callable[[KeyringState | None], None]] = []
        self.wanted: list[tuple[str, bool]] = []
        self.done: Callable[[KnownError | None], None] = lambda _problem: None
        self.states: list[KeyringPart | None] = []
        self.said: list[str] = []
        self.presenter = KeyringPresenter(self, self.states.append, self.said.append)

    @property
    def state(self) -> KeyringPart:
        assert self.presenter.state is not None
        return self.presenter.state

    def keyring(self, done: Callable[[KeyringState | None], None]) -> None:
        self.asked.append(done)

    def switch_keyring(
        self, passphrase: str, done: Callable[[KnownError | None], None], *, on: bool
    ) -> None:
        self.wanted.append((passphrase, on))
        self.done = done

    def answer(
        self, backend: str = "k", *, is_on: bool = False, problem: KnownError | None = None,
        others: int = 0,
    ) -> None:  # fmt: skip
        self.asked[-1](KeyringState(backend, is_on, problem, others))


@pytest.fixture
def box() -> Box:
    made = Box()
    made.presenter.ask()
    return made


def test_it_is_shown_only_where_there_is_a_keyring_to_use(box: Box) -> None:
    assert box.presenter.state is None
    box.asked[-1](None)
    assert box.presenter.state is None
    box.answer("")
    assert box.presenter.state is None
    box.answer()
    assert not box.state.is_on


def test_one_that_is_needed_is_shown_wherever_it_is_and_says_that_it_is_gone(box: Box) -> None:
    box.answer("", is_on=True, problem=KeyringSecretGone())
    assert box.state.is_on
    assert box.state.problem == f"{KeyringSecretGone.sentence} {KeyringSecretGone.next_step}"
    assert "recovery code" in box.state.problem


def test_before_it_is_switched_on_its_limits_are_said(box: Box) -> None:
    box.answer(others=2)
    assert box.state.limits == ()
    box.presenter.tick(on=True)
    said = " ".join(box.state.limits)
    for part in ("without a password", "recovery code", "Backups", "2 other clinicians"):
        assert part in said
    box.presenter.tick(on=False)
    assert not box.state.asking


def test_the_passphrase_switches_it_once_and_is_in_no_state(box: Box) -> None:
    box.answer()
    box.presenter.switch(TYPED)
    assert box.wanted == []
    box.presenter.tick(on=True)
    box.presenter.switch("")
    assert box.state.error == "Type your passphrase."
    box.presenter.switch(TYPED)
    box.presenter.switch(TYPED)
    assert box.wanted == [(TYPED, True)]
    assert box.state.working
    box.done(None)
    assert (box.state.is_on, box.state.asking, box.state.working) == (True, False, False)
    assert "recovery code" in box.said[-1]
    assert len(box.asked) == 2
    assert TYPED not in repr(box.states)
    box.answer(is_on=True)
    box.presenter.tick(on=False)
    box.presenter.switch(TYPED)
    assert box.wanted[-1] == (TYPED, False)
    box.done(None)
    assert not box.state.is_on
    assert box.said[-1] == "Your passphrase alone opens again."


def test_why_it_was_not_switched_stands_below_the_passphrase(box: Box) -> None:
    box.answer()
    box.presenter.tick(on=True)
    for misses in (1, 2):
        box.presenter.switch(TYPED)
        box.done(WrongPassphrase())
        assert box.state.error == f"{WrongPassphrase.sentence} {WrongPassphrase.next_step}"
        assert (box.state.misses, box.state.working, box.state.is_on) == (misses, False, False)
    box.presenter.typed()
    assert not box.state.error
    assert box.said == []


def test_answers_after_the_dialog_closed_show_nothing_but_what_was_done_is_said(box: Box) -> None:
    box.answer()
    box.presenter.tick(on=True)
    box.presenter.switch(TYPED)
    box.presenter.close()
    box.done(None)
    box.answer()
    assert box.presenter.state is None
    assert len(box.said) == 1


def test_the_box_opens_a_question_that_is_filled_with_the_keyboard_and_forgets(
    qtbot: QtBot,
) -> None:
    dialog = PinDialog(None, State(words="w", limits=("l",)))
    qtbot.addWidget(dialog)
    part = dialog.keyring
    ticked, wanted, texts = Heard(), Heard(), Heard()
    part.ticked.connect(ticked)
    part.wanted.connect(wanted)
    dialog.show()
    assert not part.isVisible()
    part.show_state(KeyringPart())
    assert part.box.isVisible()
    part.box.setFocus()
    qtbot.keyClick(part.box, Qt.Key.Key_Space)
    assert ticked.said == [(True,)]
    part.show_state(KeyringPart(asking=True, limits=("what it does",)))
    question = part.question
    assert question is not None
    qtbot.keyClicks(question.passphrase.edit, TYPED)
    qtbot.keyClick(question.passphrase.edit, Qt.Key.Key_Return)
    assert wanted.said == [(TYPED,)]
    part.show_state(KeyringPart(asking=True, error="wrong", misses=1))
    assert part.box.isChecked()
    assert question.passphrase.text == TYPED
    assert question.passphrase.edit.accessibleDescription() == "wrong"
    question.passphrase.edit.textChanged.connect(texts)
    part.show_state(KeyringPart(is_on=True))
    assert texts.said == [("",)]
    assert part.question is None
    assert part.box.isChecked()
    assert len(ticked.said) == 1, "closed because it is done"
    part.show_state(KeyringPart(is_on=True, asking=True))
    assert not part.box.isChecked()
    assert part.question is not None
    part.question.reject()
    assert ticked.said[-1] == (True,), "closed by its person: it stays on"
    part.show_state(KeyringPart(is_on=True, asking=True))
    again = part.question
    assert again is not None
    qtbot.keyClicks(again.passphrase.edit, TYPED)
    again.passphrase.edit.textChanged.connect(texts)
    dialog.reject()
    assert len(texts.said) == 2
    assert part.question is None


def test_the_dialog_grows_so_that_no_word_is_cut_off(qtbot: QtBot) -> None:
    dialog = PinDialog(None, State(words="w", limits=("l",)))
    qtbot.addWidget(dialog)
    dialog.show()
    problem = f"{KeyringSecretGone.sentence} {KeyringSecretGone.next_step}"
    dialog.show_keyring(KeyringPart(is_on=True, problem=problem))
    text = dialog.keyring.problem
    qtbot.waitUntil(lambda: text.height() >= text.heightForWidth(text.width()))
    dialog.show_keyring(None)
    assert not dialog.keyring.isVisible()
