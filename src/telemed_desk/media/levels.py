"""How loud it is: RMS in dBFS over the time between two looks."""

import math
import threading

import numpy as np

from telemed_desk.media.ports import SoundBlock

FLOOR_DBFS = -100.0
SPEAKING_DBFS = -40.0
SPEAKING_LOOKS = 4
"""So many looks in a row above the limit are speech, not a door (0.4 s at ten looks a second)."""


class LevelMeter:
    """Adds up blocks on a sound thread, read from another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._squares = 0.0
        self._samples = 0

    def add(self, block: SoundBlock) -> None:
        """Take a block into account; microseconds."""
        squares = float(np.dot(block.astype(np.float32), block.astype(np.float32)))
        with self._lock:
            self._squares += squares
            self._samples += block.size

    def read_dbfs(self) -> float:
        """Return the level since the last reading, ``FLOOR_DBFS`` for silence or no sound."""
        with self._lock:
            squares, samples = self._squares, self._samples
            self._squares, self._samples = 0.0, 0
        if samples == 0 or squares == 0:
            return FLOOR_DBFS
        return max(FLOOR_DBFS, 20 * math.log10(math.sqrt(squares / samples) / 32768))


class SpeakingWhileMuted:
    """Notices that somebody speaks into a muted microphone."""

    def __init__(self) -> None:
        self._looks = 0

    def look(self, *, muted: bool, dbfs: float) -> bool:
        """Take one reading; True while it is worth a hint."""
        self._looks = self._looks + 1 if muted and dbfs > SPEAKING_DBFS else 0
        return self._looks >= SPEAKING_LOOKS
