"""Opening a vault's database with its keys, and bringing it to order first.

In this order: finish a repair that was cut off; look whether the file is what it was, and repair it
if not; bring it to this version's layout; bring back what only the journal has; fold.
"""

import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import sqlalchemy as sa

from telemed_desk.clinical.people import Clinician
from telemed_desk.vault import migrate, schema
from telemed_desk.vault.connection import faults_in, known_errors, open_engine, raw_connection
from telemed_desk.vault.core import DATABASE_NAME, SUSPECT_NAME, Opened
from telemed_desk.vault.journal import JOURNAL_NAME, JournalFile
from telemed_desk.vault.journal_frames import Scan
from telemed_desk.vault.keys import MasterKey
from telemed_desk.vault.oplog import OpLog
from telemed_desk.vault.problems import DiskFull, DiskTrouble, VaultDamaged, VaultMissing
from telemed_desk.vault.repair import RepairReport, finish_cut_off_repair, repair
from telemed_desk.vault.row_values import to_clinician
from telemed_desk.vault.second_copy import replay
from telemed_desk.vault.settings import (
    SETTING_CLINIC,
    SETTING_FLOOR,
    SETTING_FOLD,
    SETTING_HELD,
    SETTING_IDENTITY,
    SETTING_REPAIR,
    read_setting,
    write_setting,
)
from telemed_desk.vault.slots import SlotSecret
from telemed_desk.vault.space import InstanceLock, SpaceReserve
from telemed_desk.vault.vault import Vault
from telemed_protocol.identity import DeviceIdentity

LOCK_NAME: Final = "lock"
RESERVE_NAME: Final = "reserve"
FOLD_VERSION: Final = b"5"
"""Raised when the same ops fold to other rows; vaults are then folded anew when unlocked."""


@dataclass(slots=True)
class _Parts:
    """What opening works with."""

    folder: Path
    content: SlotSecret
    clinician: Clinician
    master: MasterKey
    instance: InstanceLock
    reserve: SpaceReserve
    journal: JournalFile
    wall_ms: Callable[[], int]

    @property
    def database(self) -> Path:
        return self.folder / DATABASE_NAME


def open_vault(
    folder: Path,
    content: SlotSecret,
    clinician: Clinician,
    reserve_bytes: int,
    wall_ms: Callable[[], int],
) -> Vault:
    """Open the vault in a folder; a damaged database is repaired, and the vault says so.

    Raises:
        VaultMissing: The database is not there; none is made.
        VaultDamaged: Nothing of it could be read, and there is nothing to make it from.
        VaultInUse, VaultFromNewerVersion, DiskFull, DiskTrouble: As they say.
    """
    master = MasterKey(content.master)
    with known_errors():
        instance = InstanceLock(folder / LOCK_NAME)
    parts = _Parts(
        folder,
        content,
        clinician,
        master,
        instance,
        SpaceReserve(folder / RESERVE_NAME, reserve_bytes),
        JournalFile(folder / JOURNAL_NAME, master.journal_key()),
        wall_ms,
    )
    try:
        return Vault(_prepare(parts))
    except BaseException:
        parts.journal.close()
        instance.release()
        master.wipe()
        raise


def make_database(path: Path, master: MasterKey, device: DeviceIdentity) -> None:
    """Make an empty database of this version's layout."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    engine = open_engine(path, master.database_key, "create")
    try:
        with engine.begin() as connection:
            migrate.upgrade(connection)
            write_setting(connection, SETTING_IDENTITY, msgspec.msgpack.encode(device))
            write_setting(connection, SETTING_FOLD, FOLD_VERSION)
    finally:
        engine.dispose()


def _prepare(parts: _Parts) -> Opened:
    with known_errors():
        finish_cut_off_repair(parts.database)
        if not parts.database.exists():
            raise VaultMissing("database file")
        found = parts.journal.read()
    try:
        if (parts.folder / SUSPECT_NAME).exists():
            _check_all(parts)
        return _with_reserve(parts, found, None)
    except VaultDamaged:
        report = repair(parts.database, parts.master, found, parts.wall_ms)
    opened = _with_reserve(parts, found, report)
    _no_longer_suspect(parts)
    return opened


def _with_reserve(parts: _Parts, found: Scan | None, report: RepairReport | None) -> Opened:
    try:
        return _read(parts, found, report)
    except (DiskFull, DiskTrouble):
        # Even opening needs space for the write-ahead log; SQLite reports its lack as either.
        parts.reserve.release()
        return _read(parts, found, report)


def _check_all(parts: _Parts) -> None:
    with (
        known_errors(),
        raw_connection(parts.database, parts.master.database_key(), read_only=False) as connection,
    ):
        if faults_in(connection):
            raise VaultDamaged("pages")
    _no_longer_suspect(parts)


def _no_longer_suspect(parts: _Parts) -> None:
    with contextlib.suppress(OSError):
        (parts.folder / SUSPECT_NAME).unlink(missing_ok=True)


def _read(parts: _Parts, found: Scan | None, report: RepairReport | None) -> Opened:
    """Bring the file to this version's layout and read who this PC is, all in one transaction."""
    engine = open_engine(parts.database, parts.master.database_key, "write")
    try:
        with known_errors(), engine.begin() as connection:
            migrate.upgrade(connection)
            packed = read_setting(connection, SETTING_IDENTITY)
            if packed is None:
                raise VaultDamaged("identity")
            identity = msgspec.msgpack.decode(packed, type=DeviceIdentity)
            floor = int.from_bytes(read_setting(connection, SETTING_FLOOR) or b"\0", "big")
            if report is not None:
                write_setting(connection, SETTING_REPAIR, msgspec.msgpack.encode(report))
            oplog = OpLog(identity.device, parts.wall_ms)
            if found is not None:
                replay(connection, oplog, identity.device, found)
            if read_setting(connection, SETTING_FOLD) != FOLD_VERSION:
                oplog.rebuild(connection)
                write_setting(connection, SETTING_FOLD, FOLD_VERSION)
            told = read_setting(connection, SETTING_REPAIR)
            return Opened(
                parts.folder,
                parts.master,
                bytearray(parts.content.signing_seed),
                identity,
                _known_clinician(connection, parts.clinician),
                read_setting(connection, SETTING_CLINIC),
                (read_setting(connection, SETTING_HELD) or b"").decode(),
                floor,
                None if told is None else msgspec.msgpack.decode(told, type=RepairReport),
                parts.journal,
                found,
                parts.instance,
                parts.reserve,
                parts.wall_ms,
            )
    finally:
        engine.dispose()


def _known_clinician(connection: sa.Connection, clinician: Clinician) -> Clinician:
    table = schema.clinician
    row = (
        connection.execute(sa.select(table).where(table.c.entity == clinician.entity))
        .mappings()
        .first()
    )
    return clinician if row is None else to_clinician(row)
