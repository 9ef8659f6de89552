"""Set-up's port on the workflow's door."""

from collections.abc import Callable

from telemed_desk.ui.screens.set_up.presenter import Form, Outcome, Way
from telemed_desk.vault import Vault
from telemed_desk.workflow.door import Door, code_problem, passphrase_problem
from telemed_desk.workflow.set_up import NewDesk, SetUpResult
from telemed_protocol.codes import CodeKind
from telemed_protocol.errors import KnownError


class SetUpDoorPort:
    """Keeps the fresh vault until its recovery code was written down."""

    def __init__(self, door: Door, opened: Callable[[Vault, str], None]) -> None:
        self._door = door
        self._opened = opened
        self._made: tuple[Vault, str] | None = None

    def set_up(
        self, form: Form, progress: Callable[[str], None], done: Callable[[Outcome], None]
    ) -> None:
        """Set this PC up."""
        server_url = form.server_url.strip().rstrip("/")

        def ended(result: SetUpResult) -> None:
            if result.problem is not None:
                done(Outcome(sentence=result.problem.sentence, next_step=result.problem.next_step))
            elif result.vault is not None:
                self._made = (result.vault, server_url)
                done(Outcome(result.recovery_code, result.sheet_code))

        self._door.set_up(
            NewDesk(
                server_url=server_url,
                code=form.code,
                clinician_name=form.clinician_name.strip(),
                role=form.role.strip(),
                passphrase=form.passphrase,
                clinic_name=form.clinic_name.strip() if form.way == "found" else "",
                clinic_phone=form.clinic_phone.strip() if form.way == "found" else "",
                pc_label=form.pc_label.strip(),
            ),
            progress,
            ended,
        )

    def passphrase_problem(self, passphrase: str) -> str | None:
        """Return why a passphrase is too weak, in words, or None."""
        return _words(passphrase_problem(passphrase))

    def code_problem(self, code: str, way: Way) -> str | None:
        """Return what is wrong with a code as typed, in words, or None."""
        # A clinic is also joined with its own recovery sheet, when no other desk is left.
        joining: CodeKind = "TMK" if code.strip().upper().startswith("TMK") else "TMD"
        return _words(code_problem(code, "TMC" if way == "found" else joining))

    def set_up_finished(self) -> None:
        """The recovery code was written down: go on."""
        if self._made is not None:
            made, self._made = self._made, None
            self._opened(*made)


def _words(problem: KnownError | None) -> str | None:
    return None if problem is None else f"{problem.sentence} {problem.next_step}"
