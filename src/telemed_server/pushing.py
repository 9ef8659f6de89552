"""Taking a desk's segment in, whichever way it came: posted, or on the desk's line."""

import asyncio
import time
from typing import Final

from telemed_server import segments
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from telemed_server.parts import Parts
from telemed_server.segments import Appended

PATIENCE_S: Final = 3.0
_LOOK_AGAIN_S: Final = 0.2


async def take_segment(
    parts: Parts, member: Member, wire: bytes, *, patience_s: float = 0.0
) -> Appended:
    """Keep a segment and tell the clinic's desks; returns once it is durable.

    Args:
        parts: The server's.
        member: Who sends it.
        wire: As sent.
        patience_s: How long to wait for the one before it. Two may be on their way at once, and
            the smaller one arrives first though it left second.

    Raises:
        RequestRefused: As :func:`telemed_server.segments.append`, and 429.
    """
    parts.limiter.check("segments", member.device.hex())
    segment = segments.parse_pushed(wire, member)
    until = time.monotonic() + patience_s
    while True:
        try:
            appended = await parts.store.run(
                lambda db: segments.append(db, time.time(), member, segment)
            )
        except RequestRefused as refused:
            only_one_missing = refused.words == f"expected {segment.header.n - 1}"
            if not only_one_missing or time.monotonic() >= until:
                raise
            await asyncio.sleep(_LOOK_AGAIN_S)
            continue
        if appended.new:
            parts.hub.log_grew(member.clinic, appended.receipt.sseq)
        return appended
