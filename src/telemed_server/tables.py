"""Which version of the tables a database has, and how it gets the next one.

Alembic's scripts are in ``migrations/``. Every change adds; what an older server of the version
before reads and writes stays, so that old and new processes may run side by side for a while.
"""

from enum import Enum
from importlib import resources

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory


class Age(Enum):
    """How a database's tables stand to what this server knows."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"
    FOREIGN = "foreign"


def _config() -> Config:
    config = Config()
    config.set_main_option(
        "script_location", str(resources.files("telemed_server").joinpath("migrations"))
    )
    return config


def age_of(db: sa.Connection) -> Age:
    """Look at a database's tables; changes nothing."""
    present = set(sa.inspect(db).get_table_names())
    if not present:
        return Age.EMPTY
    if "alembic_version" not in present:
        return Age.FOREIGN
    current = MigrationContext.configure(db).get_current_revision()
    scripts = ScriptDirectory.from_config(_config())
    if current is None:
        return Age.FOREIGN if present != {"alembic_version"} else Age.EMPTY
    if current == scripts.get_current_head():
        return Age.CURRENT
    known = {script.revision for script in scripts.walk_revisions()}
    return Age.OLDER if current in known else Age.NEWER


def upgrade(db: sa.Connection) -> None:
    """Bring the tables to this server's version, inside the caller's transaction.

    Raises:
        alembic.util.CommandError: The tables are of a version that is not known here.
    """
    config = _config()
    config.attributes["connection"] = db
    command.upgrade(config, "head")
