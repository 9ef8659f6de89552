"""What all microphones share: listeners, cutting into 10 ms blocks, and a clock of silence.

A call's voice stream must not stop because a plug was pulled: while a microphone is away its
listeners get silence at the right pace.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np

from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock
from telemed_desk.media.sources.newest import RealTime, StateListener

BLOCK_S = BLOCK_SAMPLES / SAMPLE_RATE_HZ
Listener = Callable[[SoundBlock, int], None]


class SoundHub:
    """Hands blocks to every listener. Thread-safe; ``publish`` runs on the capture thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: tuple[Listener, ...] = ()

    def subscribe(self, on_block: Listener) -> Callable[[], None]:
        """See :class:`telemed_desk.media.ports.SoundSource`."""
        with self._lock:
            self._listeners = (*self._listeners, on_block)

        def end() -> None:
            with self._lock:
                self._listeners = tuple(one for one in self._listeners if one is not on_block)

        return end

    def publish(self, block: SoundBlock, taken_ns: int) -> None:
        """Give a 10 ms block to all listeners."""
        for listener in self._listeners:
            listener(block, taken_ns)


class BlockCutter:
    """Cuts sound of any length into 10 ms blocks. Not thread-safe."""

    def __init__(self) -> None:
        self._rest: SoundBlock = np.empty(0, np.int16)

    def feed(self, samples: SoundBlock) -> list[SoundBlock]:
        """Add samples; return the blocks that are now full."""
        if not self._rest.size and samples.size == BLOCK_SAMPLES:
            return [samples]
        joined = np.concatenate((self._rest, samples))
        full = joined.size // BLOCK_SAMPLES
        self._rest = joined[full * BLOCK_SAMPLES :]
        return [joined[i * BLOCK_SAMPLES : (i + 1) * BLOCK_SAMPLES] for i in range(full)]


class PacedMicrophone(ABC):
    """Base of stand-ins: a thread that publishes a block each 10 ms, in real time.

    Subclasses implement :meth:`_block`.
    """

    def __init__(self, name: str, on_state: StateListener) -> None:
        self._hub = SoundHub()
        self._closing = threading.Event()
        self._on_state = on_state
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def subscribe(self, on_block: Listener) -> Callable[[], None]:
        """See :class:`telemed_desk.media.ports.SoundSource`."""
        return self._hub.subscribe(on_block)

    def close(self) -> None:
        """Stop."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def _run(self) -> None:
        pace = RealTime(BLOCK_S, self._closing)
        self._on_state("", "")
        count = 0
        while pace.next():
            self._hub.publish(self._block(count), time.monotonic_ns())
            count += 1

    @abstractmethod
    def _block(self, count: int) -> SoundBlock: ...
