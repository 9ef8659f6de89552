"""The microphone's way out: 10 ms blocks in on the capture thread, voice packets out to the loop."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import numpy as np

from telemed_desk.media.ports import BLOCK_SAMPLES, SAMPLE_RATE_HZ, SoundBlock, SoundSource

from .voice_coder import VoiceCoder, VoiceCoding
from .voice_plan import LossPattern, plan_voice, wire_bps

_MOST_BLOCKS: Final = 10
"""100 ms: an encoder that is further behind drops the oldest sound, for delay cannot be undone."""
_BLOCK_NS: Final = 10_000_000
_SILENCE_AFTER_S: Final = 0.1
"""A microphone that stalls for less is only late; silence put in for it would stay as delay."""
_FILLED_NS: Final = 30_000_000
_GAP_NS: Final = 40_000_000
_STEP_SAMPLES: Final = 960
_STEP_NS: Final = _STEP_SAMPLES * 1_000_000_000 // SAMPLE_RATE_HZ

Deliver = Callable[[bytes, int, int, bool], object]


class VoiceUplink:
    """Encodes on a thread of its own.

    Without a microphone, or while it stalls, silence keeps the stream's timing. ``deliver`` runs on
    the loop with (payload, timestamp in samples, taken_ns, whether it is RED).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Deliver) -> None:
        self._loop = loop
        self._deliver = deliver
        self._coder = VoiceCoder()
        self._plan = self._asked = VoiceCoding()
        self._blocks: deque[tuple[SoundBlock, int]] = deque(maxlen=_MOST_BLOCKS)
        self._arrived = threading.Condition()
        self._unsubscribe: Callable[[], None] | None = None
        self._stopped = False
        self._position: int | None = None
        self._taken_ns = 0
        self._length = 0
        self.muted = False
        self.clinical = False
        """Any sound matters (cough, breath, stethoscope): no pauses are made. Any thread may set it."""
        self.red_for: int | None = None
        """Payload type of Opus, when the other side takes RED with it; None = it does not."""
        self.pattern = LossPattern()
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

    @property
    def plan(self) -> VoiceCoding:
        """How voice is coded now."""
        return self._plan

    @property
    def wire_bps(self) -> float:
        """What voice takes on the wire now while somebody speaks, headers and copies included."""
        return wire_bps(self._plan)

    @property
    def extra_bps(self) -> float:
        """How much of that is more than was asked for in :meth:`set_link`: the copies' share."""
        return max(0.0, self.wire_bps - wire_bps(self._asked))

    def set_link(
        self,
        bitrate: int,
        loss_ratio: float,
        frame_ms: int = 20,
        room_bps: float | None = None,
    ) -> None:
        """Adjust rate and protection to the link. Loop thread.

        Args:
            bitrate: What one copy of the voice may take, bits per second.
            loss_ratio: Of what we send.
            frame_ms: 20, 40 or 60.
            room_bps: The whole link's rate; None = not known, no redundancy then.
        """
        self._asked = VoiceCoding(bitrate, frame_ms)
        self._plan = plan_voice(
            bitrate,
            loss_ratio,
            frame_ms=frame_ms,
            room_bps=room_bps,
            pattern=self.pattern,
            takes_red=self.red_for is not None,
            speech=not self.clinical,
        )

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
        while True:
            self._coder.use(self._plan)
            self._coder.speech(not self.clinical)
            self._coder.opus_type = self.red_for or self._coder.opus_type
            blocks: list[SoundBlock] = []
            taken_ns = due_ns
            for _ in range(self._coder.frame_samples // BLOCK_SAMPLES):
                got = self._next_block(due_ns)
                if got is None:
                    return
                if not blocks:
                    taken_ns = got[1]
                blocks.append(got[0])
                due_ns = got[1] + _BLOCK_NS
            sound = np.concatenate(blocks)
            if self.muted:
                sound = np.zeros_like(sound)
            timestamp = self._timestamp(taken_ns, sound.size)
            made = self._coder.encode(sound, timestamp)
            if made is None:
                continue
            with contextlib.suppress(RuntimeError):  # the loop may close before this thread ends
                self._loop.call_soon_threadsafe(
                    self._deliver, made.payload, timestamp, taken_ns, made.red
                )

    def _timestamp(self, taken_ns: int, samples: int) -> int:
        """Count samples, and skip what was lost before this frame.

        Between losses the microphone's own clock rules: following ours would jump every quarter of
        an hour, because the two drift apart.
        """
        if self._position is None:
            self._position = 0
        else:
            self._position += self._length
            gap_ns = taken_ns - self._taken_ns - self._length * 1_000_000_000 // SAMPLE_RATE_HZ
            if gap_ns > _GAP_NS:
                self._position += round(gap_ns / _STEP_NS) * _STEP_SAMPLES
        self._taken_ns = taken_ns
        self._length = samples
        return self._position
