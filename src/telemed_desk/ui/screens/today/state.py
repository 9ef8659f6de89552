"""What the Today screen shows."""

from dataclasses import dataclass
from typing import Literal

from telemed_desk.clinical.ladder import Rung
from telemed_desk.clinical.people import Programme

ActionKind = Literal["start", "audio", "unflag"]


@dataclass(frozen=True, slots=True)
class Action:
    """A button of a row. ``reason`` says why it is disabled."""

    kind: ActionKind
    label: str
    icon: str
    primary: bool = False
    enabled: bool = True
    reason: str = ""


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """Somebody in the waiting room."""

    seat: str
    name: str
    chip: str
    facts: str
    waited: str
    long_wait: bool
    arrived: str
    programme: Programme
    programme_name: str
    rung: Rung | None
    rung_word: str
    actions: tuple[Action, ...]
    urgent_reason: str = ""
    warning: str = ""
    taken: bool = False

    @property
    def spoken(self) -> str:
        """For screen readers."""
        parts = (
            self.name,
            self.chip,
            self.urgent_reason,
            self.warning,
            self.waited,
            self.rung_word,
        )
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True, slots=True)
class Block:
    """A visit in the schedule; minutes since midnight."""

    entity: bytes
    initials: str
    start_min: int
    minutes: int
    phase: Literal["done", "now", "later"]
    tip: str


@dataclass(frozen=True, slots=True)
class Lane:
    """A programme's visits of the day."""

    programme: Programme
    name: str
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class NextRow:
    """A booked visit, or (``unfinished``) one whose note waits to be signed.

    ``taken`` says who has it, where that is somebody else; its record can be read, and who has it
    writes. ``may_phone``: it can be held by telephone, also without a link.
    """

    entity: bytes
    time: str
    name: str
    reason: str
    programme: Programme
    programme_name: str
    way: str
    late: bool = False
    unfinished: bool = False
    patient: bytes = b""
    taken: str = ""
    may_phone: bool = False


@dataclass(frozen=True, slots=True)
class LostBanner:
    """A visit that was taken here and that somebody else had first."""

    title: str
    words: str
    patient: bytes
    consultation: bytes


@dataclass(frozen=True, slots=True)
class VerdictChip:
    """The last self-check; ``rung`` None = not checked today."""

    rung: Rung | None
    word: str
    note: str


@dataclass(frozen=True, slots=True)
class LinkDialog:
    """The patient's link while it is shown. ``sentence`` instead when there is none."""

    name: str
    url: str = ""
    valid: str = ""
    working: bool = True
    sentence: str = ""
    next_step: str = ""


@dataclass(frozen=True, slots=True)
class State:
    """Everything the screen shows."""

    date: str = ""
    summary: str = ""
    practice: bool = False
    verdict: VerdictChip | None = None
    waiting: tuple[WaitingRow, ...] = ()
    unknown: str = ""
    as_of: str = ""
    empty_words: str = ""
    next_entity: bytes = b""
    lanes: tuple[Lane, ...] = ()
    now_min: int = 0
    hours: tuple[int, int] = (8, 17)
    next_rows: tuple[NextRow, ...] = ()
    missed: str = ""
    offline_title: str = ""
    offline_words: str = ""
    recovered_title: str = ""
    recovered_words: str = ""
    lost: LostBanner | None = None
    link: LinkDialog | None = None
    starting: str = ""
