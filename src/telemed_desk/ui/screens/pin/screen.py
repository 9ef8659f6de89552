"""Puts the PIN's dialog together. GUI thread."""

from collections.abc import Callable

from telemed_desk.ui.screens.pin.keyring_presenter import KeyringPart, KeyringPresenter
from telemed_desk.ui.screens.pin.presenter import PinPresenter, State
from telemed_desk.ui.screens.pin.view import PinDialog
from telemed_desk.ui.shell.window import Shell
from telemed_desk.vault import Vault
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.door import Door, KeyringState
from telemed_protocol.errors import KnownError


class PinOfVault:
    """The dialog's port: the PIN of the clinician who opened this vault."""

    def __init__(self, door: Door, vault: Vault) -> None:
        self._door = door
        self._vault = vault

    def tries_left(self) -> int:
        """Return how often a PIN may be tried; 0 = none is set."""
        return self._door.pin_tries_left(self._vault.clinician.entity)

    def keep(self, pin: str, done: Callable[[KnownError | None], None]) -> None:
        """Set it."""
        self._door.keep_pin(self._vault, pin, done)

    def drop(self) -> None:
        """End it."""
        self._door.drop_pin(self._vault.clinician.entity)

    def keyring(self, done: Callable[[KeyringState | None], None]) -> None:
        """Ask whether the passphrase also needs the keyring of this account."""
        self._door.keyring(self._vault.clinician.entity, done)

    def switch_keyring(
        self, passphrase: str, done: Callable[[KnownError | None], None], *, on: bool
    ) -> None:
        """Switch it."""
        self._door.switch_keyring(self._vault.clinician.entity, passphrase, done, on=on)


class PinScreen:
    """Dialog and presenter, from unlock to lock."""

    def __init__(self, shell: Shell, door: Door, vault: Vault) -> None:
        self._shell = shell
        self._dialog: PinDialog | None = None
        port = PinOfVault(door, vault)
        self.presenter = PinPresenter(port, wall_ms, self._show, shell.say)
        self.keyring = KeyringPresenter(port, self._show_keyring, shell.say)
        shell.pin_asked.connect(self.presenter.ask)

    def leave(self) -> None:
        """The PC locks."""
        self._shell.pin_asked.disconnect(self.presenter.ask)
        self.presenter.close()

    def _show(self, state: State | None) -> None:
        if state is None:
            self.keyring.close()
            if self._dialog is not None:
                dialog, self._dialog = self._dialog, None
                dialog.close()
            return
        if self._dialog is None:
            self._dialog = PinDialog(self._shell, state)
            self._dialog.typed.connect(self.presenter.typed)
            self._dialog.wanted.connect(self.presenter.keep)
            self._dialog.dropped.connect(self.presenter.drop)
            self._dialog.finished.connect(self._closed)
            box = self._dialog.keyring
            box.ticked.connect(lambda on: self.keyring.tick(on=on))
            box.typed.connect(self.keyring.typed)
            box.wanted.connect(self.keyring.switch)
            self._dialog.open()
            self.keyring.ask()
        self._dialog.show_state(state)

    def _show_keyring(self, state: KeyringPart | None) -> None:
        if self._dialog is not None:
            self._dialog.show_keyring(state)

    def _closed(self) -> None:
        self._dialog = None
        self.presenter.close()
