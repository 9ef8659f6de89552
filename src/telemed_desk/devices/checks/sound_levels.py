"""How loud a recording is: peak, noise floor, speech, clipping. Pure; mono, 48 kHz, -1 to 1."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

RATE_HZ: Final = 48_000
FRAME_SAMPLES: Final = 2400
"""50 ms: the noise floor is the quietest of such frames."""
QUIETEST_PERCENT: Final = 5
"""Of half-overlapping frames. Of a tenth, three seconds of a voice with few pauses passed for noise."""
CLIP_LEVEL: Final = 0.99
CLIP_RUN: Final = 3
FLOOR_DBFS: Final = -120.0
SPEECH_OVER_NOISE_DB: Final = 12.0
SPEECH_LEAST_DBFS: Final = -65.0
SPEECH_LEAST_S: Final = 0.4
"""Shorter than this is a door or a key, not somebody who speaks."""

Sound = NDArray[np.float32]


def dbfs(level: float) -> float:
    """Return an amplitude, full scale = 1, in dBFS; ``FLOOR_DBFS`` at least."""
    return max(FLOOR_DBFS, 20 * math.log10(level)) if level > 0 else FLOOR_DBFS


def peak_dbfs(samples: Sound) -> float:
    """Return the largest sample in dBFS."""
    return dbfs(float(np.abs(samples).max())) if samples.size else FLOOR_DBFS


def is_exact_silence(samples: Sound) -> bool:
    """Say whether every sample is zero: a switch or a driver does that, never a room."""
    return not samples.any()


def noise_floor_dbfs(samples: Sound) -> float:
    """Return the A-weighted level of the quietest twentieth of 50 ms frames, in dBFS."""
    frames = np.concatenate((_frames(samples), _frames(samples[FRAME_SAMPLES // 2 :])))
    window = np.hanning(FRAME_SAMPLES)
    spectrum = np.fft.rfft(frames * window, axis=1)
    weighted = spectrum * a_weights(np.fft.rfftfreq(FRAME_SAMPLES, 1 / RATE_HZ))
    # Parseval, one-sided; the window's own power is taken out again.
    power = 2 * (np.abs(weighted) ** 2).sum(axis=1) / FRAME_SAMPLES / (window**2).sum()
    return dbfs(math.sqrt(float(np.percentile(power, QUIETEST_PERCENT))))


def a_weights(hz: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the A-weighting at these frequencies, 1.0 at 1 kHz (IEC 61672-1:2013, annex E)."""
    f2 = np.square(hz)
    top = 12194.0**2 * f2**2
    bottom = (f2 + 20.6**2) * np.sqrt((f2 + 107.7**2) * (f2 + 737.9**2)) * (f2 + 12194.0**2)
    weights: NDArray[np.float64] = 1.2589 * top / bottom
    return weights


def speech_dbfs(samples: Sound) -> float | None:
    """Return how loud somebody speaks, in dBFS; None when nobody does.

    Level of the active frames alone, so that pauses do not count (after ITU-T P.56, with the
    recording's own noise floor in place of its fixed margin).
    """
    frames = _frames(samples)
    if not frames.size:
        return None
    # Rumble and hum below the voice would pass for it, or hide its pauses.
    spectrum = np.fft.rfft(frames * np.hanning(FRAME_SAMPLES), axis=1)
    hz = np.fft.rfftfreq(FRAME_SAMPLES, 1 / RATE_HZ)
    voiced = (np.abs(spectrum[:, (hz >= 150) & (hz <= 4000)]) ** 2).sum(axis=1)
    power = 2 * voiced / FRAME_SAMPLES / (np.hanning(FRAME_SAMPLES) ** 2).sum()
    floor = float(np.percentile(power, 10))
    least = max(floor * 10 ** (SPEECH_OVER_NOISE_DB / 10), 10 ** (SPEECH_LEAST_DBFS / 10))
    active = power > least
    if active.sum() * FRAME_SAMPLES / RATE_HZ < SPEECH_LEAST_S:
        return None
    return dbfs(math.sqrt(float((frames[active] ** 2).mean())))


def clipped_percent(samples: Sound) -> float:
    """Return the share of samples in runs of three or more at full scale."""
    full = np.abs(samples) >= CLIP_LEVEL
    if not full.any():
        return 0.0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], full.view(np.int8), [0]))))
    runs = edges[1::2] - edges[::2]
    return 100 * float(runs[runs >= CLIP_RUN].sum()) / samples.size


def _frames(samples: Sound) -> Sound:
    count = samples.size // FRAME_SAMPLES
    frames: Sound = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
    return frames
