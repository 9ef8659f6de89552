"""Streams of voice packets and their fate, from a seed; and a codec that only keeps the books."""

import random
import struct
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from telemed_desk.media.codecs.opus import OpusFailure
from telemed_desk.media.engine.playout import PlayoutBuffer
from telemed_desk.media.ports import SoundBlock

MS = 1_000_000
RATE = 48
"""Samples a millisecond."""
_TOC = {20: 9 << 3, 40: 10 << 3, 60: 11 << 3}
_LBRR = {20: 0x40, 40: 0x20, 60: 0x10}
LOUD, COPY, MADE_UP = 1000, 500, 100


def packet_of(number: int, frame_ms: int = 20, *, fec: bool = False) -> bytes:
    """A packet that libopus takes for SILK of this length, with its number inside."""
    return bytes([_TOC[frame_ms], _LBRR[frame_ms] if fec else 0]) + struct.pack("!I", number)


def pause_of(frame_ms: int = 20) -> bytes:
    """A packet that says: silence goes on."""
    return bytes([_TOC[frame_ms]])


class Books:
    """Decodes nothing, and knows what was wanted."""

    def __init__(self) -> None:
        self.decoded: list[int] = []
        self.fec = self.concealed = self.pauses = 0

    def decode(self, packet: bytes) -> SoundBlock:
        frame_ms = next((ms for ms, toc in _TOC.items() if toc == packet[0]), None)
        if frame_ms is None:
            raise OpusFailure("not one of ours")
        if len(packet) < 6:
            self.pauses += 1
            return np.full(frame_ms * RATE, MADE_UP, np.int16)
        self.decoded.append(struct.unpack_from("!I", packet, 2)[0])
        return np.full(frame_ms * RATE, LOUD, np.int16)

    def decode_fec(self, next_packet: bytes, samples: int) -> SoundBlock:
        assert len(next_packet) >= 6
        self.fec += 1
        return np.full(samples, COPY, np.int16)

    def conceal(self, samples: int) -> SoundBlock:
        assert samples % 120 == 0
        assert samples > 0
        self.concealed += 1
        return np.full(samples, MADE_UP, np.int16)


@dataclass
class Packet:
    """One packet of the stream; ``arrived_ms`` None = lost."""

    at: int
    number: int
    payload: bytes
    samples: int
    sent_ms: float
    stream: int = 0
    copies: list[tuple[int, bytes]] = field(default_factory=list)
    arrived_ms: float | None = None


@dataclass
class Trace:
    """A stream and its fate.

    Attributes:
        needs_ms: The most that a *frame* is late, its copies waited for.
        disturbed_ms: When the disturbance ends; 0 = none.
        begins_ms: When it begins, if there is one.
        loss: Share of packets lost, disturbances apart.
        gone: Samples of frames that neither came nor are in what came.
        paused: Samples that the sender paused.
        longer: Samples by which frames became longer in mid-call: so much must be made up.
    """

    packets: list[Packet]
    seconds: float
    needs_ms: float = 0.0
    disturbed_ms: float = 0.0
    begins_ms: float = 0.0
    loss: float = 0.0
    gone: int = 0
    paused: int = 0
    longer: int = 0
    origin: int = 0


CHOICES: dict[str, tuple[object, ...]] = {
    "frame_ms": (20, 20, 20, 40, 60),
    "changes": (False, False, True),
    "dtx": (False, True),
    "jitter": (0.0, 5.0, 20.0, 60.0),
    "model": ("uniform", "ordered", "spikes"),
    "loss": (0.0, 0.0, 0.02, 0.1, 0.3),
    "burst": (1.0, 3.0),
    "distances": ((), (), (1,), (1, 2), (2, 4)),
    "fec": (False, True),
    "doubles": (0.0, 0.0, 0.05),
    "ppm": (0.0, 200.0, -200.0),
    "hold_ms": (0.0, 0.0, 300.0, 800.0),
    "outage_ms": (0.0, 0.0, 0.0, 2000.0),
    "restarts": (False, False, False, True),
}
"""What is drawn for a stream. ``changes``: the frame length in mid-call; ``hold_ms``: the network keeps
everything for so long, then lets go; ``restarts``: another SSRC in the middle."""


@dataclass
class _Sender:
    """What the sender is at while the stream is made."""

    rng: random.Random
    fate: dict[str, Any]
    frame_ms: int
    stream: int = 0
    talk_until: float = 2000.0
    pause_until: float = 0.0
    silent_since: float = 0.0
    past: list[tuple[int, bytes]] = field(default_factory=list)

    def payload(self, at: int) -> bytes | None:
        """Encode the frame at this place; None = nothing is sent."""
        ms = at / RATE
        if self.fate["dtx"] and self.pause_until < ms and self.talk_until < ms:
            self.pause_until, self.silent_since = ms + self.rng.uniform(300, 2500), ms
        since = (ms - self.silent_since) % 420
        if not (self.fate["dtx"] and ms < self.pause_until):
            if self.talk_until < ms:
                self.talk_until = ms + self.rng.uniform(800, 3000)
        elif since < 45:
            return pause_of(self.frame_ms)
        elif since < 400:
            return None
        return packet_of(at, self.frame_ms, fec=self.fate["fec"] and bool(self.past))

    def copies(self, at: int) -> list[tuple[int, bytes]]:
        """Earlier frames to send along."""
        reach = sorted((d for d in self.fate["distances"] if d <= len(self.past)), reverse=True)
        return [(at - self.past[-d][0], self.past[-d][1]) for d in reach]


def make_trace(rng: random.Random, seconds: float = 12.0, **fixed: object) -> Trace:
    """Draw a stream and its fate; ``fixed`` settles what is not to be drawn (see CHOICES)."""
    fate: dict[str, Any] = {name: rng.choice(some) for name, some in CHOICES.items()} | fixed
    trace = Trace([], seconds, origin=rng.randrange(2**32))
    sender = _Sender(rng, fate, fate["frame_ms"])
    at, number = 0, rng.randrange(2**16)
    while at / RATE < seconds * 1000:
        ms = at / RATE
        if fate["changes"] and rng.random() < 0.01:
            longer = rng.choice((20, 40, 60)) - sender.frame_ms
            sender.frame_ms += longer
            trace.longer += max(longer, 0) * RATE
        if fate["restarts"] and sender.stream == 0 and ms > seconds * 500:
            sender.stream, sender.past = 1, []
        samples = sender.frame_ms * RATE
        payload = sender.payload(at)
        if payload is None:
            trace.paused += samples
            sender.past = []
        else:
            sent = (ms + sender.frame_ms) * (1 + fate["ppm"] / 1e6)
            speaks = len(payload) > 2
            copies = sender.copies(at) if speaks else []
            trace.packets.append(Packet(at, number, payload, samples, sent, sender.stream, copies))
            if speaks:
                sender.past = [*sender.past[-6:], (at, payload)]
            number += 1
        at += samples
    _deliver(trace, rng, fate)
    if fate["doubles"]:
        again = [p for p in trace.packets if rng.random() < fate["doubles"]]
        trace.packets += [
            replace(p, arrived_ms=p.arrived_ms + rng.uniform(0, 50))
            for p in again
            if p.arrived_ms is not None
        ]
    return trace


def _deliver(trace: Trace, rng: random.Random, fate: dict[str, Any]) -> None:
    most, loss = fate["jitter"], fate["loss"]
    begin = trace.begins_ms = rng.uniform(0.4, 0.5) * trace.seconds * 1000
    trace.loss = loss
    latest, lost = 0.0, False
    for packet in trace.packets:
        late = rng.uniform(0, most)
        if fate["model"] == "spikes":
            late = most if rng.random() < 0.05 else late / 8
        arrives = packet.sent_ms + late
        if begin <= arrives < begin + fate["hold_ms"]:
            arrives = begin + fate["hold_ms"] + rng.uniform(0, 3)
            trace.disturbed_ms = begin + fate["hold_ms"]
        if fate["model"] == "ordered":
            latest = arrives = max(latest, arrives)
        leave = 1 / fate["burst"]
        stays = leave < 1 and lost
        lost = (
            rng.random() >= leave
            if stays
            else rng.random() < loss * leave / (1 - loss * (leave < 1))
        )
        packet.arrived_ms = None if lost else arrives
        if begin <= packet.sent_ms < begin + fate["outage_ms"]:
            packet.arrived_ms = None
            trace.disturbed_ms = max(trace.disturbed_ms, begin + fate["outage_ms"])
    _account(trace)


def _account(trace: Trace) -> None:
    """Work out what can be played at all, and how late."""
    playable: dict[tuple[int, int], float] = {}
    for packet in trace.packets:
        if packet.arrived_ms is None:
            continue
        brings = [packet.at, *(packet.at - back for back, _ in packet.copies)]
        if len(packet.payload) > 2 and packet.payload[1]:
            brings.append(packet.at - packet.samples)
        for at in brings:
            known = playable.get((packet.stream, at), float("inf"))
            playable[packet.stream, at] = min(known, packet.arrived_ms)
    for packet in trace.packets:
        came = playable.get((packet.stream, packet.at))
        if came is None:
            trace.gone += packet.samples
        elif not trace.begins_ms - 300 < packet.sent_ms <= trace.disturbed_ms:
            trace.needs_ms = max(trace.needs_ms, came - packet.sent_ms)


class Played:
    """Plays a trace against a speaker.

    Args:
        trace: What comes.
        pull: Samples that the speaker takes at a time.
        late: How late (ms) the sound thread wakes, as a function of the time; it then takes at once
            what is due.
    """

    def __init__(self, trace: Trace, pull: int = 480, late: random.Random | None = None) -> None:
        self.books = Books()
        self.now = 0
        self.buffer = PlayoutBuffer(lambda: self.now, self.books)
        self.delays: list[tuple[float, float]] = []
        self.levels: list[tuple[float, float]] = []
        self.counts_at: list[tuple[float, int]] = []
        arriving = sorted(
            (p for p in trace.packets if p.arrived_ms is not None),
            key=lambda p: p.arrived_ms or 0.0,
        )
        index, stream, awake = 0, 0, 0.0
        step_ms = pull / RATE
        end = trace.seconds * 1000 - 100
        for tick in range(int(end / step_ms)):
            due = tick * step_ms
            awake = max(awake, due + (late.uniform(0, 80) if late and late.random() < 0.1 else 0.0))
            self.now = int(awake * MS)
            while index < len(arriving) and (arriving[index].arrived_ms or 0.0) * MS <= self.now:
                packet = arriving[index]
                index += 1
                if packet.stream > stream:
                    stream = packet.stream
                    self.buffer.restart()
                if packet.stream == stream:
                    self.buffer.insert(
                        (packet.at + trace.origin + stream * 123_456_789) & 0xFFFFFFFF,
                        packet.payload,
                        int((packet.arrived_ms or 0.0) * MS),
                        packet.number & 0xFFFF,
                        packet.copies,
                    )
            block = self.buffer.pull(pull)
            assert block.shape == (pull,)
            assert block.dtype == np.int16
            self.levels.append((due, float(np.abs(block.astype(np.int32)).mean())))
            self.delays.append((due, self.buffer.delay_ms or 0.0))
            self.counts_at.append((due, self.buffer.counts.concealed))

    def delay_between(self, from_ms: float, to_ms: float) -> float:
        """Mean delay of a stretch."""
        return float(np.mean([d for at, d in self.delays if from_ms <= at < to_ms]))
