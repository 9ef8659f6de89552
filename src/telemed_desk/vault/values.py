"""What the vault hands out, beside the values of ``clinical``. Ids are 16 bytes, times Unix ms UTC."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from telemed_desk.clinical.notes import NoteText
from telemed_desk.clinical.people import Patient
from telemed_protocol.joinlink import JoinLink
from telemed_protocol.op import OpId


@dataclass(frozen=True, slots=True)
class SlotInfo:
    """Somebody who can unlock this PC, as known before anybody has."""

    entity: bytes
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class OpDraft:
    """A fact to record.

    Attributes:
        kind: See ``docs/formats.md``, "Op kinds".
        entity: What it is about.
        payload: By kind.
        parents: Ops it builds on; left empty, a note revision builds on the note's leaves as last
            edited here, and a patient's fields on the values that are stored.
        lane: Travel priority; None = by kind.
    """

    kind: str
    entity: bytes
    payload: dict[str, Any]
    parents: tuple[OpId, ...] = ()
    lane: int | None = None

    def __repr__(self) -> str:
        """Never show the payload."""
        return f"OpDraft({self.kind})"


@dataclass(frozen=True, slots=True)
class RecoveredDraft:
    """Text that was being typed when the desk last stopped without rolling it."""

    note: bytes
    consultation: bytes
    at_ms: int
    characters: int


class Change(NamedTuple):
    """A changed entity in a table; listeners get a frozenset of them."""

    table: str
    entity: bytes


class SyncState(StrEnum):
    """Where a recorded fact is; the value is a label key."""

    ON_THIS_PC = "on-this-pc"
    WAITING = "waiting"
    SENT = "sent"


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """What still has to travel.

    Attributes:
        on_this_pc: Ops not sealed yet, count by kind.
        waiting: Ops sealed and without a receipt, count by kind.
        entities: State of every entity that is not wholly sent.
        waiting_bytes: Size of sealed segments without a receipt.
        oldest_ms: When the oldest unsent op was recorded; None when all is sent.
        last_receipt_ms: The server's time of the newest receipt.
    """

    on_this_pc: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, int] = field(default_factory=dict)
    entities: dict[bytes, SyncState] = field(default_factory=dict)
    waiting_bytes: int = 0
    oldest_ms: int | None = None
    last_receipt_ms: int | None = None

    @property
    def count(self) -> int:
        """Ops that the server does not have yet."""
        return sum(self.on_this_pc.values()) + sum(self.waiting.values())


@dataclass(frozen=True, slots=True)
class EntitySync:
    """Where everything recorded here about one entity is; ``receipt_ms`` only when all is sent."""

    state: SyncState
    receipt_ms: int | None


@dataclass(frozen=True, slots=True)
class SyncItem:
    """One line of the Sync screen: no title, only a key for the translated label."""

    entity: bytes
    kind: str
    label_key: str
    size: int
    state: SyncState
    at_ms: int
    receipt_ms: int | None


@dataclass(frozen=True, slots=True)
class ClinicProfile:
    """The clinic as the patient's page and paper show it."""

    entity: bytes
    name: str
    phone: str


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo of a consultation; ``is_here`` tells whether its file is on this PC."""

    entity: bytes
    consultation: bytes
    at_ms: int
    width: int
    height: int
    source: str
    preview: bytes
    is_here: bool
    thumb: bytes = b""

    def __repr__(self) -> str:
        """Never show the picture."""
        return "Photo(…)"


@dataclass(frozen=True, slots=True)
class OpenLink:
    """A join link, and for whom it is: a stored :class:`telemed_desk.clinical.queue.Role`."""

    link: JoinLink
    consultation: bytes
    expires_ms: int
    role: str = "patient"


@dataclass(frozen=True, slots=True)
class NoteVersion:
    """A version of a note; ``stands`` tells whether nobody has built on it."""

    revision: OpId
    author: bytes
    at_ms: int
    text: NoteText
    stands: bool = True


@dataclass(frozen=True, slots=True)
class NoteConflict:
    """A note that cannot be signed before somebody chose between its versions."""

    note: bytes
    consultation: bytes
    versions: int
    changed_ms: int


@dataclass(frozen=True, slots=True)
class OtherValue:
    """One of several values of a patient's field that did not know of each other.

    Attributes:
        field: One of :data:`telemed_desk.clinical.people.FIELDS`.
        value: As stored: text, a year, a sex's letter, or languages.
        fact: Names it.
        by: Who wrote it, 16 bytes.
        at_ms: When.
    """

    field: str
    value: Any
    fact: OpId
    by: bytes
    at_ms: int


@dataclass(frozen=True, slots=True)
class SearchHit:
    """What holds the words that were searched for.

    Attributes:
        kind: ``patient``, ``consult`` or ``note``.
        entity: Which.
        consultation: The consultation it belongs to, or None for a patient.
        patient: Whose it is, or None while they are not on this PC.
        at_ms: When it was booked or last changed.
    """

    kind: str
    entity: bytes
    consultation: bytes | None
    patient: Patient | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code made by some desk of the clinic, to add another."""

    secret: bytes
    expires_ms: int

    def __repr__(self) -> str:
        """Never show the secret."""
        return "Invitation(…)"
