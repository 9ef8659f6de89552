"""How loud it is: RMS in dBFS over the time between two looks."""

import math
import threading

import numpy as np

from telemed_desk.media.ports import SoundBlock

FLOOR_DBFS = -100.0
SPEAKING_DBFS = -40.0
SPEAKING_LOOKS = 4
"""So many looks above the limit, less those below, are speech, not a door (ten looks a second)."""
_MOST_LOUD = 8

FAR_PLAYS_DBFS = -60.0
NEAR_SHARE = 0.1
"""The canceller leaves less than a tenth of an echo once it knows the room; of a voice, most."""
_FAR_DECAY = 0.3
_FAR_BLOCK_DECAY = 0.95


def _energy(block: SoundBlock) -> float:
    samples = block.astype(np.float32)
    return float(np.dot(samples, samples))


def _dbfs(squares: float, samples: int) -> float:
    if samples == 0 or squares == 0:
        return FLOOR_DBFS
    return max(FLOOR_DBFS, 10 * math.log10(squares / samples / 32768**2))


class LevelMeter:
    """Adds up blocks on a sound thread, read from another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._squares = 0.0
        self._samples = 0

    def add(self, block: SoundBlock) -> None:
        """Take a block into account; microseconds."""
        squares = _energy(block)
        with self._lock:
            self._squares += squares
            self._samples += block.size

    def read_dbfs(self) -> float:
        """Return the level since the last reading, ``FLOOR_DBFS`` for silence or no sound."""
        with self._lock:
            squares, samples = self._squares, self._samples
            self._squares, self._samples = 0.0, 0
        return _dbfs(squares, samples)


class EchoRest:
    """Says block by block whether what the canceller left is a rest of echo and nothing else."""

    def __init__(self) -> None:
        self._loudest_far = 0.0

    def is_rest(self, heard: SoundBlock, left: SoundBlock, far: SoundBlock) -> bool:
        """Judge a block of 10 ms: from the microphone, after the canceller, its reference."""
        # A room rings on: the loudspeaker counts as playing for some time after it stopped.
        self._loudest_far = max(_energy(far), self._loudest_far * _FAR_BLOCK_DECAY)
        if _dbfs(self._loudest_far, far.size) <= FAR_PLAYS_DBFS:
            return False
        return _energy(left) < NEAR_SHARE * _energy(heard)


class NearVoice:
    """Tells the doctor's own voice from what is left of the patient's in the microphone.

    What the canceller takes out was the loudspeaker's; what it leaves whole was said here. Fed on the
    sound thread, read from another.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._heard = 0.0
        self._left = 0.0
        self._far = 0.0
        self._loudest_far = 0.0
        self._samples = 0

    def add(self, heard: SoundBlock, left: SoundBlock, far: SoundBlock) -> None:
        """Take a block into account: from the microphone, after the canceller, its reference."""
        energies = [_energy(block) for block in (heard, left, far)]
        with self._lock:
            self._heard += energies[0]
            self._left += energies[1]
            self._far += energies[2]
            self._samples += heard.size

    def read_dbfs(self) -> float:
        """Return how loud the doctor was since the last reading, ``FLOOR_DBFS`` for echo alone."""
        with self._lock:
            heard, left, far, samples = self._heard, self._left, self._far, self._samples
            self._heard, self._left, self._far, self._samples = 0.0, 0.0, 0.0, 0
            # A room rings on: the loudspeaker counts as playing for some looks after it stopped.
            self._loudest_far = max(far, self._loudest_far * _FAR_DECAY)
            loudest = self._loudest_far
        if samples == 0:
            return FLOOR_DBFS
        playing = _dbfs(loudest, samples) > FAR_PLAYS_DBFS
        if playing and left < heard * NEAR_SHARE:
            return FLOOR_DBFS
        return _dbfs(left, samples)


class SpeakingWhileMuted:
    """Notices that somebody speaks into a muted microphone.

    Loud looks count up, quiet ones down: words have pauses, and over the patient's voice some are
    lost to the canceller, while a door or a key is over at once.
    """

    def __init__(self) -> None:
        self._loud = 0

    def look(self, *, muted: bool, dbfs: float) -> bool:
        """Take one reading; True while it is worth a hint."""
        if not muted:
            self._loud = 0
        elif dbfs > SPEAKING_DBFS:
            self._loud = min(self._loud + 1, _MOST_LOUD)
        else:
            self._loud = max(self._loud - 1, 0)
        return self._loud >= SPEAKING_LOOKS
