"""The keyring and the recovery code through the door and its dialogs' ports, with a real vault."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemed_desk.ui.screens.pin.screen import PinOfVault
from telemed_desk.ui.screens.unlock.port import DoorPort
from telemed_desk.ui.screens.unlock.presenter import Attempt
from telemed_desk.ui.screens.unlock.recovery_presenter import Recovered
from telemed_desk.ui.screens.unlock.recovery_screen import RecoveryDoorPort
from telemed_desk.vault import Vault
from telemed_desk.vault.problems import (
    KeyringNotAllowed,
    KeyringSecretGone,
    RecoveryCodeTypo,
    WeakPassphrase,
    WrongPassphrase,
    WrongRecoveryCode,
)
from telemed_desk.vault.recovery import new_secret, to_text
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.door import Door, KeyringState
from telemed_protocol.errors import KnownError
from tests.vault.keyring_kit import PlaintextKeyring, ShelfKeyring, at, factor
from tests.vault.vault_kit import OTHER_PASSPHRASE, PASSPHRASE, Place, make_place

LONG_S = 60.0


class AtTheDoor:
    """Calls come back on the core thread here; each is waited for."""

    def __init__(self, place: Place, door: Door) -> None:
        self.place, self.door = place, door
        self.opened: list[Vault] = place.open_vaults

    def state(self) -> KeyringState | None:
        answers: queue.Queue[KeyringState | None] = queue.Queue()
        PinOfVault(self.door, self.place.vault).keyring(answers.put)
        return answers.get(timeout=LONG_S)

    def switch(self, passphrase: str, *, on: bool) -> KnownError | None:
        answers: queue.Queue[KnownError | None] = queue.Queue()
        PinOfVault(self.door, self.place.vault).switch_keyring(passphrase, answers.put, on=on)
        return answers.get(timeout=LONG_S)

    def unlock(self, passphrase: str) -> Attempt:
        answers: queue.Queue[Attempt] = queue.Queue()
        port = DoorPort(self.door, self.opened.append)
        port.unlock(self.place.clinician.entity, passphrase, answers.put)
        return answers.get(timeout=LONG_S)

    def recover(self, code: str, passphrase: str) -> Recovered:
        answers: queue.Queue[Recovered] = queue.Queue()
        RecoveryDoorPort(self.door, self.opened.append).recover(code, passphrase, answers.put)
        return answers.get(timeout=LONG_S)


@pytest.fixture
def shelf() -> ShelfKeyring:
    return ShelfKeyring()


@pytest.fixture
def desk(tmp_path: Path, shelf: ShelfKeyring) -> Iterator[AtTheDoor]:
    core = CoreThread(lambda call: call(), lambda _error: None)
    core.start()
    place = make_place(tmp_path / "vault")
    yield AtTheDoor(place, Door(core, at(place, factor(shelf))))
    place.close()
    core.stop()


def test_it_is_switched_on_while_open_and_the_next_unlock_needs_both(
    desk: AtTheDoor, shelf: ShelfKeyring
) -> None:
    found = desk.state()
    assert found is not None
    assert (found.is_on, found.problem) == (False, None)
    assert isinstance(desk.switch(OTHER_PASSPHRASE, on=True), WrongPassphrase)
    assert desk.switch(PASSPHRASE, on=True) is None
    desk.place.vault.lock()
    kept = dict(shelf.shelf)
    shelf.shelf.clear()
    attempt = desk.unlock(PASSPHRASE)
    assert (attempt.outcome, attempt.sentence) == ("problem", KeyringSecretGone.sentence)
    assert "recovery code" in attempt.next_step
    shelf.shelf.update(kept)
    assert desk.unlock(OTHER_PASSPHRASE).outcome == "wrong"
    assert desk.unlock(PASSPHRASE).outcome == "ok"
    assert desk.switch(PASSPHRASE, on=False) is None
    found = desk.state()
    assert found is not None
    assert not found.is_on


def test_a_pc_whose_keyring_is_not_ours_shows_no_box(desk: AtTheDoor) -> None:
    place = desk.place
    elsewhere = Door(desk.door._core, at(place, factor(PlaintextKeyring(), ShelfKeyring)))
    other = AtTheDoor(place, elsewhere)
    found = other.state()
    assert found is not None
    assert (found.backend, found.is_on) == ("", False)
    assert isinstance(other.switch(PASSPHRASE, on=True), KeyringNotAllowed)


def test_the_code_opens_when_the_key_is_gone_and_the_new_passphrase_opens_alone(
    desk: AtTheDoor, shelf: ShelfKeyring
) -> None:
    assert desk.switch(PASSPHRASE, on=True) is None
    kept: queue.Queue[KnownError | None] = queue.Queue()
    desk.door.keep_pin(desk.place.vault, "480713", kept.put)
    assert kept.get(timeout=LONG_S) is None
    desk.place.vault.lock()
    shelf.shelf.clear()
    code = desk.place.recovery_code
    for typed, passphrase, at_field, sentence in (
        (code[:-1], OTHER_PASSPHRASE, "code", RecoveryCodeTypo.sentence),
        (to_text(new_secret()), OTHER_PASSPHRASE, "code", WrongRecoveryCode.sentence),
        (code, "abc", "passphrase", WeakPassphrase.sentence),
    ):
        missed = desk.recover(typed, passphrase)
        assert missed.at == at_field
        assert missed.words.startswith(sentence)
    ended = desk.recover(code, OTHER_PASSPHRASE)
    assert (ended.words, ended.keyring_ended) == ("", True)
    assert desk.opened[-1].clinician.entity == desk.place.clinician.entity
    assert desk.door.pin_tries_left(desk.place.clinician.entity) == 0
    desk.opened[-1].lock()
    assert desk.unlock(PASSPHRASE).outcome == "wrong"
    assert desk.unlock(OTHER_PASSPHRASE).outcome == "ok"
    desk.opened[-1].lock()
    assert not desk.recover(code, PASSPHRASE).keyring_ended
