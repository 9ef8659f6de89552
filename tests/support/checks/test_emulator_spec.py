"""The emulated link is what its spec says: loss, bursts, rate, delay, jitter, order, and in time.

One-way, by a clock that both namespaces share. Limits are wide enough for five standard deviations and
for a machine with other work: a loaded one delivers later, never sooner, and loses nothing more.
"""

import asyncio
import json
import signal
import sys
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.support.link.emulated import Counters, EmulatedLink
from tests.support.link.spec import BURST, CLEAN, THIN_24, THIN_64, LinkSpec

_TAKE = """
import json, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('0.0.0.0', 5000)); s.settimeout(float(sys.argv[1]))
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
print('up', flush=True); got = []
try:
    while True:
        data = s.recv(2000); now = time.monotonic_ns()
        got.append((int(data[:8]), (now - int(data[8:32])) / 1e6, now / 1e9))
except TimeoutError: print(json.dumps(got))
"""
_GIVE = """
import socket, sys, time
host, count, size, gap = sys.argv[1], *map(float, sys.argv[2:])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); began = time.monotonic()
for n in range(int(count)):
    time.sleep(max(0.0, began + n * gap - time.monotonic()))
    s.sendto((b'%8d%24d' % (n, time.monotonic_ns())).ljust(int(size)), (host, 5000))
"""
HEADERS = 28


@dataclass(frozen=True)
class Passed:
    """What came through from a to b.

    Attributes:
        sent: How many were.
        numbers: Of those that came, in their order.
        delays_ms: One way.
        came_s: When.
        counted: The emulator's own count.
    """

    sent: int
    numbers: NDArray[np.int64]
    delays_ms: NDArray[np.float64]
    came_s: NDArray[np.float64]
    counted: Counters

    @property
    def lost_runs(self) -> list[int]:
        """Lengths of the runs of packets in a row that did not come."""
        came = np.zeros(self.sent, bool)
        came[self.numbers] = True
        edges = np.flatnonzero(np.diff(np.concatenate([[True], came, [True]]).astype(int)))
        return [int(length) for length in np.diff(edges)[::2]]


async def _pass(
    link_spec: LinkSpec, count: int, size: int, gap_s: float, quiet_s: float = 2.0
) -> Passed:
    async with EmulatedLink(link_spec, seed=5) as link:
        take = await asyncio.create_subprocess_exec(
            *link.b.command(sys.executable, "-c", _TAKE, str(quiet_s)),
            stdout=asyncio.subprocess.PIPE,
            limit=1 << 24,
        )
        assert take.stdout is not None
        assert await take.stdout.readline() == b"up\n"
        give = await asyncio.create_subprocess_exec(
            *link.a.command(
                sys.executable, "-c", _GIVE, link.b.address, str(count), str(size), str(gap_s)
            )
        )
        await give.wait()
        got = json.loads((await take.communicate())[0])
        counted = (await link.counters())["ab"]
    numbers, delays, came = zip(*got, strict=True)
    return Passed(count, np.array(numbers), np.array(delays), np.array(came), counted)


@pytest.mark.parametrize("percent", [2.0, 10.0, 20.0])
async def test_random_loss_is_the_asked_share_and_without_memory(percent: float) -> None:
    passed = await _pass(LinkSpec(loss_percent=percent), 5000, 100, 0.0005)
    share, deviation = percent / 100, (percent / 100 * (1 - percent / 100) / 5000) ** 0.5
    assert passed.counted.lost / 5000 == pytest.approx(share, abs=5 * deviation)
    assert len(passed.numbers) == 5000 - passed.counted.lost
    # Runs of independent losses are 1 / (1 - share) long on average.
    assert np.mean(passed.lost_runs) == pytest.approx(1 / (1 - share), abs=0.15)


async def test_bursts_are_as_frequent_and_as_long_as_asked() -> None:
    passed = await _pass(replace(BURST, delay_ms=1, jitter_ms=0, rate_kbps=0), 8000, 100, 0.0004)
    enter, leave = 0.01, 0.30
    runs = passed.lost_runs
    # About 77 bursts with a geometric length of 3.3 on average.
    assert sum(runs) / 8000 == pytest.approx(enter / (enter + leave), abs=0.012)
    assert np.mean(runs) == pytest.approx(1 / leave, abs=1.6)
    assert 45 <= len(runs) <= 115


async def test_delay_and_jitter_are_uniform_around_the_asked_and_order_is_kept() -> None:
    passed = await _pass(LinkSpec(delay_ms=100, jitter_ms=30), 400, 100, 0.02)
    assert passed.counted.lost == 0
    assert list(passed.numbers) == list(range(400))
    delays = passed.delays_ms
    assert delays.min() >= 70
    # Keeping the order pushes some of them up; a loaded machine, too.
    assert 95 <= float(np.median(delays)) <= 125
    assert float(np.percentile(delays, 5)) <= 90
    steady = (await _pass(LinkSpec(delay_ms=60), 100, 100, 0.01)).delays_ms
    assert 60 <= steady.min() <= 63
    assert float(np.median(steady)) <= 70


@pytest.mark.parametrize("link_spec", [replace(THIN_64, loss_percent=0), THIN_24])
async def test_a_thin_link_passes_its_rate_and_queues_no_more_than_fits(
    link_spec: LinkSpec,
) -> None:
    size = 172
    bits = (size + HEADERS) * 8
    offered = int(link_spec.rate_kbps * 1000 * 4 * 1.5 / bits)  # half more than it can, for 4 s
    passed = await _pass(link_spec, offered, size, 4 / offered, quiet_s=3.0)
    assert passed.counted.overflowed > 0
    took_s = passed.came_s[-1] - passed.came_s[0]
    rate_kbps = (len(passed.numbers) - 1) * bits / took_s / 1000
    assert rate_kbps == pytest.approx(link_spec.rate_kbps, rel=0.06)
    full_ms = link_spec.queue_bytes * 8 / link_spec.rate_kbps
    assert passed.counted.longest_queue_ms == pytest.approx(full_ms, rel=0.12)
    assert passed.delays_ms.max() < link_spec.delay_ms + full_ms * 1.1 + 150


async def test_being_late_is_counted() -> None:
    quiet = await _pass(CLEAN, 500, 100, 0.002)
    assert quiet.counted.latest_ms < 250  # it has the highest priority; a virtual machine may stop
    assert quiet.counted.late_packets <= 25
    # What it says is what one sees: nothing came later than asked by more than it admits.
    beyond_ms = quiet.delays_ms - CLEAN.delay_ms
    assert np.percentile(beyond_ms, 50) < 20


async def test_a_stopped_emulator_admits_that_it_was_late() -> None:
    async with EmulatedLink(LinkSpec(delay_ms=20)) as link:
        process = link._process
        assert process is not None
        give = await asyncio.create_subprocess_exec(
            *link.a.command(sys.executable, "-c", _GIVE, link.b.address, "400", "100", "0.005")
        )
        await asyncio.sleep(0.3)  # some are on their way then, whenever exactly it is
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(0.3)
        process.send_signal(signal.SIGCONT)
        await give.wait()
        counted = (await link.counters())["ab"]
    # Those on their way when it stopped left late; those that arrived meanwhile were read late.
    assert counted.latest_ms > 200
    assert counted.late_packets >= 1
