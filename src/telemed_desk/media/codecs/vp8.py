"""VP8 for live calls: one pass, constant bitrate, rate changes in place without a key frame."""

import ctypes
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemed_desk.media.ports import Picture

from . import vpx_abi
from .libraries import CodecLibraryMissing
from .vpx_abi import vpx

MIN_BITRATE: Final = 30_000
_TICKS_PER_S: Final = 90_000
_KEYFRAME_PERCENT: Final = 300
"""A key frame may cost this share of an average frame's budget times ten frames or so."""
_SCREEN_STATIC_THRESHOLD: Final = 100
"""As libwebrtc has it for shared screens: what hardly changed is not sent again."""
_SCREEN_CPU_USED: Final = -6


class Vp8Failure(ValueError):
    """libvpx refused; carries its error number."""


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One VP8 frame as it travels."""

    data: bytes
    is_keyframe: bool
    width: int
    height: int


def _cpu_used(pixels: int) -> int:
    """Speed against quality: real-time speeds as libwebrtc picks them on two slow cores."""
    if pixels >= 1280 * 720:
        return -10
    return -8 if pixels >= 640 * 360 else -5


class Vp8Encoder:
    """Encodes I420 pictures. One thread at a time.

    Args:
        width, height: Even pixels.
        bitrate: Bits per second, at least 30 kbit/s.
        fps: Pictures a second the rate control reckons with.
        threads: Encoder threads.
        screen: Pictures of a screen: few a second, and text has to stay sharp.
    """

    def __init__(
        self,
        width: int,
        height: int,
        bitrate: int,
        *,
        fps: float = 30.0,
        threads: int = 1,
        screen: bool = False,
    ) -> None:
        self._screen = screen
        self._context = ctypes.create_string_buffer(vpx_abi.CONTEXT_BYTES)
        self._open = False
        self._threads = threads
        self._bitrate = max(bitrate, MIN_BITRATE)
        self._fps = fps
        self._pts = 0
        self._config = vpx_abi.EncoderConfig()
        self._start(width, height)

    def _start(self, width: int, height: int) -> None:
        lib = vpx()
        interface = lib.vpx_codec_vp8_cx()
        config = vpx_abi.EncoderConfig()
        if lib.vpx_codec_enc_config_default(interface, ctypes.byref(config), 0):
            raise CodecLibraryMissing("vp8 defaults")
        config.g_w, config.g_h = width, height
        config.g_threads = self._threads
        config.g_timebase_num, config.g_timebase_den = 1, _TICKS_PER_S
        config.g_error_resilient = 0
        config.g_lag_in_frames = 0
        config.rc_end_usage = vpx_abi.RATE_CBR
        config.rc_resize_allowed = 0
        config.rc_dropframe_thresh = 30
        config.rc_min_quantizer, config.rc_max_quantizer = 2, 56
        config.rc_undershoot_pct, config.rc_overshoot_pct = 100, 15
        config.rc_buf_sz, config.rc_buf_initial_sz, config.rc_buf_optimal_sz = 1000, 500, 600
        config.kf_mode = vpx_abi.KEYFRAMES_AUTO
        config.kf_min_dist, config.kf_max_dist = 0, 3000
        config.rc_target_bitrate = max(self._bitrate // 1000, 1)
        result = lib.vpx_codec_enc_init_ver(
            self._context, interface, ctypes.byref(config), 0, vpx_abi.ENCODER_ABI_VERSION
        )
        if result:
            raise CodecLibraryMissing(f"vp8 encoder {result}")
        self._open = True
        self._config = config
        if self._screen:
            self._control(vpx_abi.SET_CPU_USED, _SCREEN_CPU_USED)
            self._control(vpx_abi.SET_STATIC_THRESHOLD, _SCREEN_STATIC_THRESHOLD)
            self._control(vpx_abi.SET_SCREEN_CONTENT, 1)
        else:
            self._control(vpx_abi.SET_CPU_USED, _cpu_used(width * height))
            self._control(vpx_abi.SET_STATIC_THRESHOLD, 1)
        self._control(vpx_abi.SET_TOKEN_PARTITIONS, 0)
        self._control(vpx_abi.SET_MAX_INTRA_PERCENT, _KEYFRAME_PERCENT)

    def _control(self, request: int, value: int) -> None:
        result = vpx().vpx_codec_control_(self._context, request, ctypes.c_int(value))
        if result:
            raise Vp8Failure(f"control {request}: {result}")

    def close(self) -> None:
        """Free the encoder; harmless twice."""
        if self._open:
            self._open = False
            vpx().vpx_codec_destroy(self._context)

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            self.close()

    @property
    def width(self) -> int:
        """Pixels across."""
        return int(self._config.g_w)

    @property
    def height(self) -> int:
        """Pixels down."""
        return int(self._config.g_h)

    @property
    def bitrate(self) -> int:
        """Bits per second asked of the encoder."""
        return self._bitrate

    def set_rate(self, bitrate: int, fps: float) -> None:
        """Change rate and pictures a second in place; no key frame comes of it."""
        self._fps = max(fps, 1.0)
        bitrate = max(bitrate, MIN_BITRATE)
        if bitrate == self._bitrate:
            return
        self._bitrate = bitrate
        self._config.rc_target_bitrate = max(bitrate // 1000, 1)
        result = vpx().vpx_codec_enc_config_set(self._context, ctypes.byref(self._config))
        if result:
            raise Vp8Failure(f"config: {result}")

    def resize(self, width: int, height: int) -> None:
        """Start anew at another size; the next picture is a key frame."""
        if (width, height) != (self.width, self.height):
            self.close()
            ctypes.memset(self._context, 0, vpx_abi.CONTEXT_BYTES)
            self._start(width, height)

    def last_quantizer(self) -> int:
        """Return the quantizer of the last frame, 0 (fine) to 63 (coarse)."""
        value = ctypes.c_int(0)
        result = vpx().vpx_codec_control_(
            self._context, vpx_abi.GET_LAST_QUANTIZER_64, ctypes.byref(value)
        )
        if result:
            raise Vp8Failure(f"quantizer: {result}")
        return value.value

    def encode(
        self, picture: Picture, *, keyframe: bool = False, disposable: bool = False
    ) -> EncodedPicture | None:
        """Encode one picture of the encoder's size; None when rate control drops it.

        Args:
            picture: Of the encoder's size.
            keyframe: Make it decodable by itself.
            disposable: No later frame builds on it, so that nothing is lost with it but itself.
        """
        flags = vpx_abi.FORCE_KEYFRAME if keyframe else 0
        if disposable and not keyframe:
            flags |= vpx_abi.UPDATE_NOTHING
        if (picture.width, picture.height) != (self.width, self.height):
            raise Vp8Failure("size")
        planes = [np.ascontiguousarray(plane) for plane in (picture.y, picture.u, picture.v)]
        image = _image_of(planes, self.width, self.height)
        duration = round(_TICKS_PER_S / self._fps)
        result = vpx().vpx_codec_encode(
            self._context,
            ctypes.byref(image),
            self._pts,
            duration,
            flags,
            vpx_abi.DEADLINE_REALTIME,
        )
        self._pts += duration
        if result:
            raise Vp8Failure(f"encode: {result}")
        return self._collect()

    def _collect(self) -> EncodedPicture | None:
        parts: list[bytes] = []
        is_keyframe = False
        position = ctypes.c_void_p(None)
        while packet := vpx().vpx_codec_get_cx_data(self._context, ctypes.byref(position)):
            content = packet.contents
            if content.kind == vpx_abi.PACKET_IS_FRAME:
                parts.append(ctypes.string_at(content.buf, content.sz))
                is_keyframe = is_keyframe or bool(content.flags & vpx_abi.FRAME_IS_KEY)
        data = b"".join(parts)
        return EncodedPicture(data, is_keyframe, self.width, self.height) if data else None


def _image_of(planes: list[NDArray[np.uint8]], width: int, height: int) -> vpx_abi.Image:
    image = vpx_abi.Image()
    image.fmt = vpx_abi.IMAGE_I420
    image.w = image.d_w = width
    image.h = image.d_h = height
    image.bit_depth = 8
    image.bps = 12
    image.x_chroma_shift = image.y_chroma_shift = 1
    for index, plane in enumerate(planes):
        image.planes[index] = plane.ctypes.data
        image.stride[index] = plane.strides[0]
    return image


class Vp8Decoder:
    """Decodes VP8 frames into pictures that own their memory. One thread at a time."""

    def __init__(self, threads: int = 1) -> None:
        self._context = ctypes.create_string_buffer(vpx_abi.CONTEXT_BYTES)
        self._open = False
        config = vpx_abi.DecoderConfig(threads, 0, 0)
        lib = vpx()
        result = lib.vpx_codec_dec_init_ver(
            self._context,
            lib.vpx_codec_vp8_dx(),
            ctypes.byref(config),
            0,
            vpx_abi.DECODER_ABI_VERSION,
        )
        if result:
            raise CodecLibraryMissing(f"vp8 decoder {result}")
        self._open = True

    def __del__(self) -> None:
        if getattr(self, "_open", False):
            self._open = False
            vpx().vpx_codec_destroy(self._context)

    def decode(self, data: bytes, taken_ns: int) -> Picture | None:
        """Decode one frame. None when there is nothing to show. Raises Vp8Failure when damaged."""
        result = vpx().vpx_codec_decode(self._context, data, len(data), None, 0)
        if result:
            raise Vp8Failure(f"decode: {result}")
        newest: Picture | None = None
        position = ctypes.c_void_p(None)
        while found := vpx().vpx_codec_get_frame(self._context, ctypes.byref(position)):
            image = found.contents
            width, height = int(image.d_w) & ~1, int(image.d_h) & ~1
            if width and height:
                newest = Picture(
                    _copy_plane(image, 0, width, height),
                    _copy_plane(image, 1, width // 2, height // 2),
                    _copy_plane(image, 2, width // 2, height // 2),
                    taken_ns,
                )
        return newest


def _copy_plane(image: vpx_abi.Image, index: int, width: int, height: int) -> NDArray[np.uint8]:
    stride = int(image.stride[index])
    raw = (ctypes.c_uint8 * (stride * (height - 1) + width)).from_address(image.planes[index])
    flat = np.frombuffer(memoryview(raw), dtype=np.uint8)
    view = np.lib.stride_tricks.as_strided(flat, (height, width), (stride, 1), writeable=False)
    return view.copy()
