"""The gallery's scenes of the PIN, the keyring and the recovery code."""

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from telemed_desk.ui.gallery_days import NOW_MS, at
from telemed_desk.ui.screens.pin.keyring_presenter import KeyringPresenter
from telemed_desk.ui.screens.pin.keyring_view import KeyringQuestion
from telemed_desk.ui.screens.pin.presenter import PinPresenter, State
from telemed_desk.ui.screens.pin.view import PinDialog
from telemed_desk.ui.screens.unlock.presenter import Attempt, Clinician, Place, UnlockPresenter
from telemed_desk.ui.screens.unlock.recovery_presenter import RecoveryState
from telemed_desk.ui.screens.unlock.recovery_view import RecoveryDialog
from telemed_desk.ui.screens.unlock.view import UnlockView
from telemed_desk.vault.problems import WrongRecoveryCode
from telemed_desk.workflow.door import KeyringState
from telemed_protocol.errors import KnownError

Scene = Callable[[], QWidget]
KNOWN = (
    Clinician(b"1", "Dr Achieng Odera", "Palliative care"),
    Clinician(b"2", "Dr Samuel Kiprop", "Dermatology"),
)


class _Tries:
    """Has a PIN with so many tries left, and opens nothing."""

    def __init__(self, left: int) -> None:
        self._left = left

    def unlock(self, clinician: bytes, passphrase: str, done: Callable[[Attempt], None]) -> None:
        """Answer nothing."""

    def unlock_with_pin(self, clinician: bytes, pin: str, done: Callable[[Attempt], None]) -> None:
        """It is wrong."""
        del clinician, pin
        self._left -= 1
        done(Attempt("wrong-pin"))

    def pin_tries_left(self, _clinician: bytes) -> int:
        """Return them."""
        return self._left

    def tries_left(self) -> int:
        """Return them."""
        return self._left

    def keep(self, pin: str, done: Callable[[KnownError | None], None]) -> None:
        """Keep nothing."""

    def drop(self) -> None:
        """Drop nothing."""

    def keyring(self, done: Callable[[KeyringState | None], None]) -> None:
        """There is one, it is off, and a colleague has it off too."""
        done(KeyringState("a keyring", is_on=False, problem=None, others_without=1))

    def switch_keyring(
        self, passphrase: str, done: Callable[[KnownError | None], None], *, on: bool
    ) -> None:
        """Answer nothing."""


def _unlock(framed: Callable[[str, QWidget], QWidget], typed: str) -> Scene:
    def scene() -> QWidget:
        view = UnlockView()
        place = Place("Mto Mawe Referral Hospital", "Telemedicine room 4", "1.0")
        presenter = UnlockPresenter(_Tries(5), lambda: at("11:02"), view.show_state, place)
        presenter.link("online", 24)
        presenter.waiting(3, 4_600_000)
        presenter.clinicians(KNOWN)
        if typed:
            view.pin.edit.setText(typed)
            presenter.unlock_with_pin(typed)
        return framed("unlock", view)

    return scene


def _dialog(today: Scene, tries: int, keep: tuple[str, str] | None = None) -> Scene:
    def scene() -> QWidget:
        window = today()
        shown: list[State | None] = []
        presenter = PinPresenter(_Tries(tries), lambda: NOW_MS, shown.append, lambda _words: None)
        presenter.ask()
        if keep is not None:
            presenter.keep(*keep)
        state = presenter.state
        if state is None:
            raise LookupError("no dialog")
        dialog = PinDialog(window, state)
        KeyringPresenter(_Tries(0), dialog.keyring.show_state, lambda _words: None).ask()
        dialog.open()
        return window

    return scene


def _keyring(today: Scene) -> Scene:
    def scene() -> QWidget:
        window = today()
        box = KeyringPresenter(_Tries(0), lambda _state: None, lambda _words: None)
        box.ask()
        box.tick(on=True)
        box.switch("")
        if box.state is None:
            raise LookupError("no question")
        KeyringQuestion(window, box.state).open()
        return window

    return scene


def _recovery(unlock: Scene) -> Scene:
    def scene() -> QWidget:
        window = unlock()
        dialog = RecoveryDialog(window)
        problem = WrongRecoveryCode()
        said = f"{problem.sentence} {problem.next_step}"
        dialog.show_state(RecoveryState(at="code", error=said, misses=1))
        dialog.open()
        return window

    return scene


def pin_scenes(framed: Callable[[str, QWidget], QWidget], today: Scene) -> dict[str, Scene]:
    """Return the scenes; the dialogs stand over ``today``."""
    return {
        "01-unlock-recovery": _recovery(_unlock(framed, "")),
        "01-unlock-pin": _unlock(framed, ""),
        "01-unlock-pin-wrong": _unlock(framed, "111222"),
        "13-pin": _dialog(today, 0),
        "13-pin-keyring": _keyring(today),
        "13-pin-set": _dialog(today, 5, ("480713", "480731")),
    }
