"""What the spectrum of a recording tells: mains hum, and how far up the voice goes. Pure."""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.checks.sound_levels import FLOOR_DBFS, RATE_HZ, Sound

MAINS_HZ: Final = (50.0, 60.0)
HARMONICS: Final = 4
"""The mains themselves and three above."""
INAUDIBLE_DBFS: Final = -80.0
"""A hum so weak is no finding, however far it stands out of a silent room."""
FAINT_DBFS: Final = -60.0
FAINT_MOST_DB: Final = 19.9
"""A faint hum is worth a word, never a failure."""
_HUM_WINDOW: Final = RATE_HZ
"""One second: lines 1 Hz apart, and four bins of it tell 50 from 60 Hz."""

FULL_KHZ: Final = 20.0
_CUT_LEAST_HZ: Final = 3000
_CUT_MOST_HZ: Final = 14_000
_CUT_STEP_HZ: Final = 250
_CLIFF_DB: Final = 30.0
_SILENT_DB_HZ: Final = -136.0
"""Density, dBFS in 1 Hz: 9 dB above what rounding to 16 bit adds (-145)."""
_ABOVE_SILENT_DB: Final = 12.0
_BAND_WINDOW: Final = 2048
_CLICK_WINDOWS: Final = 6
"""A click, or a moment that was lost, has all frequencies: three of them do not count."""
_TOP_HZ: Final = 12_000


@dataclass(frozen=True, slots=True)
class Hum:
    """Mains hum.

    Attributes:
        hz: 50 or 60, whichever stands out more.
        over_db: How far its lines stand out of their neighbours.
        level_dbfs: Of the lines together.
    """

    hz: float
    over_db: float
    level_dbfs: float

    @property
    def judged_db(self) -> float:
        """What is compared with the limits: a hum that nobody hears counts little or nothing."""
        if self.level_dbfs <= INAUDIBLE_DBFS:
            return 0.0
        if self.level_dbfs <= FAINT_DBFS:
            return max(0.0, min(self.over_db, FAINT_MOST_DB))
        return max(0.0, self.over_db)


def hum_of(samples: Sound) -> Hum:
    """Look for mains hum; at least a second of sound.

    Hum is there all the time: of all half-overlapping seconds the one with the least counts, so that a
    low voice in some of them is not taken for it.
    """
    starts = range(0, samples.size - _HUM_WINDOW + 1, _HUM_WINDOW // 2)
    window = np.hanning(_HUM_WINDOW)
    powers = [
        # Scaled so that a sine's main lobe adds up to its mean square.
        2 * np.abs(np.fft.rfft(samples[at : at + _HUM_WINDOW] * window)) ** 2
        / _HUM_WINDOW / (window**2).sum()
        for at in starts
    ]  # fmt: skip
    found = [min((_lines(power, hz) for power in powers), key=_over) for hz in MAINS_HZ]
    return max(found, key=lambda hum: hum.judged_db)


def _over(hum: Hum) -> float:
    return hum.over_db


def _lines(power: NDArray[np.float64], mains_hz: float) -> Hum:
    """Measure the lines of one second: bins are 1 Hz apart."""
    ratios, level = [], 0.0
    rounding = 10 ** (_SILENT_DB_HZ / 10)
    for harmonic in range(1, HARMONICS + 1):
        at = round(mains_hz * harmonic)
        line = power[at - 2 : at + 3]
        beside = np.concatenate((power[at - 8 : at - 3], power[at + 4 : at + 9]))
        ratios.append(float(line.mean()) / (float(beside.mean()) + rounding))
        level += float(line.sum())
    over_db = 10 * math.log10(max(1e-3, float(np.mean(ratios))))
    return Hum(mains_hz, over_db, max(FLOOR_DBFS, 10 * math.log10(max(level, 1e-12))))


def band_khz(samples: Sound) -> float:
    """Return up to which frequency there is sound, in kHz; ``FULL_KHZ`` when nothing cuts it off.

    Rooms and voices fade towards high frequencies; a codec or a resampler ends in a cliff, with
    nothing above it but what rounding adds. In a recording that is silent at all frequencies no cliff
    can be seen, and none is claimed.
    """
    density = _density_db(samples)
    hz_a_bin = RATE_HZ / _BAND_WINDOW

    def mean_db(low_hz: float, high_hz: float) -> float:
        part = density[int(low_hz / hz_a_bin) : int(high_hz / hz_a_bin) + 1]
        return float(10 * np.log10(np.mean(10 ** (part / 10))))

    best: tuple[float, int] | None = None
    for cut_hz in range(_CUT_LEAST_HZ, _CUT_MOST_HZ + 1, _CUT_STEP_HZ):
        below = mean_db(cut_hz - 1000, cut_hz - 250)
        above = mean_db(cut_hz + 250, cut_hz + 2500)
        beyond = mean_db(cut_hz + 250, 20_000)
        drop = below - above
        silent = beyond < _SILENT_DB_HZ and below > _SILENT_DB_HZ + _ABOVE_SILENT_DB
        cliff = drop > _CLIFF_DB and beyond < below - _CLIFF_DB
        ends = cliff or (silent and drop > _ABOVE_SILENT_DB)
        if ends and (best is None or drop > best[0]):
            best = (drop, cut_hz)
    return FULL_KHZ if best is None else best[1] / 1000


def _density_db(samples: Sound) -> NDArray[np.float64]:
    """Return the mean power density, dBFS in 1 Hz, of half-overlapping windows (Welch 1967).

    Without the few with most at the top.
    """
    window = np.hanning(_BAND_WINDOW)
    step = _BAND_WINDOW // 2
    pieces = np.lib.stride_tricks.sliding_window_view(samples, _BAND_WINDOW)[::step]
    powers = np.abs(np.fft.rfft(pieces * window, axis=1)) ** 2
    top = powers[:, int(_TOP_HZ * _BAND_WINDOW / RATE_HZ) :].sum(axis=1)
    kept = np.argsort(top)[: max(1, top.size - _CLICK_WINDOWS)]
    power = powers[kept].mean(axis=0)
    density: NDArray[np.float64] = 10 * np.log10(2 * power / RATE_HZ / (window**2).sum() + 1e-20)
    return density
