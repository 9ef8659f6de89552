"""Parity beside repeats, through the receiver itself: what comes back is what was sent, or nothing."""

import random
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc.rtcrtpparameters import (
    RTCRtpHeaderExtensionParameters,
    RTCRtpParameters,
    RTCRtpReceiveParameters,
)
from aiortc.rtp import HeaderExtensionsMap, RtpPacket

from telemed_desk.media.transport.codec_table import (
    FEC_PAYLOAD_TYPE,
    RED_PAYLOAD_TYPE,
    RED_RTX_PAYLOAD_TYPE,
    VP8_PAYLOAD_TYPE,
    codecs,
)
from telemed_desk.media.transport.fec import make_parity, summand, wrap_red
from telemed_desk.media.transport.install import MID_URI
from telemed_desk.media.transport.receiver import PacketReceiver

SSRC, RTX_SSRC = 7, 8


class Wire:
    """What a receiver uses of its transport."""

    def __init__(self) -> None:
        self.datagram = b""
        self.usable_rtt_ms = 100.0
        self.pacer = SimpleNamespace(target_bps=1e6)

    def _register_rtp_receiver(self, *_: object) -> None: ...

    def _unregister_rtp_receiver(self, *_: object) -> None: ...

    def note_extensions(self, *_: object) -> None: ...

    def ensure_running(self) -> None: ...

    async def send_rtcp(self, data: bytes) -> None: ...


class Heard:
    """The handler of the stream."""

    def __init__(self) -> None:
        self.payloads: dict[int, bytes] = {}

    def on_packet(self, packet: RtpPacket, now_ns: int) -> None:
        del now_ns
        if packet.payload:
            self.payloads[packet.sequence_number] = packet.payload

    def on_tick(self, now_ns: int) -> None: ...


class Line:
    """A receiver of pictures, and the sender's way of writing packets."""

    def __init__(self) -> None:
        self.wire, self.heard = Wire(), Heard()
        self.receiver = PacketReceiver("video", self.wire)  # type: ignore[arg-type]  # what it uses of one
        self.receiver.handler = self.heard
        mid = RTCRtpHeaderExtensionParameters(id=1, uri=MID_URI)
        self.known = RTCRtpReceiveParameters(codecs=codecs()["video"], headerExtensions=[mid])
        self._extensions = HeaderExtensionsMap()
        self._extensions.configure(RTCRtpParameters(headerExtensions=[mid]))

    def packet(self, number: int, body: bytes, kind: int = VP8_PAYLOAD_TYPE) -> RtpPacket:
        return RtpPacket(RED_PAYLOAD_TYPE, 0, number, 9000, SSRC, wrap_red(kind, body))

    def repeat(self, packet: RtpPacket) -> RtpPacket:
        """The same once more, on the line for repeats: its header says more than the first time."""
        head = packet.sequence_number.to_bytes(2, "big")
        again = RtpPacket(RED_RTX_PAYLOAD_TYPE, 0, 500, 9000, RTX_SSRC, head + packet.payload)
        again.extensions.mid = "1"
        return again

    async def bring(self, packet: RtpPacket) -> None:
        data = packet.serialize(self._extensions)
        self.wire.datagram = data
        await self.receiver._handle_rtp_packet(RtpPacket.parse(data, self._extensions), 0)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    made = Line()
    await made.receiver.receive(made.known)
    yield made
    await made.receiver.stop()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("late", [False, True], ids=["parity-last", "repeat-last"])
async def test_parity_invents_nothing_where_a_repeat_came(
    line: Line, seed: int, *, late: bool
) -> None:
    rng = random.Random(seed)
    bodies = {n: rng.randbytes(rng.randrange(200, 500)) for n in range(100, 105)}
    lost, again = rng.sample(sorted(bodies)[1:], 2)
    parity = make_parity(
        [(n, summand(0x80, VP8_PAYLOAD_TYPE, 9000, body)) for n, body in bodies.items()]
    )
    steps: list[Any] = [line.packet(n, b) for n, b in bodies.items() if n not in {lost, again}]
    ends = [
        line.repeat(line.packet(again, bodies[again])),
        line.packet(105, parity, FEC_PAYLOAD_TYPE),
    ]
    for packet in [*steps, *(reversed(ends) if late else ends)]:
        await line.bring(packet)
    assert line.heard.payloads[again] == bodies[again]
    assert lost not in line.heard.payloads
    assert {n: b for n, b in line.heard.payloads.items() if n in bodies} == {
        n: b for n, b in bodies.items() if n != lost
    }


async def test_without_the_repeat_the_same_parity_gives_the_lost_one_back(line: Line) -> None:
    bodies = {n: bytes((n,)) * 300 for n in range(100, 105)}
    content = [(n, summand(0x80, VP8_PAYLOAD_TYPE, 9000, body)) for n, body in bodies.items()]
    for number, body in bodies.items():
        if number != 102:
            await line.bring(line.packet(number, body))
    await line.bring(line.packet(105, make_parity(content), FEC_PAYLOAD_TYPE))
    assert line.heard.payloads[102] == bodies[102]
