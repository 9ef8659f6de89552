"""A shared screen on the stage, and sharing from a joined call by keyboard."""

from dataclasses import replace

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from telemed_desk.ui.gallery_call import frames
from telemed_desk.ui.screens.call.stage import StageView
from telemed_desk.ui.screens.call.state import Stage
from telemed_desk.ui.screens.joined.presenter import State
from telemed_desk.ui.screens.joined.view import JoinedView
from telemed_desk.ui.widgets.dialogs import Dialog
from tests.ui.windows import shown

KEYS = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


def test_a_shared_screen_takes_the_stage_and_the_person_goes_beside_the_own_picture(
    qtbot: QtBot,
) -> None:
    stage = StageView(frames)
    qtbot.addWidget(stage)
    stage.resize(900, 520)
    stage.show()
    alone = Stage(remote_memory="remote", local_memory="local", label="Nyambura Mfano")
    stage.show_state(alone)
    assert not stage.shared.isVisible()
    stage.show_state(replace(alone, screen_memory="screen"))
    for tile in (stage.shared, stage.person, stage.local):
        tile.poll()
    assert stage.shared.geometry() == stage.remote.rect()
    assert stage.shared.has_picture()
    assert stage.person.has_picture()
    assert stage.person.isVisible()
    assert not stage.person.geometry().intersects(stage.local.geometry())
    assert stage.name.text == "Shared screen"
    # What matters more than a screen is not hidden behind it.
    stage.show_state(replace(alone, screen_memory="screen", words="Reconnecting"))
    assert not stage.shared.isVisible()
    stage.show_state(alone)
    assert not stage.person.isVisible()
    assert not stage.shared.has_picture()
    assert stage.name.text == "Nyambura Mfano"


def test_a_joined_desk_shares_by_key_after_a_question(qtbot: QtBot) -> None:
    view = JoinedView(frames)
    live = State(live=True)
    view.show_state(live)
    shell = shown(qtbot, "joined", view)
    asked: list[str] = []
    view.share.connect(lambda: asked.append("share"))
    view.share_confirmed.connect(lambda: asked.append("yes"))
    view.share_declined.connect(lambda: asked.append("no"))
    qtbot.keyClick(view, Qt.Key.Key_S, KEYS)
    qtbot.mouseClick(view.share_button, Qt.MouseButton.LeftButton)
    assert asked == ["share", "share"]
    view.show_state(replace(live, asks_share=True))
    (dialog,) = shell.findChildren(Dialog)
    qtbot.waitUntil(dialog.cancel.hasFocus)
    yes = next(b for b in dialog.findChildren(QPushButton) if b.text() == "Share screen")
    qtbot.mouseClick(yes, Qt.MouseButton.LeftButton)
    assert asked[-1] == "yes"
    view.show_state(replace(live, sharing=True, banner="Everybody in this call sees this screen"))
    assert view.share_button.text() == "Stop sharing"
    assert view.share_button.isChecked()
    assert view.sharing.isVisible()
    view.show_state(replace(live, live=False))
    assert not view.share_button.isVisible()
