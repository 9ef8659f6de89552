"""What sync needs of the store. The vault is handed in as this by ``desk.py``."""

from collections.abc import Sequence
from typing import Protocol

from telemed_protocol.membership import SignedRecord
from telemed_protocol.op import Op, OpId
from telemed_protocol.progress import Cursor, HeldBack, LaneHead, Original, PendingBatch
from telemed_protocol.segment import SealedSegment

__all__ = [
    "BulkStore",
    "Cursor",
    "HeldBack",
    "LaneHead",
    "Original",
    "OriginalStore",
    "PendingBatch",
    "SegmentStore",
]


class SegmentStore(Protocol):
    """The vault, as seen by sync.

    Called from the core thread; each call blocks until it is durable, so sync runs them off the
    event loop. Every method either happens as a whole or not at all.
    """

    def op(self, op_id: OpId) -> Op | None:
        """Return one op as recorded; None when it is not here."""
        ...

    def pending_batches(self, max_plain_bytes: int) -> list[PendingBatch]:
        """Return unsealed ops by lane, most urgent lane first, each at most this large."""
        ...

    def lane_head(self, lane: int) -> LaneHead:
        """Return the last segment of this device in a lane; n = 0 and zeros when none."""
        ...

    def keep_sealed(self, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        """Store a sealed segment and mark its ops as sealed, in one transaction, before sending."""
        ...

    def unacknowledged(self) -> list[SealedSegment]:
        """Return sealed segments without a receipt: by lane, then n."""
        ...

    def acknowledge(self, segment_hash: bytes, sseq: int, stored_ms: int) -> None:
        """Note the server's receipt for one of our segments; repeating it changes nothing."""
        ...

    def cursor(self) -> Cursor:
        """Return how far the log was pulled and verified."""
        ...

    def apply_pulled(self, segment: SealedSegment, ops: tuple[Op, ...], cursor: Cursor) -> None:
        """Store a verified foreign (or own) segment, apply its ops and advance the cursor, at once.

        Ops already known are skipped. An op that cannot be applied is kept verbatim.
        """
        ...

    def quarantine(self, wire: bytes, reason: str, cursor: Cursor) -> None:
        """Keep what could not be read and advance the cursor; nothing is ever dropped."""
        ...

    def held_back(self) -> list[HeldBack]:
        """Return the segments that are kept unread, oldest first."""
        ...

    def take_held(self, held: HeldBack, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        """Apply the ops of a segment that can be read now, and take it out of those kept aside.

        The cursor passed over it when it arrived, so it stays where it is.
        """
        ...

    def first_of_epoch(self, epoch: int) -> int | None:
        """Return the number in the log of the first segment sealed under this epoch or later."""
        ...

    def epoch_key(self, epoch: int) -> bytes | None:
        """Return a clinic key, or None when this desk was not given it."""
        ...

    def member_records(self) -> list[SignedRecord]:
        """Return the member chain as last verified."""
        ...

    def keep_member_records(self, records: list[SignedRecord]) -> None:
        """Store the verified chain."""
        ...

    def keep_epoch_key(self, epoch: int, key: bytes) -> None:
        """Store a clinic key received from another desk."""
        ...

    def log_head_of(self, device: bytes, lane: int) -> LaneHead:
        """Return the newest segment of a device and lane that stood in the pulled log.

        Own segments count too, and quarantined ones whose header can be read. n = 0 and zeros when
        none. By it sync sees that the server left one out or swapped two.
        """
        ...

    def log_hash_at(self, sseq: int) -> bytes | None:
        """Return the server log's hash at a number that was pulled; None when not known.

        Number 0 is :data:`telemed_protocol.segment.GENESIS_HASH`. Compared with what other desks
        say they saw, so that a server which shows two histories is found out.
        """
        ...

    def receipts_after(self, sseq: int) -> list[tuple[int, bytes]]:
        """Return (number, segment hash) of our acknowledged segments above a number, in order."""
        ...


class BulkStore(Protocol):
    """The vault, as seen by sync when much has to be taken in; called as :class:`SegmentStore` is."""

    def apply_page(self, pulled: Sequence[tuple[SealedSegment, tuple[Op, ...], Cursor]]) -> None:
        """Do what ``apply_pulled`` does for each of some foreign segments, all or none."""
        ...

    def apply_ahead(
        self, found: Sequence[tuple[SealedSegment, tuple[Op, ...]]], up_to: int
    ) -> None:
        """Apply the ops of verified foreign segments that lie beyond the cursor; it stays.

        Until the cursor is at ``up_to``, what is shown of a patient may lack what is older.
        """
        ...


class OriginalStore(Protocol):
    """The photos' own files, as seen by sync; called as :class:`SegmentStore` is."""

    def look_for_originals(self) -> int:
        """Note files that no table knows of; once, before anything travels."""
        ...

    def originals_waiting(self) -> list[Original]:
        """Return what the server may not have whole, oldest photo first."""
        ...

    def sealed_original(self, photo: bytes) -> tuple[int, bytes]:
        """Return size and SHA-256 of a sealed file, after seeing that it opens."""
        ...

    def original_part(self, photo: bytes, part: int) -> bytes:
        """Return a part of a sealed file."""
        ...

    def original_stored(self, photo: bytes, at_ms: int) -> None:
        """Note durably that the server has every part; repeating it changes nothing."""
        ...

    def keep_original(self, photo: bytes, sealed: bytes, at_ms: int) -> None:
        """Keep what came from the server, if it is the photo that the record names."""
        ...
