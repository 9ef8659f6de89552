"""What the self-check says about microphone and speaker: each limit from both sides, no false alarm."""

import os

import numpy as np
import pytest
from scipy.signal import butter, resample_poly, sosfilt

from telemed_desk.clinical.ladder import Rung
from telemed_desk.devices.checks.sound import (
    SoundObservation,
    is_clock_told,
    microphone_findings,
    speaker_findings,
    voice_findings,
)
from telemed_desk.devices.checks.sound_clock import clock_drift
from telemed_desk.devices.checks.sound_levels import Sound, a_weights, noise_floor_dbfs
from telemed_desk.devices.checks.sound_spectrum import FULL_KHZ, band_khz, hum_of
from telemed_desk.devices.findings import Finding, Outcome
from telemed_desk.devices.limits import LIMITS
from telemed_desk.devices.problems import (
    MicrophoneDenied,
    MicrophoneFailed,
    MicrophoneMissing,
    SpeakerMissing,
)
from tests.support.devices.made_sounds import RATE, RNG, noise, sampled, spoken, tone
from tests.support.devices.sound_bench import talking

SEEDS = range(int(os.environ.get("TELEMED_SEEDS", "3")))
PASS, WARN, FAIL = Outcome.PASS, Outcome.WARN, Outcome.FAIL


def hear(
    samples: Sound, volume: float | None = 1.0, channels: tuple[Sound, ...] = (), ppm: float = 0.0
) -> dict[str, Finding]:
    counts = np.arange(1, samples.size // 480 + 1) * 480
    times = counts / RATE / (1 + ppm / 1e6) + RNG.exponential(0.001, counts.size)
    seen = SoundObservation("", samples, volume, channels, counts, times)
    return {finding.check: finding for finding in microphone_findings(seen)}


def odd(found: dict[str, Finding]) -> set[str]:
    """Return the checks that cry."""
    return {check for check, finding in found.items() if finding.outcome is not PASS}


# ---- nothing wrong -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_healthy_microphone_is_all_green(seed: int) -> None:
    rng = np.random.default_rng(seed)
    quiet = hear(
        noise(rng.uniform(-90, -62), rng=rng), rng.uniform(0.35, 1.0), ppm=rng.uniform(-90, 90)
    )
    assert odd(quiet) == set()
    assert set(quiet) == {"M1", "M2", "M3", "M4", "M6", "M7", "M8", "M9"}
    talking = hear(spoken(rng.uniform(-32, -16), seed))
    assert odd(talking) == set()
    assert talking.keys() & {"M5", "M5.loud"}


# ---- each fault, and nothing else ----------------------------------------------------------------


def hummed(mains_hz: float, dbfs: float) -> Sound:
    at = np.arange(int(RATE * 2.5)) / RATE
    wave = sum(np.sin(2 * np.pi * mains_hz * n * at) / n for n in (1, 2, 3))
    return sampled(noise(-66) + 10 ** (dbfs / 20) * np.sqrt(2) * np.asarray(wave))


def narrowed(rate: int) -> Sound:
    """As it comes out of a Bluetooth headset that works at this rate."""
    return sampled(
        resample_poly(noise(-58).astype(np.float64)[: RATE * 2 // (RATE // rate)], RATE // rate, 1)
    )


@pytest.mark.parametrize(
    ("samples", "check", "outcome"),
    [
        (noise(-46), "M4", WARN),
        (noise(-30), "M4", FAIL),
        (hummed(50, -50), "M7", FAIL),
        (hummed(60, -50), "M7", FAIL),
        (hummed(50, -72), "M7", WARN),
        (narrowed(16_000), "M9", WARN),
        (narrowed(8_000), "M9", FAIL),
    ],
)
def test_a_fault_is_found_and_nothing_else_is(samples: Sound, check: str, outcome: Outcome) -> None:
    found = hear(samples)
    assert odd(found) == {check}, found
    assert found[check].outcome is outcome
    assert found[check].value is not None
    assert found[check].limit is not None
    assert found[check].cause
    assert found[check].action


def test_silence_and_near_silence_are_told_apart() -> None:
    exact, faint = hear(np.zeros(120_000, np.float32)), hear(tone(300, -90))
    assert odd(exact) == odd(faint) == {"M3"}
    assert exact["M3"].ceiling is Rung.PHONE
    assert "switch" in exact["M3"].action
    assert exact["M3"].cause != faint["M3"].cause
    assert hear(tone(300, -82))["M3"].outcome is PASS  # its peak is 3 dB above


def test_a_muted_microphone_is_not_called_dead() -> None:
    muted = hear(np.zeros(120_000, np.float32), 0.0)
    assert {check for check in odd(muted) if muted[check].outcome is FAIL} == {"M2"}
    assert muted["M3"].outcome is Outcome.CANNOT_TELL
    assert "muted" in muted["M2"].cause
    low = hear(noise(-70), 0.1)
    assert odd(low) == {"M2"}
    assert "low" in low["M2"].cause
    assert hear(noise(-70), None)["M2"].outcome is Outcome.CANNOT_TELL


@pytest.mark.parametrize(("volume", "outcome"), [(0.30, PASS), (0.29, WARN), (0.0, FAIL)])
def test_volume(volume: float, outcome: Outcome) -> None:
    assert hear(noise(-70), volume)["M2"].outcome is outcome


def test_one_dead_channel_of_two() -> None:
    alive, dead = noise(-60), np.zeros(120_000, np.float32)
    found = hear(sampled((alive + dead) / 2), channels=(alive, dead))
    assert odd(found) == {"M3.channel"}
    assert found["M3.channel"].outcome is WARN
    assert hear(alive, channels=(alive, noise(-60)))["M3.channel"].outcome is PASS
    assert "M3.channel" not in hear(alive)


@pytest.mark.parametrize(
    ("dbfs", "check", "outcome"),
    [
        (-50, "M5", FAIL),
        (-42, "M5", WARN),
        (-33, "M5", PASS),
        (-15, "M5", PASS),
        (-10, "M5.loud", WARN),
    ],
)
def test_how_loud_somebody_speaks(dbfs: float, check: str, outcome: Outcome) -> None:
    (finding,) = voice_findings(spoken(dbfs))
    assert (finding.check, finding.outcome) == (check, outcome), finding
    assert finding.value == pytest.approx(dbfs, abs=2.5)


def test_a_voice_that_shouts_is_too_loud() -> None:
    (finding,) = voice_findings(sampled(spoken(-12) * 5))
    assert (finding.check, finding.outcome) == ("M5.loud", FAIL)


def test_noise_hum_and_a_slammed_door_are_nobodys_voice() -> None:
    slam = noise(-66)
    slam[40_000:50_000] += noise(-20)[:10_000]
    for sound in (noise(-40), hummed(50, -40), slam, np.zeros(120_000, np.float32)):
        assert voice_findings(sound)[0].outcome is Outcome.CANNOT_TELL
        assert "M5" not in hear(sound)


@pytest.mark.parametrize(
    ("clipped", "outcome"), [(0, PASS), (2, PASS), (3, WARN), (110, WARN), (140, FAIL)]
)
def test_clipping(clipped: int, outcome: Outcome) -> None:
    """Of 120,000 samples; two at full scale in a row may be the wave itself."""
    sound = noise(-66)
    sound[5000 : 5000 + clipped] = 1.0
    assert hear(sound)["M6"].outcome is outcome


def test_a_voice_with_few_pauses_is_not_taken_for_noise() -> None:
    """Wherever in the sentence the three seconds begin."""
    overdriven = sampled(np.clip(np.tile(8 * talking(-14, -84), 2), -1, 1))
    for start in range(0, overdriven.size // 2, RATE // 5):
        floor = noise_floor_dbfs(overdriven[start : start + 3 * RATE])
        assert floor < LIMITS["M4"].good, start / RATE


def test_an_overdriven_voice_is_found() -> None:
    assert hear(sampled(spoken(-12) * 12))["M6"].outcome is FAIL


# ---- hum -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("mains_hz", [50.0, 60.0])
def test_hum_is_measured(mains_hz: float) -> None:
    hum = hum_of(hummed(mains_hz, -50))
    assert hum.hz == mains_hz
    assert hum.level_dbfs == pytest.approx(-48.7, abs=0.7)  # 1 + 1/4 + 1/9 of the power
    assert hum.over_db > 30


@pytest.mark.parametrize(
    ("over_db", "outcome"), [(5, PASS), (8.5, PASS), (14, WARN), (18, WARN), (24, FAIL), (30, FAIL)]
)
def test_hum_over_its_neighbours(over_db: float, outcome: Outcome) -> None:
    """One line in loud noise, so that audibility does not decide: four lines share the mean."""
    density = -42 - 10 * np.log10(RATE / 2)
    line = density + over_db + 10 * np.log10(4 * 5)  # five bins a line, four lines
    found = hear(sampled(noise(-42) + tone(50, line)))["M7"]
    assert found.outcome is outcome, found


@pytest.mark.parametrize(("dbfs", "outcome"), [(-84, PASS), (-76, WARN), (-64, WARN), (-56, FAIL)])
def test_a_hum_counts_by_how_well_it_is_heard(dbfs: float, outcome: Outcome) -> None:
    """In a room so quiet that each of these stands out by more than 20 dB."""
    found = hear(sampled(noise(-80) + tone(50, dbfs)))["M7"]
    assert found.outcome is outcome, found


@pytest.mark.parametrize("seed", SEEDS)
def test_low_voices_are_no_hum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    at = np.arange(RATE * 3) / RATE
    pitch = 100 * (1 + 0.15 * np.sin(2 * np.pi * rng.uniform(0.4, 1.2) * at + rng.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(n * phase) / n for n in range(1, 20))
    pauses = np.sin(2 * np.pi * 0.5 * at + rng.uniform(0, 6)) > -0.2
    sound = sampled(0.05 * np.asarray(voice) * pauses + noise(-66, 3))
    assert hum_of(sound).judged_db < LIMITS["M7"].good


# ---- band ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut_hz", [3400, 4000, 6000, 8000, 11_000])
def test_where_the_band_ends_is_found(cut_hz: int) -> None:
    cut = sosfilt(butter(14, cut_hz, fs=RATE, output="sos"), noise(-55))
    # Where the filter has taken 30 dB.
    assert band_khz(sampled(cut)) == pytest.approx(cut_hz / 1000, rel=0.3)


@pytest.mark.parametrize("seed", SEEDS)
def test_moments_that_were_lost_do_not_hide_where_the_band_ends(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cut = sosfilt(butter(14, 4000, fs=RATE, output="sos"), spoken(-20, seed))
    whole = sampled(cut)
    assert band_khz(whole) < LIMITS["M9"].usable
    places = np.sort(rng.integers(RATE // 4, whole.size - RATE // 4, 3))
    pieces = np.split(whole, [edge for at in places for edge in (at, at + 480)])
    assert band_khz(np.concatenate(pieces[::2])) < LIMITS["M9"].usable


@pytest.mark.parametrize("seed", SEEDS)
def test_what_fades_is_not_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    brown = np.cumsum(rng.standard_normal(RATE * 2))
    brown -= np.convolve(brown, np.ones(2400) / 2400, "same")
    assert band_khz(sampled(brown / np.abs(brown).max() * 0.05)) == FULL_KHZ
    assert band_khz(noise(rng.uniform(-100, -60), rng=rng)) == FULL_KHZ
    assert band_khz(spoken(-25, seed)) == FULL_KHZ
    assert band_khz(tone(rng.uniform(100, 1000), -20)) == FULL_KHZ


# ---- clock ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ppm", "outcome"),
    [
        (0, PASS),
        (200, PASS),
        (-200, PASS),
        (700, WARN),
        (-1500, WARN),
        (2500, FAIL),
        (-90_000, FAIL),
    ],
)
def test_clock(ppm: float, outcome: Outcome) -> None:
    found = hear(noise(-70, 3.0), ppm=ppm)
    assert found["M8"].outcome is outcome, found["M8"]
    assert odd(found) <= {"M8"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_busy_pc_is_not_taken_for_a_bad_clock(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = np.arange(1, 251) * 480
    times = counts / RATE + rng.exponential(rng.choice([0.001, 0.005, 0.02]), counts.size)
    times[100:130] += np.maximum(0, 0.3 - 0.01 * np.arange(30))  # a stall, and what had waited
    seen = SoundObservation("", noise(-70), 1.0, (), counts, times)
    (found,) = [f for f in microphone_findings(seen) if f.check == "M8"]
    assert found.outcome in (PASS, Outcome.CANNOT_TELL), found


@pytest.mark.parametrize(
    ("ppm", "stall_s", "outcome"),
    [
        (2400, 0.0, FAIL),
        (2400, 0.3, Outcome.CANNOT_TELL),
        (400, 0.3, Outcome.CANNOT_TELL),
        (0, 0.3, PASS),
        (80_000, 0.3, FAIL),
    ],
)
def test_a_small_drift_on_a_pc_that_stalled_is_no_news(
    ppm: float, stall_s: float, outcome: Outcome
) -> None:
    counts = np.arange(1, 301) * 480
    times = counts / RATE / (1 + ppm / 1e6)
    times[150:180] = np.maximum(times[150:180], times[150] + stall_s)
    seen = SoundObservation("", noise(-70), 1.0, (), counts, times)
    (found,) = [f for f in microphone_findings(seen) if f.check == "M8"]
    assert found.outcome is outcome, found


def test_quarters_of_a_second_in_which_all_came_late_say_nothing() -> None:
    counts = np.arange(1, 301) * 480
    times = counts / RATE
    for begin in (25, 150, 225):
        times[begin : begin + 25] += 0.03
    drift = clock_drift(counts, times, RATE)
    assert drift is not None
    assert drift.unsure_ppm < LIMITS["M8"].good, drift


@pytest.mark.parametrize("seed", SEEDS)
def test_lost_sound_is_not_taken_for_a_fast_clock(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counts = np.arange(1, 301) * 480
    times = counts / RATE + rng.exponential(0.0005, counts.size)
    for at in rng.integers(20, 280, 2):
        times[at:] += rng.uniform(0.002, 0.05)
    drift = clock_drift(counts, times, RATE)
    assert drift is not None
    assert drift.certain_ppm < LIMITS["M8"].good, drift


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("ppm", [0, -2500])
def test_a_sound_server_that_hands_blocks_on_unevenly_is_not_taken_for_the_clock(
    seed: int, ppm: float
) -> None:
    rng = np.random.default_rng(seed)
    counts = np.arange(1, 501) * 480
    taken = counts / RATE / (1 + ppm / 1e6)
    saw_s = rng.uniform(1.2, 2.4)  # each block a little later than the one before, then two at once
    times = taken + 0.01 * ((taken / saw_s + rng.random()) % 1) + rng.exponential(2e-4, counts.size)
    drift = clock_drift(counts, times, RATE)
    assert drift is not None
    told = [is_clock_told(counts[:n], times[:n]) for n in (200, 300, 400, 500)]
    assert (True in told) or ppm
    assert abs(drift.ppm - ppm) <= 1.3 * drift.unsure_ppm + 200, drift
    assert (drift.certain_ppm < LIMITS["M8"].good) or ppm, drift


@pytest.mark.parametrize("seed", SEEDS)
def test_a_part_of_a_sound_servers_saw_is_no_bad_clock(seed: int) -> None:
    """It waits a moment, rises for two seconds, and has no step yet (recorded from PulseAudio)."""
    rng = np.random.default_rng(seed)
    counts = np.arange(1, 301) * 480
    taken = counts / RATE
    rises_s = np.clip(taken - rng.uniform(0.5, 1.0), 0, None)
    late = rises_s * rng.uniform(2.5e-3, 3.5e-3) + 1e-3 * np.sin(rises_s * 4)
    seen = SoundObservation("", noise(-70), 1.0, (), counts, taken + late)
    (found,) = [f for f in microphone_findings(seen) if f.check == "M8"]
    assert found.outcome not in (WARN, FAIL), clock_drift(counts, taken + late, RATE)


def test_too_short_a_look_at_the_clock_tells_nothing() -> None:
    counts = np.arange(1, 60) * 480
    assert clock_drift(counts, counts / RATE, RATE) is None
    assert hear(noise(-70, 0.5))["M3"].outcome is Outcome.CANNOT_TELL


# ---- problems ------------------------------------------------------------------------------------


def test_what_stops_a_microphone_is_named() -> None:
    nothing = np.zeros(0, np.float32)
    (missing,) = microphone_findings(SoundObservation(MicrophoneMissing.code, nothing))
    assert (missing.check, missing.ceiling) == ("M1", Rung.NO_LINK)
    for problem in (MicrophoneFailed, MicrophoneDenied):
        found = microphone_findings(SoundObservation(problem.code, nothing))
        assert found[-1].cause == problem.sentence
        assert found[-1].ceiling is Rung.PHONE
    other = microphone_findings(SoundObservation("", noise(-70), 1.0, usual=False))
    assert (other[0].check, other[0].outcome, other[0].ceiling) == ("M1", WARN, Rung.HD_VIDEO)


def test_a_speaker_that_takes_sound_passes() -> None:
    assert speaker_findings("", 4800)[0].outcome is PASS
    assert speaker_findings("", 0)[0].outcome is FAIL
    assert speaker_findings(SpeakerMissing.code, 0)[0].action == SpeakerMissing.next_step


def test_the_noise_floor_is_calibrated() -> None:
    assert noise_floor_dbfs(tone(1000, -23)) == pytest.approx(-23.0, abs=0.3)
    weights = 20 * np.log10(a_weights(np.array([31.5, 100.0, 1000.0, 8000.0])))
    assert weights == pytest.approx([-39.4, -19.1, 0.0, -1.1], abs=0.2)  # IEC 61672-1, table 3
