"""Opus (RFC 6716) with what a poor link needs: FEC, loss hint, DTX, bitrate in place, concealment.

Request numbers are those of ``opus_defines.h`` of libopus 1.6. ctypes lets go of the interpreter
while the library works.

The libopus of the av wheel is built without its neural parts: it exports the names of deep redundancy
(DRED) and answers ``OPUS_UNIMPLEMENTED`` to them (:func:`dred_refusal`), so we do not use it.
"""

import ctypes
import functools
from typing import Final

import numpy as np

from telemed_desk.media.ports import SAMPLE_RATE_HZ, SoundBlock

from .libraries import CodecLibraryMissing, load_library

FRAME_SAMPLES: Final = 960
"""20 ms at 48 kHz, mono."""
FRAME_LENGTHS_MS: Final = (20, 40, 60)
"""Longer frames save headers, and cost their length in delay."""
DTX_BYTES: Final = 2
"""A packet of at most so many bytes only says that silence goes on; it need not be sent."""
MIN_BITRATE: Final = 8_000
MAX_BITRATE: Final = 40_000

_OK = 0
_APPLICATION_VOIP = 2048
_SIGNAL_AUTO = -1000
_WIDEBAND, _FULLBAND = 1103, 1105
_SIGNAL_VOICE = 3001
SET_BITRATE = 4002
SET_MAX_BANDWIDTH = 4004
GET_BITRATE = 4003
SET_COMPLEXITY = 4010
SET_INBAND_FEC = 4012
GET_INBAND_FEC = 4013
SET_PACKET_LOSS_PERC = 4014
GET_PACKET_LOSS_PERC = 4015
SET_DTX = 4016
GET_DTX = 4017
SET_SIGNAL = 4024
SET_DRED_DURATION = 4050
_FRAMES = tuple(SAMPLE_RATE_HZ * ms // 1000 for ms in FRAME_LENGTHS_MS)
_MAX_PACKET = 1275
_MAX_DECODED = 5760
"""120 ms, the longest Opus packet."""


class OpusFailure(ValueError):
    """libopus refused a packet or a request.

    Attributes:
        code: Its error number; 0 where we refused ourselves.
    """

    def __init__(self, what: str, code: int = _OK) -> None:
        super().__init__(f"{what}: {code}")
        self.code = code


@functools.cache
def _lib() -> ctypes.CDLL:
    lib = load_library("libopus")
    lib.opus_get_version_string.restype = ctypes.c_char_p
    pointer, i32 = ctypes.c_void_p, ctypes.c_int
    lib.opus_encoder_create.restype = pointer
    lib.opus_encoder_create.argtypes = [i32, i32, i32, ctypes.POINTER(i32)]
    lib.opus_encoder_destroy.argtypes = [pointer]
    lib.opus_encode.argtypes = [pointer, pointer, i32, pointer, i32]
    # variadic: only the fixed part is declared, as Apple's arm64 ABI needs to know the difference
    lib.opus_encoder_ctl.argtypes = [pointer, i32]
    lib.opus_decoder_create.restype = pointer
    lib.opus_decoder_create.argtypes = [i32, i32, ctypes.POINTER(i32)]
    lib.opus_decoder_destroy.argtypes = [pointer]
    lib.opus_decode.argtypes = [pointer, ctypes.c_char_p, i32, pointer, i32, i32]
    lib.opus_packet_get_nb_samples.argtypes = [ctypes.c_char_p, i32, i32]
    lib.opus_packet_get_samples_per_frame.argtypes = [ctypes.c_char_p, i32]
    lib.opus_packet_has_lbrr.argtypes = [ctypes.c_char_p, i32]
    return lib


def opus_version() -> str:
    """Return e.g. ``libopus 1.6.1``."""
    return bytes(_lib().opus_get_version_string()).decode("ascii")


def packet_samples(packet: bytes) -> int:
    """Return how many samples at 48 kHz a packet holds; 0 for one that is damaged or empty."""
    if not packet:
        return 0
    count = int(_lib().opus_packet_get_nb_samples(packet, len(packet), SAMPLE_RATE_HZ))
    return max(count, 0)


def copy_samples(packet: bytes) -> int:
    """Return how much of the sound before it a packet can bring back (in-band FEC); 0 = none."""
    if len(packet) <= DTX_BYTES or _lib().opus_packet_has_lbrr(packet, len(packet)) != 1:
        return 0
    return int(_lib().opus_packet_get_samples_per_frame(packet, SAMPLE_RATE_HZ))


def dred_refusal() -> int:
    """Return what the library answers to ``OPUS_SET_DRED_DURATION``: 0 where it has DRED.

    libopus 1.6.1 of av 18.1 answers -5, ``OPUS_UNIMPLEMENTED``; so do ``opus_dred_alloc`` and
    ``opus_dred_parse``.
    """
    encoder = OpusEncoder()
    try:
        encoder.set_dred_duration(50)
    except OpusFailure as failure:
        return failure.code
    return _OK


class OpusEncoder:
    """Encodes mono speech in frames of 20, 40 or 60 ms. One thread at a time.

    Args:
        bitrate: Bits per second, clamped to 8-40 kbit/s.
        fec: Carry a coarse copy of the previous frame in each packet.
        loss_percent: Expected loss; decides how much the copy may cost.
        dtx: Send almost nothing during silence.
        complexity: 0-10, the encoder's effort.
    """

    def __init__(
        self,
        bitrate: int = 32_000,
        *,
        fec: bool = True,
        loss_percent: int = 5,
        dtx: bool = False,
        complexity: int = 7,
    ) -> None:
        error = ctypes.c_int(0)
        self._state = _lib().opus_encoder_create(
            SAMPLE_RATE_HZ, 1, _APPLICATION_VOIP, ctypes.byref(error)
        )
        if not self._state or error.value != _OK:
            raise CodecLibraryMissing(f"opus encoder {error.value}")
        self._out = ctypes.create_string_buffer(_MAX_PACKET)
        self._set(SET_SIGNAL, _SIGNAL_VOICE)
        self._set(SET_COMPLEXITY, complexity)
        self.set_bitrate(bitrate)
        self.set_fec(fec)
        self.set_loss_percent(loss_percent)
        self.set_dtx(dtx)

    def __del__(self) -> None:
        state, self._state = getattr(self, "_state", None), None
        if state:
            _lib().opus_encoder_destroy(state)

    def _set(self, request: int, value: int) -> None:
        result = _lib().opus_encoder_ctl(self._state, request, ctypes.c_int(value))
        if result != _OK:
            raise OpusFailure(f"ctl {request}", result)

    def get(self, request: int) -> int:
        """Read a setting back by its GET request number."""
        value = ctypes.c_int(0)
        result = _lib().opus_encoder_ctl(self._state, request, ctypes.byref(value))
        if result != _OK:
            raise OpusFailure(f"ctl {request}", result)
        return value.value

    def set_bitrate(self, bitrate: int) -> None:
        """Change the rate at once, clamped to 8-40 kbit/s."""
        self._set(SET_BITRATE, min(max(bitrate, MIN_BITRATE), MAX_BITRATE))

    def set_fec(self, on: bool) -> None:  # noqa: FBT001 - a switch is all this is
        """Turn in-band forward error correction on or off."""
        self._set(SET_INBAND_FEC, int(on))

    def set_loss_percent(self, percent: int) -> None:
        """Tell the encoder what share of packets gets lost."""
        self._set(SET_PACKET_LOSS_PERC, min(max(percent, 0), 100))

    def set_dtx(self, on: bool) -> None:  # noqa: FBT001 - a switch is all this is
        """Turn discontinuous transmission on or off."""
        self._set(SET_DTX, int(on))

    def set_speech(self, on: bool) -> None:  # noqa: FBT001 - a switch is all this is
        """Say whether it is speech; otherwise (a stethoscope) libopus listens for itself."""
        self._set(SET_SIGNAL, _SIGNAL_VOICE if on else _SIGNAL_AUTO)

    def set_wideband(self, on: bool) -> None:  # noqa: FBT001 - a switch is all this is
        """Code up to 8 kHz only: then a copy of a long frame is one of all of it.

        With more bandwidth frames of 40 and 60 ms are several of 20 ms in one packet, and the copy is
        of the last of them.
        """
        self._set(SET_MAX_BANDWIDTH, _WIDEBAND if on else _FULLBAND)

    def set_dred_duration(self, frames_10ms: int) -> None:
        """Ask for deep redundancy. Raises OpusFailure where the library was built without it."""
        self._set(SET_DRED_DURATION, frames_10ms)

    def encode(self, samples: SoundBlock) -> bytes:
        """Encode one frame of 960, 1920 or 2880 samples."""
        count = samples.shape[0] if samples.ndim == 1 else 0
        if count not in _FRAMES or samples.dtype != np.int16:
            raise OpusFailure(f"frame {samples.shape} {samples.dtype}")
        samples = np.ascontiguousarray(samples)
        size = _lib().opus_encode(self._state, samples.ctypes.data, count, self._out, _MAX_PACKET)
        if size < 0:
            raise OpusFailure("encode", size)
        return self._out.raw[:size]


class OpusDecoder:
    """Decodes to mono 48 kHz, fills gaps. One thread at a time."""

    def __init__(self) -> None:
        error = ctypes.c_int(0)
        self._state = _lib().opus_decoder_create(SAMPLE_RATE_HZ, 1, ctypes.byref(error))
        if not self._state or error.value != _OK:
            raise CodecLibraryMissing(f"opus decoder {error.value}")
        self._out = np.zeros(_MAX_DECODED, dtype=np.int16)

    def __del__(self) -> None:
        state, self._state = getattr(self, "_state", None), None
        if state:
            _lib().opus_decoder_destroy(state)

    def _decode(self, packet: bytes | None, samples: int, fec: int) -> SoundBlock:
        count = _lib().opus_decode(
            self._state,
            packet,
            0 if packet is None else len(packet),
            self._out.ctypes.data,
            samples,
            fec,
        )
        if count < 0:
            raise OpusFailure("decode", count)
        return self._out[:count].copy()

    def decode(self, packet: bytes) -> SoundBlock:
        """Decode a packet. Raises OpusFailure for a damaged one."""
        return self._decode(packet, _MAX_DECODED, 0)

    def decode_fec(self, next_packet: bytes, samples: int) -> SoundBlock:
        """Rebuild the lost frame *before* ``next_packet`` from the copy it carries.

        Falls back to concealment inside libopus when the packet has no copy.
        """
        return self._decode(next_packet, samples, 1)

    def conceal(self, samples: int) -> SoundBlock:
        """Make up sound for a lost frame; fades out when called again and again."""
        return self._decode(None, samples, 0)
