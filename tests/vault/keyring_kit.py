"""Keyrings of the tests' own: real subclasses of the library's, admitted by their exact class."""

import threading
from collections.abc import Mapping
from typing import ClassVar

from keyring.backend import KeyringBackend
from keyring.backends import SecretService
from keyring.errors import KeyringLocked, PasswordDeleteError

from telemed_desk.vault import VaultDirectory
from telemed_desk.vault.keyring_factor import KeyringFactor
from telemed_desk.vault.passphrase import TriesGuard
from telemed_desk.vault.slots import Slot
from tests.vault.vault_kit import Place

CANARY_IN_WORDS = "Zebrakanari-of-a-keyring"


class ShelfKeyring(KeyringBackend):
    """Keeps what it is given, in this object."""

    priority: ClassVar[float] = -10  # never the library's own choice

    def __init__(self) -> None:
        super().__init__()
        self.shelf: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.shelf.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.shelf[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if self.shelf.pop((service, username), None) is None:
            raise PasswordDeleteError("none")


class OtherShelf(ShelfKeyring):
    """Another desktop's."""


class AbsentShelf(ShelfKeyring):
    """One that does not run here: the library asks for its priority and gets an error."""

    class _Gone:
        def __get__(self, _instance: object, _owner: type) -> float:
            raise RuntimeError("does not run here")

    priority = _Gone()  # type: ignore[assignment]


class ForgetfulKeyring(ShelfKeyring):
    """Says nothing, keeps nothing."""

    def set_password(self, service: str, username: str, password: str) -> None:
        """Lose it."""


class GarblingKeyring(ShelfKeyring):
    """Keeps something else."""

    def set_password(self, service: str, username: str, password: str) -> None:
        super().set_password(service, username, password[:-1])


class LockedKeyring(ShelfKeyring):
    """The person closed the desktop's question; its words hold what they must not."""

    def get_password(self, service: str, username: str) -> str | None:
        known = super().get_password(service, username)
        raise KeyringLocked(f"{CANARY_IN_WORDS} {known}")


class BlockingKeyring(ShelfKeyring):
    """Waits for a person until told."""

    def __init__(self) -> None:
        super().__init__()
        self.go_on = threading.Event()
        self.asked: list[str] = []

    def get_password(self, service: str, username: str) -> str | None:
        self.asked.append(service)
        self.go_on.wait(60)
        return super().get_password(service, username)


class PlaintextKeyring(ShelfKeyring):
    """Stands in for the one that writes files in clear."""

    priority: ClassVar[float] = 5


PlaintextKeyring.__module__ = "keyrings.alt.file"


class LyingKeyring(SecretService.Keyring):
    """Has the name of an allowed one and is another class."""

    priority: ClassVar[float] = 5


LyingKeyring.__module__, LyingKeyring.__qualname__ = "keyring.backends.SecretService", "Keyring"


def factor(
    backend: KeyringBackend,
    *kinds: type[KeyringBackend],
    limit_s: float = 30.0,
    properties: Mapping[str, str] | None = None,
) -> KeyringFactor:
    """Return one that admits this backend's class, or the classes named instead."""
    admitted = {kind: properties or {} for kind in kinds or (type(backend),)}
    return KeyringFactor(kinds=admitted, offered=lambda: backend, limit_s=limit_s)


def at(place: Place, keyring: KeyringFactor) -> VaultDirectory:
    """Return the place's folder as seen with this keyring, with no wrong tries so far."""
    place.directory = VaultDirectory(
        place.directory.path, reserve_bytes=0, guard=TriesGuard(), wall_ms=place.clock,
        keyring=keyring,
    )  # fmt: skip
    return place.directory


def slot_of(place: Place) -> Slot:
    slot = place.directory.slots.read().passphrase_slot(place.clinician.entity)
    assert slot is not None
    return slot
