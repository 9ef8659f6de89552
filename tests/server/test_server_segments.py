"""The sealed log: idempotent, gapless, never two truths under one number."""

import asyncio

import httpx
import msgspec
import pytest

from telemed_protocol.api import Held, HeldLane, PulledSegments, Receipt
from telemed_protocol.ids import new_id
from telemed_protocol.segment import (
    GENESIS_HASH,
    MAX_SEGMENT_BYTES,
    next_log_hash,
    open_segment,
    parse_segment,
)
from tests.server.rig import Desk, ServerProcess, problem_of, unpack


def test_a_segment_gets_a_number_and_a_repeat_gets_the_same_receipt(desk: Desk) -> None:
    segment = desk.seal(1, 1)
    first = desk.post("/v1/segments", segment.wire)
    again = desk.post("/v1/segments", segment.wire)
    assert (first.status_code, again.status_code) == (201, 200)
    receipt = unpack(first, Receipt)
    assert receipt == unpack(again, Receipt)
    assert receipt.sseq == 1
    assert receipt.log_hash == next_log_hash(GENESIS_HASH, segment.hash)


def test_other_bytes_under_a_used_number_are_refused(desk: Desk) -> None:
    desk.post("/v1/segments", desk.seal(1, 1, text="a").wire)
    refused = desk.post("/v1/segments", desk.seal(1, 1, text="b").wire)
    assert (refused.status_code, problem_of(refused)) == (409, "segment_conflict")


def test_a_desk_is_told_what_is_held_of_it(desk: Desk) -> None:
    assert unpack(desk.get("/v1/segments/held"), Held) == Held([])
    first, other = desk.seal(1, 1), desk.seal(3, 1)
    second = desk.seal(1, 2, first.hash)
    for segment in (first, other, second):
        desk.post("/v1/segments", segment.wire)
    assert unpack(desk.get("/v1/segments/held"), Held) == Held(
        [HeldLane(1, 2, second.hash), HeldLane(3, 1, other.hash)]
    )


def test_a_gap_or_another_past_is_refused(desk: Desk) -> None:
    first = desk.seal(2, 1)
    desk.post("/v1/segments", first.wire)
    gap = desk.post("/v1/segments", desk.seal(2, 3, first.hash).wire)
    assert (gap.status_code, problem_of(gap)) == (409, "segment_gap")
    fork = desk.post("/v1/segments", desk.seal(2, 2, bytes(32)).wire)
    assert (fork.status_code, problem_of(fork)) == (409, "segment_fork")
    assert desk.post("/v1/segments", desk.seal(2, 2, first.hash).wire).status_code == 201
    assert desk.post("/v1/segments", desk.seal(3, 2**63 - 1).wire).status_code == 409


def test_every_changed_byte_is_noticed(desk: Desk) -> None:
    wire = desk.seal(1, 1, text="paracetamol").wire
    for place in range(0, len(wire), 7):
        changed = bytearray(wire)
        changed[place] ^= 0x01
        refused = desk.post("/v1/segments", bytes(changed))
        assert refused.status_code in {409, 422}, (place, refused.content)
    assert unpack(desk.get("/v1/segments"), PulledSegments).head == 0


def test_nobody_pushes_for_another_device_or_clinic(server: ServerProcess, desk: Desk) -> None:
    other = Desk.founding(server)
    stolen = desk.post("/v1/segments", other.seal(1, 1).wire)
    assert (stolen.status_code, problem_of(stolen)) == (422, "segment_other_device")
    foreign = desk.post("/v1/segments", desk.seal(1, 1, clinic=other.clinic).wire)
    assert (foreign.status_code, problem_of(foreign)) == (422, "segment_other_clinic")
    posing = Desk(server, desk.clinic)
    posing.identity = msgspec.structs.replace(posing.identity, device=desk.identity.device)
    forged = desk.post("/v1/segments", posing.seal(1, 1).wire)
    assert (forged.status_code, problem_of(forged)) == (422, "segment_forged")
    posing.close()
    other.close()


def test_too_large_a_segment_is_refused(desk: Desk) -> None:
    refused = desk.post("/v1/segments", bytes(MAX_SEGMENT_BYTES + 1))
    assert (refused.status_code, problem_of(refused)) == (413, "too_large")
    chunked = desk.http.post(  # without a length the server has to count
        "/v1/segments",
        content=iter([bytes(8192)] * 9),
        headers={"Authorization": f"Bearer {desk.token}"},
    )
    assert chunked.status_code == 413


def test_pulling_pages_through_the_log_in_order(desk: Desk) -> None:
    desk.push_chain(1, 7)
    seen: list[int] = []
    log_hash, after = GENESIS_HASH, 0
    while True:
        page = unpack(desk.get(f"/v1/segments?after={after}&limit=3"), PulledSegments)
        assert page.head == 7
        if not page.segments:
            break
        for item in page.segments:
            segment = parse_segment(item.wire)
            log_hash = next_log_hash(log_hash, segment.hash)
            assert item.log_hash == log_hash
            assert len(open_segment(segment, desk.epoch_key)) == 1
            seen.append(item.sseq)
        after = seen[-1]
    assert seen == list(range(1, 8))


def test_a_clinic_sees_its_own_log_only(server: ServerProcess, desk: Desk) -> None:
    desk.push_chain(1, 2)
    other = Desk.founding(server)
    assert unpack(other.get("/v1/segments?after=0"), PulledSegments) == PulledSegments([], 0)
    other.close()


@pytest.mark.parametrize("query", ["after=-1", "after=x", "limit=1e3", "after=" + "9" * 30])
def test_odd_cursors_are_refused(desk: Desk, query: str) -> None:
    assert desk.get(f"/v1/segments?{query}").status_code == 422


async def test_sixteen_pushers_at_once_leave_no_gap(server: ServerProcess, desk: Desk) -> None:
    lanes = 5
    each = 6
    others = [Desk.founding(server) for _ in range(2)]
    desks = [desk, *others]
    jobs = [(one, lane) for one in desks for lane in range(lanes)] + [(desk, -1)]

    async def push(client: httpx.AsyncClient, one: Desk, lane: int) -> list[int]:
        numbers = []
        prev = GENESIS_HASH
        for n in range(1, each + 1):
            segment = one.seal(max(lane, 0), n, prev) if lane >= 0 else None
            wire = segment.wire if segment else new_id()
            pushed = await client.post(
                f"{server.url}/v1/segments",
                content=wire,
                headers={"Authorization": f"Bearer {one.token}"},
            )
            if segment is None:  # the sixteenth sends rubbish between the others
                assert pushed.status_code == 422
                continue
            assert pushed.status_code == 201
            numbers.append(unpack(pushed, Receipt).sseq)
            prev = segment.hash
        return numbers

    async with httpx.AsyncClient(timeout=60) as client:
        results = await asyncio.gather(*(push(client, one, lane) for one, lane in jobs))
    for index, one in enumerate(desks):
        numbers = sorted(n for part in results[index * lanes : (index + 1) * lanes] for n in part)
        assert numbers == list(range(1, lanes * each + 1))
        page = unpack(one.get("/v1/segments"), PulledSegments)
        assert [item.sseq for item in page.segments] == numbers
    for one in others:
        one.close()
