"""From a damaged database to a working one, without ever deleting or silently starting empty.

The order: set the damaged file aside; read from it what verifies; take the newest backup that
verifies, or an empty database; add what was read and, on opening, the outbox journal; let sync pull
the rest from the backup's cursor. Everything is added idempotently, by the name of the op.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa

from telemed_desk.vault import migrate, schema
from telemed_desk.vault.atomic import fsync_directory
from telemed_desk.vault.backups import Backup, BackupFolder
from telemed_desk.vault.connection import known_errors, open_engine, raw_connection
from telemed_desk.vault.journal_frames import Root, Scan, SegmentFrame
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.oplog import OpLog, op_of_row
from telemed_desk.vault.problems import VaultDamaged
from telemed_desk.vault.rows import Row
from telemed_desk.vault.salvage import Salvaged, salvage
from telemed_desk.vault.second_copy import ops_in
from telemed_desk.vault.settings import (
    SETTING_CLINIC,
    SETTING_FLOOR,
    SETTING_FOLD,
    SETTING_HELD,
    SETTING_IDENTITY,
    SETTING_REPAIR,
    drop_setting,
    read_setting,
    write_setting,
)
from telemed_protocol.errors import FormatError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.segment import parse_segment

PART_SUFFIX: Final = ".repaired"
_SIDE_FILES: Final = ("", "-wal", "-shm")
_NEVER_TAKEN: Final = frozenset({SETTING_FOLD, SETTING_HELD, SETTING_REPAIR, SETTING_FLOOR})


class RepairReport(msgspec.Struct, frozen=True, array_like=True):
    """What a repair found; times Unix ms.

    Attributes:
        at_ms: When.
        kept_as: Name of the damaged file, beside the new one.
        pages: How many pages it had.
        bad_pages: How many of them could not be read.
        ops_read: Facts read from the damaged file.
        ops_journal: Facts of this PC without a receipt, in the outbox journal.
        backup_ms: Time of the backup that was the ground; 0 = none.
        ops_total: Facts there now; sync fetches what is still missing.
        held: This PC must be added to the clinic again before it sends.
    """

    at_ms: int
    kept_as: str
    pages: int
    bad_pages: int
    ops_read: int
    ops_journal: int
    backup_ms: int
    ops_total: int
    held: bool


@dataclass(frozen=True, slots=True)
class _Ground:
    """What the new database is made from."""

    backup: Backup | None
    root: Root | None
    journal: Scan | None
    saved: Salvaged


def repair(
    database: Path, master: MasterKey, journal: Scan | None, wall_ms: Callable[[], int]
) -> RepairReport:
    """Make a damaged database anew. The instance lock is held; nobody has it open.

    Raises:
        VaultDamaged: Nothing could be read anywhere; every file is where it was.
        DiskFull, DiskTrouble: The new one could not be written; likewise.
    """
    with known_errors():
        root = journal.root if journal is not None else None
        key = master.database_key()
        saved = salvage(database, key, root.salt if root is not None else b"")
        backup = BackupFolder(database.parent / "backups").newest_good(key)
        ground = _Ground(backup, root, journal, saved)
        identity = _identity(ground, master)
        if not saved.ops and backup is None and not _taken(journal) and not _all_is_sent(journal):
            raise VaultDamaged("nothing could be read")
        part = database.with_name(database.name + PART_SUFFIX)
        _remove(part)
        try:
            report = _build(part, master, identity, ground, wall_ms)
            kept_as = set_aside(database, wall_ms(), "damaged")
        except BaseException:
            _remove(part)
            raise
        part.replace(database)
        fsync_directory(database.parent)
    return msgspec.structs.replace(report, kept_as=kept_as)


def _identity(ground: _Ground, master: MasterKey) -> DeviceIdentity:
    packed = ground.root.identity if ground.root is not None else b""
    packed = packed or ground.saved.settings.get(SETTING_IDENTITY, b"")
    if not packed and ground.backup is not None:
        with raw_connection(ground.backup.path, master.database_key()) as connection:
            row = connection.execute(
                "SELECT value FROM setting WHERE name = ?", (SETTING_IDENTITY,)
            ).fetchone()
        packed = row[0] if row else b""
    try:
        return msgspec.msgpack.decode(packed, type=DeviceIdentity)
    except msgspec.DecodeError:
        raise VaultDamaged("identity") from None


def _build(
    part: Path,
    master: MasterKey,
    identity: DeviceIdentity,
    ground: _Ground,
    wall_ms: Callable[[], int],
) -> RepairReport:
    if ground.backup is not None:
        shutil.copyfile(ground.backup.path, part)
        part.chmod(0o600)
    else:
        os.close(os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    engine = open_engine(part, master.database_key, "create")
    try:
        with engine.begin() as connection:
            migrate.upgrade(connection)
            write_setting(connection, SETTING_IDENTITY, msgspec.msgpack.encode(identity))
            drop_setting(connection, SETTING_FOLD)  # folded anew on opening
            _add_settings(connection, ground)
            _add_root(connection, ground.root)
            _add_segments(connection, identity.device, ground.saved)
            _add_ops(connection, OpLog(identity.device, wall_ms), identity.device, ground.saved)
            held = not _numbers_are_certain(ground, identity.device)
            if held:
                write_setting(connection, SETTING_HELD, b"repaired")
            _raise_numbers(connection, identity.device, ground)
            _add_drafts(connection, ground.saved)
            total = connection.execute(
                sa.select(sa.func.count()).select_from(schema.op)
            ).scalar_one()
            report = RepairReport(
                wall_ms(),
                "",
                ground.saved.pages,
                ground.saved.bad_pages,
                len(ground.saved.ops),
                len(_taken(ground.journal)),
                ground.backup.at_ms if ground.backup is not None else 0,
                total,
                held,
            )
    finally:
        engine.dispose()  # closing the last connection empties the log into the file
    return report


def _add_settings(connection: sa.Connection, ground: _Ground) -> None:
    for name, value in ground.saved.settings.items():
        if name not in _NEVER_TAKEN and read_setting(connection, name) is None:
            write_setting(connection, name, value)


def _add_root(connection: sa.Connection, root: Root | None) -> None:
    if root is None:
        return
    if root.clinic:
        write_setting(connection, SETTING_CLINIC, root.clinic)
    keys, members = schema.epoch_key, schema.member_record
    have = set(connection.execute(sa.select(keys.c.epoch)).scalars())
    for epoch, secret in root.epoch_keys:
        if epoch not in have:
            connection.execute(sa.insert(keys).values(epoch=epoch, secret=secret))
    known = connection.execute(sa.select(sa.func.count()).select_from(members)).scalar_one()
    for n, (record, signature) in enumerate(root.members[known:], known + 1):
        connection.execute(sa.insert(members).values(n=n, record=record, signature=signature))


def _add_segments(connection: sa.Connection, device: bytes, saved: Salvaged) -> None:
    """Own segments: newer news of a known one (its receipt) counts, and those not known are added."""
    table = schema.segment
    for (owner, lane, n), row in sorted(saved.segments.items()):
        if owner != device:
            continue  # others' come again by sync, with the log
        mine = sa.and_(table.c.device == device, table.c.lane == lane, table.c.n == n)
        known = connection.execute(sa.select(table.c.hash).where(mine)).scalar()
        if known is None:
            connection.execute(sa.insert(table).values(**row))
        elif known == row["hash"] and row["stored_ms"] is not None:
            connection.execute(sa.update(table).where(mine).values(**row))


def _add_ops(connection: sa.Connection, oplog: OpLog, device: bytes, saved: Salvaged) -> None:
    c = schema.op.c
    by_place: dict[tuple[int, int | None], list[Row]] = {}
    for row in saved.ops.values():
        by_place.setdefault((row["lane"], row["segment_n"]), []).append(row)
    for (lane, segment_n), rows in by_place.items():
        oplog.apply(connection, [op_of_row(row) for row in rows], lane=lane, segment_n=segment_n)
    sealed = [
        row
        for row in saved.ops.values()
        if row["device"] == device and row["segment_n"] is not None
    ]
    for row in sealed:  # the backup may be from before they were sealed
        connection.execute(
            sa.update(schema.op)
            .where(c.device == device, c.number == row["number"])
            .values(segment_n=row["segment_n"])
        )


def _numbers_are_certain(ground: _Ground, device: bytes) -> bool:
    """Whether every number that this PC has ever sent under is known.

    A whole journal says so. Without one, a file that lost no page does.
    """
    if ground.journal is not None and ground.journal.is_whole:
        return True
    own = [key for key in ground.saved.segments if key[0] == device]
    return ground.saved.bad_pages == 0 and bool(own)


def _raise_numbers(connection: sa.Connection, device: bytes, ground: _Ground) -> None:
    """Let no number of an op or segment be given out twice, though its row may be lost."""
    floor = max([ground.root.last_number if ground.root else 0, *_taken(ground.journal)])
    write_setting(connection, SETTING_FLOOR, floor.to_bytes(8, "big"))
    table, c = schema.segment, schema.op.c
    mine = c.device == device
    referred = connection.execute(
        sa.select(c.lane, c.segment_n).where(mine, c.segment_n.is_not(None)).distinct()
    ).all()
    there = {
        (row.lane, row.n)
        for row in connection.execute(
            sa.select(table.c.lane, table.c.n).where(table.c.device == device)
        )
    }
    journalled = _journalled(ground.journal)
    wanted: dict[tuple[int, int], bytes] = {(row.lane, row.segment_n): b"" for row in referred}
    if ground.root is not None:
        wanted |= {(lane, n): digest for lane, n, digest in ground.root.heads}
    # What stands before the first one that comes back with its bytes.
    wanted |= {(lane, n - 1): prev for (lane, n), prev in journalled.items() if n > 1}
    for (lane, n), digest in sorted(wanted.items()):
        if (lane, n) in there:
            continue
        if (lane, n) in journalled:
            # It comes back when the journal is read, and its ops are marked then.
            connection.execute(
                sa.update(schema.op)
                .where(mine, c.lane == lane, c.segment_n == n)
                .values(segment_n=None)
            )
            continue
        # Without a frame in the journal it has its receipt: only its row is lost.
        connection.execute(
            sa.insert(table).values(
                device=device,
                lane=lane,
                n=n,
                hash=digest or _stand_in(device, lane, n),
                epoch=0,
                size=0,
                own=1,
                stored_ms=ground.root.at_ms if ground.root else 0,
            )
        )


def _stand_in(device: bytes, lane: int, n: int) -> bytes:
    """A hash for a segment of which only the number is known."""
    return hashlib.sha256(b"lost" + device + bytes([lane]) + n.to_bytes(8, "big")).digest()


def _journalled(journal: Scan | None) -> dict[tuple[int, int], bytes]:
    """Return prev_hash by lane and n of the segments whose bytes are in the journal."""
    found = {}
    for frame in journal.frames if journal is not None else ():
        if isinstance(frame, SegmentFrame):
            with contextlib.suppress(FormatError):
                header = parse_segment(frame.wire).header
                found[header.lane, header.n] = header.prev_hash
    return found


def _add_drafts(connection: sa.Connection, saved: Salvaged) -> None:
    """What was being typed: the newer text counts."""
    table = schema.draft_journal
    for note, row in saved.drafts.items():
        known = connection.execute(sa.select(table.c.at_ms).where(table.c.note == note)).scalar()
        if known is not None and known >= row["at_ms"]:
            continue
        connection.execute(sa.delete(table).where(table.c.note == note))
        connection.execute(sa.insert(table).values(**row))


def _taken(journal: Scan | None) -> set[int]:
    return set(ops_in(journal)) if journal is not None else set()


def _all_is_sent(journal: Scan | None) -> bool:
    """Whether the server has everything: then sync brings it back to the same PC."""
    root = journal.root if journal is not None and journal.is_whole else None
    return root is not None and bool(root.clinic)


def set_aside(database: Path, at_ms: int, why: str) -> str:
    """Rename a database and its log; return its new name, empty when there was none."""
    if not database.exists():
        return ""
    when = datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y%m%dT%H%M%SZ")
    name = f"{database.name}.{why}-{when}"
    number = 1
    while database.with_name(name).exists():
        number += 1
        name = f"{database.name}.{why}-{when}-{number}"
    for side in _SIDE_FILES:
        with contextlib.suppress(FileNotFoundError):
            database.with_name(database.name + side).rename(database.with_name(name + side))
    return name


def _remove(part: Path) -> None:
    for side in _SIDE_FILES:
        part.with_name(part.name + side).unlink(missing_ok=True)


def finish_cut_off_repair(database: Path) -> None:
    """Put a finished repair into its place: the power went after the damaged file was set aside."""
    part = database.with_name(database.name + PART_SUFFIX)
    if part.exists() and not database.exists():
        part.replace(database)
        fsync_directory(database.parent)
