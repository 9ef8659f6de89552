"""The microphone's way out: 10 ms blocks in on the capture thread, Opus packets out to the loop."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from telemed_desk.media.codecs.opus import FRAME_SAMPLES, OpusEncoder
from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock, SoundSource

_MOST_BLOCKS: Final = 10
"""100 ms: an encoder that is further behind drops the oldest sound, for delay cannot be undone."""
_BLOCK_NS: Final = 10_000_000
_FRAME_NS: Final = FRAME_SAMPLES * 1_000_000_000 // SAMPLE_RATE_HZ
_SILENCE_AFTER_S: Final = 0.1
"""A microphone that stalls for less is only late; silence put in for it would stay as delay."""
_FILLED_NS: Final = 30_000_000
_GAP_NS: Final = 40_000_000

Deliver = Callable[[bytes, int, int], object]


class VoiceUplink:
    """Encodes on a thread of its own.

    Without a microphone, or while it stalls, silence keeps the stream's timing. ``deliver`` runs on
    the loop with (packet, timestamp in samples, taken_ns).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Deliver) -> None:
        self._loop = loop
        self._deliver = deliver
        self._encoder = OpusEncoder()
        self._blocks: deque[tuple[SoundBlock, int]] = deque(maxlen=_MOST_BLOCKS)
        self._arrived = threading.Condition()
        self._unsubscribe: Callable[[], None] | None = None
        self._stopped = False
        self._bitrate = 32_000
        self._loss_percent = 5
        self._position: int | None = None
        self._taken_ns = 0
        self.muted = False
        self.clinical = False
        """Cough, breath, stethoscope: at least 32 kbit/s, the whole band, and no DTX."""
        self._thread = threading.Thread(target=self._run, name="voice-encoder", daemon=True)

    def start(self) -> None:
        """Begin to encode and deliver."""
        if not self._thread.ident:
            self._thread.start()

    def set_source(self, source: SoundSource | None) -> None:
        """Listen to another microphone, or none."""
        if self._unsubscribe is not None:
            self._unsubscribe()
        self._unsubscribe = None if source is None else source.subscribe(self._on_block)

    def set_link(self, bitrate: int, loss_ratio: float) -> None:
        """Adjust rate and protection to the link. Any thread; plain values."""
        self._bitrate = bitrate
        self._loss_percent = round(100 * min(max(loss_ratio, 0.0), 0.4))

    def stop(self) -> None:
        """End the thread; returns when it has ended. Not for the loop thread (see ``stopped``)."""
        self.request_stop()
        if self._thread.ident:
            self._thread.join(timeout=2.0)

    def request_stop(self) -> None:
        """Ask the thread to end."""
        self.set_source(None)
        with self._arrived:
            self._stopped = True
            self._arrived.notify()

    def _on_block(self, block: SoundBlock, taken_ns: int) -> None:
        with self._arrived:
            self._blocks.append((block, taken_ns))
            self._arrived.notify()

    def _next_block(self, due_ns: int) -> tuple[SoundBlock, int] | None:
        """Wait for a block until some time after one was due; None when stopped."""
        with self._arrived:
            while not self._stopped:
                while self._blocks:
                    block, taken_ns = self._blocks.popleft()
                    if taken_ns > due_ns - _FILLED_NS:  # else silence already stands in its place
                        return block, taken_ns
                left_s = (due_ns - time.monotonic_ns()) / 1e9 + _SILENCE_AFTER_S
                if left_s <= 0:
                    return np.zeros(BLOCK_SAMPLES, dtype=np.int16), due_ns
                self._arrived.wait(left_s)
            return None

    def _run(self) -> None:
        due_ns = time.monotonic_ns()
        bitrate, loss = 0, -1
        while True:
            pair: list[SoundBlock] = []
            taken_ns = due_ns
            for _ in range(FRAME_SAMPLES // BLOCK_SAMPLES):
                got = self._next_block(due_ns)
                if got is None:
                    return
                if not pair:
                    taken_ns = got[1]
                pair.append(got[0])
                due_ns = got[1] + _BLOCK_NS
            if (bitrate, loss) != (self._bitrate, self._loss_percent):
                bitrate, loss = self._bitrate, self._loss_percent
                self._encoder.set_bitrate(bitrate)
                self._encoder.set_loss_percent(loss)
            sound = np.concatenate(pair)
            if self.muted:
                sound = np.zeros_like(sound)
            packet = self._encoder.encode(sound)
            timestamp = self._timestamp(taken_ns)
            with contextlib.suppress(RuntimeError):  # the loop may close before this thread ends
                self._loop.call_soon_threadsafe(self._deliver, packet, timestamp, taken_ns)

    def _timestamp(self, taken_ns: int) -> int:
        """Count samples, and skip what was lost before this frame.

        Between losses the microphone's own clock rules: following ours would jump every quarter of
        an hour, because the two drift apart.
        """
        if self._position is None:
            self._position = 0
        else:
            self._position += FRAME_SAMPLES
            gap_ns = taken_ns - self._taken_ns - _FRAME_NS
            if gap_ns > _GAP_NS:
                self._position += round(gap_ns / _FRAME_NS) * FRAME_SAMPLES
        self._taken_ns = taken_ns
        return self._position
