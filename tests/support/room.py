"""A room of numbers: a loudspeaker that is not linear, a wall that rings, noise, two people, two clocks.

Nothing is real time: the blocks of both sound threads are events on a made-up clock, late now and then
as threads are. Deterministic for a seed.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.signal import fftconvolve, resample_poly

from tests.support.media import SAMPLE_RATE_HZ, Samples, make_speech

BLOCK = 480
_BLOCK_NS = 10_000_000
Wave = NDArray[np.float64]


@dataclass(frozen=True)
class Room:
    """What happens in it.

    Attributes:
        seconds: How long.
        delay_ms: From handing a sample to the speaker to hearing it.
        drift_ppm: How much faster the microphone's clock is than the speaker's; steps of 50.
        echo_db: Of the echo against what is played.
        noise_dbfs: Steady noise at the microphone.
        far_s: When the patient speaks.
        near_s: When the doctor speaks.
        jump_s: When the delay grows by ``jump_ms``; None for never.
        jump_ms: By how much.
        late_ms: Mean lateness of a sound thread.
        seed: Of the noise, the wall and the threads.
    """

    seconds: float
    delay_ms: float = 60.0
    drift_ppm: int = 0
    echo_db: float = -12.0
    noise_dbfs: float = -65.0
    far_s: tuple[tuple[float, float], ...] = ((0.0, 1e9),)
    near_s: tuple[tuple[float, float], ...] = ()
    jump_s: float | None = None
    jump_ms: float = 80.0
    late_ms: float = 1.5
    seed: int = 1


@dataclass
class Heard:
    """What a run left: each as samples of the microphone's clock."""

    microphone: Samples
    near: Samples
    echo: Wave
    out: Samples = field(default_factory=lambda: np.zeros(0, np.int16))

    def power(self, sound: NDArray[np.generic], from_s: float, to_s: float) -> float:
        """Mean square in a stretch."""
        piece = sound[int(from_s * SAMPLE_RATE_HZ) : int(to_s * SAMPLE_RATE_HZ)].astype(float)
        return float((piece**2).mean()) + 1e-9

    def erle_db(self, from_s: float, to_s: float) -> float:
        """Echo return loss enhancement of a stretch in which only the patient speaks."""
        microphone, out = (self.power(s, from_s, to_s) for s in (self.microphone, self.out))
        return float(10 * np.log10(microphone / out))

    def out_dbfs(self, from_s: float, to_s: float) -> float:
        """Level of what is sent."""
        return float(10 * np.log10(self.power(self.out, from_s, to_s) / 32768**2))

    def near_gain_db(self, from_s: float, to_s: float) -> float:
        """How much of the doctor's voice is sent: its projection on what was said (best delay)."""
        rate = slice(int(from_s * SAMPLE_RATE_HZ), int(to_s * SAMPLE_RATE_HZ))
        said, sent = self.near[rate].astype(float), self.out[rate].astype(float)
        size = 1 << (said.size + 2048).bit_length()
        cross = np.fft.irfft(np.conj(np.fft.rfft(said, size)) * np.fft.rfft(sent, size))[:2048]
        return float(20 * np.log10(np.abs(cross).max() / (said @ said)))


def decibels(sound: Wave, dbfs: float) -> Wave:
    """Scale to this level (of the parts that are not silent)."""
    loud = sound[np.abs(sound) > 0]
    return np.asarray(sound * (10 ** (dbfs / 20) * 32768 / np.sqrt((loud**2).mean())))


def _only(sound: Wave, spans: tuple[tuple[float, float], ...]) -> Wave:
    at = np.arange(sound.size) / SAMPLE_RATE_HZ
    mask = np.zeros(sound.size)
    for begin, end in spans:
        mask[(at >= begin) & (at < end)] = 1.0
    return sound * mask


class Simulation:
    """Makes the sounds of a room and plays its two sound threads.

    Args:
        room: What happens.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        rng = np.random.default_rng(room.seed)
        total = int(room.seconds * SAMPLE_RATE_HZ)
        far = decibels(make_speech(room.seconds, 21 + room.seed).astype(float), -22)
        self.far: Samples = _only(far, room.far_s).astype(np.int16)
        near = decibels(make_speech(room.seconds, 91 + room.seed).astype(float), -24)
        self._heard = self._sound(rng, _only(near, room.near_s), total)

    def _sound(self, rng: np.random.Generator, near: Wave, total: int) -> Heard:
        room = self.room
        driven = self.far / 32768
        played = 32768 * np.tanh(1.8 * driven) / 1.8  # a small loudspeaker, driven hard
        wall = rng.normal(0, 1, int(0.12 * SAMPLE_RATE_HZ))
        wall *= np.exp(-np.arange(wall.size) / (0.025 * SAMPLE_RATE_HZ))
        wall *= 10 ** (room.echo_db / 20) / np.sqrt((wall**2).sum())
        echo = fftconvolve(played, wall)[: self.far.size]
        if room.drift_ppm:
            up, down = 20_000 + room.drift_ppm // 50, 20_000
            echo = resample_poly(echo, up, down)
        echo = np.pad(echo, (0, max(0, total - echo.size)))
        delay = int(room.delay_ms * SAMPLE_RATE_HZ / 1000)
        late = delay + int(room.jump_ms * SAMPLE_RATE_HZ / 1000)
        heard = np.concatenate((np.zeros(delay), echo))[:total]
        if room.jump_s is not None:
            jump = int(room.jump_s * SAMPLE_RATE_HZ)
            heard[jump:] = np.concatenate((np.zeros(late), echo))[jump:total]
        noise = rng.normal(0, 10 ** (room.noise_dbfs / 20) * 32768, total)
        mixed = np.clip(heard + near + noise, -32768, 32767).astype(np.int16)
        return Heard(mixed, near.astype(np.int16), heard)

    def _lateness_ns(self, rng: np.random.Generator) -> int:
        late_ms = rng.exponential(self.room.late_ms)
        if rng.random() < 0.005:
            late_ms += rng.uniform(5, 25)
        return int(late_ms * 1e6)

    def run(
        self,
        play: Callable[[Samples, int], None],
        hear: Callable[[Samples, int], list[Samples]],
    ) -> Heard:
        """Call ``play`` and ``hear`` as the two threads would; keep what ``hear`` returns.

        May be called again, for other listeners to the very same sounds.
        """
        room = self.room
        rng = np.random.default_rng(room.seed + 1000)
        blocks = int(room.seconds * 100)
        events: list[tuple[int, int, int]] = []
        far_ns = _BLOCK_NS * (1 + room.drift_ppm / 1e6)  # the speaker's blocks, in the room's time
        before = [0, 0]
        for n in range(blocks - 1):
            due = (int(n * far_ns), int((n + 1) * _BLOCK_NS))
            for kind in (0, 1):
                before[kind] = max(before[kind] + 1, due[kind] + self._lateness_ns(rng))
                heapq.heappush(events, (before[kind], kind, n))
        out: list[Samples] = []
        while events:
            now_ns, kind, n = heapq.heappop(events)
            piece = slice(n * BLOCK, (n + 1) * BLOCK)
            if kind == 0:
                play(self.far[piece], now_ns)
            else:
                out += hear(self._heard.microphone[piece], now_ns)
        return replace(self._heard, out=np.concatenate(out))
