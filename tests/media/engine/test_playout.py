"""The voice playout buffer over thousands of seeds, with a clock of its own."""

import random

import numpy as np
import pytest

from telemed_desk.media.codecs.opus import OpusDecoder, OpusEncoder
from telemed_desk.media.engine.playout import PlayoutBuffer
from telemed_desk.media.engine.speaker_beat import SpeakerBeat
from telemed_desk.media.engine.stretch import JOINT, join, lengthen, shorten
from tests.media.engine.voice_traces import MS, Books, packet_of, pause_of

FRAME = 960


class Run:
    """Plays arrivals (ms, frame number) against a clocked speaker."""

    def __init__(self, arrivals: list[tuple[float, int]], seconds: float, origin: int = 0) -> None:
        self.now = 0
        self.codec = Books()
        self.buffer = PlayoutBuffer(lambda: self.now, self.codec)
        self.delays: list[float] = []
        self.levels: list[float] = []
        arrivals = sorted(arrivals)
        index = 0
        for tick in range(int(seconds * 100)):
            self.now = tick * 10 * MS
            while index < len(arrivals) and arrivals[index][0] * MS <= self.now:
                at, n = arrivals[index]
                timestamp = (origin + n * FRAME) & 0xFFFFFFFF
                number = (n + 7) & 0xFFFF
                self.buffer.insert(timestamp, packet_of(n, fec=True), int(at * MS), number)
                index += 1
            block = self.buffer.pull(480)
            assert block.shape == (480,)
            self.levels.append(float(np.abs(block.astype(int)).mean()))
            self.delays.append(self.buffer.delay_ms or 0.0)


def test_on_a_clean_link_nothing_is_made_up_and_the_delay_is_small() -> None:
    run = Run([(n * 20.0, n) for n in range(500)], 9.9)
    assert run.codec.concealed == run.codec.fec == 0
    assert run.delays[-1] < 60


@pytest.mark.parametrize("seed", range(10))
def test_the_standing_delay_is_back_within_three_seconds_after_a_disturbance(seed: int) -> None:
    rng = random.Random(seed)
    hold = rng.choice([200.0, 500.0, 900.0])
    arrivals = []
    for n in range(600):
        at = n * 20.0 + rng.uniform(0, 8)
        if 4000 <= at < 4000 + hold:
            at = 4000 + hold + (n % 50) * 0.1  # the queue lets go of everything at once
        arrivals.append((at, n))
    run = Run(arrivals, 11.9)
    before = float(np.mean(run.delays[300:390]))
    at_worst = max(run.delays[400:560])
    after = float(np.mean(run.delays[int((4 + hold / 1000 + 3) * 100) :][:50]))
    assert at_worst > before + 60
    assert after < before + 40
    assert run.buffer.counts.shortened > 0


def test_after_an_outage_sound_is_back_with_the_first_packets() -> None:
    arrivals = [(n * 20.0, n) for n in range(800) if not 200 <= n < 450]
    run = Run(arrivals, 15.9)
    silent = [i for i, level in enumerate(run.levels) if level == 0]
    assert silent
    assert 400 < silent[10] < 450
    assert all(level > 300 for level in run.levels[920:])
    assert run.delays[-1] < 60


def test_a_fast_and_a_slow_clock_at_the_other_side_are_followed() -> None:
    for ppm in (-2000, 2000):
        run = Run([(n * 20.0 * (1 + ppm / 1e6), n) for n in range(1500)], 29.5)
        counts = run.buffer.counts
        assert run.delays[-1] < 80
        assert counts.concealed <= 2 * FRAME
        assert (counts.slower if ppm > 0 else counts.faster) > 1


def test_the_other_side_may_begin_a_new_count() -> None:
    arrivals = [(n * 20.0, n) for n in range(100)]
    arrivals += [(2000 + n * 20.0, 5_000_000 + n) for n in range(100)]
    run = Run(arrivals, 3.9)
    assert all(level > 300 for level in run.levels[230:390])


def test_garbage_timestamps_do_no_harm() -> None:
    rng = random.Random(1)
    arrivals = [(n * 5.0, rng.randrange(4_000_000)) for n in range(1000)]
    run = Run(arrivals, 5)
    assert len(run.buffer._frames) <= 201


@pytest.mark.parametrize("loss", [0.0, 0.1])
def test_a_real_tone_comes_out_at_its_pitch(loss: float) -> None:
    rng = random.Random(2)
    t = np.arange(FRAME * 200) / 48_000
    sound = (8000 * np.sin(2 * np.pi * 440 * t)).astype(np.int16)
    encoder = OpusEncoder(32_000, loss_percent=20)
    now = 0
    buffer = PlayoutBuffer(lambda: now, OpusDecoder())
    out = []
    for tick in range(400):
        now = tick * 10 * MS
        if tick % 2 == 0:
            n = tick // 2
            packet = encoder.encode(sound[n * FRAME : (n + 1) * FRAME])
            if rng.random() >= loss:
                buffer.insert(n * FRAME, packet, now)
        out.append(buffer.pull(480))
    heard = np.concatenate(out)[96_000:]
    spectrum = np.abs(np.fft.rfft(heard.astype(float) * np.hanning(heard.size)))
    assert abs(spectrum.argmax() * 48_000 / heard.size - 440) < 3
    rms = np.sqrt(np.mean(heard.reshape(-1, 960).astype(float) ** 2, axis=1))
    assert (rms > 500).mean() > 0.97  # a pure tone is the worst case for the copy


def busy_machine(seed: int, late_share: float, worst_ms: float, seconds: int = 20) -> PlayoutBuffer:
    """Play a clean stream while the sound thread wakes late, and then takes what is due in one go."""
    rng = random.Random(seed)
    now = 0
    buffer = PlayoutBuffer(lambda: now, Books())
    steps = [(n * 20.0, 0, n) for n in range(seconds * 50)]
    awake = 0.0
    for tick in range(seconds * 100):
        late = rng.uniform(0, worst_ms) if rng.random() < late_share else 0.0
        awake = max(awake, tick * 10.0 + late)
        steps.append((awake, 1, tick))
    for at, pulls, number in sorted(steps):
        now = int(at * MS)
        if pulls:
            buffer.pull(480)
        else:
            buffer.insert(number * FRAME, packet_of(number), now, number & 0xFFFF)
    return buffer


@pytest.mark.parametrize(("late_share", "worst_ms"), [(0.1, 80.0), (0.3, 80.0), (0.2, 150.0)])
def test_a_sound_thread_that_wakes_late_makes_nothing_up(
    late_share: float, worst_ms: float
) -> None:
    for seed in range(12):
        counts = busy_machine(seed, late_share, worst_ms).counts
        assert counts.concealed < 0.004 * counts.played
        assert counts.shortened < 0.004 * counts.played


def test_what_the_next_packet_brings_back_does_not_count_as_made_up() -> None:
    run = Run([(n * 20.0, n) for n in range(500) if n % 10 != 5], 9.9)
    assert run.codec.fec > 40
    assert run.buffer.counts.rebuilt == run.codec.fec * FRAME
    assert run.buffer.counts.concealed <= 2 * FRAME  # before it knew that it has to wait


def test_the_beat_follows_a_clock_and_begins_anew_after_a_pause() -> None:
    for ppm in (-2000, 0, 2000):
        beat = SpeakerBeat()
        at, lag = 0.0, 0.0
        for block in range(3000):
            at = block * 10.0 * (1 + ppm / 1e6)
            lag = at - beat.due_ns(int(at * MS), 480) / MS
            assert -0.001 <= lag < 10, block
        late = at + 10 + 60
        assert late - beat.due_ns(int(late * MS), 480) / MS > 50
        again = late + 3000
        assert beat.due_ns(int(again * MS), 480) == int(again * MS)


def test_stretching_keeps_the_pitch_and_changes_the_length() -> None:
    t = np.arange(FRAME) / 48_000
    voice = (8000 * np.sin(2 * np.pi * 200 * t)).astype(np.int16)
    for changed, shorter in ((shorten(voice), True), (lengthen(voice), False)):
        assert (changed.size < FRAME) == shorter
        assert 120 <= abs(changed.size - FRAME) <= 480
        steps = np.abs(np.diff(changed.astype(int)))
        assert steps.max() < 1.3 * np.abs(np.diff(voice.astype(int))).max()
    noise = np.random.default_rng(1).integers(-9000, 9000, FRAME).astype(np.int16)
    assert shorten(noise).size == FRAME
    assert shorten(noise, must=True).size < FRAME
    assert shorten(np.zeros(FRAME, np.int16)).size == FRAME - 480


def test_sounds_are_joined_without_a_step() -> None:
    t = np.arange(FRAME) / 48_000
    one = (8000 * np.cos(2 * np.pi * 200 * t)).astype(np.int16)
    other = (-one).astype(np.int16)
    joined = join(one[:JOINT], other)
    assert joined.size == FRAME
    assert abs(int(joined[0]) - int(one[0])) < 50
    assert np.abs(np.diff(joined.astype(int))).max() < 600
    assert join(one[:JOINT], one[:100]).size == 100


def test_a_pause_that_was_announced_is_none_of_the_networks_doing() -> None:
    now = 0
    buffer = PlayoutBuffer(lambda: now, Books())
    number = 0
    for tick in range(600):
        now = tick * 10 * MS
        n, talks = tick // 2, tick < 200 or tick >= 420
        if tick % 2 == 0 and (talks or tick in (200, 202, 244, 246, 288, 290, 332, 334)):
            buffer.insert(n * FRAME, packet_of(n) if talks else pause_of(), now, number)
            number += 1
        buffer.pull(480)
    assert buffer.counts.concealed == 0
    assert buffer.counts.paused > 100 * 960
    assert buffer.delay_ms is not None
    assert buffer.delay_ms < 60


def test_silence_without_an_announcement_counts_as_lost_and_fades() -> None:
    run = Run([(n * 20.0, n) for n in range(100)], 6.0)
    assert run.buffer.counts.concealed > 3 * 48_000
    assert all(level == 0 for level in run.levels[240:])


def test_a_stop_of_the_speaker_leaves_no_delay_behind() -> None:
    now = 0
    buffer = PlayoutBuffer(lambda: now, Books())
    delays = []
    for tick in range(1500):
        now = tick * 10 * MS
        if tick % 2 == 0:
            buffer.insert(tick // 2 * FRAME, packet_of(tick // 2), now, tick // 2)
        if not 500 <= tick < 530:  # 300 ms in which nothing is taken, and never made up for
            buffer.pull(480)
        delays.append(buffer.delay_ms or 0.0)
    assert delays[-1] < 60
    assert np.mean(delays[530 + 300 : 530 + 350]) < 60


def test_time_is_filled_once_for_each_lost_packet() -> None:
    now = 0
    buffer = PlayoutBuffer(lambda: now, Books())
    for tick in range(2000):
        now = tick * 10 * MS
        n = tick // 2
        if tick % 2 == 0 and n % 10 > 1:  # two in a row: the buffer runs empty
            buffer.insert(n * FRAME, packet_of(n), now, n)
        buffer.pull(480)
    assert 197 * FRAME <= buffer.counts.concealed <= 202 * FRAME
    assert buffer.counts.shortened < 5 * FRAME
    assert buffer.counts.lengthened < 5 * FRAME


def test_the_buffer_waits_for_copies_that_come_a_long_frame_later() -> None:
    now = 0
    buffer = PlayoutBuffer(lambda: now, Books())
    for tick in range(2400):
        now = tick * 10 * MS
        n = tick // 6
        if tick % 6 == 0 and n % 8:
            buffer.insert(n * 2880, packet_of(n, 60, fec=True), now, n)
        buffer.pull(480)
    assert buffer.counts.rebuilt > 45 * 2880
    assert buffer.counts.concealed <= 3 * 2880


def test_figures_tell_what_was_done() -> None:
    run = Run([(n * 20.0, n) for n in range(500)], 9.9)
    assert run.buffer.target_ms == 20.0
    assert run.buffer.counts.decode_ns > 0
    assert run.buffer.counts.played == 990 * 480
