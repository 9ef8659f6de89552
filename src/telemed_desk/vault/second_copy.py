"""The second copy: every op without a receipt, in a file of its own, before its COMMIT.

The database and the journal fail in different ways: whichever of the two is lost, what was
acknowledged is in the other. Writer thread only.
"""

import contextlib
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_desk.vault.journal import JournalFile
from telemed_desk.vault.journal_frames import Frame, OpsFrame, Root, Scan, SegmentFrame
from telemed_desk.vault.oplog import OpLog, last_number, op_of_row, ops_after
from telemed_desk.vault.own_segments import own_heads, store_sealed
from telemed_desk.vault.settings import SETTING_CLINIC, SETTING_IDENTITY, read_setting
from telemed_desk.vault.values import Change
from telemed_desk.vault.writer import Transaction
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.op import Op, decode_op, encode_op
from telemed_protocol.segment import parse_segment

_SMALL_BYTES: Final = 64 * 1024
"""A journal of this size is not worth replacing while the vault is open."""
_LARGE_BYTES: Final = 4 * 1024 * 1024
_ROOT_CHANGES: Final = frozenset(
    {
        Change("member_record", b""),
        Change("epoch_key", b""),
        Change("setting", SETTING_CLINIC.encode()),
    }
)
_UNSENT: Final = """SELECT o.* FROM op o LEFT JOIN segment s
    ON s.device = o.device AND s.lane = o.lane AND s.n = o.segment_n
    WHERE o.own = 1 AND o.device = :device AND (o.segment_n IS NULL OR s.stored_ms IS NULL)
    ORDER BY o.number"""
_SALT_BYTES: Final = 16


class SecondCopy:
    """Keeps the journal in step with the database.

    Args:
        journal: The file.
        identity: This PC.
        database: Path of the database, whose salt is noted.
    """

    def __init__(self, journal: JournalFile, identity: DeviceIdentity, database: Path) -> None:
        self._journal = journal
        self._device = identity.device
        self._database = database
        self._last_number = 0
        self._noted = 0

    def begin(self, connection: sa.Connection, found: Scan | None) -> bool:
        """Take up a journal as found; return whether there is a second copy from now on.

        One that is missing, damaged or of another PC is written anew from the database. That it
        cannot be, say for a full disk, keeps nobody out: it is tried again before the next op.
        """
        self._last_number = last_number(connection, self._device)
        root = found.root if found is not None else None
        with contextlib.suppress(OSError):
            if (
                found is not None
                and found.is_whole
                and root is not None
                and self._is_ours(root)
                and self._has_all(connection, found)
            ):
                self._journal.resume(found)
            else:
                self._replace(connection)
        return not self._journal.broken

    def before_commit(self, transaction: Transaction) -> None:
        """Write down what this transaction adds, durably.

        Raises:
            OSError: Not possible; the transaction must not be committed.
        """
        connection = transaction.connection
        number = last_number(connection, self._device)
        rootless = transaction.changes.isdisjoint(_ROOT_CHANGES)
        self._noted = number
        if number == self._last_number and not transaction.sealed and rootless:
            return
        if self._journal.broken:
            self._replace(connection, committed=False)
            return
        frames: list[Frame] = []
        if number > self._last_number:
            frames.append(_ops_frame(self._fresh_ops(connection)))
        frames += [
            SegmentFrame(segment.wire, tuple(op.number for op in ops))
            for segment, ops in transaction.sealed
        ]
        if not rootless:
            frames.append(self.root(connection))
        try:
            self._journal.append(frames)
        except OSError:
            # One bad sector must not end the saving of notes: a fresh file, elsewhere on the disk.
            self._replace(connection, committed=False)

    def committed(self) -> None:
        """The database has it as well."""
        self._last_number = self._noted
        self._journal.settle()

    def aborted(self) -> None:
        """The transaction was rolled back: its facts were told to nobody as saved."""
        self._journal.take_back()

    def after_receipt(self, connection: sa.Connection) -> None:
        """Shorten the journal once receipts are durable; a failure only leaves it long."""
        if self._journal.broken or self._journal.size <= _SMALL_BYTES:
            return
        if self._journal.size > _LARGE_BYTES or not self._unsent(connection):
            with contextlib.suppress(OSError):
                self._replace(connection)

    def close(self, connection: sa.Connection | None) -> None:
        """Leave the journal as short as it can be."""
        if connection is not None:
            with contextlib.suppress(OSError):
                self._replace(connection)
        self._journal.close()

    def root(self, connection: sa.Connection) -> Root:
        """Return who this PC is, as the database says."""
        keys = connection.execute(sa.select(schema.epoch_key)).all()
        members = connection.execute(
            sa.select(schema.member_record).order_by(schema.member_record.c.n)
        ).all()
        newest = connection.execute(sa.select(sa.func.max(schema.op.c.stamp))).scalar()
        return Root(
            (newest or 0) >> 16,
            read_setting(connection, SETTING_IDENTITY) or b"",
            read_setting(connection, SETTING_CLINIC) or b"",
            tuple((row.epoch, row.secret) for row in keys),
            tuple((row.record, row.signature) for row in members),
            last_number(connection, self._device),
            tuple(own_heads(connection, self._device)),
            salt_of(self._database),
        )

    def _is_ours(self, root: Root) -> bool:
        try:
            identity = msgspec.msgpack.decode(root.identity, type=DeviceIdentity)
        except msgspec.DecodeError:
            return False
        return identity.device == self._device and root.salt == salt_of(self._database)

    def _has_all(self, connection: sa.Connection, found: Scan) -> bool:
        """Whether nothing is missing at its end: a file may also be cut between two frames."""
        numbers = set(ops_in(found))
        sealed = {frame.wire for frame in found.frames if isinstance(frame, SegmentFrame)}
        return numbers.issuperset(op.number for _, op in self._unsent(connection)) and (
            sealed.issuperset(wire for _, _, wire in self._waiting(connection))
        )

    def _waiting(self, connection: sa.Connection) -> list[tuple[int, int, bytes]]:
        c = schema.segment.c
        rows = connection.execute(
            sa.select(c.lane, c.n, c.wire)
            .where(c.own == 1, c.device == self._device, c.stored_ms.is_(None))
            .order_by(c.lane, c.n)
        ).all()
        return [(row.lane, row.n, row.wire) for row in rows]

    def _replace(self, connection: sa.Connection, *, committed: bool = True) -> None:
        frames: list[Frame] = [self.root(connection)]
        unsent = self._unsent(connection)
        if unsent:
            frames.append(_ops_frame(unsent))
        o = schema.op.c
        for lane, n, wire in self._waiting(connection):
            numbers = connection.execute(
                sa.select(o.number).where(
                    o.device == self._device, o.lane == lane, o.segment_n == n
                )
            ).scalars()
            frames.append(SegmentFrame(wire, tuple(numbers)))
        self._journal.replace(frames, settled=committed)

    def _unsent(self, connection: sa.Connection) -> list[tuple[int, Op]]:
        rows = connection.execute(sa.text(_UNSENT), {"device": self._device}).mappings()
        return [(row["lane"], op_of_row(row)) for row in rows]

    def _fresh_ops(self, connection: sa.Connection) -> list[tuple[int, Op]]:
        return ops_after(connection, self._device, self._last_number)


def replay(connection: sa.Connection, oplog: OpLog, device: bytes, found: Scan) -> tuple[int, int]:
    """Bring back what the journal has and the database has not; doing it again changes nothing.

    Returns:
        How many ops and how many sealed segments were brought back.
    """
    ops = {number: kept for number, kept in ops_in(found).items() if kept[1].device == device}
    c = schema.op.c
    known = set(
        connection.execute(
            sa.select(c.number).where(c.device == device, c.number >= min(ops, default=0))
        ).scalars()
    )
    by_lane: dict[int, list[Op]] = {}
    for number in sorted(ops.keys() - known):
        lane, op = ops[number]
        by_lane.setdefault(lane, []).append(op)
    touched: set[bytes] = set()
    for lane, missing in by_lane.items():
        touched |= oplog.apply(connection, missing, lane=lane)
    oplog.refold(connection, touched)
    there = {
        (row.lane, row.n)
        for row in connection.execute(
            sa.select(schema.segment.c.lane, schema.segment.c.n).where(
                schema.segment.c.device == device
            )
        )
    }
    restored = 0
    for frame in found.frames:
        if not isinstance(frame, SegmentFrame):
            continue
        segment = parse_segment(frame.wire)
        place = (segment.header.lane, segment.header.n)
        if segment.header.device == device and place not in there:
            # Whatever stands before it: its number is taken.
            store_sealed(connection, segment, frame.numbers)
            there.add(place)
            restored += 1
    return sum(len(missing) for missing in by_lane.values()), restored


def ops_in(found: Scan) -> dict[int, tuple[int, Op]]:
    """Return lane and op by number; a later frame wins: the earlier one's commit was rolled back."""
    return {
        op.number: (lane, op)
        for frame in found.frames
        if isinstance(frame, OpsFrame)
        for lane, packed in frame.ops
        for op in [decode_op(packed)]
    }


def salt_of(database: Path) -> bytes:
    """Return the first bytes of the database file, which are its salt."""
    with contextlib.suppress(OSError), database.open("rb") as file:
        return file.read(_SALT_BYTES)
    return b""


def _ops_frame(ops: list[tuple[int, Op]]) -> OpsFrame:
    return OpsFrame(tuple((lane, encode_op(op)) for lane, op in ops))
