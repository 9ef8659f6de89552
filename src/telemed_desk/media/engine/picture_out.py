"""The camera's way out: newest picture, scaled to what the link carries, VP8, RTP payloads."""

import asyncio
import contextlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from telemed_desk.media.codecs.scaling import fit, scale_picture
from telemed_desk.media.codecs.vp8 import Vp8Encoder
from telemed_desk.media.codecs.vp8_payload import pack_vp8
from telemed_desk.media.ports import Picture, PictureSource
from telemed_desk.media.transport.repair import KeyframeGate

_WAIT_S: Final = 0.2
_VIDEO_CLOCK: Final = 90_000
_FPS_WINDOW: Final = 30


@dataclass(frozen=True, slots=True)
class VideoPlan:
    """What to send now; decided by the rate allocation, obeyed from the next picture on."""

    width: int
    height: int
    fps: float
    bitrate: int

    @property
    def paused(self) -> bool:
        """True when no pictures are sent."""
        return self.bitrate <= 0


Deliver = Callable[[list[bytes], int, int], object]


class PictureUplink:
    """Encodes on a thread of its own. ``deliver`` runs on the loop.

    Args:
        deliver: Called with (payloads, timestamp at 90 kHz, taken_ns).
        may_encode: Says whether the pacer can take a picture; checked before the encoder works, so
            that a full queue costs a picture and never a key frame. Called on the encoder thread.
        rtt_ms: The round trip, for spacing key frames.
        screen: The pictures are of a screen.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deliver: Deliver,
        keyframes: KeyframeGate,
        may_encode: Callable[[], bool],
        rtt_ms: Callable[[], float],
        *,
        screen: bool = False,
    ) -> None:
        self._screen = screen
        self._loop = loop
        self._deliver = deliver
        self._keyframes = keyframes
        self._may_encode = may_encode
        self._rtt_ms = rtt_ms
        self._source: PictureSource | None = None
        self._encoder: Vp8Encoder | None = None
        self._changed = threading.Event()
        self._stopped = False
        self._picture_id = secrets.randbelow(0x8000)
        self._epoch_ns = 0
        self._taken_ns = 0
        self._sent: deque[int] = deque(maxlen=_FPS_WINDOW)
        self.plan = VideoPlan(640, 360, 30, 0)
        self.muted = False
        self.size = (0, 0)
        self.encode_ms = 0.0
        """Processor time of a picture, smoothed; 0 before the first."""
        self.quantiser = 0
        """Of the last picture, 0 (fine) to 63 (coarse)."""
        self._thread = threading.Thread(target=self._run, name="video-encoder", daemon=True)

    def start(self) -> None:
        """Begin to encode and deliver."""
        if not self._thread.ident:
            self._thread.start()

    def set_source(self, source: PictureSource | None) -> None:
        """Use another camera, or none."""
        self._source = source
        self._changed.set()

    def request_stop(self) -> None:
        """Ask the thread to end."""
        self._stopped = True
        self._changed.set()

    def stop(self) -> None:
        """End the thread; returns when it has ended."""
        self.request_stop()
        if self._thread.ident:
            self._thread.join(timeout=2.0)

    @property
    def wanted(self) -> bool:
        """True when there is a camera that is not switched off."""
        return self._source is not None and not self.muted

    def fps(self, now_ns: int) -> float:
        """Pictures a second over the last ones sent, 0 when none left within a second."""
        sent = list(self._sent)
        recent = [at for at in sent if now_ns - at < 1_000_000_000]
        return float(len(recent))

    def _run(self) -> None:
        idle = True
        due_ns = 0
        while not self._stopped:
            source, plan = self._source, self.plan
            if source is None or plan.paused or self.muted:
                idle = True
                self._changed.wait(_WAIT_S)
                self._changed.clear()
                continue
            picture = source.wait_newer(self._taken_ns, _WAIT_S)
            if picture is None:
                continue
            if picture.taken_ns <= self._taken_ns:  # another camera, another clock's idea of now
                picture = Picture(picture.y, picture.u, picture.v, time.monotonic_ns())
            self._taken_ns = picture.taken_ns
            step_ns = int(1e9 / plan.fps)
            if picture.taken_ns < due_ns - step_ns // 4 or not self._may_encode():
                continue
            due_ns = max(due_ns + step_ns, picture.taken_ns)
            if idle:
                self._keyframes.request()
                idle = False
            self._encode(picture, plan)

    def _encode(self, picture: Picture, plan: VideoPlan) -> None:
        width, height = fit(picture.width, picture.height, plan.width, plan.height)
        scaled = scale_picture(picture, width, height)
        if self._encoder is None:
            self._encoder = Vp8Encoder(
                width, height, plan.bitrate, fps=plan.fps, screen=self._screen
            )
        encoder = self._encoder
        encoder.resize(width, height)
        encoder.set_rate(plan.bitrate, plan.fps)
        now_ns = time.monotonic_ns()
        wanted = self._keyframes.take(now_ns, self._rtt_ms())
        began = time.thread_time_ns()
        frame = encoder.encode(scaled, keyframe=wanted)
        took_ms = (time.thread_time_ns() - began) / 1e6
        self.encode_ms = took_ms if not self.encode_ms else 0.9 * self.encode_ms + 0.1 * took_ms
        self.quantiser = encoder.last_quantizer()
        if frame is None:
            if wanted:
                self._keyframes.request()
            return
        if frame.is_keyframe:
            self._keyframes.made(now_ns)
        self.size = (width, height)
        if not self._epoch_ns:
            self._epoch_ns = picture.taken_ns
        timestamp = (picture.taken_ns - self._epoch_ns) * _VIDEO_CLOCK // 1_000_000_000
        payloads = pack_vp8(frame.data, self._picture_id)
        self._picture_id = (self._picture_id + 1) & 0x7FFF
        self._sent.append(now_ns)
        with contextlib.suppress(RuntimeError):  # the loop may close before this thread ends
            self._loop.call_soon_threadsafe(self._deliver, payloads, timestamp, picture.taken_ns)
