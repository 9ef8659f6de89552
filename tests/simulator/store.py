"""The vault's contract with sync, in memory: whole or not at all, durable on return.

``test_store_contract.py`` holds it against the real vault. The fold is the vault's own.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from telemed_desk.sync.ports import Cursor, HeldBack, LaneHead, PendingBatch
from telemed_desk.vault.fold import fold
from telemed_desk.vault.fold_claims import CLAIM
from telemed_desk.vault.payloads import lane_of
from telemed_desk.vault.problems import VaultDamaged
from telemed_desk.vault.rows import Rows
from telemed_protocol.clock import COUNTER_BITS, MAX_AHEAD_MS, HybridClock
from telemed_protocol.errors import BugError, FormatError
from telemed_protocol.membership import SignedRecord
from telemed_protocol.op import OP_VERSION, READER_VERSION, Op, OpId, encode_op, pack_payload
from telemed_protocol.segment import GENESIS_HASH, SealedSegment, parse_segment
from tests.simulator.disk import Disk

MOST_OPS_PER_BATCH = 1000


@dataclass
class Known:
    """A segment and what became of it."""

    segment: SealedSegment
    own: bool
    sseq: int | None = None
    stored: bool = False


class SimStore:
    """One desk's records on a :class:`Disk`; ``trouble`` may crash at each named moment."""

    def __init__(
        self,
        device: bytes,
        disk: Disk,
        wall_ms: Callable[[], int],
        trouble: Callable[[str], None] = lambda _when: None,
    ) -> None:
        if disk.damaged:
            raise VaultDamaged
        self.device = device
        self.disk = disk
        self.wall_ms = wall_ms
        self.trouble = trouble
        self.ops: dict[OpId, Op] = {}
        self.by_entity: dict[bytes, list[Op]] = {}
        self.claimed_in: dict[OpId, tuple[bytes, int, int]] = {}
        self.unsealed: dict[OpId, int] = {}
        self.newest_own = 0
        self.segments: dict[tuple[bytes, int, int], Known] = {}
        self.lane_heads: dict[tuple[bytes, int], LaneHead] = {}
        self.log: list[tuple[Cursor, bytes]] = []
        self.log_heads: dict[tuple[bytes, int], LaneHead] = {}
        self.quarantined: dict[int, HeldBack] = {}
        self.clashed: list[Op] = []
        self.marks = 0
        self.keys: dict[int, bytes] = {}
        self.records: list[SignedRecord] = []
        self._clock: HybridClock | None = None
        for entry in disk.log:
            self.play(entry)
        self._clock = None  # read anew from what is stored, as after a start

    # ---- transactions ----------------------------------------------------------------------

    def commit(self, *entry: Any) -> None:
        self.trouble("before")
        self.disk.write(entry)
        try:
            self.play(entry)
        except BugError:
            self.disk.log.pop()  # rolled back
            raise
        self.trouble("written")
        self.disk.flush()
        self.trouble("after")

    def play(self, entry: tuple[Any, ...]) -> None:
        name, *values = entry
        getattr(self, "_play_" + name)(*values)

    def _play_record(self, ops: tuple[Op, ...]) -> None:
        for op in ops:
            self._add(op)
            self.unsealed[op.op_id] = lane_of(op.kind)
            self.newest_own = op.number

    def _play_sealed(self, segment: SealedSegment, ids: tuple[OpId, ...]) -> None:
        self._know(Known(segment, own=True))
        for op_id in ids:
            del self.unsealed[op_id]
        self._note_claims(segment, [self.ops[op_id] for op_id in ids])

    def _play_ack(self, segment_hash: bytes, sseq: int, _stored_ms: int) -> None:
        for known in self._own():
            if known.segment.hash == segment_hash and not known.stored:
                known.sseq, known.stored = sseq, True

    def _play_pulled(self, segment: SealedSegment, ops: tuple[Op, ...], cursor: Cursor) -> None:
        self._advance(cursor, segment)
        self._take(segment, ops, cursor.sseq)

    def _play_held(self, wire: bytes, reason: str, cursor: Cursor) -> None:
        try:
            segment = parse_segment(wire)
        except FormatError:
            segment = None
        self._advance(cursor, segment)
        self.marks += 1
        self.quarantined[self.marks] = HeldBack(self.marks, wire, reason)

    def _play_reopened(self, mark: int, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        self.quarantined.pop(mark, None)
        sseq = next((at.sseq for at, known in self.log if known == segment.hash), None)
        self._take(segment, ops, sseq)

    def _play_key(self, epoch: int, key: bytes) -> None:
        if self.keys.setdefault(epoch, key) != key:
            raise BugError("a second key for an epoch")

    def _play_members(self, records: list[SignedRecord]) -> None:
        if records and records == self.records[: len(records)]:
            return
        if records[: len(self.records)] != self.records:
            raise BugError("a member chain that does not continue the stored one")
        self.records = list(records)

    def _take(self, segment: SealedSegment, ops: tuple[Op, ...], sseq: int | None) -> None:
        header = segment.header
        own = header.device == self.device
        known = self.segments.get((header.device, header.lane, header.n))
        if known is None:
            self._know(Known(segment, own, sseq, stored=True))
            for op in ops:
                self.unsealed.pop(op.op_id, None)  # an older copy of ourselves catches up
        elif known.segment.hash == segment.hash and own and not known.stored:
            known.sseq, known.stored = sseq, True
        for op in ops:
            self._apply(op)
        self._note_claims(segment, ops)

    def _note_claims(self, segment: SealedSegment, ops: Iterable[Op]) -> None:
        """A claim's number is that of the segment it came in."""
        header = segment.header
        for op in ops:
            if op.kind == CLAIM:
                self.claimed_in.setdefault(op.op_id, (header.device, header.lane, header.n))

    def numbers(self) -> dict[OpId, int]:
        """The server's numbers of the claims, as far as this desk knows them."""
        found = {}
        for op_id, key in self.claimed_in.items():
            known = self.segments.get(key)
            if known is not None and known.sseq is not None:
                found[op_id] = known.sseq
        return found

    def _apply(self, op: Op) -> None:
        there = self.ops.get(op.op_id)
        if there is None:
            self._add(op)
            self.clock.observe(op.stamp, self.wall_ms())
            if op.device == self.device:
                self.newest_own = max(self.newest_own, op.number)
        elif there != op:
            self.clashed.append(op)

    def _add(self, op: Op) -> None:
        self.ops[op.op_id] = op
        self.by_entity.setdefault(op.entity, []).append(op)

    def _know(self, known: Known) -> None:
        header = known.segment.header
        self.segments[header.device, header.lane, header.n] = known
        head = self.lane_heads.get((header.device, header.lane))
        if head is None or header.n > head.n:
            self.lane_heads[header.device, header.lane] = LaneHead(header.n, known.segment.hash)

    def _advance(self, cursor: Cursor, segment: SealedSegment | None) -> None:
        if cursor.sseq != len(self.log) + 1:
            raise BugError("a cursor that does not continue the log")
        self.log.append((cursor, segment.hash if segment else b""))
        if segment:
            header = segment.header
            self.log_heads[header.device, header.lane] = LaneHead(header.n, segment.hash)

    def _own(self) -> list[Known]:
        return [known for known in self.segments.values() if known.own]

    # ---- the clinician's side --------------------------------------------------------------

    @property
    def clock(self) -> HybridClock:
        if self._clock is None:
            limit = (self.wall_ms() + MAX_AHEAD_MS + 1) << COUNTER_BITS
            newest = max((op.stamp for op in self.ops.values() if op.stamp < limit), default=0)
            own = self.ops.get(OpId(self.device, self.newest_own))
            self._clock = HybridClock(max(newest, own.stamp if own else 0))
        return self._clock

    def record(self, *drafts: tuple[str, bytes, tuple[OpId, ...], dict[str, object]]) -> list[Op]:
        """Record facts in one transaction: (kind, entity, parents, payload) each."""
        ops: list[Op] = []
        for number, (kind, entity, parents, payload) in enumerate(drafts, self.newest_own + 1):
            future = kind.startswith("future.")
            ops.append(
                Op(
                    OP_VERSION,
                    self.device,
                    number,
                    self.clock.now(self.wall_ms()),
                    self.device,
                    kind,
                    READER_VERSION + future,
                    entity,
                    parents,
                    pack_payload(payload),
                )
            )
        self.commit("record", tuple(ops))
        return ops

    def folded(self, entity: bytes) -> Rows:
        """What the screens show of an entity."""
        return fold(entity, self.by_entity.get(entity, ()), self.numbers())

    def projection(self) -> bytes:
        """Everything that the screens show, as bytes that two desks can compare."""
        rows = [(entity, self.folded(entity)) for entity in sorted(self.by_entity)]
        return msgspec.msgpack.encode(rows)

    # ---- the port --------------------------------------------------------------------------

    def op(self, op_id: OpId) -> Op | None:
        return self.ops.get(op_id)

    def pending_batches(self, max_plain_bytes: int) -> list[PendingBatch]:
        by_lane: dict[int, list[OpId]] = {}
        for op_id, lane in self.unsealed.items():
            by_lane.setdefault(lane, []).append(op_id)
        batches = []
        for lane in sorted(by_lane):
            batch: list[Op] = []
            size = 5
            for op_id in sorted(by_lane[lane])[:MOST_OPS_PER_BATCH]:
                op = self.ops[op_id]
                size += len(encode_op(op))
                if batch and size > max_plain_bytes:
                    break
                batch.append(op)
            batches.append(PendingBatch(lane, tuple(batch)))
        return batches

    def lane_head(self, lane: int) -> LaneHead:
        return self.lane_heads.get((self.device, lane), LaneHead(0, GENESIS_HASH))

    def keep_sealed(self, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        head = self.lane_head(segment.header.lane)
        if segment.header.n != head.n + 1 or segment.header.prev_hash != head.hash:
            raise BugError("a segment that does not follow its lane's head")
        if any(self.unsealed.get(op.op_id) != segment.header.lane for op in ops):
            raise BugError("an op that is sealed already")
        self.commit("sealed", segment, tuple(op.op_id for op in ops))

    def unacknowledged(self) -> list[SealedSegment]:
        waiting = [known.segment for known in self._own() if not known.stored]
        return sorted(waiting, key=lambda s: (s.header.lane, s.header.n))

    def acknowledge(self, segment_hash: bytes, sseq: int, stored_ms: int) -> None:
        self.commit("ack", segment_hash, sseq, stored_ms)

    def cursor(self) -> Cursor:
        return self.log[-1][0] if self.log else Cursor(0, GENESIS_HASH)

    def apply_pulled(self, segment: SealedSegment, ops: tuple[Op, ...], cursor: Cursor) -> None:
        self.commit("pulled", segment, ops, cursor)

    def quarantine(self, wire: bytes, reason: str, cursor: Cursor) -> None:
        self.commit("held", wire, reason, cursor)

    def held_back(self) -> list[HeldBack]:
        return list(self.quarantined.values())

    def take_held(self, held: HeldBack, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        self.commit("reopened", held.mark, segment, ops)

    def first_of_epoch(self, epoch: int) -> int | None:
        found = (
            known.sseq
            for known in self.segments.values()
            if known.sseq is not None and known.segment.header.epoch >= epoch
        )
        return min(found, default=None)

    def epoch_key(self, epoch: int) -> bytes | None:
        return self.keys.get(epoch)

    def keep_epoch_key(self, epoch: int, key: bytes) -> None:
        self.commit("key", epoch, key)

    def member_records(self) -> list[SignedRecord]:
        return list(self.records)

    def keep_member_records(self, records: list[SignedRecord]) -> None:
        self.commit("members", list(records))

    def log_head_of(self, device: bytes, lane: int) -> LaneHead:
        return self.log_heads.get((device, lane), LaneHead(0, GENESIS_HASH))

    def log_hash_at(self, sseq: int) -> bytes | None:
        if sseq == 0:
            return GENESIS_HASH
        return self.log[sseq - 1][0].log_hash if sseq <= len(self.log) else None

    def receipts_after(self, sseq: int) -> list[tuple[int, bytes]]:
        return sorted(
            (known.sseq, known.segment.hash)
            for known in self._own()
            if known.sseq is not None and known.sseq > sseq
        )
