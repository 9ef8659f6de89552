"""A store in memory that keeps the promises of the port: whole or not at all, durable on return."""

from collections.abc import Callable
from dataclasses import dataclass, field

from telemed_desk.sync.ports import Cursor, HeldBack, LaneHead, PendingBatch
from telemed_protocol.errors import FormatError
from telemed_protocol.membership import SignedRecord
from telemed_protocol.op import OP_VERSION, READER_VERSION, Op, OpId, encode_op, pack_payload
from telemed_protocol.segment import GENESIS_HASH, SealedSegment, parse_segment


@dataclass
class Kept:
    """A sealed segment and what became of it."""

    segment: SealedSegment
    receipt_sseq: int | None = None
    log_sseq: int | None = None
    stored_ms: int | None = None


@dataclass
class MemoryStore:
    """One desk's records. ``commit`` runs before each change and may raise to refuse it."""

    device: bytes
    commit: Callable[[], None] = lambda: None
    records: list[SignedRecord] = field(default_factory=list)
    keys: dict[int, bytes] = field(default_factory=dict)
    ops: dict[OpId, Op] = field(default_factory=dict)
    own: list[tuple[int, Op, bool]] = field(default_factory=list)
    kept: dict[bytes, Kept] = field(default_factory=dict)
    quarantined: list[tuple[bytes, str]] = field(default_factory=list)
    at: Cursor = field(default_factory=lambda: Cursor(0, GENESIS_HASH))
    log_hashes: dict[int, bytes] = field(default_factory=lambda: {0: GENESIS_HASH})
    heads: dict[tuple[bytes, int], LaneHead] = field(default_factory=dict)

    def record(self, lane: int, text: str, stamp: int = 1) -> Op:
        """Record an op of this desk."""
        self.commit()
        op = Op(
            OP_VERSION,
            self.device,
            len(self.own) + 1,
            stamp,
            self.device,
            "note.revise",
            READER_VERSION,
            bytes(16),
            (),
            pack_payload({"S": text}),
        )
        self.own.append((lane, op, False))
        self.ops[op.op_id] = op
        return op

    def op(self, op_id: OpId) -> Op | None:
        return self.ops.get(op_id)

    def pending_batches(self, max_plain_bytes: int) -> list[PendingBatch]:
        batches: list[PendingBatch] = []
        for lane in range(5):
            batch: list[Op] = []
            size = 0
            for op in (op for at, op, sealed in self.own if at == lane and not sealed):
                length = len(encode_op(op))
                if batch and size + length > max_plain_bytes:
                    batches.append(PendingBatch(lane, tuple(batch)))
                    batch, size = [], 0
                batch.append(op)
                size += length
            if batch:
                batches.append(PendingBatch(lane, tuple(batch)))
        return batches

    def lane_head(self, lane: int) -> LaneHead:
        mine = [
            k.segment
            for k in self.kept.values()
            if (k.segment.header.device, k.segment.header.lane) == (self.device, lane)
        ]
        last = max(mine, key=lambda s: s.header.n, default=None)
        return LaneHead(0, GENESIS_HASH) if last is None else LaneHead(last.header.n, last.hash)

    def keep_sealed(self, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        self.commit()
        self.kept[segment.hash] = Kept(segment)
        ids = {op.op_id for op in ops}
        self.own = [(lane, op, sealed or op.op_id in ids) for lane, op, sealed in self.own]

    def unacknowledged(self) -> list[SealedSegment]:
        waiting = [
            k.segment
            for k in self.kept.values()
            if k.receipt_sseq is None and k.segment.header.device == self.device
        ]
        return sorted(waiting, key=lambda s: (s.header.lane, s.header.n))

    def acknowledge(self, segment_hash: bytes, sseq: int, stored_ms: int) -> None:
        self.commit()
        kept = self.kept[segment_hash]
        kept.receipt_sseq, kept.stored_ms = sseq, stored_ms

    def cursor(self) -> Cursor:
        return self.at

    def apply_pulled(self, segment: SealedSegment, ops: tuple[Op, ...], cursor: Cursor) -> None:
        self.commit()
        self.kept.setdefault(segment.hash, Kept(segment)).log_sseq = cursor.sseq
        for op in ops:
            self.ops.setdefault(op.op_id, op)
        self._advance(segment, cursor)

    def quarantine(self, wire: bytes, reason: str, cursor: Cursor) -> None:
        self.commit()
        self.quarantined.append((wire, reason))
        try:
            segment = parse_segment(wire)
        except FormatError:
            self.at = cursor
            self.log_hashes[cursor.sseq] = cursor.log_hash
        else:
            self._advance(segment, cursor)

    def _advance(self, segment: SealedSegment, cursor: Cursor) -> None:
        header = segment.header
        self.heads[header.device, header.lane] = LaneHead(header.n, segment.hash)
        self.at = cursor
        self.log_hashes[cursor.sseq] = cursor.log_hash

    def held_back(self) -> list[HeldBack]:
        return [HeldBack(i, wire, why) for i, (wire, why) in enumerate(self.quarantined)]

    def take_held(self, held: HeldBack, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        self.commit()
        if (held.wire, held.reason) in self.quarantined:
            self.quarantined.remove((held.wire, held.reason))
        self.kept.setdefault(segment.hash, Kept(segment))
        for op in ops:
            self.ops.setdefault(op.op_id, op)

    def first_of_epoch(self, epoch: int) -> int | None:
        found = (
            k.log_sseq
            for k in self.kept.values()
            if k.log_sseq is not None and k.segment.header.epoch >= epoch
        )
        return min(found, default=None)

    def epoch_key(self, epoch: int) -> bytes | None:
        return self.keys.get(epoch)

    def member_records(self) -> list[SignedRecord]:
        return list(self.records)

    def keep_member_records(self, records: list[SignedRecord]) -> None:
        self.commit()
        if records != self.records[: len(records)]:
            self.records = list(records)

    def keep_epoch_key(self, epoch: int, key: bytes) -> None:
        self.commit()
        self.keys[epoch] = key

    def log_head_of(self, device: bytes, lane: int) -> LaneHead:
        return self.heads.get((device, lane), LaneHead(0, GENESIS_HASH))

    def log_hash_at(self, sseq: int) -> bytes | None:
        return self.log_hashes.get(sseq)

    def receipts_after(self, sseq: int) -> list[tuple[int, bytes]]:
        return sorted(
            (k.receipt_sseq, h)
            for h, k in self.kept.items()
            if k.receipt_sseq is not None and k.receipt_sseq > sseq
        )
