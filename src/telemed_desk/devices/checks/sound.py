"""What a few seconds of sound say about a microphone, and what a sweep says about a speaker."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from telemed_desk.devices.checks.sound_clock import ClockDrift, clock_drift
from telemed_desk.devices.checks.sound_levels import (
    FRAME_SAMPLES,
    RATE_HZ,
    Sound,
    clipped_percent,
    is_exact_silence,
    noise_floor_dbfs,
    peak_dbfs,
    speech_dbfs,
)
from telemed_desk.devices.checks.sound_spectrum import band_khz, hum_of
from telemed_desk.devices.checks.sound_sweep import SweepHeard
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.limits_sound import ECHO_HEADSET_DB
from telemed_desk.devices.problems import (
    PROBLEMS,
    MicrophoneMissing,
    MicrophoneMuted,
    SoundProcessingMissing,
)

MIN_FRAMES = 20
"""A second: less says too little of hum and noise."""
STALLED_S = 0.1
BELIEVED = 0.2
"""Of a drift, how much of it may be unsure before it is held against a device."""
"""A microphone gives a block each 10 to 40 ms."""
WRONG_RATE_PPM = 20_000
"""A clock so far off is seen on any PC: it gives another rate than it says."""
MUTED_CAUSE = "The microphone is muted in the system's sound settings."
MUTED_ACTION = "Switch it on in the sound settings."
LOW_CAUSE = "The microphone is set very low in the system's sound settings."
LOW_ACTION = "Turn it up in the sound settings."


@dataclass(frozen=True, slots=True)
class SoundObservation:
    """What was heard from a microphone.

    Attributes:
        problem: Code of :mod:`telemed_desk.devices.problems`, empty if it works.
        samples: Mono, 48 kHz, -1 to 1.
        system_volume: 0 to 1 as the system has it, 0 when muted there; None = cannot tell.
        channels: What each channel gives, when there is more than one.
        counts: Samples that had come in all at each block; empty = the clock was not watched.
        times_s: When that block came, monotonic.
        usual: False when another microphone than the one used last is open.
    """

    problem: str
    samples: Sound
    system_volume: float | None = None
    channels: Sequence[Sound] = ()
    counts: NDArray[np.int64] | None = None
    times_s: NDArray[np.float64] | None = None
    usual: bool = True


def microphone_findings(heard: SoundObservation) -> list[Finding]:
    """Judge a microphone (M1 to M9). M5 is told only when somebody spoke, at a volume that is right."""
    if heard.problem and heard.problem != MicrophoneMuted.code:
        problem = PROBLEMS[heard.problem]
        if problem is MicrophoneMissing:
            return [LIMITS["M1"].failed(problem.sentence, problem.next_step)]
        return [LIMITS["M1"].passed(), LIMITS["M3"].failed(problem.sentence, problem.next_step)]
    connected = LIMITS["M1"].passed() if heard.usual else LIMITS["M1"].judge(0)
    findings = [connected, _volume(heard.system_volume)]
    if heard.system_volume == 0:
        # All else follows from this, and would send people to look at cables.
        return [*findings, LIMITS["M3"].unknown(MUTED_CAUSE, MUTED_ACTION)]
    if heard.samples.size < MIN_FRAMES * FRAME_SAMPLES:
        return [*findings, LIMITS["M3"].unknown("Too little sound came to tell.")]
    findings.append(_alive(heard.samples))
    if findings[-1].outcome is not Outcome.PASS and findings[1].outcome is Outcome.WARN:
        # Nobody should look for a broken cable when it was only turned down.
        findings[-1] = LIMITS["M3"].unknown(LOW_CAUSE, LOW_ACTION)
    if findings[-1].outcome is not Outcome.PASS:
        return findings
    if len(heard.channels) > 1:
        findings.append(_channels(heard.channels))
    findings += [
        LIMITS["M4"].judge(round(noise_floor_dbfs(heard.samples), 1)),
        LIMITS["M6"].judge(round(clipped_percent(heard.samples), 3)),
        LIMITS["M7"].judge(round(hum_of(heard.samples).judged_db, 1)),
        _clock(heard),
        LIMITS["M9"].judge(band_khz(heard.samples)),
    ]
    if findings[1].outcome is Outcome.PASS:
        spoken = voice_findings(heard.samples)
        findings += [f for f in spoken if f.outcome is not Outcome.CANNOT_TELL]
    return findings


def voice_findings(samples: Sound) -> list[Finding]:
    """Judge how loud somebody speaks (M5): one of two findings, too faint or too loud."""
    level = speech_dbfs(samples)
    if level is None:
        return [
            LIMITS["M5"].unknown("Nobody was heard to speak.", "Say a few words, and try again.")
        ]
    name = "M5.loud" if level > LIMITS["M5.loud"].good else "M5"
    return [LIMITS[name].judge(round(level, 1))]


def _volume(volume: float | None) -> Finding:
    if volume is None:
        return LIMITS["M2"].unknown(
            "The system does not say how loud the microphone is set.",
            "Look into the sound settings if others hear you badly.",
        )
    if volume == 0:
        return LIMITS["M2"].judge(0, cause=MUTED_CAUSE, action=MUTED_ACTION)
    return LIMITS["M2"].judge(round(100 * volume), cause=LOW_CAUSE)


def _alive(samples: Sound) -> Finding:
    if is_exact_silence(samples):
        return LIMITS["M3"].judge(
            round(peak_dbfs(samples), 1),
            cause="The microphone gives exact silence: a switch on it, or its driver, holds it back.",
            action="Look for a mute switch on the headset, or choose another microphone.",
        )
    return LIMITS["M3"].judge(round(peak_dbfs(samples), 1))


def _channels(channels: Sequence[Sound]) -> Finding:
    """Judge the weaker channel, once it is known that one of them is alive."""
    return LIMITS["M3.channel"].judge(round(min(peak_dbfs(one) for one in channels), 1))


def _clock(heard: SoundObservation) -> Finding:
    drift = None
    if heard.counts is not None and heard.times_s is not None:
        drift = clock_drift(heard.counts, heard.times_s, RATE_HZ)
    if drift is None:
        return LIMITS["M8"].unknown("The microphone was not heard long enough to tell its speed.")
    # Sound that waits for a stalled PC may be lost without a word: a small drift is then no news.
    stalled = drift.stalled_s > STALLED_S and LIMITS["M8"].good < drift.certain_ppm < WRONG_RATE_PPM
    if _is_vague(drift) or stalled:
        return LIMITS["M8"].unknown("This PC was too busy to tell the microphone's speed.")
    return LIMITS["M8"].judge(round(drift.certain_ppm))


def is_clock_told(counts: NDArray[np.int64], times_s: NDArray[np.float64]) -> bool:
    """Return whether listening on would tell no more of a microphone's clock (M8).

    Args:
        counts: As in :class:`SoundObservation`.
        times_s: As there.
    """
    drift = clock_drift(counts, times_s, RATE_HZ)
    return drift is not None and not _is_vague(drift)


def _is_vague(drift: ClockDrift) -> bool:
    """Tell whether it may be a good clock as well as a bad one.

    A part of a sound server's saw, without the step at its end, looks like a clock that is off; but not
    like a steady one.
    """
    if drift.certain_ppm < LIMITS["M8"].good:
        return drift.unsure_ppm > LIMITS["M8"].usable
    return drift.unsure_ppm > BELIEVED * abs(drift.ppm)


def speaker_findings(problem: str, pulled_samples: int) -> list[Finding]:
    """Judge a speaker by whether it took sound (S1, without listening)."""
    if problem:
        cause = PROBLEMS[problem]
        return [LIMITS["S1"].failed(cause.sentence, cause.next_step)]
    if pulled_samples == 0:
        return [
            LIMITS["S1"].failed(
                "The speaker cannot be opened.", "Choose another one, or plug a headset in."
            )
        ]
    return [LIMITS["S1"].passed()]


def sweep_findings(
    heard: SweepHeard, latency_s: float, *, worn: bool, cancels: bool = True
) -> list[Finding]:
    """Judge what the microphone heard of the speaker's sweep (S1 to S3).

    Args:
        heard: Of the second sweep; the first wakes the devices up.
        latency_s: From the speaker's buffer to the microphone's, heard.delay_s on one clock.
        worn: The speaker is known to be worn on the head: then not hearing it is no fault.
        cancels: Calls take the echo out on this PC.
    """
    if heard.over_db < LIMITS["S1"].usable:
        if worn:
            first = LIMITS["S1"].unknown(
                "The headset plays into the ear, where the microphone does not hear it.",
                "Say whether you heard the sweep.",
            )
        else:
            first = LIMITS["S1"].judge(round(heard.over_db, 1))
        return [first, *_not_heard()]
    return [
        LIMITS["S1"].judge(
            round(heard.over_db, 1), cause="The microphone hardly hears the speaker."
        ),
        LIMITS["S2"].judge(round(1000 * latency_s)),
        _echo(heard.loss_db, cancels=cancels),
    ]


def _echo(loss_db: float, *, cancels: bool) -> Finding:
    """Judge how much of the speaker the microphone hears (S3).

    A loudspeaker in a room has 6 to 30 dB, and calls take its echo out: that is no fault of it.
    """
    finding = LIMITS["S3"].judge(round(loss_db, 1))
    if cancels or finding.outcome is not Outcome.PASS or loss_db >= ECHO_HEADSET_DB:
        return finding
    problem = SoundProcessingMissing
    return replace(
        finding, outcome=Outcome.WARN, limit=ECHO_HEADSET_DB,
        cause=problem.sentence, action=problem.next_step,
    )  # fmt: skip


def _not_heard() -> list[Finding]:
    sentence = "The microphone did not hear the sweep."
    return [LIMITS[check].unknown(sentence) for check in ("S2", "S3")]


def answered_findings(*, heard: bool) -> list[Finding]:
    """Judge a sweep that the microphone did not hear by what the doctor says (S1).

    Args:
        heard: The doctor heard it: a headset, which has no echo; its delay stays unknown.
    """
    if heard:
        return [LIMITS["S1"].passed(), LIMITS["S3"].passed()]
    return [
        LIMITS["S1"].failed(
            "Nobody hears the speaker.", "Turn it up, or choose another one or a headset."
        )
    ]
