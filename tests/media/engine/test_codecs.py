"""Opus and VP8 through ctypes: the ABI contract and what the codecs do."""

import ctypes

import numpy as np
import pytest

from telemed_desk.media.codecs import libraries, opus, vp8, vpx_abi
from telemed_desk.media.codecs.libraries import CodecLibraryMissing, find_library
from telemed_desk.media.codecs.opus import OpusDecoder, OpusEncoder, OpusFailure
from telemed_desk.media.codecs.vp8 import Vp8Decoder, Vp8Encoder, Vp8Failure
from telemed_desk.media.ports import Picture


def tone(frames: int, hz: float = 440.0) -> np.ndarray:
    t = np.arange(frames * 960) / 48_000
    return (8000 * np.sin(2 * np.pi * hz * t)).astype(np.int16)


def moving(n: int, width: int = 320, height: int = 180) -> Picture:
    x = np.arange(width)[None, :] + np.arange(height)[:, None] * 2 + n * 5
    noise = np.random.default_rng(n).integers(0, 60, (height, width))
    y = (((x // 8) % 2) * 120 + 40 + noise).astype(np.uint8)
    chroma = np.full((height // 2, width // 2), 128, np.uint8)
    return Picture(y, chroma, chroma.copy(), n)


def test_the_libraries_are_those_the_constants_were_read_from() -> None:
    assert opus.opus_version() == "libopus 1.6.1"
    assert vpx_abi.vpx_version() == "v1.16.0"


def test_libvpx_accepts_exactly_our_abi_versions() -> None:
    lib = vpx_abi.vpx()
    config = vpx_abi.EncoderConfig()
    interface = lib.vpx_codec_vp8_cx()
    assert lib.vpx_codec_enc_config_default(interface, ctypes.byref(config), 0) == 0
    accepted = []
    for version in range(80):
        context = ctypes.create_string_buffer(vpx_abi.CONTEXT_BYTES)
        if not lib.vpx_codec_enc_init_ver(context, interface, ctypes.byref(config), 0, version):
            accepted.append(version)
            lib.vpx_codec_destroy(context)
    assert accepted == [vpx_abi.ENCODER_ABI_VERSION]


def test_the_configuration_layout_matches_the_defaults_libvpx_fills_in() -> None:
    lib = vpx_abi.vpx()
    config = vpx_abi.EncoderConfig()
    lib.vpx_codec_enc_config_default(lib.vpx_codec_vp8_cx(), ctypes.byref(config), 0)
    assert (config.g_w, config.g_h, config.g_bit_depth) == (320, 240, 8)
    assert (config.g_timebase_num, config.g_timebase_den) == (1, 30)
    assert (config.rc_resize_up_thresh, config.rc_resize_down_thresh) == (60, 30)
    assert (config.rc_target_bitrate, config.rc_min_quantizer, config.rc_max_quantizer) == (
        256,
        4,
        63,
    )
    assert (config.rc_buf_sz, config.rc_buf_initial_sz, config.rc_buf_optimal_sz) == (
        6000,
        4000,
        5000,
    )
    assert (config.kf_mode, config.kf_min_dist, config.kf_max_dist) == (1, 0, 128)
    assert vpx_abi.EncoderConfig.rc_target_bitrate.offset == 112
    assert vpx_abi.Image.planes.offset == 48


def test_a_missing_library_is_a_known_error(tmp_path: object) -> None:
    with pytest.raises(CodecLibraryMissing):
        find_library("libopus", [tmp_path])  # type: ignore[list-item]
    assert find_library("libopus").parent in libraries.library_folders()


def test_opus_settings_take_effect_and_read_back() -> None:
    encoder = OpusEncoder(24_000, fec=True, loss_percent=17, dtx=True)
    assert encoder.get(opus.GET_BITRATE) == 24_000
    assert encoder.get(opus.GET_INBAND_FEC) == 1
    assert encoder.get(opus.GET_PACKET_LOSS_PERC) == 17
    assert encoder.get(opus.GET_DTX) == 1
    encoder.set_bitrate(1_000_000)
    assert encoder.get(opus.GET_BITRATE) == opus.MAX_BITRATE
    with pytest.raises(OpusFailure):
        encoder.encode(np.zeros(480, np.int16))


def test_opus_carries_a_tone_and_obeys_its_bitrate() -> None:
    sound = tone(100)
    sizes = {}
    for bitrate in (12_000, 40_000):
        encoder, decoder = OpusEncoder(bitrate, fec=False), OpusDecoder()
        packets = [encoder.encode(sound[i * 960 : (i + 1) * 960]) for i in range(100)]
        sizes[bitrate] = sum(map(len, packets))
        heard = np.concatenate([decoder.decode(p) for p in packets])
        assert opus.packet_samples(packets[0]) == 960
        spectrum = np.abs(np.fft.rfft(heard[48_000:96_000].astype(float)))
        assert abs(int(spectrum.argmax()) - 440) <= 2
    assert sizes[12_000] < 0.6 * sizes[40_000]


def test_opus_fec_rebuilds_a_lost_frame_better_than_silence() -> None:
    rng = np.random.default_rng(1)
    t = np.arange(960 * 60) / 48_000
    glide = 6000 * np.sin(2 * np.pi * (200 * t + 150 * t**2)) + rng.normal(0, 60, t.size)
    sound = glide.astype(np.int16)
    encoder = OpusEncoder(32_000, fec=True, loss_percent=25)
    packets = [encoder.encode(sound[i * 960 : (i + 1) * 960]) for i in range(60)]
    whole, lossy = OpusDecoder(), OpusDecoder()
    reference = [whole.decode(p) for p in packets]
    error = energy = 0.0
    for i, packet in enumerate(packets):
        if i % 5 == 3:
            got = lossy.decode_fec(packets[i + 1], 960)
            error += float(((got.astype(float) - reference[i]) ** 2).sum())
            energy += float((reference[i].astype(float) ** 2).sum())
        else:
            lossy.decode(packet)
    assert error < 0.5 * energy


def test_opus_conceals_and_refuses_damage() -> None:
    decoder = OpusDecoder()
    encoder = OpusEncoder()
    for i in range(5):
        decoder.decode(encoder.encode(tone(5)[i * 960 : (i + 1) * 960]))
    first = decoder.conceal(960)
    assert first.shape == (960,)
    assert np.abs(first).max() > 500
    for _ in range(40):
        last = decoder.conceal(960)
    assert np.abs(last).max() < 200
    with pytest.raises(OpusFailure):
        decoder.decode(b"\xff\xff")


def test_vp8_round_trip_keeps_the_picture() -> None:
    encoder, decoder = Vp8Encoder(320, 180, 900_000), Vp8Decoder()
    for n in range(10):
        picture = moving(n)
        frame = encoder.encode(picture)
        assert frame is not None
        assert frame.is_keyframe == (n == 0)
        shown = decoder.decode(frame.data, n)
        assert shown is not None
        assert (shown.width, shown.height) == (320, 180)
        assert np.abs(shown.y.astype(int) - picture.y).mean() < 25
        assert shown.y.base is None


def test_vp8_rate_changes_in_place_without_a_key_frame() -> None:
    encoder = Vp8Encoder(640, 360, 1_200_000, fps=30)
    rates = {}
    keyframes = 0
    for bitrate in (1_200_000, 100_000, 700_000):
        encoder.set_rate(bitrate, 30)
        sizes = []
        for n in range(90):
            frame = encoder.encode(moving(n, 640, 360))
            sizes.append(len(frame.data) if frame else 0)
            keyframes += bool(frame and frame.is_keyframe)
        rates[bitrate] = sum(sizes[30:]) * 8 / 2
    assert keyframes == 1
    assert rates[1_200_000] > rates[700_000] > rates[100_000]
    assert rates[100_000] < 220_000
    assert encoder.last_quantizer() > 0


def test_vp8_makes_a_key_frame_when_asked_and_when_resized() -> None:
    encoder = Vp8Encoder(320, 180, 500_000)
    encoder.encode(moving(0))
    plain, forced = encoder.encode(moving(1)), encoder.encode(moving(2), keyframe=True)
    assert plain is not None
    assert forced is not None
    assert (plain.is_keyframe, forced.is_keyframe) == (False, True)
    encoder.resize(160, 90)
    small = encoder.encode(moving(3, 160, 90))
    assert small is not None
    assert small.is_keyframe
    with pytest.raises(Vp8Failure):
        encoder.encode(moving(4))


def test_vp8_decoder_survives_garbage() -> None:
    decoder = Vp8Decoder()
    rng = np.random.default_rng(3)
    refused = 0
    for n in range(200):
        try:
            decoder.decode(rng.integers(0, 256, 1 + n, dtype=np.uint8).tobytes(), n)
        except Vp8Failure:
            refused += 1
    assert refused > 100
    frame = vp8.Vp8Encoder(160, 90, 300_000).encode(moving(0, 160, 90))
    assert frame is not None
    assert decoder.decode(frame.data, 1) is not None
