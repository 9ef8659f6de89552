"""Segments on the desk's own line, and two of a lane on their way at once."""

import asyncio

import httpx

from telemed_protocol.api import CONTENT_TYPE, Receipt
from telemed_protocol.ids import to_base64url
from telemed_protocol.room import (
    MAX_URGENT_BYTES,
    PushSegment,
    Refused,
    RoomFrame,
    SegmentRefused,
    SegmentStored,
)
from tests.server.rig import Desk, ServerProcess, open_desk, unpack


def pushed(wire: bytes) -> PushSegment:
    return PushSegment(to_base64url(wire))


async def test_a_segment_on_the_line_gets_the_receipt_that_a_posted_one_gets(
    desk: Desk, server: ServerProcess
) -> None:
    line = await open_desk(desk)
    assert (await line.next(RoomFrame)).takes_segments
    segment = desk.seal(0, 1)
    await line.send(pushed(segment.wire))
    stored = await line.next(SegmentStored)
    posted = await asyncio.to_thread(desk.post, "/v1/segments", segment.wire)
    receipt = unpack(posted, Receipt)
    assert posted.status_code == 200, "the server has it already"
    assert stored.segment == to_base64url(segment.hash)
    assert (stored.sseq, stored.log_hash) == (receipt.sseq, to_base64url(receipt.log_hash))
    await line.close()


async def test_what_is_refused_on_the_line_is_named_and_the_line_goes_on(
    desk: Desk, server: ServerProcess
) -> None:
    line = await open_desk(desk)
    forged = bytearray(desk.seal(0, 1).wire)
    forged[-1] ^= 1
    await line.send(pushed(bytes(forged)))
    no = await line.next(SegmentRefused)
    assert (no.status, no.code) == (422, "segment_forged")
    gap = desk.seal(0, 2)
    await line.send(pushed(gap.wire))
    no = await line.next(SegmentRefused)
    assert (no.segment, no.status, no.code) == (to_base64url(gap.hash), 409, "segment_gap")
    await line.send(pushed(desk.seal(0, 1).wire))
    assert (await line.next(SegmentStored)).sseq == 1
    await line.send(pushed(bytes(MAX_URGENT_BYTES + 1)))
    assert (await line.next(Refused)).code == "bad_frame"
    assert await line.closed() == 4400


async def test_one_that_overtook_the_one_before_it_waits_for_it(
    desk: Desk, server: ServerProcess
) -> None:
    first = desk.seal(1, 1)
    second = desk.seal(1, 2, first.hash)
    headers = {"Content-Type": CONTENT_TYPE, "Authorization": f"Bearer {desk.token}"}
    async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=60) as client:
        answers = await asyncio.gather(
            *(client.post("/v1/segments", content=s.wire) for s in (second, first))
        )
    assert [answer.status_code for answer in answers] == [201, 201]
    assert [unpack(answer, Receipt).sseq for answer in answers] == [2, 1]
