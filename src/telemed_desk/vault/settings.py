"""Values of this PC inside the database; those under ``vault.`` are the vault's own."""

from typing import Final

import sqlalchemy as sa

from telemed_desk.vault import schema

SETTING_IDENTITY: Final = "vault.identity"
SETTING_CLINIC: Final = "vault.clinic"
SETTING_FOLD: Final = "vault.fold"
SETTING_HELD: Final = "vault.held"
"""Why nothing may be sent under this PC's name, as a word; absent when all is well."""
SETTING_FLOOR: Final = "vault.floor"
"""The highest number of an op of this PC that is known to be taken, u64; its row may be lost."""
SETTING_AHEAD: Final = "vault.ahead"
"""The number, u64, up to which the log's end was read before what comes earlier in it."""
SETTING_REPAIR: Final = "vault.repair"
"""What the last repair found, packed; shown until somebody has seen it."""


def read_setting(connection: sa.Connection, name: str) -> bytes | None:
    """Return a stored value."""
    return connection.execute(
        sa.select(schema.setting.c.value).where(schema.setting.c.name == name)
    ).scalar()


def write_setting(connection: sa.Connection, name: str, value: bytes) -> None:
    """Store a value, replacing an older one."""
    drop_setting(connection, name)
    connection.execute(sa.insert(schema.setting).values(name=name, value=value))


def drop_setting(connection: sa.Connection, name: str) -> None:
    """Remove a value; doing it twice is harmless."""
    connection.execute(sa.delete(schema.setting).where(schema.setting.c.name == name))
