"""Whether lamps flicker in the picture (C11).

A lamp on the mains brightens and darkens at twice the mains frequency. A sensor that reads row by row
turns that into bands, which roll when the frequency is no multiple of the picture rate, and stand still
when it is: 100 Hz at 25 pictures a second, 120 Hz at 30. Bands that stand or creep cannot be told from
the scene and from people in it.

The bands are looked for where they must be: the brightness of each row over time is multiplied with the
lamp's own frequency (a matched filter over the pictures' time stamps), so that a person who moves counts
for next to nothing. The picture is judged in eight strips and their median taken: a lamp is in all of
them, what moves is in some.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.limits_camera import MAINS_HZ, STANDING_HZ

STRIPS = 8
LEAST_PICTURES = 20
LEAST_LUMA = 10.0
SEARCH_HZ = 0.8
"""Mains and the camera's clock are off by less than this."""


def flicker_percent(
    rows: Sequence[NDArray[np.float32]], taken_ns: Sequence[int], mains_hz: float = MAINS_HZ
) -> float | str:
    """Return how strongly rows are modulated by lamps, in per cent; or why that cannot be told.

    Args:
        rows: Mean brightness of each row, for each picture in order.
        taken_ns: When each picture was taken.
        mains_hz: Of the country.
    """
    if len(rows) < LEAST_PICTURES:
        return "Too few pictures came to tell."
    index, interval_s = _steady(taken_ns)
    lamp_hz = 2.0 * mains_hz
    rolls_hz = abs(lamp_hz - round(lamp_hz * interval_s) / interval_s)
    if rolls_hz < STANDING_HZ:
        return "At this picture rate the bands of a flickering lamp hardly move."
    bright = np.stack(rows).astype(np.float64)
    mean = bright.mean(axis=0)
    if float(mean.mean()) < LEAST_LUMA:
        return "It is too dark to tell."
    relative = bright / np.maximum(mean, LEAST_LUMA) - 1.0
    times = index * interval_s
    span = max(float(times[-1] - times[0]), interval_s)
    window = 0.5 - 0.5 * np.cos(
        2 * np.pi * (times - times[0] + interval_s) / (span + 2 * interval_s)
    )
    hz = lamp_hz + np.linspace(-SEARCH_HZ, SEARCH_HZ, 17)
    filters = window * np.exp(-2j * np.pi * hz[:, None] * times) / window.sum()
    return 100 * _banded(filters @ relative)


def _steady(taken_ns: Sequence[int]) -> tuple[NDArray[np.float64], float]:
    """Return each picture's place on a steady clock, and its interval.

    Time stamps jitter by milliseconds where no hardware makes them, which at 100 Hz is half a wave.
    """
    times = (np.asarray(taken_ns, np.float64) - taken_ns[0]) / 1e9
    gap = max(float(np.median(np.diff(times))), 1e-3)
    index = np.concatenate(([0.0], np.rint(np.diff(times) / gap).cumsum()))
    slope = float(np.polyfit(index, times, 1)[0])
    return index, max(slope, 1e-3)


def _banded(amplitudes: NDArray[np.complex128]) -> float:
    """Return the modulation that most of the picture shares; 0 to 1.

    Args:
        amplitudes: For each frequency tried, the complex amplitude of each row.
    """
    strips = np.array_split(amplitudes, STRIPS, axis=1)
    # Within a strip the phase runs on from row to row: a small transform finds how fast.
    peaks = [
        np.abs(np.fft.fft(strip, n=256, axis=1)).max(axis=1) / strip.shape[1] for strip in strips
    ]
    return 2 * float(np.median(np.stack(peaks), axis=0).max())
