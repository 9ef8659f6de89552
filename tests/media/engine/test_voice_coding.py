"""What our voice packets carry, and how that is chosen."""

import itertools
import random

import numpy as np
import pytest

from telemed_desk.clinical.ladder import Rung
from telemed_desk.media.codecs import opus
from telemed_desk.media.engine.redundancy import unpack
from telemed_desk.media.engine.voice_coder import VoiceCoder, VoiceCoding, VoicePayload
from telemed_desk.media.engine.voice_plan import LossPattern, plan_voice, wire_bps
from telemed_desk.media.engine.voice_terms import voice_terms
from tests.support.media import make_speech
from tests.support.voice_link import ImaginedLink, code, play

OPUS_UNIMPLEMENTED = -5
SPEECH = make_speech(4)


class Fate:
    """What became of a packet."""

    def __init__(self, slot: int, *, lost: bool) -> None:
        self.sent_ns = slot * 20_000_000
        self.arrived_ns = None if lost else 1


def pattern_of(lost: list[bool]) -> LossPattern:
    pattern = LossPattern()
    pattern.note([Fate(slot, lost=gone) for slot, gone in enumerate(lost)])
    return pattern


def test_the_library_has_no_deep_redundancy() -> None:
    """Should a later wheel have it, this fails: then use it desk to desk."""
    assert opus.dred_refusal() == OPUS_UNIMPLEMENTED


@pytest.mark.parametrize("frame_ms", opus.FRAME_LENGTHS_MS)
def test_frames_of_every_length_are_heard(frame_ms: int) -> None:
    packets = code(SPEECH, VoiceCoding(24_000, frame_ms))
    assert all(opus.packet_samples(p.payload) == frame_ms * 48 for p in packets)
    heard = play(ImaginedLink(delay_ms=10).arrivals(packets, random.Random(1)), 4.0)
    assert heard.buffer.counts.concealed <= 480 * 20
    assert np.abs(heard.sound).max() > 8000


def test_the_frame_length_changes_in_mid_call_without_a_hole() -> None:
    plans = {20: VoiceCoding(24_000, 60), 40: VoiceCoding(24_000, 20)}
    packets = code(SPEECH, VoiceCoding(24_000, 20), plans.get)
    assert {opus.packet_samples(p.payload) for p in packets} == {960, 2880}
    assert all(
        after.timestamp - before.timestamp == opus.packet_samples(before.payload)
        for before, after in itertools.pairwise(packets)
    )
    heard = play(ImaginedLink(delay_ms=10).arrivals(packets, random.Random(1)), 3.9)
    assert heard.concealed * heard.buffer.counts.played < 60 * 48  # the longer frame came later


def test_red_packets_carry_earlier_frames_and_their_distance() -> None:
    packets = code(SPEECH, VoiceCoding(16_000, 20, distances=(1, 3)))
    plain = code(SPEECH, VoiceCoding(16_000, 20))
    assert not packets[0].red
    for n in range(3, len(packets)):
        newest, copies = unpack(packets[n].payload)
        assert newest == plain[n].payload
        assert copies == [(3 * 960, plain[n - 3].payload), (960, plain[n - 1].payload)]


def test_in_silence_next_to_nothing_is_sent_and_noise_is_heard() -> None:
    rng = np.random.default_rng(1)
    room = np.convolve(rng.normal(0, 60, SPEECH.size + 4 * 48_000), np.ones(8) / 3, "same")
    sound = room.copy()
    sound[: SPEECH.size] += SPEECH
    sound = sound.clip(-32_768, 32_767).astype(np.int16)
    packets = code(sound, VoiceCoding(16_000, dtx=True))
    late = [p for p in packets if p.sent_ms > 5500]
    assert 10 < len(late) < 40  # of 125
    heard = play(ImaginedLink(delay_ms=10, jitter_ms=5).arrivals(packets, random.Random(1)), 7.9)
    counts = heard.buffer.counts
    assert counts.concealed <= 960
    assert counts.paused > 1.5 * 48_000
    level = heard.sound[6 * 48_000 :].reshape(-1, 4800).astype(float).std(axis=1)
    said = room[6 * 48_000 :].std()
    assert level.min() > 0.3 * said
    assert level.max() < 2 * said


def test_speech_after_a_pause_does_not_carry_what_was_before_it() -> None:
    coder = VoiceCoder()
    coder.use(VoiceCoding(16_000, dtx=True, distances=(1, 2)))
    sound = np.concatenate((SPEECH, np.zeros(96_000, np.int16), SPEECH))
    made: list[VoicePayload | None] = [
        coder.encode(sound[at : at + 960], at) for at in range(0, sound.size - 960, 960)
    ]
    firsts = [now for before, now in itertools.pairwise(made) if before is None and now is not None]
    assert firsts
    assert not any(first.red for first in firsts)
    assert any(one is not None and one.red for one in made)


def test_without_loss_there_is_no_redundancy_and_without_room_neither() -> None:
    assert plan_voice(32_000, 0.0, room_bps=1e6, takes_red=True).distances == ()
    assert plan_voice(32_000, 0.2, room_bps=None, takes_red=True).distances == ()
    assert plan_voice(32_000, 0.2, room_bps=1e6, takes_red=False).distances == ()
    assert plan_voice(8_000, 0.2, frame_ms=60, room_bps=19_000, takes_red=True).distances == ()


def test_more_loss_brings_more_copies_and_voice_never_takes_more_than_its_share() -> None:
    for room in range(20_000, 2_000_000, 7_000):
        before = 0
        for loss in (0.0, 0.01, 0.03, 0.08, 0.15, 0.3, 0.5):
            for takes_red in (True, False):
                plan = plan_voice(12_000, loss, room_bps=room, takes_red=takes_red)
                assert plan.frame_ms in opus.FRAME_LENGTHS_MS
                if plan.distances or plan.bitrate != 12_000:
                    assert wire_bps(plan) <= 0.92 * room
                if takes_red:
                    assert len(plan.distances) >= before
                    before = len(plan.distances)


def test_at_64_kbit_voice_is_protected_and_at_24_kbit_it_fits() -> None:
    thin = plan_voice(12_000, 0.2, frame_ms=40, room_bps=51_000, takes_red=True)
    assert len(thin.distances) == 2
    assert wire_bps(thin) < 51_000
    assert wire_bps(plan_voice(8_000, 0.0, frame_ms=60, room_bps=19_000)) < 19_000


def test_copies_go_where_the_losses_are_not() -> None:
    rng = random.Random(3)
    each = [rng.random() < 0.2 for _ in range(1500)]
    assert pattern_of(each).distances(2, 20) == (1, 2)
    bursts = ImaginedLink(loss=0.3, burst=3.0).losses(1500, rng)
    assert pattern_of(bursts).distances(2, 20)[0] > 1
    twins = [n % 10 in (0, 1) for n in range(1500)]  # always two together
    assert pattern_of(twins).distances(1, 20) == (2,)
    assert pattern_of([False] * 1500).distances(2, 20) == (1, 2)
    assert LossPattern().distances(3, 60) == (1, 2, 3)


def test_opus_adds_its_copy_where_it_is_told_that_packets_get_lost() -> None:
    for rate, loss in ((24_000, 0.05), (32_000, 0.02), (16_000, 0.05)):
        packets = code(SPEECH, plan_voice(rate, loss))
        assert sum(opus.copy_samples(p.payload) > 0 for p in packets) > 0.3 * len(packets)


SDP = (
    "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=fmtp:111 minptime=10;maxaveragebitrate=40000\r\n"
    "m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:1\r\n"
)


def test_on_a_thin_link_the_other_side_is_asked_for_long_packets() -> None:
    assert voice_terms(SDP, Rung.LOW_VIDEO) == SDP
    thin = voice_terms(SDP, Rung.AUDIO_PHOTOS)
    assert thin.splitlines() == [
        "v=0",
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "a=fmtp:111 minptime=10;maxaveragebitrate=16000",
        "a=ptime:60",
        "m=video 9 UDP/TLS/RTP/SAVPF 96",
        "a=mid:1",
    ]
    assert thin.count("\r\n") == 6
    only_voice = SDP[: SDP.index("m=video")]
    assert voice_terms(only_voice, Rung.AUDIO_PHOTOS).endswith("a=ptime:60\r\n")
