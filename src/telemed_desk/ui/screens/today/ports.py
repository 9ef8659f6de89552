"""What the Today screen needs of the workflow and of the other screens."""

from collections.abc import Callable
from typing import Protocol

from telemed_desk.workflow.claiming import LostVisit
from telemed_protocol.errors import KnownError


class PatientLink(Protocol):
    """An address to send or show."""

    @property
    def url(self) -> str:
        """With its secret."""
        ...

    @property
    def expires_ms(self) -> int:
        """Good until."""
        ...


class LinkResult(Protocol):
    """A link, or why there is none."""

    @property
    def link(self) -> PatientLink | None:
        """The link."""
        ...

    @property
    def problem(self) -> KnownError | None:
        """What stands in the way."""
        ...


class TodayPort(Protocol):
    """What this screen needs of the workflow; call-backs come on the GUI thread."""

    def start_visit(self, seat: str) -> None:
        """Admit who sits there and begin the call."""
        ...

    def clear_urgent(self, seat: str, reason: str) -> None:
        """Take the urgent flag off; the reason is recorded."""
        ...

    def link_for(self, consultation: bytes, done: Callable[[LinkResult], None]) -> None:
        """Make a link for a booking's patient."""
        ...


class ClaimPort(Protocol):
    """Taking visits; all return at once."""

    def take_by_phone(self, consultation: bytes) -> None:
        """Hold a visit by telephone: its note opens."""
        ...

    def take_over(self, lost: LostVisit) -> None:
        """Take a visit from who has it."""
        ...

    def was_read(self, lost: LostVisit) -> None:
        """It was read that somebody else had it first."""
        ...


class Ways(Protocol):
    """Where else one can go from here."""

    def open_record(self, patient: bytes, consultation: bytes) -> None:
        """Open a patient's record at a visit."""
        ...

    def open_note(self, consultation: bytes) -> None:
        """Open a note that waits to be finished."""
        ...

    def open_self_check(self) -> None:
        """Go to the self-check."""
        ...
