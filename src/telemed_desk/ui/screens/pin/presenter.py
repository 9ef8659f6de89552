"""Setting and dropping the PIN of the clinician who is in. The digits are in no state."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from telemed_desk.ui import words
from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.door import PIN_DIGITS, PIN_HOURS
from telemed_protocol.errors import KnownError


class PinPort(Protocol):
    """What the dialog needs of the workflow."""

    def tries_left(self) -> int:
        """Return how often a PIN may be tried; 0 = none is set."""
        ...

    def keep(self, pin: str, done: Callable[[KnownError | None], None]) -> None:
        """Set it; ``done`` is called on the GUI thread with why not, or None."""
        ...

    def drop(self) -> None:
        """End it at once."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """What the dialog shows; None instead of a state = it is closed."""

    words: str = ""
    limits: tuple[str, ...] = ()
    is_set: bool = False
    working: bool = False
    pin_error: str = ""
    again_error: str = ""


class PinPresenter:
    """Decides what the dialog shows. GUI thread.

    Args:
        port: The workflow.
        now_ms: Wall clock.
        show: Gets every new state, and None when the dialog is to close.
        say: Says one line after it.
    """

    def __init__(
        self,
        port: PinPort,
        now_ms: Callable[[], int],
        show: Callable[[State | None], None],
        say: Callable[[str], None],
    ) -> None:
        self._port = port
        self._now_ms = now_ms
        self._show = show
        self._say = say
        self.state: State | None = None

    def _set(self, state: State | None) -> None:
        if state != self.state:
            self.state = state
            self._show(state)

    # ---- intentions ----------------------------------------------------------------------------

    def ask(self) -> None:
        """Open the dialog."""
        if self.state is not None:
            return
        tries = self._port.tries_left()
        self._set(
            State(
                words=t("pin.words", digits=PIN_DIGITS, hours=PIN_HOURS),
                limits=(t("pin.limit.passphrase"), t("pin.limit.memory"), t("pin.limit.process")),
                is_set=bool(tries),
            )
        )

    def close(self) -> None:
        """The dialog was closed, or the PC locks."""
        self._set(None)

    def typed(self) -> None:
        """Something is being changed: an old error no longer says anything."""
        if self.state is not None:
            self._set(replace(self.state, pin_error="", again_error=""))

    def keep(self, pin: str, again: str) -> None:
        """Set the PIN, when both are the same six digits."""
        if self.state is None or self.state.working:
            return
        wrong = len(pin) != PIN_DIGITS or not (pin.isascii() and pin.isdigit())
        pin_error = t("unlock.pin.six") if wrong else ""
        again_error = t("pin.differs") if not wrong and pin != again else ""
        fits = not pin_error and not again_error
        self._set(
            replace(
                self.state,
                pin_error=pin_error,
                again_error=again_error,
                working=fits,
            )
        )
        if fits:
            self._port.keep(pin, self._kept)

    def _kept(self, problem: KnownError | None) -> None:
        if problem is None:
            until = self._now_ms() + PIN_HOURS * words.HOUR_MS
            tries = self._port.tries_left()
            self._set(None)
            self._say(tn("pin.set", tries, time=words.clock(until)))
        elif self.state is not None:
            said = f"{problem.sentence} {problem.next_step}"
            self._set(replace(self.state, working=False, pin_error=said))

    def drop(self) -> None:
        """End the PIN."""
        if self.state is not None and not self.state.working:
            self._port.drop()
            self._set(None)
            self._say(t("pin.dropped"))
