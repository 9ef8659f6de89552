"""A sweep played by the speaker and heard by the microphone: heard at all, how late, how loud. Pure.

The sweep rises linearly from 0.2 to 8 kHz, so that its spectrum is flat there and a matched filter
gains the product of time and bandwidth (some 37 dB) over the room's noise.
"""

import math
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.checks.sound_levels import RATE_HZ, Sound

SWEEP_S: Final = 0.6
LOW_HZ: Final = 200.0
HIGH_HZ: Final = 8000.0
SWEEP_DBFS: Final = -20.0
_FADE_S: Final = 0.01
LATEST_S: Final = 1.2
"""An echo later than this is not looked for."""
_BIN: Final = RATE_HZ // 1000
"""The filter's answer is looked at in pieces of 1 ms: in noise alone the loudest is then a few dB over
the median, where single samples would reach 16."""
_ROUNDING: Final = 1e-5
_EVEN_HZ: Final = 60.0
_PATH_BEFORE_S: Final = 0.002
_PATH_AFTER_S: Final = 0.08
MOST_DB: Final = 80.0
AGREE_S: Final = 0.03


@dataclass(frozen=True, slots=True)
class SweepHeard:
    """What came of one sweep.

    Attributes:
        over_db: How much more like the sweep the best moment is than the median one.
        delay_s: From the first sample of the sweep to its first echo, on the recording's clock.
        loss_db: How much weaker the microphone heard it than the speaker was given it (echo return
            loss); meaningless unless it was heard.
    """

    over_db: float
    delay_s: float
    loss_db: float


@cache
def sweep() -> Sound:
    """Return the sweep: mono, 48 kHz."""
    at = np.arange(int(SWEEP_S * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * (LOW_HZ * at + (HIGH_HZ - LOW_HZ) / (2 * SWEEP_S) * at**2)
    amplitude = 10 ** (SWEEP_DBFS / 20) * math.sqrt(2)
    fade = np.clip(np.minimum(at, at[::-1]) / _FADE_S, 0, 1)
    made: Sound = (amplitude * np.sin(phase) * np.sin(np.pi / 2 * fade) ** 2).astype(np.float32)
    made.setflags(write=False)
    return made


def listen_for_sweep(recording: Sound, start: int) -> SweepHeard:
    """Look for the sweep in a recording.

    Args:
        recording: From the microphone; at least the sweep and its echo.
        start: Which sample of the recording was taken when the sweep began to play.
    """
    played = sweep()
    even = _evened(recording)
    answer = _matched(even, played)
    first = max(0, start)
    window = answer[first : first + int(LATEST_S * RATE_HZ)]
    bins = window.size // _BIN
    if bins < 3:
        return SweepHeard(0.0, 0.0, MOST_DB)
    power = (window[: bins * _BIN].reshape(bins, _BIN) ** 2).mean(axis=1)
    # As a share of all that was heard while the sweep would have lasted: a voice that begins just
    # then is loud, not alike.
    likeness = power / (_energies(even, played.size)[first : first + bins * _BIN : _BIN])
    median = float(np.median(likeness))
    over_db = 10 * math.log10(float(likeness.max()) / median) if median > 0 else 0.0
    peak = int(np.argmax(np.abs(window)))
    loss_db = _loss_db(recording, played, first + peak)
    return SweepHeard(min(over_db, MOST_DB), (first + peak - start) / RATE_HZ, loss_db)


def agreed(first: SweepHeard, second: SweepHeard) -> SweepHeard:
    """Return what two sweeps say together; not heard when they came at different times.

    The sweep comes each time as late as before; somebody who speaks does not.
    """
    weaker = min(first, second, key=lambda heard: heard.over_db)
    if abs(first.delay_s - second.delay_s) > AGREE_S:
        return replace(weaker, over_db=0.0)
    return weaker


def _evened(recording: Sound) -> Sound:
    """Return the recording with all frequencies of the sweep alike, as they are in the sweep.

    Else the few tones that a voice is made of would be found in it.
    """
    size = _size_for(recording.size)
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    spectrum = np.fft.rfft(recording, size)
    width = max(1, round(_EVEN_HZ / float(hz[1])))
    added = np.concatenate(([0.0], np.cumsum(np.abs(spectrum) ** 2)))
    at = np.arange(spectrum.size)
    low, high = np.maximum(at - width, 0), np.minimum(at + width + 1, spectrum.size)
    power = (added[high] - added[low]) / (high - low)
    band = (hz >= LOW_HZ) & (hz <= HIGH_HZ)
    least = _ROUNDING**2 * recording.size
    level = float(power[band].mean())
    shape = np.where(band, np.sqrt(level / (power + least + 1e-4 * level)), 0.0) if level else 0.0
    even: Sound = np.fft.irfft(spectrum * shape, size)[: recording.size].astype(np.float32)
    return even


def _energies(recording: Sound, length: int) -> NDArray[np.float64]:
    """Return the energy of so many samples from each sample on; never less than rounding's."""
    added = np.concatenate(([0.0], np.cumsum(recording.astype(np.float64) ** 2)))
    ends = np.minimum(np.arange(recording.size) + length, recording.size)
    energies: NDArray[np.float64] = added[ends] - added[:-1] + _ROUNDING**2 * length
    return energies


def _size_for(samples: int) -> int:
    return 1 << (samples - 1).bit_length()


def _matched(recording: Sound, played: Sound) -> NDArray[np.float64]:
    size = _size_for(recording.size + played.size)
    spectrum = np.fft.rfft(recording, size) * np.conj(np.fft.rfft(played, size))
    answer: NDArray[np.float64] = np.fft.irfft(spectrum, size)[: recording.size]
    return answer


def _loss_db(recording: Sound, played: Sound, at: int) -> float:
    """Return the echo return loss: over the sweep's band, all that came within 80 ms of the echo.

    The path's answer is won by dividing by the sweep's spectrum (Farina 2000), within its band alone;
    what the same stretch holds of noise, as seen before the echo, is taken off.
    """
    size = _size_for(recording.size + played.size)
    hz = np.fft.rfftfreq(size, 1 / RATE_HZ)
    band = (hz >= 1.2 * LOW_HZ) & (hz <= 0.95 * HIGH_HZ)
    divisor = np.where(band, np.fft.rfft(played, size), 1.0)
    ratio = np.where(band, np.fft.rfft(recording, size) / divisor, 0.0)
    path = np.fft.irfft(ratio, size)
    share = float(band.sum()) / hz.size
    begin, end = at - int(_PATH_BEFORE_S * RATE_HZ), at + int(_PATH_AFTER_S * RATE_HZ)
    energy = float((path.take(range(begin, end), mode="wrap") ** 2).sum())
    length = end - begin
    beside = path.take(range(begin - 2 * length, begin - length), mode="wrap")
    energy -= float((beside**2).sum())
    return min(MOST_DB, -10 * math.log10(max(energy / share, 1e-8)))
