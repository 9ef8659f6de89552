"""A link in virtual time, packet by packet: queue, rate, loss, delay, jitter, all of them changing.

The order is that of a real access link and of the emulator in tests/support/link: drop-tail queue,
then the limiter, then loss, then delay and jitter that keep the order of packets. The capacity over
time is known beforehand, so when a packet leaves the queue is arithmetic and needs no event.
"""

import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Net:
    """One direction of a link.

    Attributes:
        kbps: Capacity at the start.
        queue_bytes: Of the drop-tail queue.
        delay_ms: One way, besides queueing.
        jitter_ms: Plus or minus, uniform.
        loss: Random loss, each packet for itself.
        burst_enter, burst_leave: Gilbert-Elliott: per packet, into and out of losing all.
        changes: (second, kbit/s) in order.
        outages: (from, to) in seconds; all is lost.
        delays: (second, ms) in order: the way becomes longer or shorter.
    """

    kbps: float = 1000.0
    queue_bytes: int = 62_500
    delay_ms: float = 50.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst_enter: float = 0.0
    burst_leave: float = 1.0
    changes: Sequence[tuple[float, float]] = ()
    outages: Sequence[tuple[float, float]] = ()
    delays: Sequence[tuple[float, float]] = ()


@dataclass
class Bottleneck:
    """Sends packets over a :class:`Net`; all times in ms of virtual time, not falling."""

    net: Net
    rng: random.Random
    overflowed: int = 0
    lost: int = 0
    _free_ms: float = 0.0
    _last_ms: float = 0.0
    _bad: bool = False
    _queued: deque[tuple[float, int]] = field(default_factory=deque)
    _queued_bytes: int = 0

    def __post_init__(self) -> None:
        steps = [(0.0, self.net.kbps), *self.net.changes]
        ends = [at * 1000 for at, _ in steps[1:]] + [float("inf")]
        self._pieces = [(end, kbps) for end, (_, kbps) in zip(ends, steps, strict=True)]
        self._piece = 0
        self._delay_ms = self.net.delay_ms
        self._delays = deque(self.net.delays)

    def capacity_kbps(self, now_ms: float) -> float:
        return next(kbps for end, kbps in self._pieces if now_ms < end)

    def queue_ms(self, now_ms: float) -> float:
        """How long a packet that comes now waits."""
        return max(self._free_ms - now_ms, 0.0)

    def send(self, now_ms: float, size: int) -> float | None:
        """Return when the packet arrives, None when it is lost."""
        queued = self._queued
        while queued and queued[0][0] <= now_ms:
            self._queued_bytes -= queued.popleft()[1]
        if self._queued_bytes + size > self.net.queue_bytes:
            self.overflowed += 1
            return None
        leaves = self._serve(max(self._free_ms, now_ms), 8.0 * size)
        self._free_ms = leaves
        queued.append((leaves, size))
        self._queued_bytes += size
        if self._loses(leaves):
            self.lost += 1
            return None
        while self._delays and leaves >= self._delays[0][0] * 1000:
            self._delay_ms = self._delays.popleft()[1]
        net = self.net
        arrives = leaves + self._delay_ms
        if net.jitter_ms:
            arrives += self.rng.uniform(-net.jitter_ms, net.jitter_ms)
        self._last_ms = max(self._last_ms, arrives)
        return self._last_ms

    def _serve(self, at_ms: float, bits: float) -> float:
        while True:
            end, kbps = self._pieces[self._piece]
            if at_ms >= end:
                self._piece += 1
                continue
            if kbps > 0 and at_ms + bits / kbps <= end:
                return at_ms + bits / kbps
            bits -= (end - at_ms) * kbps
            at_ms = end

    def _loses(self, at_ms: float) -> bool:
        net, draw = self.net, self.rng.random
        if any(begin * 1000 <= at_ms < end * 1000 for begin, end in net.outages):
            return True
        if net.burst_enter:
            self._bad = draw() >= net.burst_leave if self._bad else draw() < net.burst_enter
            if self._bad:
                return True
        return bool(net.loss) and draw() < net.loss
