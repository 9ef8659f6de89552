"""Where a desk stands between its own records and the server's log.

These values cross the port between sync and the store, which do not import each other.
"""

from dataclasses import dataclass

from telemed_protocol.op import Op


@dataclass(frozen=True, slots=True)
class PendingBatch:
    """Ops of one lane that still have to be sealed, in order, all of this device."""

    lane: int
    ops: tuple[Op, ...]


@dataclass(frozen=True, slots=True)
class LaneHead:
    """Where this device stands in one lane: the last reserved n and that segment's hash."""

    n: int
    hash: bytes


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far this desk has verified the server's log."""

    sseq: int
    log_hash: bytes


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A segment that is kept as it came because it could not be read yet.

    ``mark`` is the store's own name for it.
    """

    mark: int
    wire: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class Original:
    """A photo's sealed file on this PC that the server may not have whole; ``size`` of that file."""

    entity: bytes
    size: int
