"""This PC's own sealed segments in the database: their heads, and how one is stored."""

from collections.abc import Sequence

import sqlalchemy as sa

from telemed_desk.vault import schema
from telemed_protocol.errors import BugError
from telemed_protocol.progress import LaneHead
from telemed_protocol.segment import GENESIS_HASH, SealedSegment


def own_heads(connection: sa.Connection, device: bytes) -> list[tuple[int, int, bytes]]:
    """Return lane, n and hash of the newest segment of each lane."""
    c = schema.segment.c
    lanes = connection.execute(sa.select(c.lane).where(c.device == device).distinct()).scalars()
    heads = [(lane, head_of_lane(connection, device, lane)) for lane in sorted(lanes)]
    return [(lane, head.n, head.hash) for lane, head in heads]


def head_of_lane(connection: sa.Connection, device: bytes, lane: int) -> LaneHead:
    """Return the newest segment of a lane; n = 0 and zeros when none."""
    c = schema.segment.c
    row = connection.execute(
        sa.select(c.n, c.hash)
        .where(c.device == device, c.lane == lane)
        .order_by(c.n.desc())
        .limit(1)
    ).first()
    return LaneHead(0, GENESIS_HASH) if row is None else LaneHead(row.n, row.hash)


def keep_sealed(
    connection: sa.Connection, device: bytes, segment: SealedSegment, numbers: Sequence[int]
) -> None:
    """Store a segment that follows its lane's head, and mark the ops inside.

    Raises:
        BugError: It does not follow, or an op is sealed already.
    """
    header = segment.header
    head = head_of_lane(connection, device, header.lane)
    # (lane, n) becomes ours with this commit, and nothing is sent before it: a segment that was
    # sealed and lost with the power was seen by nobody, so its n is still unused.
    if header.device != device or header.n != head.n + 1 or header.prev_hash != head.hash:
        raise BugError("a segment that does not follow its lane's head")
    if store_sealed(connection, segment, numbers) != len(numbers):
        raise BugError("an op that is sealed already")


def store_sealed(connection: sa.Connection, segment: SealedSegment, numbers: Sequence[int]) -> int:
    """Store a segment and mark those of its ops that are here; return how many those are."""
    header = segment.header
    connection.execute(
        sa.insert(schema.segment).values(
            device=header.device,
            lane=header.lane,
            n=header.n,
            hash=segment.hash,
            epoch=header.epoch,
            size=len(segment.wire),
            own=1,
            wire=segment.wire,
        )
    )
    c = schema.op.c
    marked = 0
    for start in range(0, len(numbers), 500):
        marked += connection.execute(
            sa.update(schema.op)
            .where(
                c.device == header.device,
                c.number.in_(numbers[start : start + 500]),
                c.lane == header.lane,
                c.segment_n.is_(None),
            )
            .values(segment_n=header.n)
        ).rowcount
    return marked
