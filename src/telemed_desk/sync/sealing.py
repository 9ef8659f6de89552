"""From recorded ops to sealed segments: number, seal, keep, and only then send."""

from dataclasses import dataclass
from typing import Final

from telemed_desk.sync.link_meter import LARGEST_SEGMENT
from telemed_desk.sync.ports import PendingBatch, SegmentStore
from telemed_protocol.errors import KnownError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.op import Op, encode_op
from telemed_protocol.segment import (
    COMPRESSION_DICTIONARY,
    MAX_SEGMENT_BYTES,
    SealedSegment,
    SegmentHeader,
    seal_segment,
)

TARGET_WIRE_BYTES: Final = LARGEST_SEGMENT
"""A segment is split above this: one cut of a weak line costs at most so much again."""
_FIRST_PACKING: Final = 3.0
"""Notes pack to a third or better; what packs worse is split in halves until it fits."""
_BEST_PACKING: Final = 12.0
_CAUTION: Final = 0.9


class KeyMissing(KnownError):
    """This PC is a member but was not given the clinic's current key yet."""

    code = "TD-SYN-001"
    sentence = "This PC has not received the clinic's current key, so it cannot send yet."
    next_step = "Switch on another PC of the clinic: it hands the key over by itself."


class TooLargeToSend(KnownError):
    """One recorded fact does not fit into a segment."""

    code = "TD-SYN-002"
    sentence = "One entry is too large to be sent. It is kept on this PC."
    next_step = "Send the report for IT."


@dataclass(frozen=True, slots=True)
class SealOutcome:
    """The new segments in order of urgency, and lanes that hold an op too large to send."""

    segments: tuple[SealedSegment, ...]
    stuck_lanes: tuple[int, ...]


class Sealer:
    """Seals what is pending, for one device of one clinic.

    A segment's number and its bytes become durable in the same transaction (``keep_sealed``)
    before anything is sent; if the PC dies earlier, no other machine has seen that number.
    Not thread-safe; every method blocks on the store.
    """

    def __init__(self, store: SegmentStore, identity: DeviceIdentity, clinic: bytes) -> None:
        self._store = store
        self._identity = identity
        self._clinic = clinic
        self._packing: dict[int, float] = {}
        """By lane: how many plain bytes became one on the wire the last time."""

    def seal_pending(
        self, epoch: int, target_bytes: int = TARGET_WIRE_BYTES, lanes: tuple[int, ...] = ()
    ) -> SealOutcome:
        """Seal a batch of each lane, most urgent lane first.

        A lane stops at an op that is too large for any segment; the other lanes go on.

        Args:
            epoch: The clinic's current key generation.
            target_bytes: How large a segment should be at most; one op alone may be larger.
            lanes: Only these; empty = all.

        Raises:
            KeyMissing: The key of the clinic's current epoch is not in the store.
        """
        key = self._store.epoch_key(epoch)
        if key is None:
            raise KeyMissing
        sealed: list[SealedSegment] = []
        stuck: set[int] = set()
        packing = min((self._packing.get(n, _FIRST_PACKING) for n in lanes), default=_FIRST_PACKING)
        for batch in self._store.pending_batches(int(target_bytes * packing)):
            if batch.lane in stuck or (lanes and batch.lane not in lanes):
                continue
            segments, complete = self._seal_batch(batch, epoch, key, target_bytes)
            sealed += segments
            if not complete:
                stuck.add(batch.lane)
        return SealOutcome(tuple(sealed), tuple(sorted(stuck)))

    def _seal_batch(
        self, batch: PendingBatch, epoch: int, key: bytes, target_bytes: int
    ) -> tuple[list[SealedSegment], bool]:
        segment = self._seal(batch.lane, batch.ops, epoch, key)
        if len(segment.wire) > target_bytes and len(batch.ops) > 1:
            # What was sealed here is dropped unsent and unkept, so its number may be used again.
            half = len(batch.ops) // 2
            first, complete = self._seal_batch(
                PendingBatch(batch.lane, batch.ops[:half]), epoch, key, target_bytes
            )
            if not complete:
                return first, False
            second, complete = self._seal_batch(
                PendingBatch(batch.lane, batch.ops[half:]), epoch, key, target_bytes
            )
            return first + second, complete
        if len(segment.wire) > MAX_SEGMENT_BYTES:
            return [], False
        self._store.keep_sealed(segment, batch.ops)
        plain = sum(len(encode_op(op)) for op in batch.ops)
        packing = _CAUTION * plain / len(segment.wire)
        self._packing[batch.lane] = max(_FIRST_PACKING, min(packing, _BEST_PACKING))
        return [segment], True

    def _seal(self, lane: int, ops: tuple[Op, ...], epoch: int, key: bytes) -> SealedSegment:
        head = self._store.lane_head(lane)
        cursor = self._store.cursor()
        header = SegmentHeader(
            clinic=self._clinic,
            device=self._identity.device,
            lane=lane,
            n=head.n + 1,
            prev_hash=head.hash,
            epoch=epoch,
            compression=COMPRESSION_DICTIONARY,
            ops=len(ops),
            compartment=0,
            seen_sseq=cursor.sseq,
            seen_log_hash=cursor.log_hash,
        )
        return seal_segment(header, ops, key, self._identity)
