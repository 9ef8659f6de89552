"""Unlock: clinicians known to this PC, and a passphrase or PIN. No patient's name before that."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from telemed_desk.ui import words
from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.door import PIN_DIGITS

LinkWord = Literal["connecting", "online", "offline"]


@dataclass(frozen=True, slots=True)
class Clinician:
    """Somebody who may unlock this PC."""

    entity: bytes
    name: str
    role: str = ""
    note: str = ""

    @property
    def initials(self) -> str:
        """Two letters; a title in front is left out."""
        parts = [
            w for w in self.name.split() if w.rstrip(".").lower() not in {"dr", "prof", "nurse"}
        ]
        return "".join(w[:1] for w in parts[:2]).upper()


@dataclass(frozen=True, slots=True)
class Attempt:
    """How an attempt to unlock ended.

    Attributes:
        outcome: ``ok``, ``wrong`` (never says which part), ``wrong-pin``, ``pin-gone`` or ``problem``.
        wait_s: Seconds before the next try is taken; 0 = at once.
        sentence: What is wrong, for ``problem``.
        next_step: What to do about it.
    """

    outcome: Literal["ok", "wrong", "wrong-pin", "pin-gone", "problem"]
    wait_s: int = 0
    sentence: str = ""
    next_step: str = ""


class UnlockPort(Protocol):
    """What this screen needs of the workflow."""

    def unlock(self, clinician: bytes, passphrase: str, done: Callable[[Attempt], None]) -> None:
        """Try; ``done`` is called on the GUI thread. On ``ok`` the desk leaves this screen."""
        ...

    def unlock_with_pin(self, clinician: bytes, pin: str, done: Callable[[Attempt], None]) -> None:
        """Try the PIN, likewise."""
        ...

    def pin_tries_left(self, clinician: bytes) -> int:
        """Return how often a PIN may still be tried; 0 = there is none."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """What the screen shows. ``error`` stands below the passphrase, ``problem`` in a banner.

    ``pin_tries`` 0 = no PIN opens, and no field for one is shown.
    """

    clock: str = ""
    date: str = ""
    clinic: str = ""
    pc_label: str = ""
    version: str = ""
    practice: bool = False
    link: LinkWord = "connecting"
    link_title: str = ""
    link_legs: tuple[str, str] = ("", "")
    queue_title: str = ""
    queue_words: str = ""
    clinicians: tuple[Clinician, ...] = ()
    chosen: bytes = b""
    working: bool = False
    wait_s: int = 0
    error: str = ""
    problem: str = ""
    problem_words: str = ""
    misses: int = 0
    pin_tries: int = 0
    pin_hint: str = ""
    pin_error: str = ""
    pin_misses: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Facts about this PC that do not change while it is locked."""

    clinic: str = ""
    pc_label: str = ""
    version: str = ""
    practice: bool = False


class UnlockPresenter:
    """Decides what the unlock screen shows. GUI thread.

    Args:
        port: The workflow.
        now_ms: Wall clock.
        show: Gets every new state.
        place: This PC.
    """

    def __init__(
        self,
        port: UnlockPort,
        now_ms: Callable[[], int],
        show: Callable[[State], None],
        place: Place,
    ) -> None:
        self._port = port
        self._now_ms = now_ms
        self._show = show
        self.state = State(
            clinic=place.clinic,
            pc_label=place.pc_label,
            version=place.version,
            practice=place.practice,
        )
        self._ready_ms = 0
        self.link("connecting")
        self.waiting(None)
        self.tick()

    def _set(self, **changes: object) -> None:
        changed = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        if changed != self.state:
            self.state = changed
            self._show(changed)

    # ---- facts in ------------------------------------------------------------------------------

    def clinicians(self, known: Sequence[Clinician]) -> None:
        """Who may unlock, last user first; the first is chosen."""
        chosen = known[0].entity if known else b""
        self._set(clinicians=tuple(known), chosen=chosen, **self._pin_of(chosen))

    def _pin_of(self, clinician: bytes) -> dict[str, object]:
        """Read what a PIN may still do; nothing is counted here, so that nothing can be miscounted."""
        tries = self._port.pin_tries_left(clinician) if clinician else 0
        hint = tn("unlock.pin.tries", tries) if tries else ""
        return {"pin_tries": tries, "pin_hint": hint}

    def link(self, word: LinkWord, rtt_ms: float | None = None) -> None:
        """The line to the server came or went."""
        leg = t("unit.ms", n=round(rtt_ms)) if rtt_ms is not None and word == "online" else ""
        if word == "offline":
            leg = t("unlock.no_answer")
        self._set(link=word, link_title=t(f"unlock.link.{word}"), link_legs=(leg, ""))

    def waiting(self, items: int | None, size: int = 0) -> None:
        """How much has still to be sent; contents are not shown here. None = cannot tell."""
        if items is None:
            self._set(
                queue_title=t("unlock.queue.unknown"), queue_words=t("unlock.queue.unknown_words")
            )
            return
        title = tn("unlock.queue", items) if items else t("unlock.queue.none")
        if items and size:
            title = f"{title}, {words.size(size)}"
        self._set(
            queue_title=title,
            queue_words=t("unlock.queue.words") if items else t("unlock.queue.none_words"),
        )

    def tick(self) -> None:
        """Once a second: clock and the seconds left to wait."""
        now = self._now_ms()
        left = max(0, -(-(self._ready_ms - now) // 1000))
        error = self.state.error
        if left:
            error = tn("unlock.wait", left)
        elif self.state.wait_s:
            error = ""
        self._set(
            clock=words.clock(now),
            date=words.long_date(now),
            wait_s=left,
            error=error,
            **({} if self.state.working else self._pin_of(self.state.chosen)),
        )

    # ---- intentions ----------------------------------------------------------------------------

    def choose(self, clinician: bytes) -> None:
        """Somebody else is going to unlock."""
        if clinician != self.state.chosen and not self.state.working:
            self._set(
                chosen=clinician,
                error="",
                problem="",
                problem_words="",
                misses=0,
                pin_error="",
                pin_misses=0,
                **self._pin_of(clinician),
            )

    def typed(self) -> None:
        """The passphrase is being changed: an old error no longer says anything."""
        if not self.state.wait_s:
            self._set(error="", problem="", problem_words="")

    def typed_pin(self) -> None:
        """The PIN is being changed."""
        self._set(pin_error="", problem="", problem_words="")

    def unlock(self, passphrase: str) -> None:
        """Try to unlock."""
        if self.state.working or self.state.wait_s or not self.state.chosen:
            return
        if not passphrase:
            self._set(error=t("unlock.empty"))
            return
        self._set(working=True, error="", problem="", problem_words="")
        self._port.unlock(self.state.chosen, passphrase, self._done)

    def unlock_with_pin(self, pin: str) -> None:
        """Try the PIN. What cannot be one costs no try."""
        if self.state.working or not self.state.chosen or not self.state.pin_tries:
            return
        if len(pin) != PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
            self._set(pin_error=t("unlock.pin.six"), pin_misses=self.state.pin_misses + 1)
            return
        self._set(working=True, pin_error="", problem="", problem_words="")
        self._port.unlock_with_pin(self.state.chosen, pin, self._pin_done)

    def _pin_done(self, attempt: Attempt) -> None:
        known = self._pin_of(self.state.chosen)
        if attempt.outcome == "wrong-pin":
            misses = self.state.pin_misses + 1
            self._set(working=False, pin_error=t("unlock.pin.wrong"), pin_misses=misses, **known)
        elif attempt.outcome == "pin-gone":
            self._set(working=False, error=t("unlock.pin.gone"), pin_error="", **known)
        elif attempt.outcome == "ok":
            self._set(working=False, pin_error="", pin_misses=0, error="", misses=0)
        else:
            self._done(attempt)

    def _done(self, attempt: Attempt) -> None:
        self._ready_ms = self._now_ms() + attempt.wait_s * 1000
        if attempt.outcome == "ok":
            self._set(working=False, error="", misses=0)
        elif attempt.outcome == "wrong":
            misses = self.state.misses + 1
            error = tn("unlock.wait", attempt.wait_s) if attempt.wait_s else t("unlock.wrong")
            self._set(working=False, error=error, wait_s=attempt.wait_s, misses=misses)
        else:
            self._set(working=False, problem=attempt.sentence, problem_words=attempt.next_step)
