"""Decides when which packet leaves: voice before repair before pictures, in a smooth stream.

Pure: the clock is handed in, the caller sends. A key frame at line rate would fill the queue of a
thin link and delay the voice behind it; so pictures leave in ticks of 5 ms at a rate that congestion
control sets, and wait while too much is on its way unanswered. Voice never waits.
"""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Generic, Protocol, TypeVar

Item = TypeVar("Item")

TICK_S: Final = 0.005
PACING_FACTOR: Final = 2.5
QUEUE_LIMIT_S: Final = 0.25
_BURST_S: Final = 0.010
_OLD_REPAIR_S: Final = 0.5
_MOST_PADDING: Final = 4
"""Packets of padding in one tick; more only follow a stalled loop, and would be a burst."""


class Priority(IntEnum):
    """Who goes first."""

    AUDIO = 0
    REPAIR = 1
    VIDEO = 2


@dataclass(slots=True)
class _Queued(Generic[Item]):
    item: Item
    size: int
    frame: int
    queued_ns: int


class ProbeOrder(Protocol):
    """See :class:`~telemed_desk.media.engine.probing.Probe`."""

    @property
    def number(self) -> int:
        """Its id, from 1."""
        ...

    @property
    def rate_bps(self) -> float:
        """To send at, everything included."""
        ...

    @property
    def duration_ns(self) -> int:
        """For so long."""
        ...

    @property
    def padding_bytes(self) -> int:
        """Size of one packet of padding."""
        ...


class Pacer(Generic[Item]):
    """Three queues and a budget. One thread, save for :meth:`drain_s`."""

    def __init__(self, target_bps: float) -> None:
        self._queues: dict[Priority, deque[_Queued[Item]]] = {p: deque() for p in Priority}
        self._video_bps = target_bps * PACING_FACTOR
        self._budget_bits = 1500 * 8.0
        self._last_ns: int | None = None
        self._begun_frame: int | None = None
        self._waiting_bytes = 0
        self.window_bytes: int | None = None
        """Pictures wait while more than this is on its way unanswered."""
        self.in_flight = 0
        """How much that is now."""
        self.skip_voice = False
        """Voice is thrown away: the way there holds a second of it already."""
        self.held = False
        """True while what is below takes no more (a relay's TCP connection): pictures wait here."""
        self._probing: ProbeOrder | None = None
        self._probing_until_ns = 0
        self.target_bps = target_bps
        self.dropped_frames = 0

    def set_target(self, target_bps: float, video_bps: float | None = None) -> None:
        """Follow congestion control.

        Args:
            target_bps: What the link carries.
            video_bps: At which pictures and repeats leave; 0 holds them back. None = 2.5 times
                the target.
        """
        self.target_bps = max(target_bps, 10_000.0)
        self._video_bps = self.target_bps * PACING_FACTOR if video_bps is None else video_bps

    @property
    def _blocked(self) -> bool:
        return self.window_bytes is not None and self.in_flight > self.window_bytes

    @property
    def rate_bps(self) -> float:
        """Rate at which pictures leave."""
        return 0.0 if self._blocked or self.held else self._video_bps

    @property
    def empty(self) -> bool:
        """True when nothing waits and nothing is to be padded."""
        return self._probing is None and not any(self._queues.values())

    def drain_s(self) -> float:
        """Seconds that emptying the queues takes at the pacing rate. Any thread."""
        rate = self.rate_bps
        return 8 * self._waiting_bytes / rate if rate > 0 else float("inf")

    def push(self, item: Item, size: int, priority: Priority, now_ns: int, frame: int = 0) -> None:
        """Queue one packet; ``frame`` names the picture it belongs to."""
        self._queues[priority].append(_Queued(item, size, frame, now_ns))
        self._waiting_bytes += size

    def room_for_frame(self, now_ns: int) -> bool:
        """Say whether a further picture may be queued.

        A single picture may take as long as it takes (a key frame on a thin link must get through);
        a second one may not queue up behind more than 250 ms of waiting data.
        """
        video = self._queues[Priority.VIDEO]
        if not video:
            return True
        return (
            self.drain_s() <= QUEUE_LIMIT_S and (now_ns - video[0].queued_ns) / 1e9 <= QUEUE_LIMIT_S
        )

    def drop_waiting_frames(self) -> int:
        """Forget pictures of which no packet has left yet; return how many packets went."""
        video = self._queues[Priority.VIDEO]
        kept = deque(q for q in video if q.frame == self._begun_frame)
        gone = len(video) - len(kept)
        self._waiting_bytes -= sum(q.size for q in video) - sum(q.size for q in kept)
        if gone:
            self.dropped_frames += len({q.frame for q in video} - {self._begun_frame})
        self._queues[Priority.VIDEO] = kept
        return gone

    # ---- probes -----------------------------------------------------------------------------

    def begin_probe(self, order: ProbeOrder, now_ns: int) -> None:
        """Send at another rate for a moment; padding fills what pictures do not."""
        self._probing = order
        self._probing_until_ns = now_ns + order.duration_ns
        self._budget_bits = min(self._budget_bits, 0.0)

    @property
    def probe(self) -> int:
        """The number of the probe that what leaves now belongs to; 0 = none."""
        return 0 if self._probing is None else self._probing.number

    def padding_sizes(self) -> list[int]:
        """Return the sizes of the packets of padding to send now, after :meth:`take`."""
        probing = self._probing
        if probing is None:
            return []
        sizes: list[int] = []
        while self._budget_bits > 0 and len(sizes) < _MOST_PADDING:
            sizes.append(probing.padding_bytes)
            self._budget_bits -= 8 * probing.padding_bytes
        return sizes

    # ---- sending ----------------------------------------------------------------------------

    def take(self, now_ns: int) -> list[Item]:
        """Return what leaves now, in order."""
        if self._probing is not None and now_ns >= self._probing_until_ns:
            self._probing = None
        rate = self.rate_bps if self._probing is None or self.held else self._probing.rate_bps
        if self._last_ns is not None:
            self._budget_bits += (now_ns - self._last_ns) / 1e9 * rate
        self._last_ns = now_ns
        self._budget_bits = min(self._budget_bits, max(_BURST_S * rate, 1500 * 8.0))
        out: list[Item] = []
        voice = self._queues[Priority.AUDIO]
        while voice:
            if self.skip_voice:
                self._waiting_bytes -= voice.popleft().size
            else:
                out.append(self._leave(voice.popleft()))
        repair = self._queues[Priority.REPAIR]
        while repair and (now_ns - repair[0].queued_ns) / 1e9 > _OLD_REPAIR_S:
            self._waiting_bytes -= repair.popleft().size
        if rate > 0:
            self._take_paced(out)
        # a burst of voice may not starve pictures for ever
        self._budget_bits = max(self._budget_bits, -0.1 * max(rate, self.target_bps))
        return out

    def _take_paced(self, out: list[Item]) -> None:
        for priority in (Priority.REPAIR, Priority.VIDEO):
            queue = self._queues[priority]
            while queue and self._budget_bits > 0:
                queued = queue.popleft()
                out.append(self._leave(queued))
                if priority is Priority.VIDEO:
                    self._begun_frame = queued.frame

    def _leave(self, queued: _Queued[Item]) -> Item:
        self._budget_bits -= queued.size * 8
        self._waiting_bytes -= queued.size
        return queued.item
