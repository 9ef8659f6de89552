"""Opening with the printed code, and a new passphrase. Neither of them is in any state."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from telemed_desk.ui.text import t

FieldName = Literal["code", "passphrase", "repeat", ""]


@dataclass(frozen=True, slots=True)
class Recovered:
    """How it ended.

    Attributes:
        at: Which field is wrong; empty = none of them.
        words: What is wrong and what to do; empty = it is open.
        keyring_ended: The old passphrase also needed a keyring, and the new one does not.
    """

    at: FieldName = ""
    words: str = ""
    keyring_ended: bool = False


class RecoveryPort(Protocol):
    """What the dialog needs of the workflow."""

    def recover(self, code: str, passphrase: str, done: Callable[[Recovered], None]) -> None:
        """Try; ``done`` is called on the GUI thread. When it is open the desk leaves this screen."""
        ...

    def passphrase_problem(self, passphrase: str) -> str | None:
        """Return why a passphrase is too weak, in words, or None."""
        ...


@dataclass(frozen=True, slots=True)
class RecoveryState:
    """What the dialog shows; None instead of a state = it is closed."""

    working: bool = False
    at: FieldName = ""
    error: str = ""
    misses: int = 0


class RecoveryPresenter:
    """Decides what the dialog shows. GUI thread.

    Args:
        port: The workflow.
        show: Gets every new state, and None when the dialog is to close.
        say: Says one line when the records are open.
    """

    def __init__(
        self,
        port: RecoveryPort,
        show: Callable[[RecoveryState | None], None],
        say: Callable[[str], None],
    ) -> None:
        self._port = port
        self._show = show
        self._say = say
        self.state: RecoveryState | None = None

    def _set(self, state: RecoveryState | None) -> None:
        if state != self.state:
            self.state = state
            self._show(state)

    def ask(self) -> None:
        """Open the dialog."""
        if self.state is None:
            self._set(RecoveryState())

    def close(self) -> None:
        """The dialog was closed."""
        self._set(None)

    def typed(self) -> None:
        """Something is being changed: an old error no longer says anything."""
        if self.state is not None:
            self._set(replace(self.state, at="", error=""))

    def recover(self, code: str, passphrase: str, repeat: str) -> None:
        """Open, when all three are there."""
        if self.state is None or self.state.working:
            return
        weak = self._port.passphrase_problem(passphrase)
        if not code.strip():
            self._missed("code", t("recovery.empty"))
        elif weak:
            self._missed("passphrase", weak)
        elif passphrase != repeat:
            self._missed("repeat", t("set_up.error.repeat"))
        else:
            self._set(replace(self.state, working=True, at="", error=""))
            self._port.recover(code, passphrase, self._done)

    def _done(self, ended: Recovered) -> None:
        if ended.words:
            self._missed(ended.at, ended.words)
            return
        self._set(None)
        self._say(t("recovery.done.keyring" if ended.keyring_ended else "recovery.done"))

    def _missed(self, at: FieldName, words: str) -> None:
        if self.state is not None:
            self._set(RecoveryState(at=at, error=words, misses=self.state.misses + 1))
