"""Who is connected where, for several processes on one store.

A process that lives says so every few seconds; one that was killed is forgotten with its desks. A page
is present while somebody heard it lately, whichever process that was.
"""

import sqlalchemy as sa

from telemed_server import room
from telemed_server.schema import desk_lines, server_processes

_FORGOTTEN_S = 3600.0


def share(
    db: sa.Connection,
    now: float,
    process: str,
    desks: dict[bytes, bytes],
    heard: dict[str, float],
) -> None:
    """Say that this process lives, which desks it holds and when it heard its pages.

    Args:
        db: A transaction.
        now: Unix seconds.
        process: This process's name of this run.
        desks: Clinic by device.
        heard: Unix seconds by seat.
    """
    me = server_processes.c.process == process
    if db.execute(server_processes.update().where(me).values(heard_at=now)).rowcount == 0:
        db.execute(server_processes.insert().values(process=process, heard_at=now))
    mine = desk_lines.c.process == process
    told = set(db.execute(sa.select(desk_lines.c.device).where(mine)).scalars())
    if told - desks.keys():
        db.execute(desk_lines.delete().where(mine, desk_lines.c.device.in_(told - desks.keys())))
    new = [
        {"process": process, "device": device, "clinic": clinic}
        for device, clinic in desks.items()
        if device not in told
    ]
    if new:
        db.execute(desk_lines.insert(), new)
    room.note_heard(db, heard)
    gone = sa.select(server_processes.c.process).where(
        server_processes.c.heard_at < now - _FORGOTTEN_S
    )
    db.execute(desk_lines.delete().where(desk_lines.c.process.in_(gone)))
    db.execute(server_processes.delete().where(server_processes.c.heard_at < now - _FORGOTTEN_S))


def leave(db: sa.Connection, process: str) -> None:
    """Forget a process that ends."""
    db.execute(desk_lines.delete().where(desk_lines.c.process == process))
    db.execute(server_processes.delete().where(server_processes.c.process == process))
