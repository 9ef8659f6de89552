"""When to seal, send and pull: sync's decisions, without a clock, a socket or a store.

``handle(event, now_ms)`` takes what happened and returns what to do; whoever drives it does that
and comes back with what came of it. The same events give the same effects, so a simulation can
replay any history from a seed.
"""

from typing import Final

from telemed_desk.sync.backoff import Backoff
from telemed_desk.sync.events import (
    Announce,
    Effect,
    Event,
    Failed,
    Failure,
    HeadAnnounced,
    LinkChanged,
    MembersChanged,
    OpsPending,
    OriginalsHeld,
    OriginalsWaiting,
    PartsHeld,
    Paused,
    Pull,
    Pulled,
    Queued,
    Refresh,
    Refreshed,
    Seal,
    Sealed,
    Send,
    SendPart,
    Sent,
    Tick,
    TryNow,
    WaitUntil,
)
from telemed_desk.sync.lanes import Lane, Lanes
from telemed_desk.sync.link_meter import LinkMeter
from telemed_desk.sync.problems import DeskRemoved, NotAuthorised
from telemed_desk.sync.pulls import Pulls
from telemed_desk.sync.sealing import KeyMissing, TooLargeToSend
from telemed_desk.sync.status import Phase, SyncStatus
from telemed_desk.sync.uploads import Uploads
from telemed_protocol.op import Lane as LaneNumber

_NOT_A_MEMBER: Final = frozenset({NotAuthorised.code, DeskRemoved.code})


class SyncCore:
    """The state of sync on one desk. Not thread-safe; time is Unix ms and handed in."""

    def __init__(self, queued: tuple[Queued, ...] = (), cursor_sseq: int = 0) -> None:
        self._lanes = Lanes()
        self._lanes.enqueue(queued)
        self._uploads = Uploads()
        self._uploads_held = False
        self._meter = LinkMeter()
        self._pulls = Pulls(cursor_sseq)
        self._pending = OpsPending(0, 0)
        self._sealing: Seal | None = None
        self._dry: set[int] = set()
        self._seal_wait = Backoff()
        self._refreshing = False
        self._need_refresh = True
        self._refresh_again = False
        self._keyless = False
        self._met = False
        self._now_ms = 0
        self._behind = False
        self._connected = False
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
        queued = self._lanes.waiting
        problem, detail = self._problem, self._detail
        if not problem and self._keyless:
            problem = KeyMissing.code
        if not problem and self._stuck:
            problem = TooLargeToSend.code
        if not problem:
            problem = self._uploads.problem
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
            originals=self._uploads.waiting,
            originals_bytes=self._uploads.waiting_bytes,
            stuck=self._uploads.stuck,
        )

    def _phase(self) -> Phase:
        sending = self._lanes.sending or self._uploads.sending
        busy = sending or self._pulls.running or self._refreshing
        if self._inconsistent:
            phase = Phase.INCONSISTENT
        elif self._problem in _NOT_A_MEMBER or self._lanes.need_help:
            phase = Phase.REFUSED
        elif not self._connected:
            phase = Phase.CONNECTING if busy else Phase.OFFLINE
        elif sending:
            phase = Phase.SENDING
        elif self._pulls.running and self._pulls.more_to_come:
            phase = Phase.RECEIVING
        else:
            phase = Phase.IDLE
        return phase

    # ---- events ----------------------------------------------------------------------------

    def handle(self, event: Event, now_ms: int) -> list[Effect]:
        """Take note of an event and return what to do now; the last effect is the wait."""
        if now_ms < self._now_ms:
            self._clock_moved_back()
        self._now_ms = now_ms
        match event:
            case OpsPending() | HeadAnnounced() | LinkChanged() | TryNow() | Paused():
                self._news(event)
            case MembersChanged():
                self._ask_for_members()
            case OriginalsWaiting() | OriginalsHeld() | PartsHeld():
                self._upload_news(event, now_ms)
            case Sealed():
                self._sealed(event)
            case Sent():
                self._sent(event, now_ms)
            case Pulled():
                self._pulled(event, now_ms)
            case Refreshed():
                self._refreshing = False
                self._need_refresh, self._refresh_again = self._refresh_again, False
                self._met = True
                self._keyless = event.keyless
                self._behind = event.behind
                if event.new_keys:
                    self._seal_wait.reset()
                self._quarantined = max(0, self._quarantined - event.reopened)
                self._contact(now_ms)
            case Failed():
                self._failed(event, now_ms)
            case Tick():
                pass
        return self._plan(now_ms)

    def _clock_moved_back(self) -> None:
        """Somebody set the PC's clock: times that were to come may now be a year away."""
        self._link.reset()
        self._seal_wait.reset()
        self._lanes.end_waits()
        self._uploads.end_waits()
        self._pulls.soon()

    def _news(self, event: OpsPending | HeadAnnounced | LinkChanged | TryNow | Paused) -> None:
        match event:
            case OpsPending():
                self._pending = event
                self._dry.clear()
            case HeadAnnounced(sseq):
                self._pulls.announced(sseq, self._now_ms, sending=self._lanes.sending)
            case LinkChanged(up):
                self._pulls.socket_up = up
                if up:
                    self._link.reset()
                    self._pulls.line_up()
            case TryNow():
                self._try_now()
            case Paused(paused):
                self._paused = paused

    def _sealed(self, event: Sealed) -> None:
        asked = self._sealing.lanes if self._sealing else ()
        self._sealing = None
        self._seal_wait.reset()
        self._pending = OpsPending(event.left_ops, event.left_bytes, event.left_lanes)
        self._stuck = bool(event.stuck_lanes)
        # A store hands out a large outbox in parts; a lane that brought nothing is not asked again.
        self._dry |= set(event.stuck_lanes)
        if not event.segments:
            self._dry |= set(asked or LaneNumber.ALL)
        self._lanes.enqueue(event.segments)

    def _contact(self, now_ms: int) -> None:
        self._connected = True
        self._last_contact_ms = now_ms
        self._link.reset()
        if not self._inconsistent and not self._lanes.need_help:
            self._problem = self._detail = ""

    def _try_now(self) -> None:
        self._link.reset()
        self._pulls.soon()
        self._need_refresh = True
        self._inconsistent = False
        self._dry.clear()
        self._seal_wait.reset()
        self._lanes.try_now()
        self._uploads.try_now()
        self._problem = self._detail = ""

    def _sent(self, event: Sent, now_ms: int) -> None:
        lane = self._lanes[event.lane]
        sharing = self._lanes.bulk_in_flight
        if event.hash in lane.in_flight:
            queued, left_ms = lane.in_flight.pop(event.hash)
            self._meter.arrived(queued.size, left_ms, now_ms, sharing)
        lane.overtaken = False
        lane.refusals = 0
        lane.backoff.reset()
        self._lanes.forget(event.hash)
        sending = self._lanes.sending
        self._pulls.sent(event.sseq, event.cursor_sseq, now_ms, sending=sending)
        self._contact(now_ms)

    def _pulled(self, event: Pulled, now_ms: int) -> None:
        sending = self._lanes.sending
        self._pulls.pulled(event.cursor_sseq, event.head, now_ms, sending=sending)
        self._behind = self._behind and self._pulls.more_to_come
        self._quarantined += event.quarantined
        if event.need_members or self._keyless:
            self._ask_for_members()
        for segment_hash in event.own:
            self._lanes.forget(segment_hash)
        self._contact(now_ms)

    def _ask_for_members(self) -> None:
        """Ask anew, also while an answer is on its way that may be older than what was heard."""
        self._need_refresh = True
        self._refresh_again = self._refreshing

    def _failed(self, event: Failed, now_ms: int) -> None:
        lane = self._end_activity(event)
        match event.failure:
            case Failure.INCONSISTENT:
                self._inconsistent = True
                self._note(event)
            case Failure.REFUSED | Failure.STORE | Failure.BUSY if isinstance(
                event.during, Announce | SendPart
            ):
                self._upload_failed(event, event.during, now_ms)
            case Failure.EARLY if self._lanes.overtook(event.during):
                self._contact(now_ms)
            case Failure.REFUSED | Failure.EARLY if lane is not None:
                # The link works; this lane waits by itself, and after three it needs a person.
                self._contact(now_ms)
                lane.refusals += 1
                lane.backoff.failed(now_ms)
                self._note(event)
            case _ if isinstance(event.during, Seal):
                # Nothing is wrong with the line: the key is missing, or the disk is full. The line
                # answers meanwhile, so this wait is not ended by an answer.
                self._seal_wait.failed(now_ms)
                self._note(event)
            case _:
                carrying = lane is not None or isinstance(event.during, SendPart)
                worked = self._connected and event.failure is Failure.LINK
                self._connected = event.failure is Failure.STORE and self._connected
                if self._link.may_try(now_ms):
                    # What was on its way breaks together: that is one cut.
                    if carrying and event.failure is Failure.LINK:
                        self._meter.cut()
                    self._link.failed(now_ms, event.retry_after_ms, worked=worked)
                if not self._inconsistent:
                    self._note(event)

    def _upload_news(
        self, event: OriginalsWaiting | OriginalsHeld | PartsHeld, now_ms: int
    ) -> None:
        match event:
            case OriginalsWaiting(originals):
                self._uploads.pending(originals)
            case OriginalsHeld(held):
                self._uploads_held = held
            case PartsHeld():
                carried = self._uploads.took(event, now_ms)
                if carried is not None:
                    self._meter.carried(*carried)
                self._contact(now_ms)

    def _upload_failed(self, event: Failed, activity: Announce | SendPart, now_ms: int) -> None:
        """A photo's file waits by itself: neither the line nor a note is held back by it."""
        if event.failure is Failure.BUSY:
            self._uploads.later(now_ms, event.retry_after_ms)
        else:
            self._uploads.refused(activity, event.code, now_ms)
        if event.failure is not Failure.STORE:
            self._contact(now_ms)

    def _note(self, event: Failed) -> None:
        self._problem, self._detail = event.code, event.detail

    def _end_activity(self, event: Failed) -> Lane | None:
        match event.during:
            case Send(queued):
                lane = self._lanes[queued.lane]
                lane.in_flight.pop(queued.hash, None)
                return lane
            case Seal():
                # Perhaps the clinic's key has changed hands: ask for it before the next try.
                self._sealing, self._need_refresh = None, True
            case Pull():
                self._pulls.running = False
            case Refresh():
                self._refreshing = self._refresh_again = False
            case Announce() | SendPart():
                self._uploads.ended(event.during)
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
        seal = self._seal()
        if seal is not None:
            effects.append(seal)
        effects += [Send(q) for q in self._lanes.send(now_ms, self._meter.window_bytes)]
        due = not self._pulls.running and self._pulls.is_due(now_ms)
        if due and not self._need_refresh:
            effects.append(self._pull())
        if not effects and not self._uploads_held and not self._is_busy():
            effects += self._uploads.send(now_ms, fast=self._meter.is_fast)
        return effects

    def _is_busy(self) -> bool:
        """Whether something that comes before photos' files is on its way or being done."""
        return bool(self._sealing or self._pulls.running or self._refreshing or self._lanes.sending)

    def _probe(self, now_ms: int) -> list[Effect]:
        """Ask for one thing only until the server answers: the most useful one."""
        if self._is_busy():
            return []
        seal = self._seal()
        if seal is not None:
            return [seal]
        sends = self._lanes.send(now_ms, self._meter.window_bytes, at_most=1)
        if sends:
            return [Send(sends[0])]
        return [self._refresh() if self._need_refresh else self._pull()]

    def _seal(self) -> Seal | None:
        """Ask for segments of the lanes that run short of them, sized for the line as it is now."""
        # An older copy of this PC must not number anything again: first ask, then catch up.
        if self._sealing or not self._pending.ops or not self._met or self._behind:
            return None
        if not self._seal_wait.may_try(self._now_ms):
            return None
        named = self._pending.lanes
        lanes = tuple(n for n in named or LaneNumber.ALL if n not in self._dry)
        lanes = self._lanes.hungry(lanes)
        if not lanes:
            return None
        self._sealing = Seal(self._meter.segment_bytes, lanes if named else ())
        return self._sealing

    def _refresh(self) -> Effect:
        self._refreshing = True
        return Refresh()

    def _pull(self) -> Effect:
        self._pulls.start()
        return Pull()

    def _wake_ms(self, now_ms: int) -> int | None:
        """Return the next time at which something falls due by itself.

        What is due and was not started now waits for an activity to end, not for time to pass.
        """
        times = self._lanes.wake_times() + self._uploads.wake_times()
        if self._pending.ops and self._seal_wait.next_try_ms is not None:
            times.append(self._seal_wait.next_try_ms)
        if (pull_ms := self._pulls.wake_ms()) is not None:
            times.append(pull_ms)
        return min((at_ms for at_ms in times if at_ms > now_ms), default=None)
