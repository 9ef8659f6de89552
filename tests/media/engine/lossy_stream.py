"""Pictures over a lossy link in simulated time: a sender like a browser's, and our receiving side whole.

The link has a rate and a queue, delay with jitter that keeps the order, single losses or bursts (Gilbert
and Elliott). The sender repeats a packet at most once in a round trip, as Chromium does, sends parity
over a few packets if told so, and answers requests for key frames.
"""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from telemed_desk.media.codecs.vp8_payload import Layer, pack_vp8
from telemed_desk.media.engine.assembler import FrameAssembler, VideoFrame
from telemed_desk.media.engine.render_pace import RenderPace
from telemed_desk.media.transport.fec import FecReceiver, make_parity, summand
from telemed_desk.media.transport.repair import (
    TWICE_NS,
    KeyframeGate,
    LossTracker,
    RepairPlan,
    SentHistory,
    SentPacket,
)

MS = 1_000_000
TICK_MS = 10
SETTLED_MS = 5000
FROZEN_MS = 200


@dataclass(frozen=True)
class Link:
    """One link, alike both ways, and what is sent over it.

    Attributes:
        jitter_ms: Plus or minus.
        burst: Chance a packet to enter a burst, and to leave it again; replaces ``loss``.
        rate_kbps: 0 = without limit.
        picture_kbps: What the encoder makes, parity and repeats besides.
        parity: One parity packet for so many media packets; 0 = none.
        layers: Every second picture is one that no other needs; it is neither protected nor repeated.
    """

    rtt_ms: float
    loss: float
    jitter_ms: float = 0.0
    burst: tuple[float, float] | None = None
    rate_kbps: float = 0.0
    picture_kbps: float = 300.0
    fps: int = 30
    parity: int = 0
    layers: bool = False
    plan: RepairPlan = field(default_factory=RepairPlan)


RURAL = Link(200, 0.02, jitter_ms=30, rate_kbps=1000, picture_kbps=600, parity=4)
BAD = Link(300, 0.10, rate_kbps=500, picture_kbps=220, parity=3)
BURST = Link(200, 0, jitter_ms=30, burst=(0.01, 0.3), rate_kbps=1000, picture_kbps=500, parity=3)


@dataclass
class Outcome:
    """What a viewer had of it, and what repair cost."""

    pictures: int
    frozen_share: float
    longest_ms: float
    hold_ms: float
    given_up: int
    repeats: int
    packets: int


class _Way:
    """One direction of the link."""

    def __init__(self, link: Link, rng: random.Random) -> None:
        self._link, self._rng = link, rng
        self._bad = False
        self._free_ms = self._last_ms = 0.0

    def carry(self, now_ms: float, size: int) -> float | None:
        """Return when a packet arrives; None: never."""
        link = self._link
        if link.burst is not None:
            chance = link.burst[1] if self._bad else link.burst[0]
            self._bad ^= self._rng.random() < chance
            lost = self._bad
        else:
            lost = self._rng.random() < link.loss
        if lost:
            return None
        self._free_ms = max(self._free_ms, now_ms)
        if link.rate_kbps:
            self._free_ms += 8 * (size + 60) / link.rate_kbps
        delay = link.rtt_ms / 2 + self._rng.uniform(-link.jitter_ms, link.jitter_ms)
        self._last_ms = max(self._free_ms + delay, self._last_ms)
        return self._last_ms


class LossyStream:
    """One stream; everything that travels may be lost."""

    def __init__(self, seed: int, link: Link) -> None:
        self.link = link
        self.now_ms = 0.0
        self.packets = self.repeats = 0
        self.assembler = FrameAssembler()
        self.shown: list[tuple[int, float]] = []
        self.whole: list[VideoFrame] = []
        self.pace = RenderPace()
        self._rng = random.Random(seed)
        self._out, self._back = _Way(link, self._rng), _Way(link, self._rng)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._history, self._gate = SentHistory(), KeyframeGate()
        self._tracker, self._fec = LossTracker(), FecReceiver()
        self._group: list[tuple[int, bytes]] = []
        self._gate.request()
        self._base = 0
        self._made = 0

    @property
    def now_ns(self) -> int:
        return int(self.now_ms * MS)

    def at(self, ms: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (ms, next(self._numbers), action))

    def run(self) -> None:
        while self._events:
            self.now_ms, _, action = heapq.heappop(self._events)
            action()

    def _send(self, size: int, action: Callable[[], None], after_ms: float = 0) -> None:
        def leave() -> None:
            arrives = self._out.carry(self.now_ms, size)
            if arrives is not None:
                self.at(arrives, action)

        self.at(self.now_ms + after_ms, leave)

    def _tell(self, action: Callable[[], None]) -> None:
        arrives = self._back.carry(self.now_ms, 40)
        if arrives is not None:
            self.at(arrives, action)

    # ---- the sender

    def send_picture(self, number: int) -> None:
        link = self.link
        key = self._gate.take(self.now_ns, link.rtt_ms)
        mean = link.picture_kbps * 125 / link.fps
        size = max(40, int(mean * self._rng.gammavariate(6, 1 / 6) * (5 if key else 1)))
        upper = link.layers and self._made % 2 == 1 and not key
        self._made = 0 if key else self._made
        self._base += not upper
        self._made += 1
        body = bytes([0 if key else 1]) + number.to_bytes(4, "big") + bytes(size)
        layer = Layer(int(upper), self._base & 0xFF, upper) if link.layers else None
        payloads = pack_vp8(body, number, layer=layer)
        for index, payload in enumerate(payloads):
            sent = SentPacket(
                self.packets & 0xFFFF,
                number * 90_000 // link.fps,
                int(index == len(payloads) - 1),
                payload,
                self.now_ns,
            )
            if not upper:
                self._history.add(sent)
            self._send_packet(sent, index, upper=upper)
        if link.parity and len(self._group) >= link.parity:
            parity, self._group = make_parity(self._group[:40]), self._group[40:]
            number_of_parity = self.packets & 0xFFFF
            self.packets += 1
            self._send(
                len(parity),
                lambda: self._arrive_parity(number_of_parity, parity),
                len(payloads) * 2,
            )
            self._group = []

    def _send_packet(self, sent: SentPacket, index: int, *, upper: bool) -> None:
        if not upper:
            self._group.append((self.packets, self._content(sent)))
        self.packets += 1
        for copy in range(2 if self.link.plan.ahead and not upper else 1):
            self.repeats += copy
            self._send(
                len(sent.payload),
                lambda repaired=bool(copy): self._arrive(sent, repaired=repaired),  # type: ignore[misc]
                index * 2 + copy * TWICE_NS / MS,
            )

    @staticmethod
    def _content(sent: SentPacket) -> bytes:
        return summand(0x80, sent.marker << 7 | 96, sent.timestamp, sent.payload)

    def _repeat(self, wanted: list[int]) -> None:
        for number in wanted:
            # libwebrtc refuses a second time for a whole trip, as it measures it, and 5 ms
            found = self._history.repeat(number, self.now_ns, (self.link.rtt_ms + 5) / 0.9)
            for copy in range(self.link.plan.copies if found else 0):
                self.repeats += 1
                again = lambda found=found: self._arrive(found, repaired=True)  # type: ignore[misc]  # noqa: E731 - bound to this packet
                self._send(len(found.payload) if found else 0, again, copy * TWICE_NS / MS)

    # ---- the receiver

    def _arrive(self, packet: SentPacket, *, repaired: bool) -> None:
        self._take(packet.sequence, packet.timestamp, packet.payload, packet.marker, repaired)
        if repaired:
            self._fec.add_repeat(packet.sequence)
            return
        for one in self._fec.add_media(packet.sequence, self._content(packet)):
            self._take(one.sequence, one.timestamp, one.payload, one.marker, True)

    def _arrive_parity(self, number: int, parity: bytes) -> None:
        found = self._fec.add_parity(parity)
        self._take(number, 0, b"", 0, False)
        for one in found:
            self._take(one.sequence, one.timestamp, one.payload, one.marker, True)

    def _take(
        self,
        sequence: int,
        timestamp: int,
        payload: bytes,
        marker: int,
        repaired: bool,
    ) -> None:
        self._tracker.add(sequence, self.now_ns, repaired=repaired)
        frames = self.assembler.insert(
            sequence, timestamp, payload, self.now_ns, marker=bool(marker)
        )
        needed = self.assembler.needed_from()
        if needed is not None:
            self._tracker.forget_below(needed)
        self._show(frames)
        self._ask()

    def _show(self, frames: list[VideoFrame]) -> None:
        self.whole += frames
        self.shown += [
            (frame.timestamp, self.pace.due_ns(frame.timestamp, self.now_ns) / MS)
            for frame in frames
        ]

    def _ask(self) -> None:
        wanted = self._tracker.due(self.now_ns, self.link.rtt_ms)
        if wanted:
            self._tell(lambda: self._repeat(wanted))

    def tick(self) -> None:
        self._ask()
        self._show(self.assembler.skip(self.now_ns, int(self.pace.hold_ms * MS)))
        if self.assembler.poll(self.now_ns, self.link.rtt_ms):
            self._tracker.forget()
            self._tell(self._gate.request)


def play(seed: int, link: Link, seconds: int) -> tuple[Outcome, LossyStream]:
    """Send pictures for some seconds and say what came of them."""
    stream = LossyStream(seed, link)
    for number in range(seconds * link.fps):
        stream.at(number * 1000 / link.fps, lambda number=number: stream.send_picture(number))  # type: ignore[misc]
    for tick in range(0, seconds * 1000, TICK_MS):
        stream.at(tick, stream.tick)
    stream.run()
    times = list(itertools.accumulate((at for _, at in stream.shown), max))
    shown = [at for at in times if at > SETTLED_MS]
    gaps = [later - earlier for earlier, later in itertools.pairwise(shown)]
    outcome = Outcome(
        len(shown),
        sum(gap for gap in gaps if gap > FROZEN_MS) / (seconds * 1000 - SETTLED_MS),
        max(gaps, default=0.0),
        stream.pace.hold_ms,
        stream.assembler.given_up,
        stream.repeats,
        stream.packets,
    )
    return outcome, stream
