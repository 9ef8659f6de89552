"""Short sounds that a speaker plays once, and when exactly it was given them."""

import threading
import time

import numpy as np

from telemed_desk.media.ports import SAMPLE_RATE_HZ, SoundBlock


class OnceFeed:
    """A :class:`~telemed_desk.media.ports.SoundFeed` that plays a sound and then silence.

    Args:
        sound: What to play.
    """

    def __init__(self, sound: SoundBlock) -> None:
        self._sound = sound
        self._at = 0
        self._begin_ns: int | None = None
        self._lock = threading.Lock()

    @property
    def share(self) -> float:
        """How much was handed over, 0 to 1."""
        return min(1.0, self._at / max(1, self._sound.size))

    @property
    def begin_ns(self) -> int | None:
        """When the first sample was due to be handed over; None before.

        A late thread asks late, never early: the earliest that any block tells is right.
        """
        with self._lock:
            return self._begin_ns

    def pull(self, samples: int) -> SoundBlock:
        """Give the next samples; on the sound thread."""
        now_ns = time.monotonic_ns()
        with self._lock:
            due_ns = now_ns - round(self._at * 1e9 / SAMPLE_RATE_HZ)
            if self._begin_ns is None or due_ns < self._begin_ns:
                self._begin_ns = due_ns
            piece = self._sound[self._at : self._at + samples]
            self._at += samples
        if piece.size == samples:
            return piece
        return np.concatenate((piece, np.zeros(samples - piece.size, np.int16)))


class Tape:
    """Collects blocks of a microphone, and knows when the first sample was taken.

    Give :meth:`add` to a :class:`~telemed_desk.media.ports.SoundSource`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._blocks: list[SoundBlock] = []
        self._came_ns: list[int] = []

    def add(self, block: SoundBlock, taken_ns: int) -> None:
        """Keep a block; on the sound thread."""
        with self._lock:
            self._blocks.append(block)
            self._came_ns.append(taken_ns)

    @property
    def seconds(self) -> float:
        """How much is on it."""
        with self._lock:
            return sum(block.size for block in self._blocks) / SAMPLE_RATE_HZ

    def sound(self) -> SoundBlock:
        """Return all of it."""
        with self._lock:
            return np.concatenate(self._blocks) if self._blocks else np.zeros(0, np.int16)

    def clock(
        self,
    ) -> tuple[
        np.ndarray[tuple[int], np.dtype[np.int64]], np.ndarray[tuple[int], np.dtype[np.float64]]
    ]:
        """Return how many samples had come at each block, and when that was, monotonic seconds."""
        with self._lock:
            sizes = np.array([block.size for block in self._blocks], np.int64)
            taken_s = np.array(self._came_ns, np.float64) / 1e9
        return np.cumsum(sizes), taken_s + sizes / SAMPLE_RATE_HZ

    def begin_ns(self) -> float:
        """Return when the first sample was taken: no block comes early, so the earliest tells."""
        counts, times_s = self.clock()
        if not counts.size:
            return 0.0
        return float((times_s - counts / SAMPLE_RATE_HZ).min() * 1e9)
