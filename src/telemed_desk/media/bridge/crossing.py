"""Sound from the speaker's clock to the microphone's: the others' voices on their way to one leg.

The two devices tick a little differently and in bursts. What is held here follows the lowest level of
the last two seconds: a standing surplus is taken out one pitch period at a time, an empty buffer fades
out and comes back with more in reserve.
"""

import threading
from typing import Final

import numpy as np

from telemed_desk.media.engine.stretch import shorten
from telemed_desk.media.ports import BLOCK_SAMPLES, SoundBlock

_FADE: Final = 96
_WINDOW: Final = 200
"""Takes (2 s) over which the lowest level is judged."""
_LEAST_RESERVE: Final = BLOCK_SAMPLES
_MOST_RESERVE: Final = 4 * BLOCK_SAMPLES
_CALM: Final = 15
"""Windows (30 s) without running empty after which less is held again."""
_MOST_HELD: Final = 25 * BLOCK_SAMPLES
"""250 ms: more has piled up while nobody took; only the newest is worth anything."""


class Crossing:
    """``push`` on the speaker's thread, ``take`` on the microphone's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._held: SoundBlock = np.zeros(0, np.int16)
        self._flows = False
        self._ending = False
        self._reserve = _LEAST_RESERVE
        self._takes = 0
        self._lowest = _MOST_HELD
        self._calm = 0
        self.ran_empty = 0

    @property
    def held(self) -> int:
        """Samples held now."""
        return int(self._held.size)

    def push(self, sound: SoundBlock) -> None:
        """Add what the others say."""
        with self._lock:
            self._ending = False
            self._held = np.concatenate((self._held, sound))
            if self._held.size > _MOST_HELD:
                self._held = self._held[-(self._reserve + BLOCK_SAMPLES) :]

    def end(self) -> None:
        """Nobody else is left: what is held is played out, and running empty is no fault."""
        with self._lock:
            self._ending = True

    def take(self, samples: int) -> SoundBlock | None:
        """Return exactly this many samples; None while there is nothing to add."""
        with self._lock:
            begins = not self._flows
            if begins:
                if self._held.size < samples + self._reserve:
                    if self._ending:
                        self._held = self._held[:0]
                    return None
                self._flows, self._takes, self._lowest = True, 0, _MOST_HELD
            if self._held.size < samples:
                return self._run_dry(samples)
            self._follow()
            sound, self._held = self._held[:samples], self._held[samples:]
            return _fade_in(sound) if begins else sound

    def _run_dry(self, samples: int) -> SoundBlock:
        rest = self._held.astype(np.float32)
        fade = min(_FADE, rest.size)
        if fade:
            rest[-fade:] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
        self._held = self._held[:0]
        self._flows = False
        if not self._ending:
            self.ran_empty += 1
            self._reserve = min(self._reserve + BLOCK_SAMPLES, _MOST_RESERVE)
            self._calm = 0
        return np.concatenate((rest.astype(np.int16), np.zeros(samples - rest.size, np.int16)))

    def _follow(self) -> None:
        """Hold no more than jitter asks for."""
        self._lowest = min(self._lowest, int(self._held.size) - BLOCK_SAMPLES)
        self._takes += 1
        if self._takes < _WINDOW:
            return
        surplus = self._lowest - self._reserve
        self._takes, self._lowest = 0, _MOST_HELD
        self._calm += 1
        if self._calm >= _CALM:
            self._calm = 0
            self._reserve = max(self._reserve - BLOCK_SAMPLES // 2, _LEAST_RESERVE)
        if surplus >= BLOCK_SAMPLES // 2 and self._held.size >= 2 * BLOCK_SAMPLES:
            head = self._held[: 2 * BLOCK_SAMPLES]
            shorter = shorten(head, must=surplus > 6 * BLOCK_SAMPLES)
            self._held = np.concatenate((shorter, self._held[2 * BLOCK_SAMPLES :]))


def _fade_in(sound: SoundBlock) -> SoundBlock:
    faded = sound.astype(np.float32)
    ramp = min(_FADE, faded.size)
    faded[:ramp] *= np.linspace(0.0, 1.0, ramp, dtype=np.float32)
    return faded.astype(np.int16)
