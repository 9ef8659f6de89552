"""Whether a passphrase also needs this account's keyring. The passphrase is in no state."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.door import KeyringState
from telemed_protocol.errors import KnownError


class KeyringPort(Protocol):
    """What this part of the dialog needs of the workflow; answers come on the GUI thread."""

    def keyring(self, done: Callable[[KeyringState | None], None]) -> None:
        """Ask how it is; None = it cannot be said."""
        ...

    def switch_keyring(
        self, passphrase: str, done: Callable[[KnownError | None], None], *, on: bool
    ) -> None:
        """Switch it; ``done`` gets why not, or None."""
        ...


@dataclass(frozen=True, slots=True)
class KeyringPart:
    """What is shown.

    Attributes:
        is_on: The passphrase needs the keyring now.
        asking: The box says otherwise, and a passphrase is asked for.
        limits: What it does and does not do, while it matters.
        working: An answer is awaited.
        problem: Why a second key that is needed cannot be had.
        error: Why it was not switched.
        misses: Counts the errors, so that the same one twice is seen.
    """

    is_on: bool = False
    asking: bool = False
    limits: tuple[str, ...] = ()
    working: bool = False
    problem: str = ""
    error: str = ""
    misses: int = 0


class KeyringPresenter:
    """Decides what is shown. GUI thread.

    Args:
        port: The workflow.
        show: Gets every new state; None = nothing is shown: no keyring that we would use.
        say: Says one line when it is done.
    """

    def __init__(
        self,
        port: KeyringPort,
        show: Callable[[KeyringPart | None], None],
        say: Callable[[str], None],
    ) -> None:
        self._port = port
        self._show = show
        self._say = say
        self._asked = 0
        self.state: KeyringPart | None = None
        self._limits: tuple[str, ...] = ()

    def _set(self, state: KeyringPart | None) -> None:
        if state != self.state:
            self.state = state
            self._show(state)

    def ask(self) -> None:
        """The dialog opened: find out whether there is anything to show."""
        self._asked += 1
        asked = self._asked

        def known(found: KeyringState | None) -> None:
            if asked == self._asked:
                self._known(found)

        self._port.keyring(known)

    def close(self) -> None:
        """The dialog was closed; answers that still come are not shown."""
        self._asked += 1
        self._set(None)

    def _known(self, found: KeyringState | None) -> None:
        if found is None or not (found.backend or found.is_on):
            self._set(None)
            return
        limits = [t("keyring.limit.account"), t("keyring.limit.code"), t("keyring.limit.copies")]
        if found.others_without:
            limits.append(tn("keyring.limit.others", found.others_without))
        self._limits = tuple(limits)
        self._set(
            KeyringPart(
                is_on=found.is_on,
                problem=_words(found.problem),
                limits=self._limits[-1:] if found.is_on and found.others_without else (),
            )
        )

    # ---- intentions ----------------------------------------------------------------------------

    def tick(self, *, on: bool) -> None:
        """The box was ticked or cleared."""
        if self.state is None or self.state.working:
            return
        asking = on != self.state.is_on
        limits = self._limits if on and asking else ()
        self._set(replace(self.state, asking=asking, limits=limits, error=""))

    def typed(self) -> None:
        """The passphrase is being changed: an old error no longer says anything."""
        if self.state is not None:
            self._set(replace(self.state, error=""))

    def switch(self, passphrase: str) -> None:
        """Do what the box says."""
        if self.state is None or self.state.working or not self.state.asking:
            return
        if not passphrase:
            self._missed(t("unlock.empty"))
            return
        on = not self.state.is_on
        asked = self._asked
        self._set(replace(self.state, working=True, error=""))

        def done(problem: KnownError | None) -> None:
            if problem is None:
                self._say(t("keyring.done.on" if on else "keyring.done.off"))
            if asked != self._asked:
                return
            if problem is None:
                self._set(KeyringPart(is_on=on))
                self.ask()
            else:
                self._missed(_words(problem))

        self._port.switch_keyring(passphrase, done, on=on)

    def _missed(self, words: str) -> None:
        if self.state is not None:
            misses = self.state.misses + 1
            self._set(replace(self.state, working=False, error=words, misses=misses))


def _words(problem: KnownError | None) -> str:
    return "" if problem is None else f"{problem.sentence} {problem.next_step}"
