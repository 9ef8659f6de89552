"""When to seal, send and pull: sync's decisions, without a clock, a socket or a store.

``handle(event, now_ms)`` takes what happened and returns what to do; whoever drives it does that
and comes back with what came of it. The same events give the same effects, so a simulation can
replay any history from a seed.
"""

from dataclasses import dataclass, field
from typing import Final

from telemed_desk.sync.backoff import Backoff
from telemed_desk.sync.events import (
    Effect,
    Event,
    Failed,
    Failure,
    HeadAnnounced,
    LinkChanged,
    OpsPending,
    Paused,
    Pull,
    Pulled,
    Queued,
    Refresh,
    Refreshed,
    Seal,
    Sealed,
    Send,
    Sent,
    Tick,
    TryNow,
    WaitUntil,
)
from telemed_desk.sync.problems import NotAuthorised
from telemed_desk.sync.sealing import TooLargeToSend
from telemed_desk.sync.status import Phase, SyncStatus

MAX_IN_FLIGHT: Final = 2
"""Two segments on the way: one alone waits a round trip between any two (measured 75 against 92 %)."""
REFUSALS_UNTIL_HELP: Final = 3
POLL_MS: Final = 60_000
POLL_WITH_SOCKET_MS: Final = 300_000
"""Pull this often without being told to: a head frame may be lost."""


@dataclass(slots=True)
class _Lane:
    """The segments of one lane that have no receipt, in order of n; only the first may travel."""

    waiting: list[Queued] = field(default_factory=list)
    in_flight: bool = False
    refusals: int = 0
    backoff: Backoff = field(default_factory=Backoff)
    detail: str = ""

    @property
    def needs_help(self) -> bool:
        return self.refusals >= REFUSALS_UNTIL_HELP


class SyncCore:
    """The state of sync on one desk. Not thread-safe; time is Unix ms and handed in."""

    def __init__(self, queued: tuple[Queued, ...] = (), cursor_sseq: int = 0) -> None:
        self._lanes: dict[int, _Lane] = {}
        self._enqueue(queued)
        self._cursor = cursor_sseq
        self._head = cursor_sseq
        self._pending = OpsPending(0, 0)
        self._sealing = False
        self._seal_due = False
        self._pulling = False
        self._pull_again = False
        self._refreshing = False
        self._need_refresh = True
        self._last_pull_ms: int | None = None
        self._connected = False
        self._socket_up = False
        self._paused = False
        self._inconsistent = False
        self._link = Backoff()
        self._last_contact_ms: int | None = None
        self._problem = ""
        self._detail = ""
        self._quarantined = 0
        self._stuck = False

    # ---- what the screens see --------------------------------------------------------------

    def status(self) -> SyncStatus:
        """Return where sync stands."""
        queued = [q for lane in self._lanes.values() for q in lane.waiting]
        problem, detail = self._problem, self._detail
        if not problem and self._stuck:
            problem = TooLargeToSend.code
        return SyncStatus(
            phase=self._phase(),
            waiting_ops=self._pending.ops + sum(q.ops for q in queued),
            waiting_bytes=self._pending.size + sum(q.size for q in queued),
            last_contact_ms=self._last_contact_ms,
            next_try_ms=None if self._paused or self._inconsistent else self._link.next_try_ms,
            problem=problem,
            detail=detail,
            paused=self._paused,
            quarantined=self._quarantined,
        )

    def _phase(self) -> Phase:
        sending = any(lane.in_flight for lane in self._lanes.values())
        busy = sending or self._pulling or self._refreshing
        if self._inconsistent:
            phase = Phase.INCONSISTENT
        elif self._problem == NotAuthorised.code or self._refused():
            phase = Phase.REFUSED
        elif not self._connected:
            phase = Phase.CONNECTING if busy else Phase.OFFLINE
        elif sending:
            phase = Phase.SENDING
        elif self._pulling and self._head > self._cursor:
            phase = Phase.RECEIVING
        else:
            phase = Phase.IDLE
        return phase

    def _refused(self) -> bool:
        return any(lane.needs_help for lane in self._lanes.values())

    # ---- events ----------------------------------------------------------------------------

    def handle(self, event: Event, now_ms: int) -> list[Effect]:
        """Take note of an event and return what to do now; the last effect is the wait."""
        match event:
            case OpsPending() | HeadAnnounced() | LinkChanged() | TryNow() | Paused():
                self._news(event)
            case Sealed():
                self._sealing = False
                self._pending = OpsPending(event.left_ops, event.left_bytes)
                self._stuck = event.stuck
                # A store hands out a large outbox in parts; stop when a part brought nothing.
                self._seal_due = event.left_ops > 0 and bool(event.segments)
                self._enqueue(event.segments)
            case Sent():
                self._sent(event, now_ms)
            case Pulled():
                self._pulled(event, now_ms)
            case Refreshed():
                self._refreshing = self._need_refresh = False
                self._contact(now_ms)
            case Failed():
                self._failed(event, now_ms)
            case Tick():
                pass
        return self._plan(now_ms)

    def _news(self, event: OpsPending | HeadAnnounced | LinkChanged | TryNow | Paused) -> None:
        match event:
            case OpsPending():
                self._pending = event
                self._seal_due = event.ops > 0
            case HeadAnnounced(sseq):
                self._head = max(self._head, sseq)
                self._pull_again = self._pulling
            case LinkChanged(up):
                self._socket_up = up
                if up:
                    self._link.reset()
                    self._last_pull_ms = None
            case TryNow():
                self._try_now()
            case Paused(paused):
                self._paused = paused

    def _enqueue(self, segments: tuple[Queued, ...]) -> None:
        for queued in segments:
            lane = self._lanes.setdefault(queued.lane, _Lane())
            if all(queued.hash != known.hash for known in lane.waiting):
                lane.waiting.append(queued)
                lane.waiting.sort(key=lambda q: q.n)

    def _forget(self, segment_hash: bytes) -> None:
        for lane in self._lanes.values():
            lane.waiting = [q for q in lane.waiting if q.hash != segment_hash]

    def _contact(self, now_ms: int) -> None:
        self._connected = True
        self._last_contact_ms = now_ms
        self._link.reset()
        if not self._inconsistent and not self._refused():
            self._problem = self._detail = ""

    def _try_now(self) -> None:
        self._link.reset()
        self._last_pull_ms = None
        self._need_refresh = True
        self._inconsistent = False
        for lane in self._lanes.values():
            lane.refusals = 0
            lane.backoff.reset()
        self._problem = self._detail = ""

    def _sent(self, event: Sent, now_ms: int) -> None:
        lane = self._lanes[event.lane]
        lane.in_flight = False
        lane.refusals = 0
        lane.backoff.reset()
        self._forget(event.hash)
        self._cursor = max(self._cursor, event.cursor_sseq)
        self._head = max(self._head, event.sseq)
        self._contact(now_ms)

    def _pulled(self, event: Pulled, now_ms: int) -> None:
        self._pulling = False
        self._cursor = max(self._cursor, event.cursor_sseq)
        # Not the highest ever announced: a page is the truth, an announcement only a hint.
        self._head = max(self._cursor, event.head)
        self._quarantined += event.quarantined
        self._last_pull_ms = None if self._pull_again else now_ms
        self._pull_again = False
        if event.need_members:
            self._need_refresh = True
        for segment_hash in event.own:
            self._forget(segment_hash)
        self._contact(now_ms)

    def _failed(self, event: Failed, now_ms: int) -> None:
        lane = self._end_activity(event)
        match event.failure:
            case Failure.INCONSISTENT:
                self._inconsistent = True
                self._note(event)
            case Failure.REFUSED if lane is not None:
                # The link works; this lane waits by itself, and after three it needs a person.
                self._contact(now_ms)
                lane.refusals += 1
                lane.backoff.failed(now_ms)
                self._note(event)
            case _:
                self._connected = event.failure is Failure.STORE and self._connected
                if self._link.may_try(now_ms):
                    self._link.failed(now_ms, event.retry_after_ms)
                if not self._inconsistent:
                    self._note(event)

    def _note(self, event: Failed) -> None:
        self._problem, self._detail = event.code, event.detail

    def _end_activity(self, event: Failed) -> _Lane | None:
        match event.during:
            case Send(queued):
                lane = self._lanes[queued.lane]
                lane.in_flight = False
                return lane
            case Seal():
                # Perhaps the clinic's key has changed hands: ask for it before the next try.
                self._sealing, self._seal_due, self._need_refresh = False, True, True
            case Pull():
                self._pulling = False
            case Refresh():
                self._refreshing = False
        return None

    # ---- decisions -------------------------------------------------------------------------

    def _plan(self, now_ms: int) -> list[Effect]:
        if self._paused or self._inconsistent:
            return [WaitUntil(None)]
        if not self._link.may_try(now_ms):
            return [WaitUntil(self._link.next_try_ms)]
        effects: list[Effect] = self._all_work(now_ms) if self._connected else self._probe(now_ms)
        return [*effects, WaitUntil(self._wake_ms(now_ms))]

    def _all_work(self, now_ms: int) -> list[Effect]:
        effects: list[Effect] = []
        if self._need_refresh and not self._refreshing:
            effects.append(self._refresh())
        free = MAX_IN_FLIGHT - sum(lane.in_flight for lane in self._lanes.values())
        if self._seal_due and not self._sealing and free > 0:
            effects.append(self._seal())
        effects += self._sends(now_ms, free)
        if not self._pulling and not self._need_refresh and self._pull_is_due(now_ms):
            effects.append(self._pull())
        return effects

    def _probe(self, now_ms: int) -> list[Effect]:
        """Ask for one thing only until the server answers: the most useful one."""
        lanes = self._lanes.values()
        if self._sealing or self._pulling or self._refreshing or any(x.in_flight for x in lanes):
            return []
        if self._seal_due:
            return [self._seal()]
        sends = self._sends(now_ms, 1)
        if sends:
            return sends
        return [self._refresh() if self._need_refresh else self._pull()]

    def _seal(self) -> Effect:
        self._sealing, self._seal_due = True, False
        return Seal()

    def _refresh(self) -> Effect:
        self._refreshing = True
        return Refresh()

    def _pull(self) -> Effect:
        self._pulling = True
        return Pull()

    def _sends(self, now_ms: int, free: int) -> list[Effect]:
        effects: list[Effect] = []
        for _, lane in sorted(self._lanes.items()):
            if len(effects) >= free:
                break
            if not lane.waiting or lane.in_flight or lane.needs_help:
                continue
            if lane.backoff.may_try(now_ms):
                lane.in_flight = True
                effects.append(Send(lane.waiting[0]))
        return effects

    def _pull_is_due(self, now_ms: int) -> bool:
        if self._head > self._cursor or self._last_pull_ms is None:
            return True
        return now_ms >= self._last_pull_ms + self._poll_ms()

    def _poll_ms(self) -> int:
        return POLL_WITH_SOCKET_MS if self._socket_up else POLL_MS

    def _wake_ms(self, now_ms: int) -> int | None:
        """Return the next time at which something falls due by itself.

        What is due and was not started now waits for an activity to end, not for time to pass.
        """
        times = [
            lane.backoff.next_try_ms
            for lane in self._lanes.values()
            if lane.waiting and not lane.needs_help and lane.backoff.next_try_ms is not None
        ]
        if self._last_pull_ms is not None:
            times.append(self._last_pull_ms + self._poll_ms())
        return min((at_ms for at_ms in times if at_ms > now_ms), default=None)
