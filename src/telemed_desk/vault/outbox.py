"""What still has to travel, as the Sync screen and the chips beside a record show it."""

from typing import Any, Final

import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.core import VaultCore
from telemed_desk.vault.values import EntitySync, OutboxStatus, SyncItem, SyncState
from telemed_protocol.clock import wall_ms_of

_RECENT_OPS: Final = 2000


class VaultOutbox(VaultCore):
    """Reading side of the outbox; any thread."""

    def outbox(self) -> OutboxStatus:
        """Return what the server does not have yet."""
        o, s = schema.op.c, schema.segment.c
        unsealed = sa.select(o.kind, o.entity, o.stamp).where(
            sa.text("own = 1 AND segment_n IS NULL")
        )
        waiting = (
            sa.select(o.kind, o.entity, o.stamp)
            .join(schema.segment, sa.and_(s.lane == o.lane, s.n == o.segment_n, s.own == 1))
            .where(s.stored_ms.is_(None), o.own == 1)
        )
        on_this_pc: dict[str, int] = {}
        sealed: dict[str, int] = {}
        entities: dict[bytes, SyncState] = {}
        oldest: int | None = None
        with self._read() as connection:
            for query, counts, state in (
                (waiting, sealed, SyncState.WAITING),
                (unsealed, on_this_pc, SyncState.ON_THIS_PC),
            ):
                for row in connection.execute(query):
                    counts[row.kind] = counts.get(row.kind, 0) + 1
                    entities[row.entity] = state
                    oldest = row.stamp if oldest is None else min(oldest, row.stamp)
            waiting_bytes = connection.execute(
                sa.select(sa.func.coalesce(sa.func.sum(s.size), 0)).where(
                    sa.text("own = 1 AND stored_ms IS NULL")
                )
            ).scalar_one()
            waiting_bytes += self._add_originals(connection, sealed, entities)
            receipt = connection.execute(
                sa.select(s.stored_ms)
                .where(sa.text("own = 1 AND sseq IS NOT NULL"))
                .order_by(s.sseq.desc())
                .limit(1)
            ).scalar()
        return OutboxStatus(
            on_this_pc,
            sealed,
            entities,
            waiting_bytes,
            None if oldest is None else wall_ms_of(oldest),
            receipt,
        )

    def _add_originals(
        self, connection: sa.Connection, counts: dict[str, int], entities: dict[bytes, SyncState]
    ) -> int:
        """Count photos whose record is sent and whose file is not; return the files' size."""
        c = schema.original.c
        size = 0
        for row in connection.execute(
            sa.select(c.entity, c.size).where(sa.text("stored_ms IS NULL"))
        ):
            size += row.size
            if row.entity not in entities:
                counts["photo.add"] = counts.get("photo.add", 0) + 1
                entities[row.entity] = SyncState.WAITING
        return size

    def sync_of(self, entity: bytes) -> EntitySync | None:
        """Return where everything recorded here about an entity is; None when nothing was."""
        o = schema.op.c
        with self._read() as connection:
            rows = connection.execute(self._own_ops().where(o.entity == entity)).all()
        states = [_state(row) for row in rows]
        if not states:
            return None
        if SyncState.ON_THIS_PC in states:
            return EntitySync(SyncState.ON_THIS_PC, None)
        if SyncState.WAITING in states:
            return EntitySync(SyncState.WAITING, None)
        return EntitySync(SyncState.SENT, max(_receipt_ms(row) or 0 for row in rows))

    def sync_items(self, limit: int) -> list[SyncItem]:
        """Return what was recorded here lately, newest first: one line per entity and kind."""
        with self._read() as connection:
            rows = connection.execute(
                self._own_ops().order_by(schema.op.c.number.desc()).limit(_RECENT_OPS)
            ).all()
        items: dict[tuple[bytes, str], SyncItem] = {}
        for row in rows:
            key = (row.entity, row.kind)
            state = _state(row)
            newer = items.get(key)
            if newer is None:
                if len(items) == limit:
                    continue
                items[key] = SyncItem(
                    row.entity,
                    row.kind,
                    f"sync.{row.kind}",
                    row.size,
                    state,
                    wall_ms_of(row.stamp),
                    _receipt_ms(row) if state is SyncState.SENT else None,
                )
            else:
                least = min(newer.state, state, key=list(SyncState).index)
                items[key] = SyncItem(
                    row.entity,
                    row.kind,
                    newer.label_key,
                    newer.size + row.size,
                    least,
                    newer.at_ms,
                    newer.receipt_ms if least is SyncState.SENT else None,
                )
        return list(items.values())

    def _own_ops(self) -> "sa.Select[tuple[Any, ...]]":
        o, s, f = schema.op.c, schema.segment.c, schema.original.c
        return (
            sa.select(
                o.entity,
                o.kind,
                o.stamp,
                (sa.func.length(o.payload) + sa.func.coalesce(f.size, 0)).label("size"),
                o.segment_n,
                s.stored_ms,
                f.size.label("file_size"),
                f.stored_ms.label("file_ms"),
            )
            .outerjoin(
                schema.segment,
                sa.and_(s.device == o.device, s.lane == o.lane, s.n == o.segment_n),
            )
            .outerjoin(schema.original, sa.and_(o.kind == "photo.add", f.entity == o.entity))
            .where(o.device == self.identity.device)
        )


def _state(row: "sa.Row[tuple[Any, ...]]") -> SyncState:
    """A photo is sent when its record and its whole file are."""
    if row.segment_n is None:
        return SyncState.ON_THIS_PC
    file_waits = row.file_size is not None and row.file_ms is None
    return SyncState.WAITING if row.stored_ms is None or file_waits else SyncState.SENT


def _receipt_ms(row: "sa.Row[tuple[Any, ...]]") -> int | None:
    return None if row.stored_ms is None else max(row.stored_ms, row.file_ms or 0)
