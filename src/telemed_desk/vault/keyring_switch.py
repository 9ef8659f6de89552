"""Switching the keyring on and off for one clinician's passphrase, and what is so now."""

import contextlib
from dataclasses import dataclass

from telemed_desk.vault.directory import VaultDirectory
from telemed_desk.vault.problems import NoCodeForKeyring, UnknownRecord
from telemed_desk.vault.slots import SlotHeader
from telemed_protocol.errors import KnownError


@dataclass(frozen=True, slots=True)
class KeyringState:
    """What holds for one clinician on this PC.

    Attributes:
        backend: Module and class of the keyring that would be used here; empty = none may be, or it
            does not answer.
        is_on: Their passphrase opens together with a second key only.
        problem: Why that second key cannot be had now.
        others_without: How many other clinicians open the same records by a passphrase alone: a
            thief of the disk guesses at theirs.
    """

    backend: str
    is_on: bool
    problem: KnownError | None
    others_without: int


class KeyringSwitch:
    """Wraps a slot anew, with a second key or without. Methods block: not on the GUI thread.

    Args:
        directory: The vault's.
    """

    def __init__(self, directory: VaultDirectory) -> None:
        self._directory = directory

    def state(self, clinician: bytes) -> KeyringState:
        """Return what is so; asks the keyring.

        Raises:
            UnknownRecord: Nobody of this id unlocks here.
            VaultMissing, VaultDamaged, VaultFromNewerVersion: As in ``VaultDirectory.unlock``.
        """
        header = self._header(clinician)
        try:
            backend = self._directory.keyring.backend()
        except KnownError:
            backend = ""
        problem = None
        if header.keyring is not None:
            try:
                self._directory.keyring.fetch(header.keyring, header.salt)
            except KnownError as error:
                problem = error
        others = [
            other
            for other in (slot.header for slot in self._directory.slots.read().slots)
            if other.kind == "passphrase" and other.clinician != clinician
        ]
        without = sum(not other.needs_keyring for other in others)
        return KeyringState(backend, header.needs_keyring, problem, without)

    def on(self, clinician: bytes, passphrase: str) -> None:
        """Let the passphrase open together with a fresh second key only.

        The key is in the keyring, and was read back, before a slot needs it.

        Raises:
            WrongPassphrase, TooManyTries: As in ``VaultDirectory.reveal``.
            NoCodeForKeyring: Nothing else would open.
            KeyringNotAllowed, KeyringSilent, KeyringForgot: No second key was made.
            KeyringSecretGone, KeyringElsewhere: It is on already, and the key is not here.
            DiskFull, DiskTrouble: On when :meth:`state` says so; older copies may still open alone.
        """
        directory = self._directory
        codes = [slot.header.clinician for slot in directory.slots.read().recovery_slots()]
        if clinician not in codes:
            raise NoCodeForKeyring
        cost = self._header(clinician).argon2
        content, who = directory.reveal(clinician, passphrase)
        second = directory.keyring.make()
        try:
            directory.write_passphrase_slot(who, passphrase, content, cost, second)
        except BaseException:
            with contextlib.suppress(KnownError):
                if not directory.slots.is_named(second.salt):
                    directory.keyring.drop(second.backend, second.salt)
            raise

    def off(self, clinician: bytes, passphrase: str) -> None:
        """Let the passphrase open alone again; the second key leaves the keyring.

        Raises:
            WrongPassphrase, TooManyTries: As in ``VaultDirectory.reveal``.
            KeyringSecretGone, KeyringSilent, KeyringElsewhere, KeyringNotAllowed: The key is not to be
                had: by the recovery code then, with a new passphrase.
        """
        header = self._header(clinician)
        content, who = self._directory.reveal(clinician, passphrase)
        if header.needs_keyring:
            self._directory.write_passphrase_slot(who, passphrase, content, header.argon2)

    def _header(self, clinician: bytes) -> SlotHeader:
        slot = self._directory.slots.read().passphrase_slot(clinician)
        if slot is None:
            raise UnknownRecord("slot")
        return slot.header
