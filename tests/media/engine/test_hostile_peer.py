"""Whatever the other side sends, the call goes on: damage is counted, never fatal.

``corpus/`` keeps what once broke something, here or in the libraries below us: ``<entry>-<what>.hex``,
where the entry says who reads it. More random cases: ``TELEMED_SEEDS=5000``.
"""

import asyncio
import contextlib
import os
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pylibsrtp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.media.engine.engine_calls import End, two_ends, until

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.hex"))
EXAMPLES = int(os.environ.get("TELEMED_SEEDS", "150"))
many = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
STRANGER = ("192.0.2.1", 4711)


class Running:
    """A call between two ends of ours, whose loop turns when asked to."""

    def __init__(self, runner: asyncio.Runner, a: End, b: End) -> None:
        self._runner, self.a, self.b = runner, a, b
        self.seen: dict[str, list[bytes]] = {"rtp": [], "rtcp": []}

    def run(self, work: Awaitable[Any]) -> Any:
        async def inside() -> Any:
            return await work

        return self._runner.run(inside())

    def entry(self, kind: str) -> Callable[[bytes], None]:
        """Who reads this kind of bytes at side A, past the encryption."""
        transport = self.a.transport

        def stun(data: bytes) -> None:
            protocol = transport.connection._protocols[0]
            known = transport.connection._remote_candidates[0]
            for address in ((known.host, known.port), STRANGER):
                protocol.datagram_received(data, address)

        def dtls(data: bytes) -> None:
            transport.ice._inbox.put_nowait((data, 1))
            self.run(asyncio.sleep(0))

        later: dict[str, Callable[[bytes], Awaitable[Any]]] = {
            "rtp": lambda data: transport._handle_rtp_data(data, arrival_time_ms=0),
            "rtcp": transport._handle_rtcp_data,
            "sctp": transport._data_receiver._handle_data,
        }
        now = {"stun": stun, "dtls": dtls}
        if kind in now:
            return now[kind]
        return lambda data: self.run(later[kind](data))

    def record(self) -> None:
        """Keep what side A reads of a healthy call, to be damaged afterwards."""
        transport = self.a.transport
        for kind, name in (("rtp", "_handle_rtp_data"), ("rtcp", "_handle_rtcp_data")):
            original = getattr(transport, name)

            async def keep(
                data: bytes, *rest: Any, kind: str = kind, original: Any = original, **more: Any
            ) -> None:
                self.seen[kind].append(data)
                await original(data, *rest, **more)

            setattr(transport, name, keep)

        async def wait() -> None:
            await until(lambda: len(self.seen["rtp"]) > 60 and len(self.seen["rtcp"]) > 5, "media")

        self.run(wait())
        for name in ("_handle_rtp_data", "_handle_rtcp_data"):
            delattr(transport, name)

    def goes_on(self) -> None:
        """The call is the same and pictures still come, both ways, and the data channel carries."""

        async def check() -> None:
            before = len(self.a.sink.counters), len(self.b.sink.counters)
            # made-up reports of loss may have cost the pictures their rate: it must come back
            for end, seen, to in ((self.a, before[0], "A"), (self.b, before[1], "B")):
                await until(
                    lambda end=end, seen=seen: len(end.sink.counters) > seen + 10,  # type: ignore[misc]
                    f"pictures to {to}",
                    patience_s=120,
                )
            assert self.b.call.send_data("still here")
            await until(lambda: "still here" in self.a.heard.messages, "data")

        self.run(check())
        assert self.a.heard.phase == self.b.heard.phase == "connected"
        assert not {"failed", "ended"} & {phase for phase, _ in self.a.heard.phases}


@pytest.fixture
def running() -> Iterator[Running]:
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()

        async def begin() -> tuple[End, End]:
            a, b = await stack.enter_async_context(two_ends())
            await until(lambda: a.heard.opened == b.heard.opened == 1, "channel")
            await until(lambda: min(len(a.sink.counters), len(b.sink.counters)) > 5, "pictures")
            return a, b

        a, b = runner.run(begin())
        try:
            yield Running(runner, a, b)
        finally:
            runner.run(stack.aclose())


def test_what_once_broke_something_does_so_no_more(running: Running) -> None:
    assert len(CORPUS) > 40
    for path in CORPUS:
        kind = path.name.split("-", 1)[0]
        running.entry(kind)(bytes.fromhex(path.read_text()))
    running.goes_on()
    assert running.a.transport.counters.malformed > 5
    assert running.a.transport.connection.malformed > 3


def test_random_bytes_at_the_socket(running: Running) -> None:
    read = running.entry("stun")

    @many
    @given(st.binary(max_size=200), st.integers(0, 255))
    def feed(data: bytes, first: int) -> None:
        read(bytes([first]) + data)

    before = running.a.transport.connection.strangers
    feed()
    assert running.a.transport.connection.strangers > before  # payload of strangers goes nowhere
    running.goes_on()


@st.composite
def damaged(draw: st.DrawFn, originals: list[bytes]) -> bytes:
    """A real packet with bytes changed, cut off, put in or doubled."""
    data = bytearray(draw(st.sampled_from(originals)))
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(0, min(len(data) - 1, 60))))
        match draw(st.integers(0, 3)):
            case 0:
                data[place : place + 1] = draw(st.binary(min_size=1, max_size=1))
            case 1:
                del data[place:]
            case 2:
                data[place:place] = draw(st.binary(max_size=8))
            case _:
                data += data[place:]
        if not data:
            return b"\x80"
    return bytes(data[:1500])


@pytest.mark.parametrize("kind", ["rtp", "rtcp"])
def test_damaged_packets_of_an_authentic_peer(kind: str, running: Running) -> None:
    running.record()
    read = running.entry(kind)

    @many
    @given(damaged(running.seen[kind]))
    def feed(data: bytes) -> None:
        read(data)

    feed()
    running.goes_on()


def rtcp(kind: int, fmt: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    return bytes([0x80 | fmt, kind]) + (len(body) // 4).to_bytes(2, "big") + body


def test_made_up_feedback_and_chunks(running: Running) -> None:
    transport = running.a.transport
    ours = running.a.call._streams._video.sender._ssrc.to_bytes(4, "big")
    tag = transport._data_receiver.receiver._local_verification_tag.to_bytes(4, "big")
    feedback, chunk = running.entry("rtcp"), running.entry("sctp")

    @many
    @given(
        st.sampled_from([200, 201, 202, 203, 204, 205, 206, 207]),
        st.integers(0, 31),
        st.binary(max_size=64),
        st.booleans(),
    )
    def feed(kind: int, fmt: int, body: bytes, about_us: bool) -> None:
        feedback(rtcp(kind, fmt, (ours + ours if about_us else b"") + body))

    @many
    @given(st.sampled_from([0, 3, 4, 5, 8, 9, 10, 11, 130, 192]), st.binary(max_size=40))
    def feed_chunk(kind: int, body: bytes) -> None:
        # not ABORT, SHUTDOWN and INIT: an authentic peer may end its channel
        head = bytes([kind, 3]) + (len(body) + 4).to_bytes(2, "big")
        chunk(checked(b"\x13\x88\x13\x88" + tag, head + body + bytes(-len(body) % 4)))

    feed()
    running.goes_on()
    feed_chunk()
    assert running.a.heard.phase == "connected"


def checked(head: bytes, chunks: bytes) -> bytes:
    from google_crc32c import value  # noqa: PLC0415 - aiortc's own dependency, one use

    whole = head + bytes(4) + chunks
    return head + int(value(whole)).to_bytes(4, "little") + chunks


def nonsense(rng: random.Random, packet: bytes) -> bytes:
    """A packet with its numbers as they were, and the rest damaged, or with lies about extensions."""
    data = bytearray(packet)
    for _ in range(rng.randrange(1, 5)):
        data[rng.randrange(min(12, len(data) - 1), len(data))] = rng.randrange(256)
    if rng.random() < 0.5:
        data = data[:12] + bytes([0xBE, 0xDE, 0, 1]) + rng.randbytes(4) + data[12:60]
        data[0] = 0x90
    return bytes(data)


def test_an_authentic_peer_whose_packets_are_damaged_before_they_are_sealed(
    running: Running,
) -> None:
    peer, rng, left = running.b.transport, random.Random(7), [EXAMPLES]
    send = peer._send_rtp

    async def damage(data: bytes) -> None:
        if left[0] > 0 and rng.random() < 0.5:
            left[0] -= 1
            data = (
                nonsense(rng, data)
                if data[1] not in range(192, 224)
                else data[:4] + rng.randbytes(20)
            )
        with contextlib.suppress(pylibsrtp.Error):  # it refuses to send some of it
            await send(data)

    async def wait() -> None:
        await until(lambda: left[0] == 0, "damage done")

    peer._send_rtp = damage
    running.run(wait())
    peer._send_rtp = send
    running.goes_on()


def test_an_authentic_peer_that_sends_streams_nobody_agreed_to(running: Running) -> None:
    running.record()
    peer, rng = running.b.transport, random.Random(8)

    async def send() -> None:
        for number in range(EXAMPLES):
            data = bytearray(nonsense(rng, rng.choice(running.seen["rtp"])))
            stream = (
                0xDEAD0000 + number % 5
            )  # a stream of its own each, else SRTP's counters are spoilt
            data[2:4] = number.to_bytes(2, "big")
            data[8:12] = stream.to_bytes(4, "big")
            with contextlib.suppress(pylibsrtp.Error):
                await peer._send_rtp(bytes(data))
            await asyncio.sleep(0)

    running.run(send())
    running.goes_on()
