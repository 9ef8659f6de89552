"""The doctor's voice in a room of numbers: echo gone, voice kept, clinical sound as it is."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.signal import butter, sosfilt

from telemed_desk.media.levels import NearVoice, SpeakingWhileMuted
from telemed_desk.media.ports import SoundBlock
from telemed_desk.media.processing.port import EchoCanceller, Filter, ProcessingLibrary
from telemed_desk.media.processing.reference import FarReference
from telemed_desk.media.processing.voice_chain import SoundMode, VoiceChain
from telemed_desk.media.processing.webrtc import WebRtcProcessing
from tests.support.media import SAMPLE_RATE_HZ, Samples
from tests.support.room import Heard, Room, Simulation, Wave

BLOCK_NS = 10_000_000


class WithoutGain:
    """The true library, gain left out: with it a rest of echo could not be told from a voice."""

    def __init__(self) -> None:
        self._library = WebRtcProcessing()

    def echo_canceller(self) -> EchoCanceller:
        return self._library.echo_canceller()

    def noise_suppressor(self) -> Filter:
        return self._library.noise_suppressor()

    def gain(self) -> Filter:
        return lambda block: block


def run(
    room: Room,
    mode: SoundMode = SoundMode(),  # noqa: B008 - frozen
    look: Callable[[VoiceChain], None] = lambda _chain: None,
) -> Heard:
    reference = FarReference()
    chain = VoiceChain(WithoutGain(), reference)
    chain.mode = mode
    count = 0

    def hear(block: Samples, now_ns: int) -> list[Samples]:
        nonlocal count
        count += 1
        ready = chain.process(block, now_ns - BLOCK_NS, now_ns)
        if count % 10 == 0:
            look(chain)
        return [one for one, _ in ready]

    return Simulation(room).run(reference.played, hear)


@pytest.mark.parametrize("delay_ms", [60, 220])
@pytest.mark.parametrize("drift_ppm", [100, -200])
def test_echo_is_gone_with_drift_and_after_a_jump(delay_ms: int, drift_ppm: int) -> None:
    heard = run(Room(18, delay_ms=delay_ms, drift_ppm=drift_ppm, jump_s=10))
    assert heard.erle_db(5, 10) >= 30
    assert heard.erle_db(13, 17.5) >= 30


def test_the_doctors_voice_survives_double_talk() -> None:
    heard = run(Room(16, drift_ppm=100, near_s=((8.0, 15.0),)))
    assert heard.near_gain_db(8.5, 14.5) > -8
    alone = run(Room(16, far_s=((0, 8),), near_s=((9.0, 15.0),)))
    assert alone.near_gain_db(9.5, 14.5) > -6


def breath(seconds: float, dbfs: float) -> Wave:
    """Noise of 150 to 2000 Hz: what a breath at the microphone sounds like, without its rhythm."""
    noise = np.random.default_rng(4).normal(0, 1, int(seconds * SAMPLE_RATE_HZ))
    band = sosfilt(butter(4, [150, 2000], "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), noise)
    return np.asarray(band / np.sqrt((band**2).mean()) * 10 ** (dbfs / 20) * 32768)


def level_db(sound: np.ndarray) -> float:
    return float(10 * np.log10((sound.astype(float) ** 2).mean() / 32768**2))


def pass_through(mode: SoundMode, sound: Wave, library: ProcessingLibrary) -> Samples:
    chain = VoiceChain(library, FarReference())
    chain.mode = mode
    out = []
    for n, block in enumerate(sound.astype(np.int16).reshape(-1, 480)):
        ready = chain.process(block, n * BLOCK_NS, (n + 1) * BLOCK_NS)
        out += [one for one, _ in ready]
    return np.concatenate(out)


@pytest.mark.parametrize("headphones", [False, True])
def test_clinical_sound_lets_a_breath_through(headphones: bool) -> None:
    said = breath(8, -45)
    sent = pass_through(SoundMode(clinical=True, headphones=headphones), said, WebRtcProcessing())
    assert level_db(sent[4 * SAMPLE_RATE_HZ :]) == pytest.approx(-45, abs=1)
    if headphones:
        # The first block fades over from the voice's treatment; then not a bit is changed.
        assert np.array_equal(sent[480:], said.astype(np.int16)[480:])


def test_without_it_the_same_noise_is_suppressed() -> None:
    sent = pass_through(SoundMode(), breath(8, -45), WithoutGain())
    assert level_db(sent[4 * SAMPLE_RATE_HZ :]) < -45 - 10
    # Automatic gain lifts what is left of it again, but not above -47 dBFS.
    sent = pass_through(SoundMode(), breath(8, -35), WebRtcProcessing())
    assert level_db(sent[4 * SAMPLE_RATE_HZ :]) < -35 - 10


def test_clinical_sound_still_cancels_echo_and_learns_nothing_anew() -> None:
    room = Room(12, drift_ppm=100)
    heard = run(room, SoundMode(clinical=True))
    assert heard.erle_db(5, 11.5) >= 28

    def switch(chain: VoiceChain) -> None:
        nonlocal looks
        looks += 1
        if looks == 60:
            chain.mode = SoundMode(clinical=True)

    looks = 0
    heard = run(room, look=switch)
    assert heard.erle_db(6.1, 7.5) >= 28


def test_the_patients_voice_in_the_room_is_not_the_doctor_speaking() -> None:
    """Muted, and the loudspeaker talks: no hint. The doctor talks over it: a hint."""
    hint = SpeakingWhileMuted()
    hints: list[bool] = []

    def look(chain: VoiceChain) -> None:
        hints.append(hint.look(muted=True, dbfs=chain.near.read_dbfs()))

    heard = run(Room(20, echo_db=-6, near_s=((14.0, 19.0),)), look=look)
    assert 10 * np.log10(heard.power(heard.microphone, 4, 13) / 32768**2) > -40  # loud enough
    assert not any(hints[:140])
    assert sum(hints[140:190]) > 10


def test_the_echo_of_a_canceller_that_fails_is_not_told_from_its_level_alone() -> None:
    voice, block = NearVoice(), np.full(480, 3000, np.int16)
    quiet: SoundBlock = np.full(480, 400, np.int16)  # -38 dBFS, but a small part of what came in
    voice.add(block, quiet, block)
    assert voice.read_dbfs() == -100
    voice.add(block, block, block)
    assert voice.read_dbfs() > -25


def test_a_device_that_claims_seconds_of_latency_does_not_stop_the_canceller() -> None:
    def claim(chain: VoiceChain) -> None:
        chain.device_latency_ms = 900.0

    heard = run(Room(9), look=claim)
    assert heard.erle_db(4, 8.5) >= 28


def test_gain_lifts_the_voice_and_not_what_is_left_of_the_echo() -> None:
    """The product's path as it is. Gain alone begins 15 dB up and would take as much of the ERLE."""
    reference = FarReference()
    chain = VoiceChain(WebRtcProcessing(), reference)

    def hear(block: Samples, now_ns: int) -> list[Samples]:
        return [one for one, _ in chain.process(block, now_ns - BLOCK_NS, now_ns)]

    room = Room(15, drift_ppm=100, far_s=((0, 10),), near_s=((10.5, 15),))
    heard = Simulation(room).run(reference.played, hear)
    assert heard.erle_db(5, 9.9) >= 35
    assert heard.near_gain_db(11.5, 14.5) > -2
