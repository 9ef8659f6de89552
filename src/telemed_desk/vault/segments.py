"""The vault as sync sees it: sealed segments out, verified segments in. ``sync/ports.py``.

Each method blocks until it is durable; call them off the event loop, never from a vault listener.
"""

from typing import Final

import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.oplog import SINGLE_OP_REASONS, claimed_in, op_of_row
from telemed_desk.vault.own_segments import head_of_lane, keep_sealed
from telemed_desk.vault.payloads import KINDS
from telemed_desk.vault.values import Change
from telemed_desk.vault.writer import Transaction
from telemed_protocol.errors import BugError, FormatError
from telemed_protocol.membership import SignedRecord
from telemed_protocol.op import READER_VERSION, Lane, Op, encode_op
from telemed_protocol.progress import Cursor, HeldBack, LaneHead, PendingBatch
from telemed_protocol.segment import GENESIS_HASH, SealedSegment, parse_segment

_MOST_OPS_PER_BATCH: Final = 1000


class VaultSegments(VaultCore):
    """Implements sync's ``SegmentStore``."""

    def pending_batches(self, max_plain_bytes: int) -> list[PendingBatch]:
        """Return unsealed ops by lane, most urgent lane first, each at most this large.

        An op that is larger than that alone is a batch of its own. Nothing while :attr:`push_held`.
        """
        if self.push_held is not None:
            return []
        c = schema.op.c
        batches = []
        with self._read() as connection:
            for lane in Lane.ALL:
                rows = connection.execute(
                    sa.select(schema.op)
                    .where(sa.text("own = 1 AND segment_n IS NULL"), c.lane == lane)
                    .order_by(c.number)
                    .limit(_MOST_OPS_PER_BATCH)
                ).mappings()
                ops: list[Op] = []
                size = 5  # a msgpack array's head
                for row in rows:
                    op = op_of_row(row)
                    size += len(encode_op(op))
                    if ops and size > max_plain_bytes:
                        break
                    ops.append(op)
                if ops:
                    batches.append(PendingBatch(lane, tuple(ops)))
        return batches

    def lane_head(self, lane: int) -> LaneHead:
        """Return the last segment of this device in a lane; n = 0 and zeros when none."""
        with self._read() as connection:
            return head_of_lane(connection, self.identity.device, lane)

    def keep_sealed(self, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        """Store a sealed segment and mark its ops, in one transaction, before it is sent.

        Raises:
            BugError: It does not follow the lane's head, or an op is sealed already.
        """
        self._writer.submit(lambda t: self._keep_sealed(t, segment, ops)).result()

    def unacknowledged(self) -> list[SealedSegment]:
        """Return sealed segments without a receipt: by lane, then n."""
        c = schema.segment.c
        with self._read() as connection:
            wires = connection.execute(
                sa.select(c.wire)
                .where(sa.text("own = 1 AND stored_ms IS NULL"))
                .order_by(c.lane, c.n)
            ).scalars()
            return [parse_segment(wire) for wire in wires]

    def acknowledge(self, segment_hash: bytes, sseq: int, stored_ms: int) -> None:
        """Note the server's receipt for one of our segments; repeating it changes nothing."""

        def job(transaction: Transaction) -> None:
            c = schema.segment.c
            done = transaction.connection.execute(
                sa.update(schema.segment)
                .where(c.hash == segment_hash, c.own == 1, c.stored_ms.is_(None))
                # Only now may the bytes go: the receipt is as durable as this transaction.
                .values(sseq=sseq, stored_ms=stored_ms, wire=None)
                .returning(c.device, c.lane, c.n)
            ).first()
            if done is not None:
                transaction.receipts += 1
                transaction.changes.add(Change("outbox", segment_hash))
                claimed = claimed_in(transaction.connection, done.device, done.lane, done.n)
                transaction.changes |= self._oplog.refold(transaction.connection, claimed)

        self._writer.submit(job).result()

    def cursor(self) -> Cursor:
        """Return how far the log was pulled and verified."""
        with self._read() as connection:
            row = connection.execute(
                sa.select(schema.log.c.sseq, schema.log.c.log_hash)
                .order_by(schema.log.c.sseq.desc())
                .limit(1)
            ).first()
        return Cursor(0, GENESIS_HASH) if row is None else Cursor(row.sseq, row.log_hash)

    def apply_pulled(self, segment: SealedSegment, ops: tuple[Op, ...], cursor: Cursor) -> None:
        """Store a verified segment, apply its ops and advance the cursor, at once.

        Ops already known are skipped; one that this version cannot read is kept verbatim.
        """
        self._writer.submit(lambda t: self._apply_pulled(t, segment, ops, cursor)).result()

    def quarantine(self, wire: bytes, reason: str, cursor: Cursor) -> None:
        """Keep what could not be read and advance the cursor; nothing is ever dropped."""

        def job(transaction: Transaction) -> None:
            try:
                segment = parse_segment(wire)
            except FormatError:
                segment = None
            _advance(transaction.connection, cursor, segment)
            transaction.connection.execute(
                sa.insert(schema.quarantine).values(at_ms=self._wall_ms(), reason=reason, raw=wire)
            )
            transaction.changes.add(Change("quarantine", b""))

        self._writer.submit(job).result()

    def quarantined(self) -> int:
        """Return how many pieces are kept aside unread."""
        with self._read() as connection:
            return connection.execute(
                sa.select(sa.func.count()).select_from(schema.quarantine)
            ).scalar_one()

    def held_back(self) -> list[HeldBack]:
        """Return the segments that are kept unread, oldest first."""
        c = schema.quarantine.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(c.id, c.raw, c.reason)
                .where(c.reason.not_in(SINGLE_OP_REASONS))
                .order_by(c.id)
            ).all()
        return [HeldBack(row.id, row.raw, row.reason) for row in rows]

    def take_held(self, held: HeldBack, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        """Apply the ops of a segment that can be read now, and take it out of those kept aside.

        Doing it twice is harmless.
        """
        self._writer.submit(lambda t: self._take_held(t, held, segment, ops)).result()

    def first_of_epoch(self, epoch: int) -> int | None:
        """Return the number in the log of the first segment sealed under this epoch or later."""
        c = schema.segment.c
        with self._read() as connection:
            return connection.execute(
                sa.select(sa.func.min(c.sseq)).where(c.epoch >= epoch)
            ).scalar()

    def epoch_key(self, epoch: int) -> bytes | None:
        """Return a clinic key, or None when this desk was not given it."""
        c = schema.epoch_key.c
        with self._read() as connection:
            return connection.execute(sa.select(c.secret).where(c.epoch == epoch)).scalar()

    def keep_epoch_key(self, epoch: int, key: bytes) -> None:
        """Store a clinic key; a key once stored is never replaced by another.

        Raises:
            BugError: Another key is stored for that epoch.
        """

        def job(transaction: Transaction) -> None:
            table = schema.epoch_key
            there = transaction.connection.execute(
                sa.select(table.c.secret).where(table.c.epoch == epoch)
            ).scalar()
            if there is None:
                transaction.connection.execute(sa.insert(table).values(epoch=epoch, secret=key))
                transaction.changes.add(Change("epoch_key", b""))
            elif there != key:
                raise BugError("a second key for an epoch")

        self._writer.submit(job).result()

    def member_records(self) -> list[SignedRecord]:
        """Return the member chain as last verified."""
        c = schema.member_record.c
        with self._read() as connection:
            rows = connection.execute(sa.select(c.record, c.signature).order_by(c.n)).all()
        return [SignedRecord(row.record, row.signature) for row in rows]

    def keep_member_records(self, records: list[SignedRecord]) -> None:
        """Store the verified chain: it may only grow; an older answer changes nothing.

        Raises:
            BugError: It does not continue what is stored.
        """

        def job(transaction: Transaction) -> None:
            table = schema.member_record
            stored = transaction.connection.execute(
                sa.select(table.c.record, table.c.signature).order_by(table.c.n)
            ).all()
            old = [SignedRecord(row.record, row.signature) for row in stored]
            if records and records == old[: len(records)]:
                return
            if records[: len(old)] != old:
                raise BugError("a member chain that does not continue the stored one")
            fresh = [
                {"n": n, "record": r.record, "signature": r.signature}
                for n, r in enumerate(records[len(old) :], len(old) + 1)
            ]
            if fresh:
                transaction.connection.execute(sa.insert(table), fresh)
                transaction.changes.add(Change("member_record", b""))

        self._writer.submit(job).result()

    def log_head_of(self, device: bytes, lane: int) -> LaneHead:
        """Return the newest segment of a device and lane that stood in the pulled log."""
        c = schema.log.c
        with self._read() as connection:
            row = connection.execute(
                sa.select(c.n, c.segment_hash)
                .where(c.device == device, c.lane == lane)
                .order_by(c.sseq.desc())
                .limit(1)
            ).first()
        return LaneHead(0, GENESIS_HASH) if row is None else LaneHead(row.n, row.segment_hash)

    def log_hash_at(self, sseq: int) -> bytes | None:
        """Return the server log's hash at a number that was pulled; None when not known."""
        if sseq == 0:
            return GENESIS_HASH
        c = schema.log.c
        with self._read() as connection:
            return connection.execute(sa.select(c.log_hash).where(c.sseq == sseq)).scalar()

    def receipts_after(self, sseq: int) -> list[tuple[int, bytes]]:
        """Return (number, segment hash) of our acknowledged segments above a number, in order."""
        c = schema.segment.c
        with self._read() as connection:
            rows = connection.execute(
                sa.select(c.sseq, c.hash)
                .where(sa.text("own = 1 AND sseq IS NOT NULL"), c.sseq > sseq)
                .order_by(c.sseq)
            ).all()
        return [(row.sseq, row.hash) for row in rows]

    def _keep_sealed(
        self, transaction: Transaction, segment: SealedSegment, ops: tuple[Op, ...]
    ) -> None:
        if self.push_held is not None:
            raise self.push_held
        numbers = [op.number for op in ops]
        keep_sealed(transaction.connection, self.identity.device, segment, numbers)
        transaction.sealed.append((segment, ops))
        transaction.changes.add(Change("outbox", segment.hash))

    def _apply_pulled(
        self,
        transaction: Transaction,
        segment: SealedSegment,
        ops: tuple[Op, ...],
        cursor: Cursor,
    ) -> None:
        _advance(transaction.connection, cursor, segment)
        self._take(transaction, segment, ops, cursor.sseq)

    def _take_held(
        self,
        transaction: Transaction,
        held: HeldBack,
        segment: SealedSegment,
        ops: tuple[Op, ...],
    ) -> None:
        connection = transaction.connection
        c = schema.log.c
        sseq = connection.execute(sa.select(c.sseq).where(c.segment_hash == segment.hash)).scalar()
        self._take(transaction, segment, ops, sseq)
        connection.execute(sa.delete(schema.quarantine).where(schema.quarantine.c.id == held.mark))
        transaction.changes.add(Change("quarantine", b""))

    def _take(
        self,
        transaction: Transaction,
        segment: SealedSegment,
        ops: tuple[Op, ...],
        sseq: int | None,
    ) -> None:
        connection, header = transaction.connection, segment.header
        c = schema.segment.c
        own = header.device == self.identity.device
        known = connection.execute(
            sa.select(c.hash, c.stored_ms).where(
                c.device == header.device, c.lane == header.lane, c.n == header.n
            )
        ).first()
        if known is None:
            # Bytes of others are dropped once applied, unless a newer version may read more in them.
            newer = any(op.min_reader > READER_VERSION or op.kind not in KINDS for op in ops)
            connection.execute(
                sa.insert(schema.segment).values(
                    device=header.device,
                    lane=header.lane,
                    n=header.n,
                    hash=segment.hash,
                    epoch=header.epoch,
                    size=len(segment.wire),
                    own=int(own),
                    sseq=sseq,
                    stored_ms=self._wall_ms(),
                    wire=segment.wire if newer else None,
                )
            )
        elif known.hash == segment.hash and own and known.stored_ms is None:
            # The log shows it, so the server has it, though its receipt never reached us.
            connection.execute(
                sa.update(schema.segment)
                .where(c.hash == segment.hash)
                .values(sseq=sseq, stored_ms=self._wall_ms(), wire=None)
            )
            transaction.receipts += 1
            transaction.changes.add(Change("outbox", segment.hash))
        if known is None and own:
            # An older copy of ourselves catches up: what it has not sealed was sent before.
            numbers = [op.number for op in ops]
            connection.execute(
                sa.update(schema.op)
                .where(
                    schema.op.c.device == header.device,
                    schema.op.c.number.in_(numbers),
                    schema.op.c.segment_n.is_(None),
                )
                .values(segment_n=header.n)
            )
        entities = self._oplog.apply(connection, ops, lane=header.lane, segment_n=header.n)
        # Also where nothing is new but the number: it may decide who holds a consultation.
        entities |= claimed_in(connection, header.device, header.lane, header.n)
        transaction.changes |= self._oplog.refold(connection, entities)


def _advance(connection: sa.Connection, cursor: Cursor, segment: SealedSegment | None) -> None:
    newest = connection.execute(sa.select(sa.func.max(schema.log.c.sseq))).scalar() or 0
    if cursor.sseq != newest + 1:
        raise BugError("a cursor that does not continue the log")
    header = segment.header if segment else None
    connection.execute(
        sa.insert(schema.log).values(
            sseq=cursor.sseq,
            log_hash=cursor.log_hash,
            segment_hash=segment.hash if segment else b"",
            device=header.device if header else None,
            lane=header.lane if header else None,
            n=header.n if header else None,
        )
    )
