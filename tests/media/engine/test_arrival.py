"""A program that reads late does not take its own lateness for the link's."""

import socket
import sys
import time

import pytest

from telemed_protocol.udp_times import last_age_s
from tests.media.engine.engine_calls import two_ends
from tests.support.waiting import until

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux can be asked when a datagram came"
)
LATE_S = 0.12


def test_the_kernel_says_when_a_datagram_came() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as near,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far,
    ):
        near.bind(("127.0.0.1", 0))
        near.settimeout(10)
        assert last_age_s(near.fileno()) == 0.0  # nothing came yet; from now on it is noted
        for text in (b"a", b"b"):
            far.sendto(text, near.getsockname())
        time.sleep(LATE_S)
        for text in (b"a", b"b"):
            assert near.recv(10) == text
            assert LATE_S <= last_age_s(near.fileno()) < 1
    assert last_age_s(-1) == 0.0


async def test_what_a_busy_program_reads_late_did_not_arrive_late() -> None:
    async with two_ends() as (a, b):
        await until(lambda: len(b.sink.counters) > 5, "pictures")
        sent: list[int] = []
        took_ms: list[float] = []
        ice, arrivals = a.transport.transport, b.transport._arrivals
        send, add = ice._send, arrivals.add

        async def then_busy(data: bytes) -> None:
            await send(data)
            is_media = 128 <= data[0] < 192 and not 192 <= data[1] < 224  # RFC 5761, section 4
            if is_media and len(sent) < 15 and not sent[len(took_ms) :]:
                sent.append(time.monotonic_ns())
                time.sleep(LATE_S)  # noqa: ASYNC251 - the loop stands still, as under a very busy PC

        def note(number: int, at_ns: int) -> None:
            if sent[len(took_ms) :]:
                took_ms.append((at_ns - sent[len(took_ms)]) / 1e6)
            add(number, at_ns)

        arrivals.add = note
        ice._send = then_busy
        await until(lambda: len(took_ms) >= 15, "packets")
        assert sorted(took_ms)[-3] < 500 * LATE_S
