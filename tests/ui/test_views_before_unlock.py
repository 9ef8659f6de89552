"""Unlock and set-up: what is typed arrives, keys work, secrets are dropped."""

from dataclasses import replace
from itertools import pairwise

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from telemed_desk.ui.screens.set_up.presenter import Form
from telemed_desk.ui.screens.set_up.presenter import State as SetUpState
from telemed_desk.ui.screens.set_up.view import SetUpView
from telemed_desk.ui.screens.unlock.presenter import Clinician
from telemed_desk.ui.screens.unlock.presenter import State as UnlockState
from telemed_desk.ui.screens.unlock.view import UnlockView
from tests.ui.windows import Heard, shown

TWO = (Clinician(b"a", "Dr Achieng Odera"), Clinician(b"m", "Mercy Wambui"))


def unlock_view(qtbot: QtBot) -> UnlockView:
    view = UnlockView()
    view.show_state(UnlockState(clinicians=TWO, chosen=b"a"))
    shown(qtbot, "unlock", view)
    return view


def test_a_passphrase_typed_at_once_arrives_with_enter(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    heard = Heard()
    view.unlock.connect(heard)
    qtbot.waitUntil(view.passphrase.edit.hasFocus)
    qtbot.keyClicks(view.passphrase.edit, "four words")
    qtbot.keyClick(view.passphrase.edit, Qt.Key.Key_Return)
    assert heard.said == [("four words",)]


def test_unlock_focus_goes_field_show_unlock_others(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    qtbot.waitUntil(view.passphrase.edit.hasFocus)
    order = [view.passphrase.edit, view.passphrase.toggle, view.button]
    for before, after in pairwise(order):
        qtbot.keyClick(before, Qt.Key.Key_Tab)
        assert view.focusWidget() is after
    qtbot.keyClick(view.button, Qt.Key.Key_Tab)
    assert view.focusWidget() in view.findChildren(QWidget)
    assert view.focusWidget() not in order


def test_down_chooses_the_next_clinician_and_esc_clears(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    heard = Heard()
    view.chosen.connect(heard)
    qtbot.waitUntil(view.passphrase.edit.hasFocus)
    qtbot.keyClicks(view.passphrase.edit, "abc")
    qtbot.keyClick(view.passphrase.edit, Qt.Key.Key_Escape)
    assert view.passphrase.text == ""
    qtbot.keyClick(view.passphrase.edit, Qt.Key.Key_Down)
    assert heard.said == [(b"m",)]


def test_ctrl_h_shows_and_hides_the_passphrase(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    qtbot.waitUntil(view.passphrase.edit.hasFocus)
    assert view.passphrase.edit.echoMode() is QLineEdit.EchoMode.Password
    qtbot.keyClick(view.passphrase.edit, Qt.Key.Key_H, Qt.KeyboardModifier.ControlModifier)
    assert view.passphrase.edit.echoMode() is QLineEdit.EchoMode.Normal


def test_a_wrong_passphrase_stays_selected_and_is_described(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    view.passphrase.edit.setText("wrong")
    view.show_state(UnlockState(clinicians=TWO, chosen=b"a", error="No match.", misses=1))
    assert view.passphrase.edit.selectedText() == "wrong"
    assert view.passphrase.edit.accessibleDescription() == "No match."
    assert view.passphrase.edit.property("state") == "error"


def with_pin(tries: int, **more: object) -> UnlockState:
    state = UnlockState(clinicians=TWO, chosen=b"a", pin_tries=tries, pin_hint=f"{tries} left")
    return replace(state, **more)  # type: ignore[arg-type]  # names checked by replace


def test_the_pin_is_typed_first_and_the_passphrase_stays_beside_it(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    assert not view.pin.isVisible()
    view.show_state(with_pin(5))
    view.focus_first()
    assert view.pin.isVisible()
    assert view.passphrase.isVisible()
    by_pin, by_passphrase = Heard(), Heard()
    view.unlock_with_pin.connect(by_pin)
    view.unlock.connect(by_passphrase)
    qtbot.waitUntil(view.pin.edit.hasFocus)
    qtbot.keyClicks(view.pin.edit, "4807139")
    assert view.pin.edit.echoMode() is QLineEdit.EchoMode.Password
    qtbot.keyClick(view.pin.edit, Qt.Key.Key_Return)
    qtbot.mouseClick(view.button, Qt.MouseButton.LeftButton)
    qtbot.keyClicks(view.passphrase.edit, "four words")
    qtbot.mouseClick(view.button, Qt.MouseButton.LeftButton)
    assert (by_pin.said, by_passphrase.said) == ([("480713",)] * 2, [("four words",)])


def test_a_wrong_pin_stays_selected_and_says_what_is_left(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    view.show_state(with_pin(5))
    view.pin.edit.setText("111222")
    view.show_state(with_pin(4, pin_error="Wrong.", pin_misses=1))
    assert view.pin.edit.selectedText() == "111222"
    assert view.pin.edit.accessibleDescription() == "Wrong. 4 left"


def test_a_pin_that_is_gone_is_dropped_and_the_keyboard_goes_to_the_passphrase(
    qtbot: QtBot,
) -> None:
    view = unlock_view(qtbot)
    view.show_state(with_pin(1))
    view.focus_first()
    qtbot.waitUntil(view.pin.edit.hasFocus)
    view.pin.edit.setText("111222")
    view.show_state(with_pin(0))
    assert view.pin.text == ""
    assert not view.pin.isVisible()
    qtbot.waitUntil(view.passphrase.edit.hasFocus)
    assert view.passphrase.edit.accessibleName() == "Passphrase"


def test_esc_clears_both_and_another_clinician_drops_both(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    view.show_state(with_pin(5))
    view.pin.edit.setText("48")
    view.passphrase.edit.setText("four")
    qtbot.keyClick(view.pin.edit, Qt.Key.Key_Escape)
    assert (view.pin.text, view.passphrase.text) == ("", "")
    view.pin.edit.setText("48")
    view.show_state(with_pin(5, chosen=b"m"))
    assert view.pin.text == ""


def test_what_was_dropped_does_not_come_back_with_undo_and_show(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    view.show_state(with_pin(5))
    for field, typed in ((view.passphrase, "four words"), (view.pin, "480713")):
        field.edit.setFocus()
        qtbot.keyClicks(field.edit, typed)
        field.flip()
        assert field.edit.echoMode() is QLineEdit.EchoMode.Normal
    view.forget()
    for field in (view.passphrase, view.pin):
        assert field.edit.echoMode() is QLineEdit.EchoMode.Password
        field.flip()
        field.edit.undo()
        assert field.text == ""


def test_changing_the_clinician_drops_what_was_typed(qtbot: QtBot) -> None:
    view = unlock_view(qtbot)
    view.passphrase.edit.setText("achieng's words")
    view.show_state(UnlockState(clinicians=TWO, chosen=b"m"))
    assert view.passphrase.text == ""


def test_set_up_hands_over_the_whole_form(qtbot: QtBot) -> None:
    view = SetUpView()
    view.show_state(SetUpState(server_url="https://desk.example"))
    shown(qtbot, "set_up", view)
    heard = Heard()
    view.submitted.connect(heard)
    for name, words in (
        ("code", "TMC-1"),
        ("clinic_name", "Mto Mawe"),
        ("clinician_name", " Dr Achieng "),
        ("passphrase", " four words "),
        ("repeat", " four words "),
    ):
        qtbot.keyClicks(view.fields[name].edit, words)
    qtbot.mouseClick(view.button, Qt.MouseButton.LeftButton)
    (said,) = heard.said
    form = said[0]
    assert isinstance(form, Form)
    assert (form.server_url, form.code, form.clinician_name, form.passphrase) == (
        "https://desk.example",
        "TMC-1",
        "Dr Achieng",
        " four words ",
    )


def test_the_recovery_code_blocks_until_the_box_is_ticked(qtbot: QtBot) -> None:
    view = SetUpView()
    state = SetUpState(step="recovery", recovery_code="K7QM")
    view.show_state(state)
    shown(qtbot, "set_up", view)
    assert view.recovery_code.text() == "K7QM"
    assert not view.done.isEnabled()
    view.show_state(replace(state, written_down=True))
    assert view.done.isEnabled()
