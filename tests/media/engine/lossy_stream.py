"""Pictures over a lossy link in simulated time: sender, repair, assembler and key frames together."""

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

from telemed_desk.media.codecs.vp8_payload import pack_vp8
from telemed_desk.media.engine.assembler import FrameAssembler
from telemed_desk.media.engine.render_pace import RenderPace
from telemed_desk.media.transport.repair import (
    TWICE_NS,
    KeyframeGate,
    LossTracker,
    Protection,
    SentHistory,
    SentPacket,
)

MS = 1_000_000
TICK_MS = 10
FPS = 20
DELTA, KEY = bytes([0x01]) + bytes(1700), bytes([0x00]) + bytes(6500)
"""The lowest bit of a VP8 frame says whether it is a delta frame."""
SETTLED_MS = 3000
FROZEN_MS = 200


@dataclass
class Outcome:
    """What a viewer had of it, and what repair cost."""

    pictures: int
    frozen_share: float
    given_up: int
    repeats: int
    packets: int


class LossyStream:
    """One stream; everything that travels may be lost."""

    def __init__(self, seed: int, rtt_ms: int, loss: float) -> None:
        self.rtt_ms, self.loss = rtt_ms, loss
        self.now_ms = 0.0
        self.packets = self.repeats = 0
        self.assembler = FrameAssembler()
        self.shown_ms: list[float] = []
        self._rng = random.Random(seed)
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._history, self._gate = SentHistory(), KeyframeGate()
        self._tracker, self._pace = LossTracker(), RenderPace()
        self._gate.request()
        self._plan = Protection().plan(loss, rtt_ms)

    @property
    def now_ns(self) -> int:
        return int(self.now_ms * MS)

    def at(self, ms: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (ms, next(self._numbers), action))

    def run(self) -> None:
        while self._events:
            self.now_ms, _, action = heapq.heappop(self._events)
            action()

    def _travel(self, action: Callable[[], None], after_ms: float = 0) -> None:
        if self._rng.random() >= self.loss:
            self.at(self.now_ms + after_ms + self.rtt_ms / 2, action)

    # ---- the sender

    def send_picture(self, number: int) -> None:
        data = KEY if self._gate.take(self.now_ns, self.rtt_ms) else DELTA
        payloads = pack_vp8(data, number)
        for index, payload in enumerate(payloads):
            packet = SentPacket(
                self.packets & 0xFFFF,
                number * 90_000 // FPS,
                int(index == len(payloads) - 1),
                payload,
                self.now_ns,
            )
            self.packets += 1
            self._history.add(packet)
            for copy in range(2 if self._plan.ahead else 1):
                self.repeats += copy
                self._travel(
                    lambda packet=packet: self._arrive(packet),  # type: ignore[misc]
                    copy * TWICE_NS / MS,
                )

    def _repeat(self, wanted: list[int]) -> None:
        for number in wanted:
            found = self._history.repeat(number, self.now_ns, self.rtt_ms)
            for copy in range(self._plan.copies if found else 0):
                self.repeats += 1
                again = lambda found=found: self._arrive(found)  # type: ignore[misc]  # noqa: E731 - bound to this packet
                self._travel(again, copy * TWICE_NS / MS)

    # ---- the receiver

    def _arrive(self, packet: SentPacket) -> None:
        self._tracker.add(packet.sequence, self.now_ns)
        frames = self.assembler.insert(
            packet.sequence,
            packet.timestamp,
            packet.payload,
            self.now_ns,
            marker=bool(packet.marker),
        )
        self.shown_ms += [
            self._pace.due_ns(frame.timestamp, self.now_ns, self.rtt_ms) / MS for frame in frames
        ]

    def tick(self) -> None:
        wanted = self._tracker.due(self.now_ns, self.rtt_ms)
        if wanted:
            self._travel(lambda: self._repeat(wanted))
        if self.assembler.poll(self.now_ns, self.rtt_ms):
            self._tracker.forget()
            self._travel(self._gate.request)


def play(*, seed: int, rtt_ms: int, loss: float, seconds: int) -> Outcome:
    """Send pictures for some seconds and say what came of them."""
    stream = LossyStream(seed, rtt_ms, loss)
    for number in range(seconds * FPS):
        stream.at(number * 1000 / FPS, lambda number=number: stream.send_picture(number))  # type: ignore[misc]
    for tick in range(0, seconds * 1000, TICK_MS):
        stream.at(tick, stream.tick)
    stream.run()
    shown = sorted(at for at in stream.shown_ms if at > SETTLED_MS)
    gaps = [later - earlier for earlier, later in itertools.pairwise(shown)]
    return Outcome(
        len(shown),
        sum(gap for gap in gaps if gap > FROZEN_MS) / (seconds * 1000 - SETTLED_MS),
        stream.assembler.given_up,
        stream.repeats,
        stream.packets,
    )
