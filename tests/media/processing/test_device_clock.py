"""The devices' clocks and the reference between them, on made-up time."""

import os

import numpy as np
import pytest

from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ
from telemed_desk.media.processing.device_clock import DeviceClock
from telemed_desk.media.processing.reference import LEAST_LEAD_MS, FarReference
from telemed_desk.media.processing.resampling import BEFORE, POINTS, read_between

SEEDS = range(int(os.environ.get("TELEMED_SEEDS", "2")))


def late_ns(rng: np.random.Generator, busy: bool = False) -> int:
    late_ms = rng.exponential(2.0 if not busy else 15.0)
    return int(1e6 * (late_ms + (rng.uniform(5, 30) if rng.random() < 0.02 else 0)))


def run_clock(
    clock: DeviceClock, rng: np.random.Generator, ppm: float, seconds: float, from_s: float = 0.0
) -> float:
    """Feed blocks that come late; return when the next sample is truly due, in ns."""
    block_ns = 1e7 * (1 + ppm / 1e6)
    count = int(seconds * 100)
    arrived = int(from_s * 1e9)
    for n in range(count):
        busy = 0.2 < n / count < 0.3
        arrived = max(arrived + 1, int(from_s * 1e9 + n * block_ns) + late_ns(rng, busy))
        clock.add(BLOCK_SAMPLES, arrived)
    return from_s * 1e9 + count * block_ns


@pytest.mark.parametrize("ppm", [-300, 50, 100])
@pytest.mark.parametrize("seed", SEEDS)
def test_speed_and_beat_are_found_under_late_threads(ppm: int, seed: int) -> None:
    clock, rng = DeviceClock(), np.random.default_rng(seed)
    due = run_clock(clock, rng, ppm, 45)
    assert clock.ppm == pytest.approx(ppm, abs=12)
    assert clock.due_ns(clock.count) == pytest.approx(due, abs=0.7e6)
    assert clock.count_at(clock.due_ns(123_456)) == pytest.approx(123_456, abs=0.01)


@pytest.mark.parametrize("seed", SEEDS)
def test_lost_sound_is_noticed_and_the_speed_is_kept(seed: int) -> None:
    """A driver that swallows 60 ms without a word: two seconds later the beat is right again."""
    clock, rng = DeviceClock(), np.random.default_rng(seed)
    due = run_clock(clock, rng, 100, 30)
    due = run_clock(clock, rng, 100, 5, from_s=due / 1e9 + 0.06)
    assert clock.due_ns(clock.count) == pytest.approx(due, abs=2e6)
    assert clock.ppm == pytest.approx(100, abs=30)


def test_after_a_stop_the_beat_begins_anew() -> None:
    clock = DeviceClock()
    assert not clock.add(480, 0)
    assert clock.add(480, 10_000_000)
    assert not clock.add(480, 3_000_000_000)
    assert clock.due_ns(960) == 3_000_000_000


@pytest.mark.parametrize("hz", [100, 1000, 4000, 12_000, 18_000])
def test_reading_between_samples_adds_no_echo_of_its_own(hz: float) -> None:
    """What the reader gets wrong, the canceller cannot take out: below -70 dB."""
    at = np.arange(4000)
    sound = np.sin(2 * np.pi * hz * at / SAMPLE_RATE_HZ).astype(np.float32)
    step = 1.0002
    read = read_between(sound, 100.37, step, 3000)
    true = np.sin(2 * np.pi * hz * (100.37 + step * np.arange(3000)) / SAMPLE_RATE_HZ)
    assert 10 * np.log10(np.mean((read - true) ** 2) / 0.5) < -70
    assert BEFORE + 1 <= POINTS - BEFORE


class Sides:
    """A speaker and a microphone on clocks of their own; the speaker plays the number it is at."""

    def __init__(self, seed: int, speaker_ppm: float, microphone_ppm: float) -> None:
        self.reference = FarReference()
        self._rng = np.random.default_rng(seed)
        self._ns = (1e7 * (1 + speaker_ppm / 1e6), 1e7 * (1 + microphone_ppm / 1e6))
        self._count = [0, 0]
        self._lost_ns = 0.0
        self._arrived = [0, 0]
        self.leads_ms: list[float] = []

    def lose_ms(self, lost: float) -> None:
        """The microphone's next samples are of later than the last ones were."""
        self._lost_ns += lost * 1e6

    def run(self, seconds: float, *, late: bool = True) -> None:
        until = self._ns[1] * self._count[1] + self._lost_ns + seconds * 1e9
        while True:
            due = [self._ns[k] * self._count[k] + k * self._lost_ns for k in (0, 1)]
            if due[1] >= until:
                return
            kind = 0 if due[0] <= due[1] else 1
            arrived = int(due[kind]) + (late_ns(self._rng) if late else 0)
            self._arrived[kind] = max(self._arrived[kind] + 1, arrived)
            if kind == 0:
                # A slow sine tells by its phase which sample it is.
                at = self._count[0] * 480 + np.arange(480)
                wave = (20_000 * np.sin(2 * np.pi * 50 * at / SAMPLE_RATE_HZ)).astype(np.int16)
                self.reference.played(wave, self._arrived[0])
            else:
                self._hear(due[1])
            self._count[kind] += 1

    def _hear(self, due_ns: float) -> None:
        now = self._arrived[1]
        first = self.reference.heard(480, now)
        block = self.reference.beside(first, now, wait=False)
        assert block is not None
        if self._count[1] < 100:
            return
        # 50 Hz: a block is half a turn; project on the turn the microphone's time would have
        turn = 2 * np.pi * 50 * (due_ns / self._ns[0] * 480 + np.arange(480)) / SAMPLE_RATE_HZ
        phase = np.arctan2(block @ np.cos(turn), block @ np.sin(turn))
        lead_ms = -phase / (2 * np.pi * 50) * 1000
        self.leads_ms.append((lead_ms - self.reference.lead_ms) % 20)


@pytest.mark.parametrize("drift", [(100, 0), (-150, 100)])
def test_the_lead_of_the_reference_does_not_drift(drift: tuple[int, int]) -> None:
    """A minute at up to 250 ppm, which would be 17 ms: the lead stays within a millisecond."""
    sides = Sides(3, *drift)
    sides.run(20)
    settled = sides.leads_ms[-1]
    sides.leads_ms.clear()
    sides.run(50)
    away = (np.array(sides.leads_ms) - settled + 10) % 20 - 10
    missing = sides.reference.counts.missing_blocks
    assert missing < 0.02 * away.size  # of a speaker thread that is too late; here nobody waits
    assert np.sum(np.abs(away) > 2.0) <= missing
    # No lag behind the drift either: the speeds are known, not only followed.
    lag = (np.median(away[-1000:]) + settled + 10) % 20 - 10
    assert abs(lag) < 0.7
    assert np.median(away[-500:]) == pytest.approx(np.median(away[:500]), abs=1.0)
    assert sides.reference.drift_ppm == pytest.approx(drift[0] - drift[1], abs=15)
    assert sides.reference.counts.jumps == 0


def test_a_little_lost_sound_is_made_up_for_without_a_jump() -> None:
    """A driver that swallows 12 ms: the reference slides to where it belongs, unheard."""
    sides = Sides(5, 100, 0)
    sides.run(20)
    sides.lose_ms(12)
    sides.run(40)
    lag = (np.median(sides.leads_ms[-500:]) + 10) % 20 - 10
    assert abs(lag) < 1.5
    assert sides.reference.counts.jumps == 0


def test_a_reference_that_is_late_is_waited_for_then_led_more() -> None:
    reference = FarReference()
    rng = np.random.default_rng(1)
    waited = 0
    for n in range(600):
        now = n * 10_000_000
        if n >= 2:  # the speaker's thread runs up to 19 ms behind its beat
            reference.played(
                np.full(480, 7, np.int16), now - 20_000_000 + int(rng.uniform(0, 19e6))
            )
        first = reference.heard(480, now)
        if reference.beside(first, now, wait=True) is None:
            waited += 1
            assert reference.beside(first, now, wait=False) is not None
    assert 0 < waited < 60
    assert reference.lead_ms > LEAST_LEAD_MS


def test_nothing_played_is_silence_and_no_waiting() -> None:
    reference = FarReference()
    first = reference.heard(480, 0)
    block = reference.beside(first, 0, wait=True)
    assert block is not None
    assert not block.any()
    reference.played(np.full(480, 99, np.int16), 10_000_000)
    first = reference.heard(480, 2_000_000_000)  # the speaker stopped long ago
    block = reference.beside(first, 2_000_000_000, wait=True)
    assert block is not None
    assert not block.any()
