"""The simulator's server and the real log's logic answer alike."""

import functools
import random
from collections.abc import Callable, Iterator

import msgspec
import pytest

from telemed_protocol.errors import KnownError
from telemed_protocol.op import OP_VERSION, READER_VERSION, Op, pack_payload
from telemed_protocol.segment import (
    COMPRESSION_ZSTD,
    GENESIS_HASH,
    SealedSegment,
    SegmentHeader,
    seal_segment,
)
from telemed_server.postgres import open_postgres
from tests.simulator.cast import CLINIC, IDENTITIES, epoch_key, founding
from tests.simulator.server import RealLog, SimServer, in_memory

DESKS = IDENTITIES[:3]


@pytest.fixture(params=["sqlite", "postgresql"])
def servers(request: pytest.FixtureRequest) -> Iterator[tuple[SimServer, SimServer]]:
    members = {who.device for who in DESKS}
    engine = in_memory()
    if request.param == "postgresql":
        engine = open_postgres(request.getfixturevalue("postgres").fresh())
    real = RealLog(list(founding(3)), set(members), engine=engine)
    yield SimServer(list(founding(3)), set(members)), real
    real.close()


def segment(rng: random.Random, heads: dict[tuple[int, int], SealedSegment]) -> SealedSegment:
    """A segment that mostly continues its lane, and sometimes does not."""
    index, lane = rng.randrange(3), rng.randrange(3)
    last = heads.get((index, lane))
    n, prev = (last.header.n, last.hash) if last else (0, GENESIS_HASH)
    n += rng.choice((1, 1, 1, 1, 0, 2))
    if rng.random() < 0.1:
        prev = rng.randbytes(32)
    who = DESKS[index]
    op = Op(
        OP_VERSION,
        who.device,
        max(1, n),
        1,
        who.device,
        "device.set",
        READER_VERSION,
        who.device,
        (),
        pack_payload({"label": str(rng.random())}),
    )
    header = SegmentHeader(
        CLINIC, who.device, lane, max(1, n), prev, 0, COMPRESSION_ZSTD, 1, 0, 0, GENESIS_HASH
    )
    return seal_segment(header, (op,), epoch_key(0), who)


def said(call: Callable[[], object]) -> object:
    try:
        return call()
    except KnownError as error:
        return (type(error).__name__, error.detail)


@pytest.mark.parametrize("seed", range(3))
def test_the_double_answers_as_the_real_log_does(
    servers: tuple[SimServer, SimServer], seed: int
) -> None:
    rng = random.Random(seed)
    heads: dict[tuple[int, int], SealedSegment] = {}
    sent: list[tuple[bytes, bytes]] = []
    refused = 0
    for _ in range(120):
        if sent and rng.random() < 0.2:
            device, wire = rng.choice(sent)
        else:
            made = segment(rng, heads)
            device, wire = made.header.device, made.wire
            if rng.random() < 0.1:
                spoilt = bytearray(wire)
                spoilt[rng.randrange(len(wire))] ^= 1
                wire = bytes(spoilt)
            if rng.random() < 0.05:
                device = DESKS[rng.randrange(3)].device
        answers = [said(functools.partial(server.push, device, wire)) for server in servers]
        assert answers[0] == answers[1]
        if isinstance(answers[0], tuple):
            refused += 1
        elif wire == made.wire:
            sent.append((device, wire))
            index = [who.device for who in DESKS].index(device)
            heads[index, made.header.lane] = made
        after, limit = rng.randrange(20), rng.randint(1, 9)
        pages = [server.pull(DESKS[0].device, after, limit) for server in servers]
        assert msgspec.msgpack.encode(pages[0]) == msgspec.msgpack.encode(pages[1])
        assert servers[0].held(device) == servers[1].held(device)
    assert refused > 10
    assert len(sent) > 10


def test_a_device_that_is_no_member_is_turned_away_by_both(
    servers: tuple[SimServer, SimServer],
) -> None:
    stranger = IDENTITIES[5].device
    for server in servers:
        answer = said(functools.partial(server.pull, stranger, 0, 5))
        assert answer == ("NotAuthorised", "not_authorised")
