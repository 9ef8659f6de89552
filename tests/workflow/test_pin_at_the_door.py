"""The PIN through the door, with a real vault: set while open, asked for after a lock."""

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemed_desk.vault import Vault
from telemed_desk.vault.problems import VaultLocked, WeakPin
from telemed_desk.workflow.core_thread import CoreThread
from telemed_desk.workflow.door import Door, UnlockResult
from telemed_protocol.errors import KnownError
from tests.vault.vault_kit import Place, make_place

PIN = "480713"
LONG_S = 60.0


class AtTheDoor:
    """Calls come back on the core thread here; each is waited for."""

    def __init__(self, place: Place, door: Door) -> None:
        self.place, self.door, self.who = place, door, place.clinician.entity

    def keep(self, pin: str) -> KnownError | None:
        answers: queue.Queue[KnownError | None] = queue.Queue()
        self.door.keep_pin(self.place.vault, pin, answers.put)
        return answers.get(timeout=LONG_S)

    def unlock(self, pin: str) -> UnlockResult:
        answers: queue.Queue[UnlockResult] = queue.Queue()
        self.door.unlock_with_pin(self.who, pin, answers.put)
        return answers.get(timeout=LONG_S)

    def opened(self, vault: Vault | None) -> Vault:
        assert vault is not None
        self.place.open_vaults.append(vault)
        return vault


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[AtTheDoor]:
    core = CoreThread(lambda call: call(), lambda _error: None)
    core.start()
    place = make_place(tmp_path / "vault")
    yield AtTheDoor(place, Door(core, place.directory))
    place.close()
    core.stop()


def test_a_pin_opens_after_a_lock_until_five_were_wrong(desk: AtTheDoor) -> None:
    assert desk.unlock(PIN).pin_is_gone
    assert desk.keep(PIN) is None
    desk.place.vault.lock()
    assert desk.unlock("480714").is_wrong_pin
    assert desk.door.pin_tries_left(desk.who) == 4
    assert desk.opened(desk.unlock(PIN).vault).clinician == desk.place.clinician
    assert desk.door.pin_tries_left(desk.who) == 5
    desk.place.vault.lock()
    for left in (4, 3, 2, 1):
        assert desk.unlock("480714").is_wrong_pin
        assert desk.door.pin_tries_left(desk.who) == left
    assert desk.unlock("480714").pin_is_gone
    assert desk.unlock(PIN).pin_is_gone
    assert desk.door.pin_tries_left(desk.who) == 0


def test_a_dropped_pin_opens_nothing(desk: AtTheDoor) -> None:
    assert desk.keep(PIN) is None
    desk.door.drop_pin(desk.who)
    desk.place.vault.lock()
    assert desk.unlock(PIN).pin_is_gone


def test_a_weak_one_and_one_that_comes_too_late_are_refused(desk: AtTheDoor) -> None:
    assert isinstance(desk.keep("123456"), WeakPin)
    assert desk.door.pin_tries_left(desk.who) == 0
    desk.place.vault.lock()
    assert isinstance(desk.keep(PIN), VaultLocked)
