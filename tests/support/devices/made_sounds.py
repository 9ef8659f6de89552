"""Sounds that are made up: noise, tones and speech, as a sound card gives them."""

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.checks.sound_levels import Sound
from tests.support.media import make_speech

RATE = 48_000
RNG = np.random.default_rng(5)


def sampled(sound: NDArray[np.floating]) -> Sound:
    """As a sound card gives it: clipped, and rounded to 16 bit."""
    return (np.round(np.clip(sound, -1, 1 - 2**-15) * 32768) / 32768).astype(np.float32)


def noise(dbfs: float, seconds: float = 2.5, rng: np.random.Generator = RNG) -> Sound:
    return sampled(rng.standard_normal(int(RATE * seconds)) * 10 ** (dbfs / 20))


def tone(hz: float, dbfs: float, seconds: float = 2.5) -> Sound:
    at = np.arange(int(RATE * seconds)) / RATE
    return sampled(10 ** (dbfs / 20) * np.sqrt(2) * np.sin(2 * np.pi * hz * at))


def spoken(dbfs: float, seed: int = 5) -> Sound:
    """Speech in a quiet room; the level is that of the speech itself."""
    speech = make_speech(3, seed).astype(np.float64)
    loud = speech[np.abs(speech) > 0.02 * np.abs(speech).max()]
    speech *= 10 ** (dbfs / 20) / np.sqrt((loud**2).mean())
    return sampled(speech + noise(-68, 3)[: speech.size])
