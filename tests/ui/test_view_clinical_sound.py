"""The switch for clinical sound: by mouse and by keyboard, its state in words."""

from dataclasses import replace

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from telemed_desk.ui.gallery_call import frames
from telemed_desk.ui.screens.call.state import State
from telemed_desk.ui.screens.call.view import CallView
from tests.ui.windows import shown


def test_the_switch_is_reached_by_key_and_says_where_it_stands(qtbot: QtBot) -> None:
    view = CallView(frames)
    live = replace(State(), live=True)
    view.show_state(live)
    shown(qtbot, "call", view)
    button = view.controls.clinical_button
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert (button.text(), button.isChecked()) == ("Clinical sound", False)
    asked: list[bool] = []
    view.clinical.connect(lambda: asked.append(True))
    qtbot.keyClick(
        view, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    )
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    button.setFocus()
    qtbot.keyClick(button, Qt.Key.Key_Space)
    assert len(asked) == 3
    # What it shows is what is so, not what was clicked.
    view.show_state(live)
    assert not button.isChecked()
    on = replace(live.controls, clinical_sound=True, clinical_tip="as they are")
    view.show_state(replace(live, controls=on))
    assert (button.text(), button.isChecked()) == ("Clinical sound on", True)
    assert button.accessibleDescription() == "as they are"
