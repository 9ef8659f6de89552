"""The keyring and the recovery code as a person meets them: real window, door and vault."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from telemed_desk.desk import Post
from telemed_desk.ui.desk_screens import LockedScreens
from telemed_desk.ui.screens.pin.screen import PinScreen
from telemed_desk.ui.screens.pin.view import PinDialog
from telemed_desk.ui.screens.unlock.recovery_view import RecoveryDialog
from telemed_desk.ui.shell.window import Shell
from telemed_desk.vault import Vault
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.door import Door
from tests.vault.keyring_kit import ShelfKeyring, at, factor
from tests.vault.vault_kit import OTHER_PASSPHRASE, PASSPHRASE, Place, make_place

LONG_MS = 60_000


class Window:
    """A shell over a vault with a keyring of the test's own."""

    def __init__(self, qtbot: QtBot, folder: Path) -> None:
        self.qtbot = qtbot
        self.shelf = ShelfKeyring()
        self.place: Place = make_place(folder / "vault")
        self.post = Post()
        self.bugs: list[BaseException] = []
        self.core = CoreThread(self.post, self.bugs.append)
        self.core.start()
        self.door = Door(self.core, at(self.place, factor(self.shelf)))
        self.shell = Shell()
        qtbot.addWidget(self.shell)
        self.shell.show()

    @property
    def said(self) -> str:
        return self.shell.toast.accessibleName()

    def type(self, edit: object, words: str) -> None:
        self.qtbot.keyClicks(edit, words)
        self.qtbot.keyClick(edit, Qt.Key.Key_Return)

    def wait(self, condition: object) -> None:
        self.qtbot.waitUntil(condition, timeout=LONG_MS)


@pytest.fixture
def window(qtbot: QtBot, tmp_path: Path) -> Iterator[Window]:
    made = Window(qtbot, tmp_path)
    yield made
    made.place.close()
    made.core.stop()
    assert made.bugs == []


def test_the_box_in_the_pins_dialog_switches_the_keyring_on(window: Window) -> None:
    screen = PinScreen(window.shell, window.door, window.place.vault)
    window.shell.pin_asked.emit()
    (dialog,) = window.shell.findChildren(PinDialog)
    part = dialog.keyring
    window.wait(part.isVisible)
    part.box.click()
    question = part.question
    assert question is not None
    window.type(question.passphrase.edit, OTHER_PASSPHRASE)
    window.wait(lambda: bool(question.passphrase.edit.accessibleDescription()))
    assert window.shelf.shelf == {}
    question.passphrase.forget()
    window.type(question.passphrase.edit, PASSPHRASE)
    window.wait(lambda: "Keep the recovery code" in window.said)
    assert len(window.shelf.shelf) == 1
    assert part.box.isChecked()
    screen.leave()


def test_without_the_key_the_screen_says_so_and_the_code_opens(window: Window) -> None:
    opened: list[Vault] = window.place.open_vaults
    PinScreen(window.shell, window.door, window.place.vault).keyring._port.switch_keyring(
        PASSPHRASE, lambda _problem: None, on=True
    )
    window.wait(lambda: len(window.shelf.shelf) == 1)
    window.wait(lambda: window.door._directory.slots.read().slots[-1].header.needs_keyring)
    window.place.vault.lock()
    window.shelf.shelf.clear()
    locked = LockedScreens(
        window.shell, window.door, opened=lambda vault, _url: opened.append(vault), server_url=""
    )
    locked.show()
    window.type(locked.unlock_view.passphrase.edit, PASSPHRASE)
    window.wait(lambda: "keyring" in locked.unlock.state.problem)
    assert "recovery code" in locked.unlock.state.problem_words
    assert locked.unlock_view.banner.isVisible()
    locked.unlock_view.recovery.click()
    (dialog,) = window.shell.findChildren(RecoveryDialog)
    window.type(dialog.code.edit, window.place.recovery_code.lower())
    window.type(dialog.passphrase.edit, OTHER_PASSPHRASE)
    window.type(dialog.repeat.edit, OTHER_PASSPHRASE)
    window.wait(lambda: len(opened) == 2)
    window.wait(lambda: "without the keyring" in window.said)
    assert opened[-1].clinician.entity == window.place.clinician.entity
    assert locked.recovery.presenter.state is None
