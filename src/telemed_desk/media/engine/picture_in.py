"""The other side's pictures: assembled on the loop, decoded on a thread, handed to the sink."""

import asyncio
import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Final

from aiortc.rtp import RtpPacket

from telemed_desk.media.codecs.vp8 import Vp8Decoder, Vp8Failure
from telemed_desk.media.ports import PictureSink
from telemed_desk.media.transport.receiver import PacketReceiver

from .assembler import FrameAssembler, VideoFrame
from .lip_sync import LipSync, SenderTime
from .playout import PlayoutBuffer
from .render_pace import RenderPace

_FIRST_PACKETS: Final = 10
"""A first key frame has about as many."""
_MOST_WAITING: Final = 60
_OVERDUE_NS: Final = 60_000_000
_FREEZE_EXTRA_NS: Final = 150_000_000
_STANDS_NS: Final = 600_000_000
_SOUND_RATE: Final = 48_000
_PICTURE_RATE: Final = 90_000
_LATELY: Final = 15


@dataclass(slots=True)
class Shown:
    """What was shown so far."""

    frames: int = 0
    width: int = 0
    height: int = 0
    freezes: int = 0
    frozen_ns: int = 0
    last_ns: int | None = None
    usual_gap_ns: float = 33e6


class PictureDownlink:
    """Handler of a video receiver. :meth:`on_packet` and :meth:`on_tick` run on the loop.

    Args:
        clock: Monotonic nanoseconds.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        receiver: PacketReceiver,
        sink: PictureSink,
        clock: Callable[[], int],
    ) -> None:
        self._loop = loop
        self._receiver = receiver
        self._clock = clock
        self.sink = sink
        self._assembler = FrameAssembler()
        self._pace = RenderPace()
        self._ssrc: int | None = None
        self._waiting: deque[tuple[VideoFrame, int, int, float]] = deque()
        self._arrived = threading.Condition()
        self._stopped = False
        self.shown = Shown()
        self._lately: deque[tuple[float, int, float]] = deque(maxlen=_LATELY)
        self.decode_ms = 0.0
        """Processor time of a picture, smoothed; 0 before the first."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name="video-decoder", daemon=True)
        self._thread.start()

    def on_packet(self, packet: RtpPacket, now_ns: int) -> None:
        """Take a packet of the stream."""
        begins = packet.ssrc != self._ssrc
        if begins:
            self._ssrc = packet.ssrc
            self._assembler = FrameAssembler()
            self._pace = RenderPace()
        frames = self._assembler.insert(
            packet.sequence_number,
            packet.timestamp,
            packet.payload,
            now_ns,
            marker=bool(packet.marker),
        )
        losses, needed = self._receiver.losses, self._assembler.needed_from()
        if begins and losses is not None and self._assembler.headless:
            losses.ask_before(packet.sequence_number, _FIRST_PACKETS, now_ns)
        if losses is not None and needed is not None:
            losses.forget_below(needed)
        self._queue(frames, now_ns)

    def _queue(self, frames: list[VideoFrame], now_ns: int) -> None:
        if not frames:
            return
        with self._arrived:
            for frame in frames:
                due_ns = self._pace.due_ns(frame.timestamp, now_ns)
                self._waiting.append((frame, now_ns, due_ns, self._pace.extra_ms))
            if len(self._waiting) > _MOST_WAITING:
                self._waiting.clear()
                self._assembler.break_chain()
            self._arrived.notify()

    def on_tick(self, now_ns: int) -> None:
        """Mind the deadlines."""
        losses = self._receiver.losses
        if losses is not None and losses.overwhelmed:
            losses.overwhelmed = False
            self._assembler.break_chain()
        rtt_ms = self._receiver.transport.usable_rtt_ms
        self._queue(self._assembler.skip(now_ns, int(self._pace.hold_ms * 1e6)), now_ns)
        if self._assembler.poll(now_ns, rtt_ms):
            if losses is not None:
                losses.forget()
            task = self._loop.create_task(self._receiver.request_keyframe())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def sync(
        self, lips: LipSync, playout: PlayoutBuffer, voice: PacketReceiver, now_ns: int
    ) -> None:
        """Let the one of picture and voice that is ahead wait for the other."""
        heard, seen = _sender_time(voice), _sender_time(self._receiver)
        voice_lag_ms, lately = playout.lag_ms, list(self._lately)
        still = self.shown.last_ns is None or now_ns - self.shown.last_ns > 2 * _STANDS_NS
        if heard is None or seen is None or voice_lag_ms is None or still:
            lips.lost()
        else:
            now_ms = now_ns / 1e6
            at_voice = (now_ms - voice_lag_ms) * _SOUND_RATE / 1000
            ages = [
                at_ms - extra_ms - seen.taken_ms(rtp, _PICTURE_RATE)
                for at_ms, rtp, extra_ms in lately
            ]
            lips.look(now_ms - heard.taken_ms(at_voice, _SOUND_RATE), median(ages))
        self._pace.extra_ms = lips.picture_extra_ms
        playout.wait_longer(lips.voice_extra_ms)

    @property
    def delay_ms(self) -> float:
        """What a picture that came at best waits before it is shown."""
        return self._pace.waits_ms

    def stands(self, now_ns: int) -> bool:
        """Say whether the last good picture is held because what follows cannot be decoded."""
        if self.shown.last_ns is None:
            return False
        stuck = self._assembler.stuck_ns
        overdue = now_ns - self.shown.last_ns > _STANDS_NS
        return overdue and (self._assembler.waiting_for_keyframe or stuck is not None)

    def request_stop(self) -> None:
        """Ask the decoder thread to end."""
        with self._arrived:
            self._stopped = True
            self._arrived.notify()

    def stop(self) -> None:
        """End the decoder thread; returns when it has ended."""
        self.request_stop()
        self._thread.join(timeout=2.0)

    def _run(self) -> None:
        decoder = Vp8Decoder()
        while True:
            with self._arrived:
                while not self._waiting and not self._stopped:
                    self._arrived.wait()
                if self._stopped:
                    return
                frame, arrived_ns, due_ns, extra_ms = self._waiting.popleft()
            began = time.thread_time_ns()
            try:
                picture = decoder.decode(frame.data, arrived_ns)
            except Vp8Failure:
                with contextlib.suppress(RuntimeError):  # the loop may already be closed
                    self._loop.call_soon_threadsafe(self._assembler.break_chain)
                continue
            took_ms = (time.thread_time_ns() - began) / 1e6
            self.decode_ms += (took_ms - self.decode_ms) * (0.1 if self.decode_ms else 1.0)
            if picture is None or not self._wait_until(due_ns):
                continue
            self.sink.present(picture)
            self._note(picture.width, picture.height)
            self._lately.append((self._clock() / 1e6, frame.timestamp, extra_ms))

    def _wait_until(self, due_ns: int) -> bool:
        """Wait until a picture is due; False when it is overdue and newer ones are there."""
        with self._arrived:
            while not self._stopped and (left_ns := due_ns - self._clock()) > 0:
                self._arrived.wait(left_ns / 1e9)
            overdue = self._clock() - due_ns > _OVERDUE_NS
            newer = bool(self._waiting) and self._waiting[0][2] <= self._clock()
            return not self._stopped and not (overdue and newer)

    def _note(self, width: int, height: int) -> None:
        now_ns = self._clock()
        shown = self.shown
        if shown.last_ns is not None:
            gap = now_ns - shown.last_ns
            # as W3C webrtc-stats defines a freeze
            if gap > max(3 * shown.usual_gap_ns, shown.usual_gap_ns + _FREEZE_EXTRA_NS):
                shown.freezes += 1
                shown.frozen_ns += gap
            else:
                shown.usual_gap_ns += (gap - shown.usual_gap_ns) / 30
        shown.last_ns = now_ns
        shown.frames += 1
        shown.width, shown.height = width, height


def _sender_time(receiver: PacketReceiver) -> SenderTime | None:
    report = receiver.sender_report
    return None if report is None else SenderTime(*report)
