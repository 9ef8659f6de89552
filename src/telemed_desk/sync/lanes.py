"""Five queues of sealed segments: what is more urgent goes first, always.

Within a lane the server takes segments in order only. Still two of a lane may be on their way: the
second fills the line while the first one's receipt comes back. Should it overtake the first, the
server waits for that one, or says that it came early, and it is sent again. The queue's lane is never
held back by what the others have on the line: a claim or a state is a few hundred bytes and somebody
waits for it.
"""

from dataclasses import dataclass, field
from typing import Final

from telemed_desk.sync.backoff import Backoff
from telemed_desk.sync.events import Activity, Queued, Send
from telemed_protocol.op import Lane as LaneNumber

MAX_IN_FLIGHT: Final = 2
"""Two segments on the way, of one lane or of two: one alone waits a round trip between any two."""
REFUSALS_UNTIL_HELP: Final = 3
SEALED_AHEAD: Final = 3
"""So many segments of a lane are sealed before they can travel, two of them on the way; the rest
waits, so that its size fits the line as it is then."""


@dataclass(slots=True)
class Lane:
    """The segments of one lane that have no receipt, in order of n; the first ones travel."""

    waiting: list[Queued] = field(default_factory=list)
    in_flight: dict[bytes, tuple[Queued, int]] = field(default_factory=dict)
    """By hash: what is on its way, and when it left, Unix ms."""
    overtaken: bool = False
    """One came before the one it follows: one at a time until the next receipt."""
    refusals: int = 0
    backoff: Backoff = field(default_factory=Backoff)

    @property
    def needs_help(self) -> bool:
        """Whether it was refused so often that a person must look."""
        return self.refusals >= REFUSALS_UNTIL_HELP

    def next_to_go(self) -> Queued | None:
        """Return the first that is not on its way; it follows those that are."""
        if self.overtaken and self.in_flight:
            return None
        return next((q for q in self.waiting if q.hash not in self.in_flight), None)


class Lanes:
    """All lanes of one desk. Pure; time is handed in (Unix ms)."""

    def __init__(self) -> None:
        self._lanes: dict[int, Lane] = {}

    def __getitem__(self, number: int) -> Lane:
        return self._lanes.setdefault(number, Lane())

    @property
    def waiting(self) -> list[Queued]:
        """Everything without a receipt."""
        return [q for lane in self._lanes.values() for q in lane.waiting]

    @property
    def sending(self) -> bool:
        """Whether anything is on its way."""
        return any(lane.in_flight for lane in self._lanes.values())

    @property
    def need_help(self) -> bool:
        """Whether a lane waits for a person."""
        return any(lane.needs_help for lane in self._lanes.values())

    def enqueue(self, segments: tuple[Queued, ...]) -> None:
        """Add sealed segments; one that is known already changes nothing."""
        for queued in segments:
            lane = self[queued.lane]
            if all(queued.hash != known.hash for known in lane.waiting):
                lane.waiting.append(queued)
                lane.waiting.sort(key=lambda q: q.n)

    def overtook(self, activity: Activity) -> bool:
        """Whether a segment came early only because one before it is still to come; note it then."""
        if not isinstance(activity, Send):
            return False
        lane = self[activity.segment.lane]
        if lane.waiting and lane.waiting[0].hash != activity.segment.hash:
            lane.overtaken = True
            return True
        return False

    def forget(self, segment_hash: bytes) -> None:
        """Drop a segment that the server has."""
        for lane in self._lanes.values():
            lane.waiting = [q for q in lane.waiting if q.hash != segment_hash]

    def hungry(self, lanes: tuple[int, ...]) -> tuple[int, ...]:
        """Return which of these lanes have fewer segments ready than may soon travel."""
        return tuple(n for n in lanes if len(self[n].waiting) < SEALED_AHEAD)

    def send(self, now_ms: int, window_bytes: int, at_most: int | None = None) -> list[Queued]:
        """Choose what leaves now and note that it is on its way.

        Args:
            now_ms: Now.
            window_bytes: How much of the less urgent lanes may be on its way.
            at_most: How many; None = as the window allows.
        """
        chosen: list[Queued] = []
        for _, lane in sorted(self._lanes.items()):
            if lane.needs_help or not lane.backoff.may_try(now_ms):
                continue
            while (queued := lane.next_to_go()) is not None:
                if at_most is not None and len(chosen) >= at_most:
                    return chosen
                if queued.lane == LaneNumber.QUEUE:
                    if lane.in_flight:
                        break
                elif not self._fits(queued, window_bytes):
                    return chosen  # nothing less urgent slips past, however small it is
                lane.in_flight[queued.hash] = queued, now_ms
                chosen.append(queued)
        return chosen

    @property
    def bulk_in_flight(self) -> int:
        """How many segments of the less urgent lanes share the line now."""
        return len(self._bulk())

    def _bulk(self) -> list[Queued]:
        return [
            queued
            for number, lane in self._lanes.items()
            if number != LaneNumber.QUEUE
            for queued, _ in lane.in_flight.values()
        ]

    def _fits(self, queued: Queued, window_bytes: int) -> bool:
        others = self._bulk()
        if len(others) >= MAX_IN_FLIGHT:
            return False
        return not others or sum(q.size for q in others) + queued.size <= window_bytes

    def try_now(self) -> None:
        """Forget refusals and waits."""
        for lane in self._lanes.values():
            lane.refusals = 0
        self.end_waits()

    def end_waits(self) -> None:
        """Let every lane try at once."""
        for lane in self._lanes.values():
            lane.backoff.reset()

    def wake_times(self) -> list[int]:
        """Return when refused lanes may be tried again."""
        return [
            lane.backoff.next_try_ms
            for lane in self._lanes.values()
            if lane.waiting and not lane.needs_help and lane.backoff.next_try_ms is not None
        ]
