"""Set up this PC: found a clinic with the keeper's code, or join one with another desk's code."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from telemed_desk.ui.text import has_text, t
from telemed_desk.ui.words import six_digits

Way = Literal["found", "join"]
Step = Literal["form", "working", "recovery"]
FieldName = Literal["server_url", "code", "clinic_name", "clinician_name", "passphrase", "repeat"]


@dataclass(frozen=True, slots=True)
class Form:
    """What is typed. Never printed: it holds a passphrase."""

    way: Way = "found"
    server_url: str = ""
    code: str = ""
    clinic_name: str = ""
    clinic_phone: str = ""
    pc_label: str = ""
    clinician_name: str = ""
    role: str = ""
    passphrase: str = field(default="", repr=False)
    repeat: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How it ended: codes to write down, or a sentence and a next step."""

    recovery_code: str = field(default="", repr=False)
    sheet_code: str = field(default="", repr=False)
    sentence: str = ""
    next_step: str = ""


class SetUpPort(Protocol):
    """What this screen needs of the workflow; call-backs come on the GUI thread."""

    def set_up(
        self, form: Form, progress: Callable[[str], None], done: Callable[[Outcome], None]
    ) -> None:
        """Set this PC up. ``progress`` gets step keys."""
        ...

    def passphrase_problem(self, passphrase: str) -> str | None:
        """Return why a passphrase is too weak, in words, or None."""
        ...

    def code_problem(self, code: str, way: Way) -> str | None:
        """Return what is wrong with a code as typed, in words, or None."""
        ...

    def set_up_finished(self) -> None:
        """The recovery code was written down: go on to Today."""
        ...


@dataclass(frozen=True, slots=True)
class State:
    """What the screen shows."""

    step: Step = "form"
    way: Way = "found"
    server_url: str = ""
    pc_label: str = ""
    errors: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    problem_words: str = ""
    progress: str = ""
    recovery_code: str = field(default="", repr=False)
    sheet_code: str = field(default="", repr=False)
    written_down: bool = False


class SetUpPresenter:
    """Checks what was typed, asks the workflow, shows the recovery code once. GUI thread."""

    def __init__(
        self,
        port: SetUpPort,
        show: Callable[[State], None],
        *,
        server_url: str = "",
        pc_label: str = "",
    ) -> None:
        self._port = port
        self._show = show
        self.state = State(server_url=server_url, pc_label=pc_label)

    def _set(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        self._show(self.state)

    def choose(self, way: Way) -> None:
        """Found or join."""
        if self.state.step == "form":
            self._set(way=way, errors={}, problem="", problem_words="")

    def submit(self, form: Form) -> None:
        """Check the form; if it is whole, set up."""
        if self.state.step != "form":
            return
        errors = self._errors(form)
        if errors:
            self._set(errors=errors, problem="", problem_words="")
            return
        self._set(
            step="working",
            errors={},
            problem="",
            problem_words="",
            progress=t("set_up.progress.keys"),
        )
        self._port.set_up(form, self._progress, self._done)

    def _errors(self, form: Form) -> dict[str, str]:
        errors: dict[str, str] = {}
        if not form.server_url.startswith(("https://", "http://")):
            errors["server_url"] = t("set_up.error.server")
        problem = self._port.code_problem(form.code, form.way)
        if problem:
            errors["code"] = problem
        if form.way == "found" and not form.clinic_name.strip():
            errors["clinic_name"] = t("set_up.error.clinic")
        if not form.clinician_name.strip():
            errors["clinician_name"] = t("set_up.error.name")
        weak = self._port.passphrase_problem(form.passphrase)
        if weak:
            errors["passphrase"] = weak
        elif form.passphrase != form.repeat:
            errors["repeat"] = t("set_up.error.repeat")
        return errors

    def _progress(self, step: str) -> None:
        step, _, number = step.partition(":")
        key = f"set_up.progress.{step}"
        if self.state.step == "working" and has_text(key):
            self._set(progress=t(key, number=six_digits(number)))

    def _done(self, outcome: Outcome) -> None:
        if outcome.recovery_code:
            self._set(
                step="recovery",
                recovery_code=outcome.recovery_code,
                sheet_code=outcome.sheet_code,
                progress="",
            )
        else:
            self._set(
                step="form", progress="", problem=outcome.sentence, problem_words=outcome.next_step
            )

    def written_down(self, *, yes: bool) -> None:
        """The box beside the recovery code was ticked or cleared."""
        self._set(written_down=yes)

    def go_on(self) -> None:
        """Leave; the recovery code is not shown again."""
        if self.state.step == "recovery" and self.state.written_down:
            self._set(recovery_code="", sheet_code="")
            self._port.set_up_finished()
