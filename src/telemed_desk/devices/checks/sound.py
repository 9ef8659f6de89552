"""What a few seconds of sound say about a microphone, and whether the speaker plays."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.findings import Finding
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import PROBLEMS, MicrophoneMissing

FRAME_SAMPLES = 2400
"""50 ms at 48 kHz: the noise floor is the quietest tenth of such frames."""
MIN_FRAMES = 10
CLIP_LEVEL = 0.99
CLIP_RUN = 3
FLOOR_DBFS = -120.0


@dataclass(frozen=True, slots=True)
class SoundObservation:
    """What was heard from a microphone.

    Attributes:
        problem: Code of :mod:`telemed_desk.devices.problems`, empty if it works.
        samples: Mono, 48 kHz, -1 to 1.
        system_volume: 0 to 1 as the system has it, 0 when muted there; None = cannot tell.
    """

    problem: str
    samples: NDArray[np.float32]
    system_volume: float | None = None


def microphone_findings(heard: SoundObservation) -> list[Finding]:
    """Judge a microphone (M1 to M4, M6)."""
    if heard.problem:
        problem = PROBLEMS[heard.problem]
        if problem is MicrophoneMissing:
            return [LIMITS["M1"].failed(problem.sentence, problem.next_step)]
        return [LIMITS["M1"].passed(), LIMITS["M3"].failed(problem.sentence, problem.next_step)]
    findings = [LIMITS["M1"].passed(), _volume(heard.system_volume)]
    if heard.samples.size < MIN_FRAMES * FRAME_SAMPLES:
        return [*findings, LIMITS["M3"].unknown("Too little sound came to tell.")]
    peak = peak_dbfs(heard.samples)
    findings.append(LIMITS["M3"].judge(round(peak, 1)))
    if peak > LIMITS["M3"].good:
        findings.append(LIMITS["M4"].judge(round(noise_floor_dbfs(heard.samples), 1)))
        findings.append(LIMITS["M6"].judge(round(clipped_percent(heard.samples), 3)))
    return findings


def _volume(volume: float | None) -> Finding:
    if volume is None:
        return LIMITS["M2"].unknown(
            "The system does not say how loud the microphone is set.",
            "Look into the sound settings if others hear you badly.",
        )
    return LIMITS["M2"].judge(round(100 * volume))


def speaker_findings(problem: str, pulled_samples: int) -> list[Finding]:
    """Judge a speaker by whether it took sound (S1, without listening)."""
    if problem:
        cause = PROBLEMS[problem]
        return [LIMITS["S1"].failed(cause.sentence, cause.next_step)]
    if pulled_samples == 0:
        return [LIMITS["S1"].failed()]
    return [LIMITS["S1"].passed()]


def peak_dbfs(samples: NDArray[np.float32]) -> float:
    """Return the largest sample in dBFS."""
    return _dbfs(float(np.abs(samples).max()))


def noise_floor_dbfs(samples: NDArray[np.float32]) -> float:
    """Return the A-weighted level of the quietest tenth of 50 ms frames, in dBFS."""
    count = samples.size // FRAME_SAMPLES
    frames = samples[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES)
    window = np.hanning(FRAME_SAMPLES)
    spectrum = np.fft.rfft(frames * window, axis=1)
    weighted = spectrum * a_weights(np.fft.rfftfreq(FRAME_SAMPLES, 1 / 48_000))
    # Parseval, one-sided; the window's own power is taken out again.
    power = 2 * (np.abs(weighted) ** 2).sum(axis=1) / FRAME_SAMPLES / (window**2).sum()
    return _dbfs(math.sqrt(float(np.percentile(power, 10))))


def a_weights(hz: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the A-weighting at these frequencies, 1.0 at 1 kHz (IEC 61672-1:2013, annex E)."""
    f2 = np.square(hz)
    top = 12194.0**2 * f2**2
    bottom = (f2 + 20.6**2) * np.sqrt((f2 + 107.7**2) * (f2 + 737.9**2)) * (f2 + 12194.0**2)
    weights: NDArray[np.float64] = 1.2589 * top / bottom
    return weights


def clipped_percent(samples: NDArray[np.float32]) -> float:
    """Return the share of samples in runs of three or more at full scale."""
    full = np.abs(samples) >= CLIP_LEVEL
    if not full.any():
        return 0.0
    edges = np.flatnonzero(np.diff(np.concatenate(([0], full.view(np.int8), [0]))))
    runs = edges[1::2] - edges[::2]
    return 100 * float(runs[runs >= CLIP_RUN].sum()) / samples.size


def _dbfs(level: float) -> float:
    return max(FLOOR_DBFS, 20 * math.log10(level)) if level > 0 else FLOOR_DBFS
