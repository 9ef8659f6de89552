"""Puts the dialog of the recovery code together. GUI thread."""

from collections.abc import Callable

from telemed_desk.ui.screens.unlock.recovery_presenter import (
    FieldName,
    Recovered,
    RecoveryPresenter,
    RecoveryState,
)
from telemed_desk.ui.screens.unlock.recovery_view import RecoveryDialog
from telemed_desk.ui.shell.window import Shell
from telemed_desk.vault import Vault
from telemed_desk.workflow.door import Door, RecoveryResult, passphrase_problem
from telemed_protocol.errors import KnownError


class RecoveryDoorPort:
    """Hands an opened vault to ``opened``; everything else becomes an answer for the dialog."""

    def __init__(self, door: Door, opened: Callable[[Vault], None]) -> None:
        self._door = door
        self._opened = opened

    def recover(self, code: str, passphrase: str, done: Callable[[Recovered], None]) -> None:
        """Try; ``done`` is called on the GUI thread."""

        def answered(result: RecoveryResult) -> None:
            if result.vault is not None:
                self._opened(result.vault)
                done(Recovered(keyring_ended=result.keyring_ended))
            elif result.problem is not None:
                at: FieldName = ""
                if result.is_wrong_code:
                    at = "code"
                elif result.is_weak:
                    at = "passphrase"
                done(Recovered(at, _words(result.problem)))

        self._door.unlock_with_recovery(code, passphrase, answered)

    def passphrase_problem(self, passphrase: str) -> str | None:
        """Return why a passphrase is too weak, in words, or None."""
        problem = passphrase_problem(passphrase)
        return None if problem is None else _words(problem)


class RecoveryScreen:
    """Dialog and presenter, over the unlock screen."""

    def __init__(self, shell: Shell, door: Door, opened: Callable[[Vault], None]) -> None:
        self._shell = shell
        self._dialog: RecoveryDialog | None = None
        self.presenter = RecoveryPresenter(RecoveryDoorPort(door, opened), self._show, shell.say)

    def _show(self, state: RecoveryState | None) -> None:
        if state is None:
            if self._dialog is not None:
                dialog, self._dialog = self._dialog, None
                dialog.close()
            return
        if self._dialog is None:
            self._dialog = RecoveryDialog(self._shell)
            self._dialog.typed.connect(self.presenter.typed)
            self._dialog.wanted.connect(self.presenter.recover)
            self._dialog.finished.connect(self._closed)
            self._dialog.open()
        self._dialog.show_state(state)

    def _closed(self) -> None:
        self._dialog = None
        self.presenter.close()


def _words(problem: KnownError) -> str:
    return f"{problem.sentence} {problem.next_step}"
