from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from telemed_desk.vault import OpDraft
from telemed_desk.vault.keyring_switch import KeyringSwitch
from tests.vault.keyring_kit import ShelfKeyring, at, factor
from tests.vault.vault_kit import PASSPHRASE, Place, make_place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "vault")
    yield made
    made.close()


@pytest.fixture
def another_place(tmp_path: Path) -> Iterator[Callable[[], Place]]:
    made: list[Place] = []

    def make() -> Place:
        made.append(make_place(tmp_path / f"vault-{len(made) + 2}"))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def shelf() -> ShelfKeyring:
    return ShelfKeyring()


@pytest.fixture
def guarded(place: Place, shelf: ShelfKeyring) -> Place:
    """A vault with one record and a backup, then the keyring switched on, then locked."""
    place.vault.commit(OpDraft("patient.set", b"1" * 16, {"remarks": "one"})).result()
    place.vault.back_up()
    KeyringSwitch(at(place, factor(shelf))).on(place.clinician.entity, PASSPHRASE)
    place.vault.lock()
    return place
