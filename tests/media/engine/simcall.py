"""One direction of a call in virtual time: our real steering, pacer and feedback over a :class:`Net`.

Real: Steering (congestion control, probes, ladder, allocation, repair plan), Pacer, ArrivalLog and
the bytes of its feedback. Modelled: an encoder that makes frames of about the size it was asked for,
a voice, requests for repeats, and the way of the feedback.
"""

import heapq
import itertools
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import fmean

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.engine.ladder import Ladder
from telemed_desk.media.engine.steering import Steering
from telemed_desk.media.transport.pacer import TICK_S, Pacer, Priority
from telemed_desk.media.transport.repair import TWICE_NS
from telemed_desk.media.transport.sent_log import SentLog
from telemed_desk.media.transport.twcc import ArrivalLog, feedback_wait_s, parse_feedback
from tests.media.engine.netsim import Bottleneck, Net

MS = 1_000_000
HEADERS = 28 + 16 + 12 + 16
PAYLOAD = 1100
CLOCK_OFFSET_NS = 987_654_321_000
KEY_FRAMES = 3.0
"""A key frame takes as much as so many others: the encoder's own limit."""


class World:
    """Virtual time and what happens in it."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def at(self, ms: float, action: Callable[[], None]) -> None:
        heapq.heappush(self._events, (ms, next(self._numbers), action))

    def after(self, ms: float, action: Callable[[], None]) -> None:
        self.at(self.now_ms + ms, action)

    def run(self, seconds: float) -> None:
        end = seconds * 1000
        while self._events and self._events[0][0] <= end:
            self.now_ms, _, action = heapq.heappop(self._events)
            action()
        self.now_ms = end


@dataclass(slots=True)
class Packet:
    """On its way through pacer and link."""

    kind: str
    size: int
    made_ms: float
    frame: int = 0
    tries: int = 0


@dataclass
class Trace:
    """What happened, in times of ms."""

    voice: list[tuple[float, float | None]] = field(default_factory=list)
    """(when taken, how long it took mouth to the other side's playout; None = lost)"""
    target: list[tuple[float, float, float]] = field(default_factory=list)
    """(when, target in bit/s, queue on the way in ms)"""
    video: list[tuple[float, float]] = field(default_factory=list)
    """(when sent, bits)"""
    pictures: list[float] = field(default_factory=list)
    probes: int = 0
    padding_bits: float = 0.0


class SimCall:
    """One sender and its receiver.

    Args:
        world: Time.
        line: The way there; calls may share it.
        back: The way back, for feedback.
        rng: Chance.
        start_rung: Where the ladder begins.
        begins_s: When the call begins.
        camera: False = voice only.
    """

    def __init__(
        self,
        world: World,
        line: Bottleneck,
        back: Net,
        rng: random.Random,
        *,
        start_rung: Rung = Rung.VIDEO,
        begins_s: float = 0.0,
        camera: bool = True,
        complexity: float = 1.0,
    ) -> None:
        self.world, self.line, self.rng = world, line, rng
        self.back = Bottleneck(back, rng)
        self.trace = Trace()
        self.camera = camera
        self.complexity = complexity
        self.rtt_ms = 100.0
        self._steer_at = begins_s * 1000
        world.now_ms = max(world.now_ms, 0.0)
        self.steering = Steering(start_rung, int(begins_s * 1e9))
        self.steering.rate.can_probe = True
        self.pacer: Pacer[Packet] = Pacer(self.steering.rate.target_bps)
        self._log = ArrivalLog()
        self._arriving: deque[tuple[float, int]] = deque()
        self._sent = SentLog()
        self._pumping = False
        self._frame = 0
        self._key = True
        self._debt = 0.0
        self._height = 0
        self._voice_count = 0
        for action in (self._voice, self._picture, self._give_feedback, self._tick):
            world.at(begins_s * 1000, action)

    @property
    def now_ns(self) -> int:
        return int(self.world.now_ms * MS)

    # ---- sources

    def _voice(self) -> None:
        plan = self.steering.allocation
        size = int(plan.voice_bps * plan.frame_ms / 8000) + HEADERS
        self._push(Packet("voice", size, self.world.now_ms), Priority.AUDIO)
        self.world.after(plan.frame_ms, self._voice)

    def _picture(self) -> None:
        plan = self.steering.allocation
        self.steering.outside.camera = self.camera
        if not plan.video_bps or not self.camera:
            self._height, self._key = 0, True
            self.world.after(100, self._picture)
            return
        self.world.after(1000 / plan.fps, self._picture)
        if self.pacer.drain_s() >= 0.1:
            return
        if plan.height != self._height:
            self._height, self._key = plan.height, True
        usual = plan.video_bps / plan.fps * self.complexity
        bits = usual * self.rng.lognormvariate(-0.045, 0.3) - 0.3 * self._debt
        if self._key:
            bits = KEY_FRAMES * usual
        bits = max(bits, 0.2 * usual)
        self._key = False
        self._debt += bits - usual  # rate control takes back what a big frame took
        if not self.pacer.room_for_frame(self.now_ns):
            self.pacer.drop_waiting_frames()
            self._key = True
            return
        self._frame += 1
        self.trace.pictures.append(self.world.now_ms)
        left = int(bits / 8)
        while left > 0:
            size = min(left, PAYLOAD)
            left -= size
            packet = Packet("video", size + HEADERS, self.world.now_ms, self._frame)
            self._push(packet, Priority.VIDEO)
            if self.steering.repair.ahead:
                self._repeat_after(packet, TWICE_NS / MS)

    def _repeat_after(self, packet: Packet, ms: float) -> None:
        copy = Packet("repair", packet.size, packet.made_ms, packet.frame, packet.tries + 1)
        self.world.after(ms, lambda: self._push(copy, Priority.REPAIR))

    # ---- pacer and link

    def _push(self, packet: Packet, priority: Priority) -> None:
        self.pacer.push(packet, packet.size, priority, self.now_ns, packet.frame)
        if not self._pumping:
            self._pumping = True
            self._pump()

    def _pump(self) -> None:
        rate = self.steering.rate
        now_ns = self.now_ns
        pace = self.steering.pace(now_ns, self.rtt_ms)
        self.pacer.set_target(rate.target_bps, pace.video_bps)
        self.pacer.skip_voice = pace.skip_voice
        self.pacer.window_bytes, self.pacer.in_flight = pace.window_bytes, self._sent.in_flight
        for packet in self.pacer.take(now_ns):
            self._leave(packet)
        for size in self.pacer.padding_sizes():
            self.trace.padding_bits += 8 * (size + HEADERS)
            self._leave(Packet("padding", size + HEADERS, self.world.now_ms))
        self._pumping = not self.pacer.empty
        if self._pumping:
            self.world.after(TICK_S * 1000, self._pump)

    def _leave(self, packet: Packet) -> None:
        now = self.world.now_ms
        arrives = self.line.send(now, packet.size)
        if arrives is not None:
            self._arriving.append((arrives, self._sent.next_number))
        self._sent.add(self.now_ns, packet.size, self.pacer.probe)
        if packet.kind == "voice":
            took = None if arrives is None else arrives - packet.made_ms
            self.trace.voice.append((packet.made_ms, took))
        elif packet.kind != "padding":
            self.trace.video.append((now, 8.0 * packet.size))
            if arrives is None and packet.tries < 4 and not self.steering.repair.ahead:
                # asked for once the next packet shows the gap, one trip and a little later
                for _ in range(self.steering.repair.copies):
                    self._repeat_after(packet, self.rtt_ms + self.line.queue_ms(now) + 15)

    # ---- feedback

    def _give_feedback(self) -> None:
        now = self.world.now_ms
        while self._arriving and self._arriving[0][0] <= now:
            at, number = self._arriving.popleft()
            self._log.add(number & 0xFFFF, int(at * MS) + CLOCK_OFFSET_NS)
        for packet in self._log.take(1, 2):
            arrives = self.back.send(now, len(packet) + 44)
            if arrives is not None:
                self.world.at(arrives, lambda packet=packet: self._take_feedback(packet))  # type: ignore[misc]
        self.world.after(feedback_wait_s(self.steering.rate.target_bps) * 1000, self._give_feedback)

    def _take_feedback(self, packet: bytes) -> None:
        results = self._sent.results(parse_feedback(packet).arrivals)
        if not results:
            return
        newest = max(r.sent_ns for r in results if r.arrived_ns is not None)
        trip = (self.now_ns - newest) / MS
        self.rtt_ms = 0.9 * self.rtt_ms + 0.1 * trip
        if self.steering.on_feedback(results, self.now_ns, self.rtt_ms):
            self._key = True
        self._try_probe()

    def _tick(self) -> None:
        self.steering.tick(self.now_ns, self.rtt_ms)
        now = self.world.now_ms
        self.trace.target.append((now, self.steering.rate.target_bps, self.line.queue_ms(now)))
        self._try_probe()
        self.world.after(250, self._tick)

    def _try_probe(self) -> None:
        probe = self.steering.probe(self.now_ns)
        if probe is None:
            return
        self.trace.probes += 1
        self.pacer.begin_probe(probe, self.now_ns)
        if not self._pumping:
            self._pumping = True
            self._pump()

    # ---- figures, between two times in seconds

    def voice_delays(self, begin: float = 0.0, end: float = 1e9) -> list[float]:
        return [
            took
            for at, took in self.trace.voice
            if begin * 1000 <= at < end * 1000 and took is not None
        ]

    def voice_p95_ms(self, begin: float = 0.0, end: float = 1e9) -> float:
        delays = sorted(self.voice_delays(begin, end))
        return delays[int(len(delays) * 0.95)] if delays else float("inf")

    def voice_lost(self, begin: float = 0.0, end: float = 1e9) -> float:
        sent = [took for at, took in self.trace.voice if begin * 1000 <= at < end * 1000]
        return sum(took is None for took in sent) / max(len(sent), 1)

    def target_bps(self, begin: float = 0.0, end: float = 1e9) -> float:
        return fmean(b for at, b, _ in self.trace.target if begin * 1000 <= at < end * 1000)

    def video_bps(self, begin: float, end: float) -> float:
        bits = sum(b for at, b in self.trace.video if begin * 1000 <= at < end * 1000)
        return bits / (end - begin)

    def reached_s(self, bps: float, after: float) -> float:
        """Seconds after a time until the target first is this high."""
        found = (at for at, b, _ in self.trace.target if at >= after * 1000 and b >= bps)
        return next(found, float("inf")) / 1000 - after


def play(
    net: Net,
    seconds: float,
    *,
    seed: int = 1,
    back: Net | None = None,
    start_rung: Rung = Rung.VIDEO,
    camera: bool = True,
    complexity: float = 1.0,
    ladder: Ladder | None = None,
) -> SimCall:
    """Hold one call over a link."""
    rng = random.Random(seed)
    world = World()
    call = SimCall(
        world,
        Bottleneck(net, rng),
        net if back is None else back,
        rng,
        start_rung=start_rung,
        camera=camera,
        complexity=complexity,
    )
    if ladder is not None:
        call.steering.ladder = ladder
    world.run(seconds)
    return call
