"""Test sources and sinks: a pattern camera with a frame counter, a tone, and what was received."""

import threading
import time
from collections.abc import Callable

import numpy as np

from telemed_desk.media.ports import BLOCK_SAMPLES, Picture, SoundBlock

BLOCKS = 16
MODULUS = 600


def _bits(n: int) -> list[int]:
    gray = n ^ (n >> 1)
    check = (n * 7 + 3) % 16
    return (
        [1, 0] + [gray >> (9 - i) & 1 for i in range(10)] + [check >> (3 - i) & 1 for i in range(4)]
    )


def draw_counter(y: np.ndarray, n: int) -> None:
    height, width = y.shape
    block, rows = width // BLOCKS, height * 48 // 720
    for i, bit in enumerate(_bits(n)):
        y[:rows, i * block : (i + 1) * block] = 225 if bit else 25


def read_counter(y: np.ndarray) -> int | None:
    height, width = y.shape
    block, rows = width / BLOCKS, height * 48 / 720
    top, bottom = int(rows * 0.3), max(int(rows * 0.3) + 1, int(rows * 0.7))
    values = [
        float(y[top:bottom, int((i + 0.3) * block) : int((i + 0.7) * block)].mean())
        for i in range(BLOCKS)
    ]
    if values[0] - values[1] < 40:
        return None
    middle = (values[0] + values[1]) / 2
    bits = [int(v > middle) for v in values]
    gray = int("".join(map(str, bits[2:12])), 2)
    number, shift = gray, gray >> 1
    while shift:
        number ^= shift
        shift >>= 1
    check = int("".join(map(str, bits[12:])), 2)
    return number if number < MODULUS and check == (number * 7 + 3) % 16 else None


class PatternCamera:
    """Makes pictures at a steady rate on its own thread."""

    def __init__(
        self, width: int = 640, height: int = 360, fps: float = 15.0, noise: int = 0
    ) -> None:
        self._size = (width, height)
        self._noise = noise
        self._step_s = 1 / fps
        self._newest: Picture | None = None
        self._condition = threading.Condition()
        self._stopped = False
        self.count = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        width, height = self._size
        base = (np.arange(width)[None, :] // 4 + np.arange(height)[:, None] // 4) % 160 + 40
        base += np.random.default_rng(1).integers(0, self._noise + 1, base.shape)
        chroma = np.full((height // 2, width // 2), 128, np.uint8)
        while not self._stopped:
            y = np.roll(base, self.count * 3, axis=1).astype(np.uint8)
            draw_counter(y, self.count % MODULUS)
            with self._condition:
                self._newest = Picture(y, chroma, chroma, time.monotonic_ns())
                self.count += 1
                self._condition.notify_all()
                self._condition.wait_for(lambda: self._stopped, self._step_s)

    def newest(self) -> Picture | None:
        return self._newest

    def wait_newer(self, than_ns: int, timeout_s: float) -> Picture | None:
        with self._condition:
            self._condition.wait_for(
                lambda: self._newest is not None and self._newest.taken_ns > than_ns, timeout_s
            )
            newest = self._newest
        return newest if newest is not None and newest.taken_ns > than_ns else None

    def close(self) -> None:
        with self._condition:
            self._stopped = True
            self._condition.notify_all()
        self._thread.join()


class ToneMicrophone:
    """A tone in 10 ms blocks by the clock."""

    def __init__(self, hz: float = 440.0) -> None:
        self._hz = hz
        self._listeners: list[Callable[[SoundBlock, int], None]] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        n = 0
        begun = time.monotonic_ns()
        while not self._stop.is_set():
            t = (np.arange(BLOCK_SAMPLES) + n * BLOCK_SAMPLES) / 48_000
            block = (9000 * np.sin(2 * np.pi * self._hz * t)).astype(np.int16)
            due_ns = begun + n * 10_000_000
            for listener in list(self._listeners):
                listener(block, due_ns)
            n += 1
            self._stop.wait(max(0.0, (due_ns + 10_000_000 - time.monotonic_ns()) / 1e9))

    def subscribe(self, on_block: Callable[[SoundBlock, int], None]) -> Callable[[], None]:
        self._listeners.append(on_block)
        return lambda: self._listeners.remove(on_block)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


class CountingSink:
    """Reads the counter of each picture shown."""

    def __init__(self) -> None:
        self.counters: list[int] = []
        self.unreadable = 0
        self.size = (0, 0)

    def present(self, picture: Picture) -> None:
        number = read_counter(picture.y)
        self.size = (picture.width, picture.height)
        if number is None:
            self.unreadable += 1
        else:
            self.counters.append(number)


class Speaker:
    """Pulls 10 ms blocks by the clock and keeps them."""

    def __init__(self, pull: Callable[[int], SoundBlock]) -> None:
        self._pull = pull
        self.blocks: list[SoundBlock] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        begun, n = time.monotonic_ns(), 0
        while not self._stop.is_set():
            self.blocks.append(self._pull(BLOCK_SAMPLES))
            n += 1
            self._stop.wait(max(0.0, (begun + n * 10_000_000 - time.monotonic_ns()) / 1e9))

    def sound(self, last_s: float) -> np.ndarray:
        count = int(last_s * 100)
        return np.concatenate(self.blocks[-count:]) if self.blocks else np.zeros(0, np.int16)

    def close(self) -> None:
        self._stop.set()
        self._thread.join()


def dominant_hz(sound: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(sound.astype(float) * np.hanning(sound.size)))
    return float(spectrum.argmax()) * 48_000 / sound.size
