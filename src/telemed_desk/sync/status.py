"""What the screens may know of sync, as one value."""

from dataclasses import dataclass
from enum import StrEnum


class Phase(StrEnum):
    """What sync is doing. Not stored."""

    OFFLINE = "offline"
    CONNECTING = "connecting"
    IDLE = "idle"
    SENDING = "sending"
    RECEIVING = "receiving"
    REFUSED = "refused"
    INCONSISTENT = "inconsistent"


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """Where sync stands. Times are Unix milliseconds UTC.

    Attributes:
        phase: What happens now.
        waiting_ops: Recorded on this PC and without a receipt from the server.
        waiting_bytes: Their size: as sealed, or before packing when not sealed yet.
        last_contact_ms: When the server last answered; None = not since the start.
        next_try_ms: When sync tries again by itself; None = now, or paused.
        problem: Code of the known error that stands in the way; empty when none does.
        detail: Technical words for it, free of personal data.
        paused: The clinician paused it.
        originals: Photos whose own files the server does not have whole.
        originals_bytes: What of them is still to be sent.
        stuck: Photos of which the server, or this PC, refused the file too often to go on alone.
        quarantined: Segments received since the start that this version could not read; kept.
    """

    phase: Phase
    waiting_ops: int = 0
    waiting_bytes: int = 0
    last_contact_ms: int | None = None
    next_try_ms: int | None = None
    problem: str = ""
    detail: str = ""
    paused: bool = False
    quarantined: int = 0
    originals: int = 0
    originals_bytes: int = 0
    stuck: frozenset[bytes] = frozenset()
