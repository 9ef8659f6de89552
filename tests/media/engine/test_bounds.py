"""Nothing that a peer sends, and no length of a call, makes memory grow without end."""

import asyncio
import random

from aiortc.rtp import RtcpRrPacket, RtpPacket

from telemed_desk.media.engine.throughput import Throughput
from telemed_desk.media.transport.sent_log import PacketResult
from telemed_desk.media.transport.stream_limit import MOST_STREAMS, StreamLimit
from tests.media.engine.engine_calls import two_ends, until

S = 1_000_000_000


def rtp(source: int) -> bytes:
    return RtpPacket(payload_type=96, ssrc=source, payload=b"x").serialize()


def test_a_clock_that_stands_still_fills_no_window() -> None:
    through = Throughput()
    for number in range(1, 100_000):
        through.add(PacketResult(number, number * 1_000_000, 1200, 7 * S), 0.0)
    assert len(through._acked._entries) <= 4000
    assert through.sent_bps is not None
    assert 9e6 < through.sent_bps < 10e6  # what left was honest, and is still measured


def test_clocks_that_run_anyhow_fill_no_window() -> None:
    for seed in range(20):
        rng, through, at = random.Random(seed), Throughput(), 0
        for number in range(1, 10_000):
            at += rng.choice([-S, 0, 0, 1, 1000, S])
            through.add(PacketResult(number, number, 1200, at), rng.random())
        assert len(through._acked._entries) <= 4000
        assert len(through._sent._entries) <= 4000


def test_streams_beyond_the_limit_are_refused_and_known_ones_go_on() -> None:
    limit = StreamLimit()
    for source in range(MOST_STREAMS + 20):
        assert limit.refuses(rtp(source)) is (source >= MOST_STREAMS)
        if source < MOST_STREAMS:
            limit.note(rtp(source))
    assert len(limit) == MOST_STREAMS
    assert not limit.refuses(rtp(3))
    assert not limit.refuses(bytes(RtcpRrPacket(ssrc=5)))
    assert limit.refuses(bytes(RtcpRrPacket(ssrc=77_777)) + bytes(20))
    for other in (b"", b"\x80", b"\x16\xfe\xfd" + bytes(40), b"\x00\x01" + bytes(18)):
        assert not limit.refuses(other)  # DTLS, STUN, and what is too short to be anything


async def test_a_peer_that_brings_ever_new_streams_is_read_no_further() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(a.sink.counters) > 5, "pictures")
        for source in range(1000, 1000 + 3 * MOST_STREAMS):
            await b.transport._send_rtp(rtp(source))
            await b.transport._send_rtp(bytes(RtcpRrPacket(ssrc=source)))
            await asyncio.sleep(0)
        await until(lambda: a.transport.streams.refused > MOST_STREAMS, "refused")
        assert len(a.transport.streams) == MOST_STREAMS
        assert len(a.transport._rtp_router.ssrc_table) <= MOST_STREAMS + 8
        shown = len(a.sink.counters)
        await until(lambda: len(a.sink.counters) > shown + 20, "the call's own pictures go on")


async def test_names_of_old_descriptions_are_forgotten() -> None:
    async with two_ends() as (a, _):
        ice = a.transport.ice
        for number in range(100):
            ice.active.remote_username = f"name{number}"
            await ice.renew()
        assert len(ice._spent) <= 32
        assert "name99" in ice._spent
