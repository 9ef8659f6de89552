"""Decides when which packet leaves: voice before repair before pictures, in a smooth stream.

Pure: the clock is handed in, the caller sends. A key frame at line rate would fill the queue of a
thin link and delay the voice behind it; so pictures leave in ticks of 5 ms at 2.5 times the target.
"""

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

TICK_S: Final = 0.005
PACING_FACTOR: Final = 2.5
QUEUE_LIMIT_S: Final = 0.25
_BURST_S: Final = 0.010
_OLD_REPAIR_S: Final = 0.5


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


class Pacer(Generic[Item]):
    """Three queues and a budget. One thread, save for :meth:`drain_s`."""

    def __init__(self, target_bps: float) -> None:
        self._queues: dict[Priority, deque[_Queued[Item]]] = {p: deque() for p in Priority}
        self._target_bps = target_bps
        self._budget_bits = 1500 * 8.0
        self._last_ns: int | None = None
        self._begun_frame: int | None = None
        self._waiting_bytes = 0
        self.held = False
        """True while what is below takes no more (a relay's TCP connection): pictures wait here."""
        self.dropped_frames = 0

    def set_target(self, target_bps: float) -> None:
        """Follow the estimate of congestion control."""
        self._target_bps = max(target_bps, 10_000.0)

    @property
    def rate_bps(self) -> float:
        """Rate at which pictures leave."""
        return 0.0 if self.held else self._target_bps * PACING_FACTOR

    @property
    def empty(self) -> bool:
        """True when nothing waits."""
        return not any(self._queues.values())

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

    def take(self, now_ns: int) -> list[Item]:
        """Return what leaves now, in order."""
        if self._last_ns is not None:
            elapsed_s = (now_ns - self._last_ns) / 1e9
            self._budget_bits += elapsed_s * self.rate_bps
        self._last_ns = now_ns
        self._budget_bits = min(self._budget_bits, max(_BURST_S * self.rate_bps, 1500 * 8.0))
        out: list[Item] = []
        voice = self._queues[Priority.AUDIO]
        while voice:
            out.append(self._leave(voice.popleft()))
        repair = self._queues[Priority.REPAIR]
        while repair and (now_ns - repair[0].queued_ns) / 1e9 > _OLD_REPAIR_S:
            self._waiting_bytes -= repair.popleft().size
        for priority in (Priority.REPAIR, Priority.VIDEO):
            queue = self._queues[priority]
            while queue and self._budget_bits > 0 and not self.held:
                queued = queue.popleft()
                out.append(self._leave(queued))
                if priority is Priority.VIDEO:
                    self._begun_frame = queued.frame
        # a burst of voice may not starve pictures for ever
        self._budget_bits = max(self._budget_bits, -0.1 * self.rate_bps)
        return out

    def _leave(self, queued: _Queued[Item]) -> Item:
        self._budget_bits -= queued.size * 8
        self._waiting_bytes -= queued.size
        return queued.item
