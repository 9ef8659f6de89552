"""A call begins on a link that loses packets: what is lost first is not waited for."""

import asyncio
import struct
from typing import Any

import pytest
from aioice import Candidate, stun

from telemed_desk.media.codecs.vp8_payload import pack_vp8
from telemed_desk.media.engine.assembler import FrameAssembler
from telemed_desk.media.transport.ice import PathProtocol, PatientConnection
from telemed_desk.media.transport.repair import LossTracker
from tests.media.engine.engine_calls import End, until

MS = 1_000_000
KEY = b"\x10\x00\x00\x9d\x01\x2a" + bytes(3000)


class DeafOnce(asyncio.DatagramProtocol):
    """Answers checks, save the first."""

    def __init__(self) -> None:
        self.asked: list[bytes] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.asked.append(data)
        if len(self.asked) == 1:
            return
        message = stun.parse_message(data)
        reply = stun.Message(
            message_method=stun.Method.BINDING,
            message_class=stun.Class.RESPONSE,
            transaction_id=message.transaction_id,
        )
        self.transport.sendto(bytes(reply), addr)


async def test_a_lost_check_does_not_cost_half_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stun, "RETRY_RTO", 3600.0)  # whatever is answered was our copy
    loop = asyncio.get_running_loop()
    far, server = await loop.create_datagram_endpoint(DeafOnce, local_addr=("127.0.0.1", 0))
    connection = PatientConnection([])
    near, path = await loop.create_datagram_endpoint(
        lambda: PathProtocol(connection), local_addr=("127.0.0.1", 0)
    )
    path.local_candidate = Candidate.from_sdp("1 1 udp 1 127.0.0.1 9 typ host")
    request = stun.Message(message_method=stun.Method.BINDING, message_class=stun.Class.REQUEST)
    try:
        async with asyncio.timeout(20):
            await path.request(request, far.get_extra_info("sockname"))
        assert len(server.asked) >= 2
        assert len(set(server.asked)) == 1  # the same transaction, so an answer to either will do
    finally:
        near.close()
        far.close()
        await connection.close()


async def test_the_first_picture_comes_though_all_but_one_of_its_packets_were_lost_once() -> None:
    a, b = End(440.0, offer=True, noise=70), End(700.0, offer=False)
    try:
        ice = a.transport.transport
        send = ice._send
        ssrc: bytes = struct.pack("!L", a.call._streams._video.sender._ssrc)
        first: list[bytes] = []
        lost = 0

        async def lossy(data: bytes) -> None:
            nonlocal lost
            if 128 <= data[0] < 192 and data[8:12] == ssrc:
                first.append(data[4:8])
                if len(first) > 1 and first[0] == data[4:8]:
                    lost += 1
                    return
            await send(data)

        async def unheard(data: bytes) -> None:
            del data

        ice._send = lossy
        answer = await b.call.accept_offer(await a.call.make_offer())
        b.transport.send_rtcp = unheard  # nothing is asked for: neither packets nor a key frame
        await a.call.accept_answer(answer)
        await until(lambda: b.sink.counters, "a picture")
        assert lost
    finally:
        await asyncio.gather(a.close(), b.close())


def test_what_was_lost_before_the_first_packet_is_asked_for() -> None:
    payloads = pack_vp8(KEY, 1)
    assert len(payloads) > 2
    for begins_with, headless in ((0, False), (1, True)):
        assembler = FrameAssembler()
        assembler.insert(100 + begins_with, 0, payloads[begins_with], 0, marker=False)
        assert assembler.headless == headless
    tracker = LossTracker()
    tracker.add(101, 0)
    assert tracker.due(MS, 300.0) == []
    tracker.ask_before(101, 3, MS)
    assert tracker.due(MS, 300.0) == [98, 99, 100]
    tracker.forget_below(101)
    assert tracker.missing == 0


def test_parity_does_not_make_repeats_seem_slow_or_quick() -> None:
    """Patience is learned from repeats: what parity gives back after 15 ms came for no request."""
    trip_ms = 300.0
    tracker = LossTracker()
    tracker.add(0, 0)
    now = 0
    for n in range(2, 60, 2):  # n - 1 is lost each time; repeats and parity give it back in turn
        now = n * 1000 * MS
        tracker.add(n, now)
        assert tracker.due(now, trip_ms) == [n - 1]
        tracker.add(n - 1, now + (15 if n % 4 else 310) * MS, repaired=True)
    tracker.add(60, now + 500 * MS)
    tracker.forget_below(59)
    begun = now + 500 * MS
    asked = [t for t in range(0, 500, 5) if tracker.due(begun + t * MS, trip_ms)]
    assert asked[:2] == [0, 20]
    assert (
        300 < asked[2] < 1.15 * trip_ms
    )  # the repeat was lost: ask again as soon as that is known
