"""The binary interface of libvpx 1.16 as ctypes sees it: version numbers, structures, constants.

Layouts from ``vpx_encoder.h``, ``vpx_decoder.h``, ``vpx_image.h`` and ``vpx_codec.h``. libvpx refuses
to initialise when the version numbers differ, so a library of another vintage fails loudly and
never silently misreads a structure; a contract test compares the layouts with the defaults that
the library itself fills in.
"""

import ctypes
import functools
from typing import Final

from .libraries import CodecLibraryMissing, load_library

ENCODER_ABI_VERSION: Final = 39
DECODER_ABI_VERSION: Final = 12

IMAGE_I420: Final = 0x102
FRAME_IS_KEY: Final = 0x1
PACKET_IS_FRAME: Final = 0
FORCE_KEYFRAME: Final = 1
UPDATE_NOTHING: Final = 1 << 18 | 1 << 20 | 1 << 22 | 1 << 23
"""Neither the last, golden and alternate pictures nor the probabilities: no other frame builds on it."""
DEADLINE_REALTIME: Final = 1
RATE_CBR: Final = 1
KEYFRAMES_AUTO: Final = 1
ERROR_RESILIENT: Final = 1

SET_CPU_USED: Final = 13
SET_NOISE_SENSITIVITY: Final = 15
SET_STATIC_THRESHOLD: Final = 17
SET_TOKEN_PARTITIONS: Final = 18
GET_LAST_QUANTIZER_64: Final = 20
SET_MAX_INTRA_PERCENT: Final = 26
SET_SCREEN_CONTENT: Final = 31

CONTEXT_BYTES: Final = 256
"""Room for ``vpx_codec_ctx_t`` (56 bytes on 64-bit systems)."""


class FixedBuffer(ctypes.Structure):
    """``vpx_fixed_buf_t``."""

    _fields_ = (("buf", ctypes.c_void_p), ("sz", ctypes.c_size_t))


class EncoderConfig(ctypes.Structure):
    """``vpx_codec_enc_cfg_t`` up to ``kf_max_dist``; the rest is only room."""

    _fields_ = (
        ("g_usage", ctypes.c_uint),
        ("g_threads", ctypes.c_uint),
        ("g_profile", ctypes.c_uint),
        ("g_w", ctypes.c_uint),
        ("g_h", ctypes.c_uint),
        ("g_bit_depth", ctypes.c_int),
        ("g_input_bit_depth", ctypes.c_uint),
        ("g_timebase_num", ctypes.c_int),
        ("g_timebase_den", ctypes.c_int),
        ("g_error_resilient", ctypes.c_uint32),
        ("g_pass", ctypes.c_int),
        ("g_lag_in_frames", ctypes.c_uint),
        ("rc_dropframe_thresh", ctypes.c_uint),
        ("rc_resize_allowed", ctypes.c_uint),
        ("rc_scaled_width", ctypes.c_uint),
        ("rc_scaled_height", ctypes.c_uint),
        ("rc_resize_up_thresh", ctypes.c_uint),
        ("rc_resize_down_thresh", ctypes.c_uint),
        ("rc_end_usage", ctypes.c_int),
        ("rc_twopass_stats_in", FixedBuffer),
        ("rc_firstpass_mb_stats_in", FixedBuffer),
        ("rc_target_bitrate", ctypes.c_uint),
        ("rc_min_quantizer", ctypes.c_uint),
        ("rc_max_quantizer", ctypes.c_uint),
        ("rc_undershoot_pct", ctypes.c_uint),
        ("rc_overshoot_pct", ctypes.c_uint),
        ("rc_buf_sz", ctypes.c_uint),
        ("rc_buf_initial_sz", ctypes.c_uint),
        ("rc_buf_optimal_sz", ctypes.c_uint),
        ("rc_2pass_vbr_bias_pct", ctypes.c_uint),
        ("rc_2pass_vbr_minsection_pct", ctypes.c_uint),
        ("rc_2pass_vbr_maxsection_pct", ctypes.c_uint),
        ("rc_2pass_vbr_corpus_complexity", ctypes.c_uint),
        ("kf_mode", ctypes.c_int),
        ("kf_min_dist", ctypes.c_uint),
        ("kf_max_dist", ctypes.c_uint),
        ("rest", ctypes.c_uint8 * 1024),
    )


class FramePacket(ctypes.Structure):
    """``vpx_codec_cx_pkt_t`` for the kind "frame"; its union starts at offset 8."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("_align", ctypes.c_int),
        ("buf", ctypes.c_void_p),
        ("sz", ctypes.c_size_t),
        ("pts", ctypes.c_int64),
        ("duration", ctypes.c_ulong),
        ("flags", ctypes.c_uint32),
    )


class Image(ctypes.Structure):
    """``vpx_image_t``."""

    _fields_ = (
        ("fmt", ctypes.c_int),
        ("cs", ctypes.c_int),
        ("range", ctypes.c_int),
        ("w", ctypes.c_uint),
        ("h", ctypes.c_uint),
        ("bit_depth", ctypes.c_uint),
        ("d_w", ctypes.c_uint),
        ("d_h", ctypes.c_uint),
        ("r_w", ctypes.c_uint),
        ("r_h", ctypes.c_uint),
        ("x_chroma_shift", ctypes.c_uint),
        ("y_chroma_shift", ctypes.c_uint),
        ("planes", ctypes.c_void_p * 4),
        ("stride", ctypes.c_int * 4),
        ("bps", ctypes.c_int),
        ("user_priv", ctypes.c_void_p),
        ("img_data", ctypes.c_void_p),
        ("img_data_owner", ctypes.c_int),
        ("self_allocd", ctypes.c_int),
        ("fb_priv", ctypes.c_void_p),
    )


class DecoderConfig(ctypes.Structure):
    """``vpx_codec_dec_cfg_t``."""

    _fields_ = (("threads", ctypes.c_uint), ("w", ctypes.c_uint), ("h", ctypes.c_uint))


@functools.cache
def vpx() -> ctypes.CDLL:
    """Return libvpx with its functions declared. Raises CodecLibraryMissing."""
    lib = load_library("libvpx")
    pointer, i32, long = ctypes.c_void_p, ctypes.c_int, ctypes.c_long
    lib.vpx_codec_version_str.restype = ctypes.c_char_p
    for name in ("vpx_codec_vp8_cx", "vpx_codec_vp8_dx"):
        if not hasattr(lib, name):
            raise CodecLibraryMissing(name)
        getattr(lib, name).restype = pointer
    lib.vpx_codec_enc_config_default.argtypes = [pointer, pointer, ctypes.c_uint]
    lib.vpx_codec_enc_init_ver.argtypes = [pointer, pointer, pointer, long, i32]
    lib.vpx_codec_enc_config_set.argtypes = [pointer, pointer]
    lib.vpx_codec_encode.argtypes = [
        pointer,
        pointer,
        ctypes.c_int64,
        ctypes.c_ulong,
        long,
        ctypes.c_ulong,
    ]
    lib.vpx_codec_get_cx_data.argtypes = [pointer, pointer]
    lib.vpx_codec_get_cx_data.restype = ctypes.POINTER(FramePacket)
    lib.vpx_codec_control_.argtypes = [pointer, i32]  # variadic from here
    lib.vpx_codec_dec_init_ver.argtypes = [pointer, pointer, pointer, long, i32]
    lib.vpx_codec_decode.argtypes = [pointer, ctypes.c_char_p, ctypes.c_uint, pointer, long]
    lib.vpx_codec_get_frame.argtypes = [pointer, pointer]
    lib.vpx_codec_get_frame.restype = ctypes.POINTER(Image)
    lib.vpx_codec_destroy.argtypes = [pointer]
    return lib


def vpx_version() -> str:
    """Return e.g. ``v1.16.0``."""
    return bytes(vpx().vpx_codec_version_str()).decode("ascii")
