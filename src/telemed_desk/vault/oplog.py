"""The op log and its projections inside one transaction: append, apply, fold, rebuild."""

import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec
import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.driver_sql import change_many, insert, query, query_in
from telemed_desk.vault.fold import fold
from telemed_desk.vault.fold_claims import CLAIM
from telemed_desk.vault.payloads import KINDS, Folder, lane_of, read_payload
from telemed_desk.vault.rows import Row
from telemed_desk.vault.search import Document, clear_index, documents, update_index
from telemed_desk.vault.values import Change, OpDraft
from telemed_protocol.clock import COUNTER_BITS, MAX_AHEAD_MS, HybridClock
from telemed_protocol.errors import BugError
from telemed_protocol.op import (
    MAX_OP_BYTES,
    OP_VERSION,
    READER_VERSION,
    Op,
    OpId,
    encode_op,
    pack_payload,
)

T = TypeVar("T")
_CHUNK: Final = 400
SINGLE_OP_REASONS: Final = ("op-range", "op-clash")
"""Why a single op, and not a whole segment, is kept aside."""
_FOLDER_TABLES: Final[dict[Folder, tuple[sa.Table, ...]]] = {
    "clinic": (schema.clinic,),
    "clinician": (schema.clinician,),
    "device": (schema.device, schema.invitation),
    "patient": (schema.patient, schema.entry),
    "consult": (schema.consult, schema.claim, schema.urgent, schema.link),
    "note": (schema.note, schema.note_rev, schema.addendum),
    "photo": (schema.photo,),
    "call": (schema.call_box,),
    "export": (schema.exported,),
}
_parents_decoder: Final = msgspec.msgpack.Decoder(tuple[OpId, ...])
_NO_PARENTS: Final = msgspec.msgpack.encode(())
_OPS: Final = """SELECT version, device, number, stamp, actor, kind, min_reader, entity, parents,
    payload, lane FROM op"""


class OpLog:
    """Writes ops and keeps the projections in step. Writer thread only.

    Args:
        device: This PC.
        wall_ms: The wall clock.
        floor: A number known to be taken, though its op may not be here.
    """

    def __init__(self, device: bytes, wall_ms: Callable[[], int], floor: int = 0) -> None:
        self._device = device
        self._floor = floor
        self._wall_ms = wall_ms
        self._clock: HybridClock | None = None

    def append(
        self, connection: sa.Connection, actor: bytes, drafts: Sequence[OpDraft]
    ) -> list[Op]:
        """Record facts of this PC: numbered without gaps, stamped, stored; not folded yet.

        Raises:
            BugError: A draft of an unknown kind, or with a payload that does not fit.
        """
        clock = self._clock_of(connection)
        number = self._last_number(connection)
        ops: list[Op] = []
        lanes: list[int] = []
        for draft in drafts:
            number += 1
            op = Op(
                OP_VERSION,
                self._device,
                number,
                clock.now(self._wall_ms()),
                actor,
                draft.kind,
                READER_VERSION,
                draft.entity,
                draft.parents,
                pack_payload(draft.payload),
            )
            if read_payload(op) is None:
                raise BugError(f"payload of {draft.kind}")
            if len(encode_op(op)) > MAX_OP_BYTES:
                raise BugError(f"size of {draft.kind}")
            ops.append(op)
            lanes.append(lane_of(draft.kind) if draft.lane is None else draft.lane)
        rows = [_op_row(op, lane, own=True) for op, lane in zip(ops, lanes, strict=True)]
        insert(connection, schema.op, rows)
        return ops

    def apply(
        self,
        connection: sa.Connection,
        ops: Iterable[Op],
        *,
        lane: int | None = None,
        segment_n: int | None = None,
    ) -> set[bytes]:
        """Store ops that came from elsewhere, verbatim; return the entities that have new ones.

        An op that is known already is skipped; one with a known name and other content (a cloned
        device) is put into quarantine.
        """
        clock = self._clock_of(connection)
        entities: set[bytes] = set()
        for chunk in _chunks(list(ops)):
            known = self._known(connection, chunk)
            fresh: dict[OpId, Op] = {}
            for op in chunk:
                if not _storable(op):
                    self._quarantine(connection, op, "op-range")
                    continue
                there = known.get(op.op_id) or fresh.get(op.op_id)
                if there is None:
                    fresh[op.op_id] = op
                    entities.add(op.entity)
                    clock.observe(op.stamp, self._wall_ms())
                elif encode_op(there) != encode_op(op):
                    self._quarantine(connection, op, "op-clash")
            if fresh:
                insert(
                    *(connection, schema.op),
                    [
                        _op_row(
                            op,
                            lane_of(op.kind) if lane is None else lane,
                            own=op.device == self._device,
                            segment_n=segment_n,
                        )
                        for op in fresh.values()
                    ],
                )
        return entities

    def refold(self, connection: sa.Connection, entities: Iterable[bytes]) -> set[Change]:
        """Fold entities again from all their ops; return what may look different now."""
        changes: set[Change] = set()
        for chunk in _chunks(sorted(set(entities))):
            by_entity: dict[bytes, list[Op]] = {}
            for row in query_in(connection, f"{_OPS} WHERE entity IN", chunk):
                op = _op_of(row)
                by_entity.setdefault(op.entity, []).append(op)
            changes |= _store_folded(connection, by_entity)
        return changes

    def rebuild(self, connection: sa.Connection) -> None:
        """Drop every projection and fold it again from the op log."""
        for table in schema.PROJECTIONS.values():
            connection.execute(sa.delete(table))
        clear_index(connection)
        entities = connection.execute(sa.select(schema.op.c.entity).distinct()).scalars()
        for chunk in _chunks(list(entities)):
            self.refold(connection, chunk)

    def _clock_of(self, connection: sa.Connection) -> HybridClock:
        if self._clock is None:
            # A stamp from a clock far ahead was never followed, so it is not taken up here either.
            limit = (self._wall_ms() + MAX_AHEAD_MS + 1) << COUNTER_BITS
            newest = connection.execute(
                sa.select(sa.func.max(schema.op.c.stamp)).where(schema.op.c.stamp < limit)
            ).scalar()
            own = connection.execute(
                sa.select(schema.op.c.stamp)
                .where(schema.op.c.device == self._device)
                .order_by(schema.op.c.number.desc())
                .limit(1)
            ).scalar()
            self._clock = HybridClock(max(newest or 0, own or 0))
        return self._clock

    def _last_number(self, connection: sa.Connection) -> int:
        # Read each time: after a roll-back no number is skipped.
        return max(last_number(connection, self._device), self._floor)

    def _known(self, connection: sa.Connection, ops: Sequence[Op]) -> dict[OpId, Op]:
        by_device: dict[bytes, list[int]] = {}
        for op in ops:
            if _storable(op):
                by_device.setdefault(op.device, []).append(op.number)
        known: dict[OpId, Op] = {}
        for device, numbers in by_device.items():
            sql = f"{_OPS} WHERE device = ? AND number IN"
            rows = query_in(connection, sql, numbers, device)
            known |= {op.op_id: op for op in map(_op_of, rows)}
        return known

    def _quarantine(self, connection: sa.Connection, op: Op, reason: str) -> None:
        connection.execute(
            sa.insert(schema.quarantine).values(
                at_ms=self._wall_ms(), reason=reason, raw=encode_op(op)
            )
        )


def ops_after(connection: sa.Connection, device: bytes, number: int) -> list[tuple[int, Op]]:
    """Return lane and op of all that a device recorded above a number, in order."""
    sql = f"{_OPS} WHERE device = ? AND number > ? ORDER BY number"
    return [(row[-1], _op_of(row)) for row in query(connection, sql, device, number)]


def last_number(connection: sa.Connection, device: bytes) -> int:
    """Return the number of the newest op of a device; 0 when there is none."""
    ((found,),) = query(connection, "SELECT max(number) FROM op WHERE device = ?", device)
    return found or 0


def _op_of(row: tuple[Any, ...]) -> Op:
    """Return an op from a row of ``_OPS``."""
    version, device, number, stamp, actor, kind, min_reader, entity, parents, payload, _ = row
    seen = () if parents == _NO_PARENTS else _parents_decoder.decode(parents)
    return Op(version, device, number, stamp, actor, kind, min_reader, entity, seen, payload)


def op_of_row(row: Any) -> Op:
    """Return a stored op exactly as it was recorded."""
    return Op(
        row["version"],
        row["device"],
        row["number"],
        row["stamp"],
        row["actor"],
        row["kind"],
        row["min_reader"],
        row["entity"],
        _parents_decoder.decode(row["parents"]),
        row["payload"],
    )


def _op_row(op: Op, lane: int, *, own: bool, segment_n: int | None = None) -> Row:
    return {
        "device": op.device,
        "number": op.number,
        "lane": lane,
        "stamp": op.stamp,
        "actor": op.actor,
        "kind": op.kind,
        "version": op.version,
        "min_reader": op.min_reader,
        "entity": op.entity,
        "parents": msgspec.msgpack.encode(op.parents),
        "payload": op.payload,
        "own": int(own),
        "segment_n": segment_n,
    }


def _storable(op: Op) -> bool:
    return all(0 <= v < 2**63 for v in (op.version, op.number, op.stamp, op.min_reader))


def claimed_in(connection: sa.Connection, device: bytes, lane: int, n: int) -> set[bytes]:
    """Return the consultations that are claimed in a segment: its number decides about them."""
    c = schema.op.c
    found = connection.execute(
        # A literal, so that SQLite can prove that the partial index fits.
        sa.select(c.entity).where(
            c.device == device,
            c.segment_n == n,
            c.lane == lane,
            sa.text(f"kind = '{CLAIM}'"),
        )
    )
    return set(found.scalars())


def _numbers(connection: sa.Connection, ops: Iterable[Op]) -> dict[OpId, int]:
    """Return the server's numbers of the claims among some ops, as far as they are known."""
    claimed = sorted({op.entity for op in ops if op.kind == CLAIM})
    if not claimed:
        return {}
    o, s = schema.op.c, schema.segment.c
    rows = connection.execute(
        sa.select(o.device, o.number, s.sseq)
        .join(
            schema.segment,
            sa.and_(s.device == o.device, s.lane == o.lane, s.n == o.segment_n),
        )
        .where(o.entity.in_(claimed), o.kind == CLAIM, s.sseq.is_not(None))
    )
    return {OpId(row.device, row.number): row.sseq for row in rows}


def _store_folded(connection: sa.Connection, by_entity: dict[bytes, list[Op]]) -> set[Change]:
    numbers = _numbers(connection, itertools.chain.from_iterable(by_entity.values()))
    touched: dict[str, set[bytes]] = {}
    rows: dict[str, list[Row]] = {}
    words: list[Document] = []
    for entity, ops in by_entity.items():
        for kind in {op.kind for op in ops} & KINDS.keys():
            for table in _FOLDER_TABLES[KINDS[kind][2]]:
                touched.setdefault(table.name, set()).add(entity)
        folded = fold(entity, ops, numbers)
        words += documents(entity, ops, folded)
        for name, found in folded.items():
            rows.setdefault(name, []).extend(found)
    for name, entities in touched.items():
        sql = f"DELETE FROM {name} WHERE entity = ?"  # noqa: S608 - a table of ours
        change_many(connection, sql, [(entity,) for entity in sorted(entities)])
    for name, found in rows.items():
        insert(connection, schema.PROJECTIONS[name], found)
    update_index(connection, touched, words)
    return {Change(name, entity) for name, entities in touched.items() for entity in entities}


def _chunks(items: Sequence[T]) -> Iterable[Sequence[T]]:
    return (items[i : i + _CHUNK] for i in range(0, len(items), _CHUNK))
