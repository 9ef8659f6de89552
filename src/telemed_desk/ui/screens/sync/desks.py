"""The desks of this clinic, on the Sync screen: who they are, who asks, who is to go."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from telemed_desk.sync.letting_in import Asking
from telemed_desk.ui import words
from telemed_desk.ui.text import t
from telemed_desk.workflow.desks import DesksState, Member
from telemed_desk.workflow.enrolment import CodeResult


class DesksPort(Protocol):
    """What this part needs of the workflow."""

    def grant(self, key: bytes) -> None:
        """Add a PC that shows the same number."""
        ...

    def refuse(self, key: bytes) -> None:
        """Leave out a PC that shows another."""
        ...

    def remove(self, device: bytes) -> None:
        """Remove a PC, or withdraw the recovery sheet."""
        ...

    def make_sheet(self, done: Callable[[CodeResult], None]) -> None:
        """Make the clinic's recovery sheet; ``done`` is called on the GUI thread."""
        ...


@dataclass(frozen=True, slots=True)
class DeskRow:
    """One PC, or the recovery sheet."""

    device: bytes
    title: str
    words: str
    icon: str
    removable: bool
    sheet: bool = False


@dataclass(frozen=True, slots=True)
class AskRow:
    """A PC that asks to be added; ``key`` names its attempt."""

    key: bytes
    title: str


@dataclass(frozen=True, slots=True)
class Question:
    """Shall this one really go?"""

    device: bytes
    title: str
    words: str


@dataclass(frozen=True, slots=True)
class SheetCode:
    """The recovery sheet's code while it is shown."""

    working: bool = True
    code: str = field(default="", repr=False)
    problem: str = ""
    problem_words: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """What this part shows."""

    rows: tuple[DeskRow, ...] = ()
    asking: tuple[AskRow, ...] = ()
    note: str = ""
    can_make_sheet: bool = False
    question: Question | None = None
    sheet: SheetCode | None = None
    problem: str = ""
    problem_words: str = ""


class DesksPresenter:
    """Decides what is shown and asks before anything is removed. GUI thread."""

    def __init__(self, port: DesksPort, show: Callable[[State], None]) -> None:
        self._port = port
        self._show = show
        self.state = State()

    def _set(self, **changes: object) -> None:
        changed = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        if changed != self.state:
            self.state = changed
            self._show(changed)

    def desks(self, state: DesksState) -> None:
        """The list moved."""
        free = not state.working and not state.removed
        note = ""
        if state.removed:
            note = t("sync.desks.out")
        elif state.working:
            note = t("sync.desks.working")
        elif state.members and not state.has_sheet:
            note = t("sync.sheet.none")
        problem = state.problem or state.asking_problem
        self._set(
            rows=tuple(_row(member, free=free) for member in state.members),
            asking=tuple(AskRow(a.key, _asks(a)) for a in state.asking if free),
            note=note,
            can_make_sheet=free and bool(state.members) and not state.has_sheet,
            problem=problem.sentence if problem else "",
            problem_words=problem.next_step if problem else "",
        )

    # ---- intentions ----------------------------------------------------------------------------

    def ask_to_remove(self, device: bytes) -> None:
        """Ask whether this one shall go; nothing happens yet."""
        for row in self.state.rows:
            if row.device == device and row.removable:
                title = t("sync.remove.title", name=row.title)
                said = t("sync.remove.words")
                if row.sheet:
                    title, said = t("sync.sheet.withdraw"), t("sync.sheet.withdraw.words")
                self._set(question=Question(device, title, said))

    def remove(self) -> None:
        """Yes, remove it."""
        question = self.state.question
        if question is not None:
            self._set(question=None)
            self._port.remove(question.device)

    def keep(self) -> None:
        """No, keep it."""
        self._set(question=None)

    def grant(self, key: bytes) -> None:
        """The numbers are the same."""
        self._port.grant(key)

    def refuse(self, key: bytes) -> None:
        """They are not."""
        self._port.refuse(key)

    def make_sheet(self) -> None:
        """Make the recovery sheet and show its code once."""
        if self.state.sheet is None and self.state.can_make_sheet:
            self._set(sheet=SheetCode())
            self._port.make_sheet(self._made)

    def _made(self, result: CodeResult) -> None:
        # Also shown when the dialog was closed meanwhile: this code exists now and nowhere else.
        if result.problem is not None:
            shown = SheetCode(False, "", result.problem.sentence, result.problem.next_step)
        else:
            shown = SheetCode(working=False, code=result.text)
        self._set(sheet=shown)

    def close_sheet(self) -> None:
        """The code was written down; it is forgotten here."""
        self._set(sheet=None)


def _asks(asking: Asking) -> str:
    number = words.six_digits(asking.number)
    if asking.attempt == 1:
        return t("sync.desks.asks", number=number)
    return t("sync.desks.asks_again", n=asking.attempt, number=number)


def _row(member: Member, *, free: bool) -> DeskRow:
    name = member.label or t("sync.desks.unnamed")
    if member.sheet:
        name = t("sync.sheet")
    facts = []
    if member.since_ms is not None:
        facts.append(t("sync.desks.since", day=words.day(member.since_ms)))
    if member.heard_ms is not None:
        day, time = words.day(member.heard_ms), words.clock(member.heard_ms)
        facts.append(t("sync.desks.heard", day=day, time=time))
    elif not member.sheet:
        facts.append(t("sync.desks.not_heard"))
    return DeskRow(
        member.device,
        t("sync.desks.this", name=name) if member.this_pc else name,
        ", ".join(facts),
        "key-round" if member.sheet else "monitor",
        removable=free and not member.this_pc,
        sheet=member.sheet,
    )
