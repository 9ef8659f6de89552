"""The figures of a call once a second, and the rates and shares since the last look."""

from dataclasses import dataclass
from typing import Any, Final

from telemed_desk.media.control import CallStats
from telemed_desk.media.transport.dtls import MediaTransport
from telemed_desk.media.transport.receiver import PacketReceiver

from .lip_sync import LipSync
from .picture_in import PictureDownlink
from .picture_out import PictureUplink
from .playout import PlayoutBuffer
from .steering import Steering

_SHORTEST_NS: Final = 200_000_000


@dataclass(frozen=True, slots=True)
class Looked:
    """What is looked at; transceivers are aiortc's, with our sender and receiver in them."""

    steering: Steering
    playout: PlayoutBuffer
    transport: MediaTransport | None
    audio: Any
    video: Any
    sent: PictureUplink | None
    shown: PictureDownlink | None
    lips: LipSync | None = None

    @property
    def receivers(self) -> list[PacketReceiver]:
        """Of all streams."""
        return [t.receiver for t in (self.audio, self.video) if t is not None]


@dataclass(frozen=True, slots=True)
class _Totals:
    sent: int
    got: int
    expected: int
    received: int
    played: int
    concealed: int
    rebuilt: int
    pictures: int


def _totals(at: Looked) -> _Totals:
    counters = None if at.transport is None else at.transport.counters
    counts = at.playout.counts
    return _Totals(
        0 if counters is None else counters.bytes_sent,
        0 if counters is None else counters.bytes_received,
        sum(r.expected for r in at.receivers),
        sum(r.received for r in at.receivers),
        counts.played,
        counts.concealed,
        counts.rebuilt,
        0 if at.shown is None else at.shown.shown.frames,
    )


class Figures:
    """Remembers the last look. Loop thread."""

    def __init__(self) -> None:
        self._at_ns: int | None = None
        self._before = _Totals(0, 0, 0, 0, 0, 0, 0, 0)
        self._send_bps = self._receive_bps = self._shown_fps = 0.0
        self._loss: float | None = None
        self._concealed: float | None = None
        self._rebuilt: float | None = None

    def look(self, at: Looked, call: str, path: str, now_ns: int) -> CallStats:
        """Return the figures now; rates stay as they are when the last look was a moment ago."""
        self._difference(_totals(at), now_ns)
        steering, allocation = at.steering, at.steering.allocation
        informed = steering.rate.informed
        fps = 0.0 if at.sent is None else at.sent.fps(now_ns)
        size = (0, 0) if at.sent is None or not fps else at.sent.size
        seen = None if at.shown is None else at.shown.shown
        return CallStats(
            call=call,
            rung=int(allocation.rung),
            reason=allocation.reason,
            rtt_ms=None if at.transport is None else at.transport.rtt_ms,
            send_bps=self._send_bps,
            receive_bps=self._receive_bps,
            send_loss_ratio=steering.rate.loss_ratio if informed else None,
            receive_loss_ratio=self._loss,
            estimate_bps=steering.rate.target_bps if informed else None,
            sent_width=size[0],
            sent_height=size[1],
            sent_fps=fps,
            shown_width=0 if seen is None else seen.width,
            shown_height=0 if seen is None else seen.height,
            shown_fps=self._shown_fps,
            freezes=0 if seen is None else seen.freezes,
            frozen_s=0.0 if seen is None else seen.frozen_ns / 1e9,
            playout_delay_ms=at.playout.delay_ms,
            concealed_ratio=self._concealed,
            path=path,
            send_jitter_ms=None if at.audio is None else at.audio.sender.jitter_ms,
            receive_jitter_ms=None if at.audio is None else at.audio.receiver.jitter_ms,
            send_voice_bps=float(allocation.voice_bps),
            send_video_bps=float(allocation.video_bps),
            playout_target_ms=at.playout.target_ms,
            rebuilt_ratio=self._rebuilt,
            picture_delay_ms=None if at.shown is None else at.shown.delay_ms,
            encode_ms=None if at.sent is None else at.sent.encode_ms or None,
            decode_ms=None if at.shown is None else at.shown.decode_ms or None,
            quantiser=None if at.sent is None or not fps else float(at.sent.quantiser),
            lip_offset_ms=None if at.lips is None else at.lips.offset_ms,
            picture_stands=at.shown is not None and at.shown.stands(now_ns),
        )

    def _difference(self, totals: _Totals, now_ns: int) -> None:
        if self._at_ns is not None:
            if now_ns - self._at_ns < _SHORTEST_NS:
                return
            elapsed_s = (now_ns - self._at_ns) / 1e9
            before = self._before
            self._send_bps = 8 * (totals.sent - before.sent) / elapsed_s
            self._receive_bps = 8 * (totals.got - before.got) / elapsed_s
            self._shown_fps = (totals.pictures - before.pictures) / elapsed_s
            expected = totals.expected - before.expected
            # repeats that came late make it more than was expected
            self._loss = _share(expected - (totals.received - before.received), expected)
            played = totals.played - before.played
            self._concealed = _share(totals.concealed - before.concealed, played)
            self._rebuilt = _share(totals.rebuilt - before.rebuilt, played)
        self._at_ns, self._before = now_ns, totals


def _share(part: int, whole: int) -> float | None:
    return min(max(part / whole, 0.0), 1.0) if whole > 0 else None
