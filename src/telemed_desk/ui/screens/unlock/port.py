"""Unlock's port on the workflow's door."""

from collections.abc import Callable
from math import ceil

from telemed_desk.ui.screens.unlock.presenter import Attempt
from telemed_desk.vault import Vault
from telemed_desk.workflow.door import Door, UnlockResult


class DoorPort:
    """Hands an opened vault to ``opened``; everything else becomes an answer for the screen."""

    def __init__(self, door: Door, opened: Callable[[Vault], None]) -> None:
        self._door = door
        self._opened = opened

    def unlock(self, clinician: bytes, passphrase: str, done: Callable[[Attempt], None]) -> None:
        """Try; ``done`` is called on the GUI thread."""
        self._door.unlock(clinician, passphrase, self._answer(done))

    def unlock_with_pin(self, clinician: bytes, pin: str, done: Callable[[Attempt], None]) -> None:
        """Try the PIN; ``done`` is called on the GUI thread."""
        self._door.unlock_with_pin(clinician, pin, self._answer(done))

    def pin_tries_left(self, clinician: bytes) -> int:
        """Return how often a PIN may still be tried; 0 = there is none."""
        return self._door.pin_tries_left(clinician)

    def _answer(self, done: Callable[[Attempt], None]) -> Callable[[UnlockResult], None]:
        def answered(result: UnlockResult) -> None:
            if result.vault is not None:
                done(Attempt("ok"))
                self._opened(result.vault)
            elif result.is_wrong_pin:
                done(Attempt("wrong-pin"))
            elif result.pin_is_gone:
                done(Attempt("pin-gone"))
            elif result.is_wrong:
                done(Attempt("wrong", wait_s=ceil(result.wait_s)))
            elif result.problem is not None:
                done(
                    Attempt(
                        "problem",
                        sentence=result.problem.sentence,
                        next_step=result.problem.next_step,
                    )
                )

        return answered
