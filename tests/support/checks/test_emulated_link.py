"""The emulated link delays, loses, limits and breaks as asked, and leaves nothing behind."""

import asyncio
import json
import os
import subprocess
import sys
from dataclasses import replace

import pytest

from tests.support.link.emulated import EmulatedLink, End, LinkUnavailable
from tests.support.link.spec import BURST, CLEAN, LinkSpec

_ECHO = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('0.0.0.0', 5000)); print('up', flush=True)
while True:
    data, where = s.recvfrom(2000)
    s.sendto(data, where)
"""
_ASK = """
import json, socket, sys, time
host, count, size, gap, patience = sys.argv[1], *map(float, sys.argv[2:])
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(.001)
sent, back = {}, {}
def take():
    try:
        while True: n = int(s.recv(2000)[:8]); back[n] = (time.monotonic() - sent[n]) * 1000
    except TimeoutError: pass
for n in range(int(count)):
    sent[n] = time.monotonic(); due = sent[n] + gap
    s.sendto((b'%8d' % n).ljust(int(size)), (host, 5000))
    while time.monotonic() < due: take()
end = time.monotonic() + patience
while time.monotonic() < end and len(back) < count: take()
print(json.dumps(list(back.values())))
"""


async def _round_trips(
    link: EmulatedLink, count: int, size: int = 100, gap_s: float = 0.005, patience_s: float = 2.0
) -> list[float]:
    """Milliseconds of each datagram that came back."""
    echo = await asyncio.create_subprocess_exec(
        *link.b.command(sys.executable, "-c", _ECHO), stdout=asyncio.subprocess.PIPE
    )
    assert echo.stdout is not None
    try:
        assert await echo.stdout.readline() == b"up\n"
        words = [link.b.address, str(count), str(size), str(gap_s), str(patience_s)]
        ask = await asyncio.create_subprocess_exec(
            *link.a.command(sys.executable, "-c", _ASK, *words), stdout=asyncio.subprocess.PIPE
        )
        said, _ = await ask.communicate()
    finally:
        echo.kill()
        await echo.wait()
    trips: list[float] = json.loads(said)
    return trips


async def test_delay_is_added_each_way() -> None:
    async with EmulatedLink(LinkSpec(delay_ms=60)) as link:
        trips = await _round_trips(link, 20)
    assert len(trips) == 20
    assert min(trips) >= 120
    assert sorted(trips)[5] < 160  # a loaded machine may delay most of them, not all


async def test_random_loss_takes_its_share() -> None:
    async with EmulatedLink(LinkSpec(loss_percent=30)) as link:
        trips = await _round_trips(link, 400, gap_s=0.002)
        lost = (await link.counters())["ab"].lost
    assert 80 <= lost <= 160  # 400 * 0.3, five sigma
    assert 140 <= len(trips) <= 250  # 400 * 0.7 * 0.7


async def test_bursts_lose_several_in_a_row() -> None:
    async with EmulatedLink(replace(BURST, delay_ms=1, jitter_ms=0, rate_kbps=0)) as link:
        await _round_trips(link, 1000, gap_s=0.001)
        counted = (await link.counters())["ab"]
    assert 5 <= counted.lost <= 120  # on average 1000 * 3.2 %


async def test_the_rate_is_limited_and_the_queue_overflows() -> None:
    async with EmulatedLink(LinkSpec(rate_kbps=400, queue_bytes=20_000)) as link:
        trips = await _round_trips(link, 100, size=1000, gap_s=0.002)
        counted = (await link.counters())["ab"]
    assert counted.overflowed > 10  # 100 kB offered in 0.2 s, or later when others use the machine
    assert max(trips) > 300  # 20 kB at 400 kbit/s queue for 400 ms
    assert counted.longest_queue_ms < 450


async def test_an_outage_begins_and_ends_on_demand() -> None:
    async with EmulatedLink(CLEAN) as link:
        await link.change(replace(CLEAN, down=True))
        assert await _round_trips(link, 10, patience_s=0.3) == []
        await link.change(CLEAN)
        assert len(await _round_trips(link, 10)) == 10


async def test_a_firewall_lets_tcp_pass_and_no_udp() -> None:
    async with EmulatedLink(LinkSpec(no_udp=True)) as link:
        assert await _round_trips(link, 5, patience_s=0.3) == []
        assert (await link.counters())["ab"].lost == 5
        refused = await asyncio.create_subprocess_exec(
            *link.a.command("bash", "-c", f"exec 3<>/dev/tcp/{link.b.address}/9"),
            stderr=asyncio.subprocess.PIPE,
        )
        _, said = await asyncio.wait_for(refused.communicate(), 20)
    assert b"refused" in said  # an answer came: nobody listens there


async def test_side_b_can_move() -> None:
    async with EmulatedLink(CLEAN) as link:
        await link.move_b("10.78.0.99")
        assert len(await _round_trips(link, 10)) == 10


def _namespaces() -> str:
    return subprocess.run(
        ["ip", "netns", "list"], capture_output=True, text=True, check=True
    ).stdout


async def test_nothing_is_left_after_a_failure() -> None:
    link = EmulatedLink(CLEAN)
    names = [link.a.namespace, link.b.namespace]

    async def fail_inside() -> None:
        async with link:
            assert all(name in _namespaces() for name in names)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail_inside()
    assert not any(name in _namespaces() for name in names)


async def test_namespaces_of_a_killed_run_are_removed_by_the_next() -> None:
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()  # its number belongs to nobody now
    stale = End(f"tdlink{process.pid}x0a", "")
    subprocess.run(["ip", "netns", "add", stale.namespace], check=True)  # noqa: ASYNC221 - instant
    async with EmulatedLink(CLEAN):
        assert stale.namespace not in _namespaces()


async def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LinkUnavailable, match="root"):
        EmulatedLink(CLEAN)
