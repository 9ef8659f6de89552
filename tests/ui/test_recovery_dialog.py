"""Opening with the printed code: what must be there, what is said, what is forgotten."""

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from telemed_desk.ui.screens.unlock.recovery_presenter import (
    Recovered,
    RecoveryPresenter,
    RecoveryState,
)
from telemed_desk.ui.screens.unlock.recovery_view import RecoveryDialog
from telemed_desk.ui.screens.unlock.view import UnlockView
from tests.ui.windows import Heard, shown

CODE = "TMR-0123-4567"
TYPED = "quiet lamp orbit thistle"


class Recovering:
    def __init__(self) -> None:
        self.tried: list[tuple[str, str]] = []
        self.done: Callable[[Recovered], None] = lambda _ended: None
        self.states: list[RecoveryState | None] = []
        self.said: list[str] = []
        self.presenter = RecoveryPresenter(self, self.states.append, self.said.append)

    @property
    def state(self) -> RecoveryState:
        assert self.presenter.state is not None
        return self.presenter.state

    def recover(self, code: str, passphrase: str, done: Callable[[Recovered], None]) -> None:
        self.tried.append((code, passphrase))
        self.done = done

    def passphrase_problem(self, passphrase: str) -> str | None:
        return None if len(passphrase) >= 10 else "too weak"


@pytest.fixture
def recovering() -> Recovering:
    made = Recovering()
    made.presenter.ask()
    return made


@pytest.mark.parametrize(
    ("typed", "at"),
    [((" ", TYPED, TYPED), "code"), ((CODE, "abc", "abc"), "passphrase"),
     ((CODE, TYPED, "another"), "repeat")],
)  # fmt: skip
def test_what_is_missing_is_said_at_its_field_and_nothing_is_tried(
    recovering: Recovering, typed: tuple[str, str, str], at: str
) -> None:
    recovering.presenter.recover(*typed)
    assert (recovering.state.at, bool(recovering.state.error)) == (at, True)
    assert recovering.tried == []
    recovering.presenter.typed()
    assert not recovering.state.error


def test_it_is_tried_once_and_what_changed_is_said(recovering: Recovering) -> None:
    for _ in range(2):
        recovering.presenter.recover(CODE, TYPED, TYPED)
    assert recovering.tried == [(CODE, TYPED)]
    assert recovering.state.working
    recovering.done(Recovered(keyring_ended=True))
    assert recovering.presenter.state is None
    assert "without the keyring" in recovering.said[-1]
    recovering.presenter.ask()
    recovering.presenter.recover(CODE, TYPED, TYPED)
    recovering.done(Recovered())
    assert "keyring" not in recovering.said[-1]
    assert CODE not in repr(recovering.states)
    assert TYPED not in repr(recovering.states)


def test_a_wrong_code_and_other_troubles_are_shown_and_may_be_tried_again(
    recovering: Recovering,
) -> None:
    for misses, at in ((1, "code"), (2, "")):
        recovering.presenter.recover(CODE, TYPED, TYPED)
        recovering.done(Recovered("code" if at else "", "why not"))
        state = recovering.state
        assert (state.at, state.error, state.working, state.misses) == (
            at,
            "why not",
            False,
            misses,
        )
    assert recovering.said == []


def test_the_dialog_is_filled_with_the_keyboard_and_forgets(qtbot: QtBot) -> None:
    dialog = RecoveryDialog(None)
    qtbot.addWidget(dialog)
    wanted = Heard()
    dialog.wanted.connect(wanted)
    dialog.show()
    for field, typed in ((dialog.code, CODE), (dialog.passphrase, TYPED), (dialog.repeat, TYPED)):
        qtbot.keyClicks(field.edit, typed)
        qtbot.keyClick(field.edit, Qt.Key.Key_Return)
    assert wanted.said == [(CODE, TYPED, TYPED)]
    dialog.show_state(RecoveryState(error="of the disk", misses=1))
    assert dialog.problem.isVisible()
    dialog.show_state(RecoveryState(at="code", error="wrong", misses=2))
    assert not dialog.problem.isVisible()
    assert dialog.code.edit.accessibleDescription() == "wrong"
    texts = Heard()
    for field in dialog.fields.values():
        field.edit.textChanged.connect(texts)
    dialog.reject()
    assert texts.said == [("",)] * 3


def test_the_unlock_screen_leads_to_it(qtbot: QtBot) -> None:
    view = UnlockView()
    shown(qtbot, "unlock", view)
    asked = Heard()
    view.recovery_asked.connect(asked)
    qtbot.mouseClick(view.recovery, Qt.MouseButton.LeftButton)
    assert len(asked.said) == 1
