"""What lies between the part of the log that was read and the end that was read ahead of it.

A new PC takes in the newest weeks before the years before them. Meanwhile its records are true and not
whole: an allergy that was recorded two years ago is not here yet, and no screen may say that there is
none.
"""

import sqlalchemy as sa

from telemed_desk.vault.driver_sql import query
from telemed_desk.vault.settings import SETTING_AHEAD, read_setting, write_setting


def note_ahead(connection: sa.Connection, up_to: int) -> None:
    """Note that segments up to this number were read ahead; a lower one than before says nothing new."""
    if up_to > _ahead(connection):
        write_setting(connection, SETTING_AHEAD, up_to.to_bytes(8, "big"))


def unread(connection: sa.Connection) -> int:
    """Return how many numbers of the log are still to be read below what was read ahead."""
    up_to = _ahead(connection)
    if up_to == 0:
        return 0
    ((cursor,),) = query(connection, "SELECT max(sseq) FROM log")
    return max(0, up_to - (cursor or 0))


def _ahead(connection: sa.Connection) -> int:
    return int.from_bytes(read_setting(connection, SETTING_AHEAD) or b"\0", "big")
