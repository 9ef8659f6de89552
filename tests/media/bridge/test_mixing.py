"""Adding voices: nothing clips, clicks or is changed without need."""

import itertools

import numpy as np
import pytest

from telemed_desk.media.bridge.crossing import Crossing
from telemed_desk.media.bridge.limiter import KNEE, Limiter
from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock


def tone(hz: float, blocks: int, level: float) -> list[SoundBlock]:
    at = np.arange(blocks * BLOCK_SAMPLES) / SAMPLE_RATE_HZ
    sound = (level * np.sin(2 * np.pi * hz * at)).astype(np.int16)
    return [sound[i : i + BLOCK_SAMPLES] for i in range(0, sound.size, BLOCK_SAMPLES)]


def steepest(sound: SoundBlock) -> float:
    return float(np.abs(np.diff(sound.astype(float))).max())


def test_a_single_voice_passes_bit_for_bit_at_any_level() -> None:
    limiter = Limiter()
    for block in tone(440, 20, 32_767):
        assert limiter.mix((block,)) is block


def test_voices_that_fit_are_simply_added() -> None:
    limiter = Limiter()
    for a, b in zip(tone(440, 20, 9_000), tone(700, 20, 9_000), strict=True):
        assert (limiter.mix((a, b)) == a + b).all()


def test_loud_voices_together_neither_wrap_nor_clip_flat() -> None:
    limiter = Limiter()
    pairs = zip(tone(440, 100, 30_000), tone(431, 100, 30_000), strict=True)
    mixed = np.concatenate([limiter.mix(pair) for pair in pairs])
    assert np.abs(mixed.astype(int)).max() <= 32_767
    # no two voices of at most 441 Hz make a steeper slope than their sum does
    assert steepest(mixed) < 2 * np.pi * 441 / SAMPLE_RATE_HZ * 60_000 * 1.1
    flat = np.count_nonzero((np.diff(mixed) == 0) & (np.abs(mixed[1:].astype(int)) > KNEE))
    assert flat < mixed.size / 100


def test_the_gain_gives_way_without_a_step() -> None:
    limiter = Limiter()
    low = np.full(BLOCK_SAMPLES, 10_000, np.int16)
    swell = (10_000 + 15_000 * np.sin(np.linspace(0, np.pi, BLOCK_SAMPLES)) ** 2).astype(np.int16)
    mixed = np.concatenate([limiter.mix((block, block)) for block in (low, swell)])
    assert limiter.gain < 0.6
    # without a ramp the sound would fall by 8,400 from one sample to the next
    assert steepest(mixed) < 400


def test_the_gain_comes_back_without_a_step() -> None:
    limiter = Limiter()
    loud, soft = tone(440, 5, 30_000), tone(440, 300, 8_000)
    for block in loud:
        limiter.mix((block, block))
    assert limiter.gain < 0.5
    gains = []
    for block in soft:
        limiter.mix((block,))
        gains.append(limiter.gain)
    assert all(0 <= later - earlier < 0.02 for earlier, later in itertools.pairwise(gains))
    assert gains[-1] == 1.0


def crossed(ppm: float, seconds: int, burst: int = 1) -> tuple[Crossing, SoundBlock, list[int]]:
    """Carry a tone from one clock to another that runs ``ppm`` slower; takes in turn with pushes."""
    crossing = Crossing()
    blocks = tone(300, int(seconds * 100 * (1 + ppm / 1e6)) + burst, 8_000)
    taken: list[SoundBlock] = []
    held: list[int] = []
    pushed = 0
    for n in range(seconds * 100):
        due = int(n * (1 + ppm / 1e6))
        while pushed <= due - due % burst and pushed < len(blocks):
            for block in blocks[pushed : pushed + burst]:
                crossing.push(block)
            pushed += burst
        sound = crossing.take(BLOCK_SAMPLES)
        held.append(crossing.held)
        if sound is not None:
            assert sound.size == BLOCK_SAMPLES
            taken.append(sound)
    return crossing, np.concatenate(taken), held


@pytest.mark.parametrize("ppm", [0, 150, 2_000])
def test_a_faster_clock_does_not_pile_up_delay_and_makes_no_click(ppm: float) -> None:
    crossing, sound, held = crossed(ppm, 60)
    assert crossing.ran_empty == 0
    assert max(held[1000:]) <= 5 * BLOCK_SAMPLES
    assert steepest(sound) < 2 * 2 * np.pi * 300 / SAMPLE_RATE_HZ * 8_000


def test_bursts_of_a_late_sound_thread_are_evened_out() -> None:
    crossing, _, held = crossed(0, 60, burst=4)
    assert crossing.ran_empty <= 3  # it learns what to keep
    assert max(held[1000:]) <= 9 * BLOCK_SAMPLES


def test_running_empty_fades_and_comes_back() -> None:
    crossing = Crossing()
    for block in tone(300, 6, 8_000):
        crossing.push(block)
    sounds = [crossing.take(BLOCK_SAMPLES) for _ in range(10)]
    heard = np.concatenate([s for s in sounds if s is not None])
    assert sounds[-1] is None
    assert crossing.ran_empty == 1
    assert steepest(heard) < 2 * 2 * np.pi * 300 / SAMPLE_RATE_HZ * 8_000
    for block in tone(300, 6, 8_000):
        crossing.push(block)
    again = crossing.take(BLOCK_SAMPLES)
    assert again is not None
    assert abs(int(again[0])) < 300
