"""Voice over an imagined link, faster than real time: packets, what becomes of them, what is heard."""

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from telemed_desk.media.engine.playout import PlayoutBuffer
from telemed_desk.media.engine.redundancy import unpack
from telemed_desk.media.engine.voice_coder import VoiceCoder, VoiceCoding
from tests.support.media import SAMPLE_RATE_HZ, Samples

MS = 1_000_000
PULL = SAMPLE_RATE_HZ // 100


@dataclass(frozen=True)
class VoicePacket:
    """One RTP packet of voice; ``sent_ms`` is when it left."""

    sent_ms: float
    sequence: int
    timestamp: int
    payload: bytes
    red: bool = False


@dataclass(frozen=True, kw_only=True)
class ImaginedLink:
    """What becomes of packets.

    Attributes:
        delay_ms: One way.
        jitter_ms: Uniform, plus or minus; packets keep their order, as on the emulated link.
        loss: Share of packets that get lost.
        burst: Mean length of a run of lost packets; 1 = each for itself.
    """

    delay_ms: float = 100.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    burst: float = 1.0

    def losses(self, count: int, rng: random.Random) -> list[bool]:
        """Which packets get lost (Gilbert)."""
        leave = 1 / self.burst
        enter = min(1.0, self.loss * leave / max(1 - self.loss, 1e-9))
        lost, out = False, []
        for _ in range(count):
            if self.burst <= 1:
                lost = rng.random() < self.loss
            else:
                lost = rng.random() >= leave if lost else rng.random() < enter
            out.append(lost)
        return out

    def arrivals(
        self, packets: list[VoicePacket], rng: random.Random
    ) -> list[tuple[float, VoicePacket]]:
        """Return what arrives and when (ms), in order of arrival."""
        out = []
        latest = 0.0
        for packet, lost in zip(packets, self.losses(len(packets), rng), strict=True):
            late = self.delay_ms + rng.uniform(-self.jitter_ms, self.jitter_ms)
            latest = max(latest, packet.sent_ms + late)
            if not lost:
                out.append((latest, packet))
        return out


def code(
    sound: Samples, plan: VoiceCoding, plans: Callable[[int], VoiceCoding | None] = lambda _n: None
) -> list[VoicePacket]:
    """Encode a recording as our sender does; a frame leaves when its last sample was said."""
    coder = VoiceCoder()
    coder.use(plan)
    packets: list[VoicePacket] = []
    at = number = 0
    while at + coder.frame_samples <= sound.size:
        size = coder.frame_samples
        made = coder.encode(sound[at : at + size], at)
        if made is not None:
            sent_ms = (at + size) * 1000 / SAMPLE_RATE_HZ
            packets.append(VoicePacket(sent_ms, len(packets) + 1000, at, made.payload, made.red))
        at += size
        number += 1
        changed = plans(number)
        if changed is not None:
            coder.use(changed)
    return packets


@dataclass
class Heard:
    """What came out.

    Attributes:
        sound: All of it.
        delays_ms: The buffer's delay at each 10 ms.
        concealed: Share made up, until the last packet came.
        buffer: As it stands at the end.
    """

    sound: Samples
    delays_ms: list[float]
    concealed: float
    buffer: PlayoutBuffer


def give(buffer: PlayoutBuffer, packet: VoicePacket, now_ms: float) -> None:
    """Hand a packet to the playout as the receiver does."""
    payload, copies = unpack(packet.payload) if packet.red else (packet.payload, [])
    buffer.insert(
        packet.timestamp & 0xFFFFFFFF,
        payload,
        int(now_ms * MS),
        packet.sequence & 0xFFFF,
        copies,
    )


def play(arrivals: Iterable[tuple[float, VoicePacket]], seconds: float) -> Heard:
    """Play what arrives against a speaker that takes 10 ms each 10 ms."""
    now = 0
    buffer = PlayoutBuffer(lambda: now)
    waiting = list(arrivals)
    index, blocks, delays, concealed = 0, [], [], 0.0
    for tick in range(int(seconds * 100)):
        now = tick * 10 * MS
        while index < len(waiting) and waiting[index][0] * MS <= now:
            give(buffer, waiting[index][1], waiting[index][0])
            index += 1
        blocks.append(buffer.pull(PULL))
        delays.append(buffer.delay_ms or 0.0)
        if index < len(waiting):
            concealed = buffer.counts.concealed / buffer.counts.played
    return Heard(np.concatenate(blocks), delays, concealed, buffer)
