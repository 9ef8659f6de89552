"""Brings a vault file to the layout of this version, or refuses one from a newer version."""

from pathlib import Path
from typing import Final

import sqlalchemy as sa

from telemed_desk.vault.problems import VaultFromNewerVersion

HEAD: Final = "0007"
"""The newest migration; a test compares it with the folder."""


def upgrade(connection: sa.Connection) -> bool:
    """Run the missing migrations inside the caller's transaction.

    Returns:
        Whether there was anything to do.

    Raises:
        VaultFromNewerVersion: The file's layout is not known here; nothing was changed.
    """
    current = _current(connection)
    if current == HEAD:
        return False
    if current is not None and current > HEAD:
        raise VaultFromNewerVersion("layout " + current)
    # Imported late: Alembic costs some 150 ms, and a vault of the right layout does not need it.
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.config import Config  # noqa: PLC0415 - see above

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, HEAD)
    return True


def _current(connection: sa.Connection) -> str | None:
    known = connection.exec_driver_sql(
        "SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"
    ).scalar_one()
    if not known:
        return None
    found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    return None if found is None else str(found)
