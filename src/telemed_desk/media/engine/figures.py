"""Rates and ratios between two looks at the counters."""

from telemed_desk.media.transport.dtls import MediaTransport
from telemed_desk.media.transport.receiver import PacketReceiver

from .picture_in import PictureDownlink
from .playout import PlayoutBuffer

_SHORTEST_NS = 200_000_000


class Figures:
    """Differences of totals over the time since the last look. Loop thread."""

    def __init__(self) -> None:
        self._at_ns: int | None = None
        self._totals = (0, 0, 0, 0, 0, 0, 0)
        self.send_bps = 0.0
        self.receive_bps = 0.0
        self.receive_loss_ratio: float | None = None
        self.concealed_ratio: float | None = None
        self.shown_fps = 0.0

    def update(
        self,
        now_ns: int,
        transport: MediaTransport | None,
        receivers: list[PacketReceiver],
        playout: PlayoutBuffer,
        pictures: PictureDownlink | None,
    ) -> None:
        """Look again; figures stay as they are when the last look was a moment ago."""
        if self._at_ns is not None and now_ns - self._at_ns < _SHORTEST_NS:
            return
        totals = (
            0 if transport is None else transport.counters.bytes_sent,
            0 if transport is None else transport.counters.bytes_received,
            sum(r.expected for r in receivers),
            sum(r.received for r in receivers),
            playout.counts.played,
            playout.counts.concealed,
            0 if pictures is None else pictures.shown.frames,
        )
        if self._at_ns is not None:
            elapsed_s = (now_ns - self._at_ns) / 1e9
            sent, got, expected, received, played, concealed, frames = (
                new - old for new, old in zip(totals, self._totals, strict=True)
            )
            self.send_bps = 8 * sent / elapsed_s
            self.receive_bps = 8 * got / elapsed_s
            self.receive_loss_ratio = (
                min(max(1 - received / expected, 0.0), 1.0) if expected > 0 else None
            )
            self.concealed_ratio = min(concealed / played, 1.0) if played else None
            self.shown_fps = frames / elapsed_s
        self._at_ns = now_ns
        self._totals = totals
