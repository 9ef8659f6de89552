"""Candidates: a silent STUN server does not hold up a call, a late one is still used."""

import asyncio
import time
from typing import Any

import pytest
from aioice import Candidate, mdns, stun

from telemed_desk.media.control import IceServerSpec
from telemed_desk.media.engine.call import Call, CallParts
from telemed_desk.media.engine.warm import warm_up
from tests.media.engine.engine_calls import Heard, until
from tests.media.engine.engine_sources import CountingSink


class SlowStun(asyncio.DatagramProtocol):
    """Answers when told to, or never."""

    def __init__(self) -> None:
        self.asked: list[tuple[stun.Message, Any]] = []
        self.transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        self.asked.append((stun.parse_message(data), addr))

    def answer(self) -> None:
        for message, addr in self.asked:
            reply = stun.Message(
                message_method=stun.Method.BINDING,
                message_class=stun.Class.RESPONSE,
                transaction_id=message.transaction_id,
            )
            reply.attributes["XOR-MAPPED-ADDRESS"] = ("203.0.113.7", 4711)
            self.transport.sendto(bytes(reply), addr)


class Listening(Heard):
    def __init__(self) -> None:
        super().__init__()
        self.candidates: list[tuple[str, str | None, int | None]] = []

    def on_candidate(self, candidate: str, mid: str | None, mline: int | None) -> None:
        self.candidates.append((candidate, mid, mline))


async def test_the_offer_does_not_wait_for_a_silent_server_and_late_answers_are_trickled() -> None:
    warm_up()
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(SlowStun, local_addr=("127.0.0.1", 0))
    port = transport.get_extra_info("sockname")[1]
    heard = Listening()
    call = Call(
        "test",
        CallParts(None, None, CountingSink()),
        heard,
        offer=True,
        ice_servers=[IceServerSpec([f"stun:127.0.0.1:{port}", "stun:::nonsense"])],
        relay_only=False,
        start_rung=4,
    )
    try:
        begun = time.monotonic()
        sdp = await call.make_offer()
        assert time.monotonic() - begun < 4.5  # stock waits for five seconds
        assert "typ host" in sdp
        assert "203.0.113.7" not in sdp
        await until(lambda: server.asked, "asked")
        server.answer()
        await until(lambda: heard.candidates, "late candidate")
        text, mid, mline = heard.candidates[0]
        assert (mid, mline) == ("0", 0)
        assert Candidate.from_sdp(text.removeprefix("candidate:")).host == "203.0.113.7"
    finally:
        await call.close()
        transport.close()


async def test_an_mdns_name_that_nobody_answers_to_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    class Unanswered:
        async def resolve(self, hostname: str) -> None:
            asked.append(hostname)
            await asyncio.Event().wait()

        async def close(self) -> None:
            asked.append("closed")

    async def listening() -> Unanswered:
        # Not the real socket: where a machine has no multicast it cannot be opened at all.
        return Unanswered()

    monkeypatch.setattr(mdns, "create_mdns_protocol", listening)
    call = Call(
        "test",
        CallParts(None, None, CountingSink()),
        Heard(),
        offer=True,
        ice_servers=[],
        relay_only=False,
        start_rung=4,
    )
    try:
        await call.make_offer()
        async with asyncio.timeout(60):  # no look-up ever ends
            for n in range(5):
                name = f"0a1b2c3d-0000-4000-8000-00000000000{n}.local"
                text = f"candidate:1 1 udp 2122260223 {name} 50000 typ host"
                await call.add_candidate(text, "0", 0)
        await until(lambda: len(asked) == 5, "look-ups")
    finally:
        await call.close()
    assert asked[5:] == ["closed"]
