"""Taking in much at once: a page of the log in one transaction, and the log's end before its middle.

A page of single facts, one transaction each, waited for the disk as often as it had facts.
"""

from collections.abc import Sequence

from telemed_desk.vault import schema
from telemed_desk.vault.driver_sql import insert, query
from telemed_desk.vault.fold_claims import CLAIM
from telemed_desk.vault.log_gap import note_ahead
from telemed_desk.vault.payloads import KINDS
from telemed_desk.vault.rows import Row
from telemed_desk.vault.segments import VaultSegments
from telemed_desk.vault.writer import Transaction
from telemed_protocol.errors import BugError
from telemed_protocol.op import READER_VERSION, Op
from telemed_protocol.progress import Cursor
from telemed_protocol.segment import SealedSegment

Pulled = tuple[SealedSegment, tuple[Op, ...], Cursor]


class VaultBulk(VaultSegments):
    """Implements sync's ``BulkStore``."""

    def apply_page(self, pulled: Sequence[Pulled]) -> None:
        """Do what ``apply_pulled`` does for each of some foreign segments, all or none.

        Raises:
            BugError: They do not continue the log, or one is of this PC.
        """
        self._writer.submit(lambda t: self._apply_page(t, pulled)).result()

    def apply_ahead(
        self, found: Sequence[tuple[SealedSegment, tuple[Op, ...]]], up_to: int
    ) -> None:
        """Apply the ops of verified foreign segments that lie beyond the cursor; it stays.

        Until the cursor is at ``up_to`` patients count as not wholly read. What the log says of these
        segments is noted when the cursor comes to them; their ops are known by then and change nothing.
        """

        def job(transaction: Transaction) -> None:
            entities: set[bytes] = set()
            note_ahead(transaction.connection, up_to)
            for segment, ops in found:
                entities |= self._apply_ops(transaction, segment, ops)
            transaction.changes |= self._oplog.refold(transaction.connection, entities)

        self._writer.submit(job).result()

    def _apply_page(self, transaction: Transaction, pulled: Sequence[Pulled]) -> None:
        connection = transaction.connection
        ((newest,),) = query(connection, "SELECT max(sseq) FROM log")
        log: list[Row] = []
        segments: list[Row] = []
        now_ms = self._wall_ms()
        for at, (segment, ops, cursor) in enumerate(pulled, (newest or 0) + 1):
            header = segment.header
            if cursor.sseq != at or header.device == self.identity.device:
                raise BugError("a page that does not continue the log")
            place = (header.device, header.lane, header.n)
            log.append(
                {
                    "sseq": cursor.sseq,
                    "log_hash": cursor.log_hash,
                    "segment_hash": segment.hash,
                    **dict(zip(("device", "lane", "n"), place, strict=True)),
                }
            )
            sql = "SELECT 1 FROM segment WHERE device = ? AND lane = ? AND n = ?"
            if not query(connection, sql, *place):
                newer = any(op.min_reader > READER_VERSION or op.kind not in KINDS for op in ops)
                segments.append(
                    {
                        **dict(zip(("device", "lane", "n"), place, strict=True)),
                        "hash": segment.hash,
                        "epoch": header.epoch,
                        "size": len(segment.wire),
                        "own": 0,
                        "sseq": cursor.sseq,
                        "stored_ms": now_ms,
                        "wire": segment.wire if newer else None,
                    }
                )
        insert(connection, schema.log, log)
        insert(connection, schema.segment, segments)
        entities: set[bytes] = set()
        for segment, ops, _ in pulled:
            entities |= self._apply_ops(transaction, segment, ops)
            # Also where nothing is new but the number: it may decide who holds a consultation.
            entities |= {op.entity for op in ops if op.kind == CLAIM}
        transaction.changes |= self._oplog.refold(connection, entities)

    def _apply_ops(
        self, transaction: Transaction, segment: SealedSegment, ops: tuple[Op, ...]
    ) -> set[bytes]:
        header = segment.header
        return self._oplog.apply(transaction.connection, ops, lane=header.lane, segment_n=header.n)
