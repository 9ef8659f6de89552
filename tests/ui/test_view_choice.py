"""The menu on the ladder: by mouse and by keyboard, and what it says."""

from dataclasses import replace

from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from telemed_desk.clinical.ladder import Rung
from telemed_desk.ui.gallery_call import frames
from telemed_desk.ui.screens.call.state import Link, State
from telemed_desk.ui.screens.call.view import CallView
from telemed_desk.ui.screens.joined.presenter import State as JoinedShown
from telemed_desk.ui.screens.joined.view import JoinedView
from tests.ui.windows import shown

KEYS = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def test_a_rung_is_chosen_by_keyboard_alone_and_shown_once_it_is_so(qtbot: QtBot) -> None:
    view = CallView(frames)
    live = replace(State(), live=True, link=Link(chosen=Rung.HD_VIDEO))
    view.show_state(live)
    shown(qtbot, "call", view)
    button, menu = view.choice, view.choice.menu_of_rungs
    assert button.focusPolicy() & Qt.FocusPolicy.TabFocus
    assert button.text() == "As good as the link allows"
    picked: list[int] = []
    view.rung_chosen.connect(picked.append)
    qtbot.keyClick(view, Qt.Key.Key_L, KEYS)
    qtbot.waitUntil(menu.isVisible)
    assert menu.activeAction().text() == "As good as the link allows"
    for _ in range(2):
        qtbot.keyClick(menu, Qt.Key.Key_Down)
    qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert picked == [int(Rung.LOW_VIDEO)]
    assert button.text() == "As good as the link allows"
    assert [a.text() for a in menu.actions() if a.isChecked()] == ["As good as the link allows"]
    view.show_state(replace(live, link=Link(chosen=Rung.LOW_VIDEO)))
    assert button.text() == button.accessibleDescription() == "Small picture"
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(menu.isVisible)
    assert menu.activeAction().text() == "Small picture"
    qtbot.keyClick(menu, Qt.Key.Key_Escape)
    assert len(picked) == 1
    assert menu.accessibleName() == button.accessibleName() == "Picture at most"


def test_a_joined_desk_chooses_by_the_same_key_and_has_no_choice_after_the_call(
    qtbot: QtBot,
) -> None:
    view = JoinedView(frames)
    live = JoinedShown(live=True)
    view.show_state(live)
    shown(qtbot, "joined", view)
    button, menu = view.choice, view.choice.menu_of_rungs
    picked: list[int] = []
    view.rung_chosen.connect(picked.append)
    qtbot.keyClick(view, Qt.Key.Key_L, KEYS)
    qtbot.waitUntil(menu.isVisible)
    qtbot.keyClick(menu, Qt.Key.Key_Up)
    qtbot.keyClick(menu, Qt.Key.Key_Return)
    assert picked == [int(Rung.AUDIO_PHOTOS)]
    view.show_state(replace(live, chosen=Rung.AUDIO_PHOTOS))
    assert button.text() == "Voice and photos"
    view.show_state(replace(live, muted=True, speaking_while_muted=True))
    assert view.mute_button.text() == "You are muted"
    view.show_state(JoinedShown(chosen=Rung.AUDIO_PHOTOS))
    assert not button.isVisible()
    qtbot.keyClick(view, Qt.Key.Key_L, KEYS)
    assert not menu.isVisible()
