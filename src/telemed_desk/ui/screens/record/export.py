"""Exporting the record that is shown: what it means, for whom it is sealed, and how it went."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from telemed_desk.ui import words
from telemed_desk.ui.text import t, tn
from telemed_desk.workflow.exporting import (
    AgeSecret,
    ExportResult,
    Format,
    why_not,
)

SUFFIX: dict[Format, str] = {"fhir": ".ndjson.age", "pdf": ".pdf.age"}


class ExportPort(Protocol):
    """What this needs of the workflow."""

    def export(
        self,
        patient: bytes,
        out: Path,
        form: Format,
        secret: AgeSecret,
        done: Callable[[ExportResult], None],
    ) -> None:
        """Write the sealed file; ``done`` is called on the GUI thread."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """What the dialog shows; what was typed is in no state."""

    words: str
    form: Format = "pdf"
    by_recipient: bool = False
    error: str = ""
    again_error: str = ""
    working: bool = False
    problem: str = ""
    problem_words: str = ""


class ExportPresenter:
    """Decides what the dialog shows. GUI thread.

    Args:
        port: The workflow.
        ask: Asks for the file, with a proposed name; empty = none was chosen.
        show: Gets every new state, and None when the dialog is to close.
        say: Says one line after it.
        exported: Called when a file was written.
    """

    def __init__(
        self,
        port: ExportPort,
        ask: Callable[[str], str],
        show: Callable[[State | None], None],
        say: Callable[[str], None],
        exported: Callable[[], None] = lambda: None,
    ) -> None:
        self._port = port
        self._ask = ask
        self._show = show
        self._say = say
        self._exported = exported
        self._patient = b""
        self.state: State | None = None

    def _set(self, state: State | None) -> None:
        if state != self.state:
            self.state = state
            self._show(state)

    # ---- intentions ----------------------------------------------------------------------------

    def open(self, patient: bytes, name: str) -> None:
        """Show the dialog for a record."""
        if self.state is None:
            self._patient = patient
            self._set(State(t("export.words", name=name)))

    def close(self) -> None:
        """It was closed, or the PC locks; what is being written is written."""
        self._set(None)

    def choose_form(self, form: str) -> None:
        """PDF or FHIR."""
        if self.state is not None:
            self._set(replace(self.state, form="fhir" if form == "fhir" else "pdf"))

    def choose_kind(self, kind: str) -> None:
        """Sealed for a passphrase, or for a recipient."""
        if self.state is not None:
            by_recipient = kind == "recipient"
            self._set(replace(self.state, by_recipient=by_recipient, error="", again_error=""))

    def typed(self) -> None:
        """Something is being changed: an old error no longer says anything."""
        if self.state is not None:
            self._set(replace(self.state, error="", again_error=""))

    def write(self, typed: str, again: str) -> None:
        """Ask for the place and write, when what was typed may seal a file."""
        state = self.state
        if state is None or state.working:
            return
        secret = AgeSecret(recipient=typed.strip().lower())
        if not state.by_recipient:
            secret = AgeSecret(passphrase=typed)
        problem = why_not(secret) if typed.strip() or not state.by_recipient else None
        error = f"{problem.sentence} {problem.next_step}" if problem is not None else ""
        if state.by_recipient and not typed.strip():
            error = t("export.recipient.none")
        differ = not state.by_recipient and not error and typed != again
        again_error = t("export.differ") if differ else ""
        self._set(replace(state, error=error, again_error=again_error, problem=""))
        if error or again_error:
            return
        chosen = self._ask(t("export.file") + SUFFIX[state.form])
        if not chosen or self.state is None:
            return
        self._set(replace(self.state, working=True))
        self._port.export(self._patient, Path(chosen), state.form, secret, self._done)

    def _done(self, result: ExportResult) -> None:
        written = result.done
        if written is not None:
            self._set(None)
            said = t("export.done", name=written.path.name, size=words.size(written.size))
            if written.photos_missing:
                said = f"{said} {tn('export.done.missing', written.photos_missing)}"
            self._say(said)
            self._exported()
        elif self.state is not None and result.problem is not None:
            problem = result.problem
            self._set(
                replace(
                    self.state,
                    working=False,
                    problem=problem.sentence,
                    problem_words=problem.next_step,
                )
            )
