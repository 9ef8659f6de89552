"""Who is in the call beside the patient, and who is invited: what is shown, and what may be done."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from telemed_desk.clinical.queue import Guest, Role
from telemed_desk.ui import words
from telemed_desk.ui.text import t
from telemed_desk.workflow.booking import LinkResult
from telemed_desk.workflow.company import MOST_GUESTS, Attendee
from telemed_desk.workflow.people import PeopleState
from telemed_desk.workflow.visit import VisitState

PersonTone = Literal["neutral", "ok", "warn"]
ROLES = (Role.CARER, Role.INTERPRETER, Role.COLLEAGUE)


@dataclass(frozen=True, slots=True)
class PersonRow:
    """Somebody who waits, or is in the call. ``memory`` names their picture; empty = none."""

    seat: str
    name: str
    role: str
    said: str
    tone: PersonTone
    inside: bool
    memory: str = ""
    stage_words: str = ""


@dataclass(frozen=True, slots=True)
class Invite:
    """The dialog that makes a link."""

    role: Role = Role.CARER
    working: bool = False
    url: str = ""
    valid: str = ""
    sentence: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Everything the people's part of the call screen shows."""

    rows: tuple[PersonRow, ...] = ()
    full: str = ""
    may_admit: bool = True
    invite: Invite | None = None


class PeoplePort(Protocol):
    """What is needed of the workflow; call-backs come on the GUI thread."""

    def link_for(self, consultation: bytes, role: Role, done: Callable[[LinkResult], None]) -> None:
        """Make a link for somebody who is to join."""
        ...

    def admit(self, seat: str) -> None:
        """Let somebody in who waits."""
        ...

    def remove(self, seat: str) -> None:
        """Let somebody go."""
        ...


class PeoplePresenter:
    """Decides what is shown of the people of a call. GUI thread.

    Args:
        port: The workflow's people.
        show: Gets every new state.
    """

    def __init__(self, port: PeoplePort, show: Callable[[State], None]) -> None:
        self._port = port
        self._show = show
        self._consultation = b""
        self._asked = 0
        self.state = State()

    def _set(self, **changes: object) -> None:
        changed = replace(self.state, **changes)  # type: ignore[arg-type]  # names checked by replace
        if changed != self.state:
            self.state = changed
            self._show(changed)

    # ---- facts in ------------------------------------------------------------------------------

    def visit(self, visit: VisitState | None) -> None:
        """The visit moved; without a running call nobody can be invited."""
        live = visit is not None and visit.phase != "ended"
        self._consultation = visit.waiting.consultation.entity if visit and live else b""
        if not live:
            self._set(invite=None)

    def people(self, people: PeopleState) -> None:
        """Somebody came, went, or is heard differently."""
        rows = [_inside(person) for person in people.there]
        rows += [_waits(guest) for guest in people.waiting]
        full = len(people.there) >= MOST_GUESTS
        self._set(
            rows=tuple(rows),
            may_admit=not full,
            full=t("call.people.full", n=MOST_GUESTS + 1) if full else "",
        )

    # ---- intentions ----------------------------------------------------------------------------

    def invite(self) -> None:
        """Open the dialog (F7)."""
        if self._consultation and self.state.invite is None:
            self._set(invite=Invite())

    def choose(self, role: str) -> None:
        """As whom they come; a link that was made for another role is not shown any longer."""
        if self.state.invite is not None and not self.state.invite.working:
            self._set(invite=Invite(Role(role)))

    def make_link(self) -> None:
        """Make the link."""
        invite = self.state.invite
        if invite is None or invite.working or not self._consultation:
            return
        self._asked += 1
        asked = self._asked
        self._set(invite=Invite(invite.role, working=True))
        self._port.link_for(
            self._consultation, invite.role, lambda result: self._made(asked, result)
        )

    def close_invite(self) -> None:
        """Close the dialog; the link stays good."""
        self._asked += 1
        self._set(invite=None)

    def admit(self, seat: str) -> None:
        """Let them in."""
        if self.state.may_admit:
            self._port.admit(seat)

    def remove(self, seat: str) -> None:
        """Let them go."""
        self._port.remove(seat)

    def _made(self, asked: int, result: LinkResult) -> None:
        invite = self.state.invite
        if invite is None or asked != self._asked:
            return
        if result.link is not None:
            until = t("today.link.valid", time=words.clock(result.link.expires_ms))
            self._set(invite=replace(invite, working=False, url=result.link.url, valid=until))
            return
        problem = result.problem
        self._set(
            invite=replace(
                invite,
                working=False,
                sentence=problem.sentence if problem else t("call.people.gone"),
                next_step=problem.next_step if problem else "",
            )
        )


def role_word(role: Role) -> str:
    """Say as whom somebody is there."""
    return t(f"call.people.role.{role.value}")


def _inside(person: Attendee) -> PersonRow:
    tone: PersonTone = "ok" if person.phase == "connected" else "warn"
    said = t(f"call.people.{person.phase}")
    if person.phase == "connected" and not person.microphone:
        said = t("call.people.muted")
    sees = person.phase == "connected" and person.camera
    return PersonRow(
        person.seat,
        person.name,
        role_word(person.role),
        said,
        tone,
        inside=True,
        memory=person.memory if sees else "",
        stage_words=person.name,
    )


def _waits(guest: Guest) -> PersonRow:
    said = t("call.people.waits" if guest.present else "call.people.waits_away")
    return PersonRow(guest.seat, guest.name, role_word(guest.role), said, "neutral", inside=False)
