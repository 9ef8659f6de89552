"""Runs the sync core on the core thread's loop, with the real store and the real server."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from telemed_desk.sync.ahead import Span
from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.events import (
    Activity,
    Announce,
    Effect,
    Event,
    HeadAnnounced,
    LinkChanged,
    MembersChanged,
    OpsPending,
    OriginalsHeld,
    Paused,
    Pull,
    Refresh,
    Seal,
    Send,
    SendPart,
    Tick,
    TryNow,
    WaitUntil,
)
from telemed_desk.sync.hands import StoreHands, failed
from telemed_desk.sync.originals import OriginalHands
from telemed_desk.sync.ports import BulkStore, OriginalStore, SegmentStore
from telemed_desk.sync.problems import ServerUnreachable
from telemed_desk.sync.receiving import Position
from telemed_desk.sync.server_client import ServerClient
from telemed_desk.sync.status import Phase, SyncStatus
from telemed_protocol.api import PULL_LIMIT, PulledSegments, Receipt
from telemed_protocol.errors import BugError, KnownError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.op import Lane as LaneNumber
from telemed_protocol.op import Op
from telemed_protocol.segment import SealedSegment

PAGE_SEGMENTS: Final = 32
"""A page of a weak line: at most 1.5 MiB, usually some 30 KiB."""

_SHORT_PAGE_S: Final = 1.0
_LONG_PAGE_S: Final = 4.0
"""Pages grow on a fast line and shrink on a slow one: each costs a round trip."""

R = TypeVar("R")


class SyncDriver:
    """Keeps this desk and the server's log the same.

    :meth:`run` and the callbacks are on the core thread; :meth:`poke`, :meth:`try_now`,
    :meth:`pause`, :meth:`resume`, :meth:`head_announced` and :meth:`link_changed` may be called
    from any thread. Store calls run one at a time on a thread of asyncio's pool.

    Args:
        store: The vault.
        identity: This PC.
        client: The server.
        clock: Unix ms.
        on_status: Told of every change.
        on_applied: Told which ops of other desks are in the store now.
        originals: The vault again, for photos' own files; None = they stay here.
        in_call: Whether a call has the line now; photos' files wait for its end. Core thread.
        bulk: The vault again, for much at once: the newest weeks first, pages in one transaction.
        urgent: Pushes a small segment on a line that is open already, or raises ServerUnreachable;
            None = everything is posted.
    """

    def __init__(
        self,
        store: SegmentStore,
        identity: DeviceIdentity,
        client: ServerClient,
        *,
        clock: Callable[[], int],
        on_status: Callable[[SyncStatus], None],
        on_applied: Callable[[tuple[Op, ...]], None],
        originals: OriginalStore | None = None,
        in_call: Callable[[], bool] = lambda: False,
        urgent: Callable[[SealedSegment], Awaitable[Receipt]] | None = None,
        bulk: BulkStore | None = None,
    ) -> None:
        self._bulk = bulk
        self._page_segments = PAGE_SEGMENTS
        self._in_call = in_call
        self._urgent = urgent
        self._held = False
        self._store = store
        self._original_store = originals
        self._originals: OriginalHands | None = None
        self._identity = identity
        self._client = client
        self._clock = clock
        self._on_status = on_status
        self._on_applied = on_applied
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._store_lock = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._early: list[Event | None] = []
        self._poked = False
        self.status = SyncStatus(Phase.OFFLINE)

    async def run(self) -> None:
        """Sync until cancelled.

        Raises:
            KnownError: The store could not even be read at the start.
        """
        loop = asyncio.get_running_loop()
        self._loop = loop

        def applied(ops: tuple[Op, ...]) -> None:
            loop.call_soon_threadsafe(self._on_applied, ops)

        def start() -> tuple[StoreHands, SyncCore]:
            if self._original_store is not None:
                self._originals = OriginalHands(self._original_store, self._clock)
            hands = StoreHands(self._store, self._identity, self._clock, applied, self._bulk)
            return hands, SyncCore(hands.waiting(), hands.cursor_sseq())

        hands, core = await self._stored(start)
        for event in [*self._early, None]:
            self._arrived(event)
        self._early = []
        async with asyncio.TaskGroup() as tasks:
            wake_ms: int | None = self._clock()
            while True:
                event = await self._next_event(wake_ms)
                events = await self._counted(hands) if event is None else [event]
                for happened in [*self._call_news(), *events]:
                    effects = core.handle(happened, self._clock())
                    wake_ms = self._start_all(effects, tasks, hands)
                self._publish(core.status())

    def poke(self) -> None:
        """Say that ops were recorded."""
        self._post(None)

    def try_now(self) -> None:
        """Try everything again at once."""
        self._post(TryNow())

    def pause(self) -> None:
        """Start nothing new; what is on its way is let finish."""
        self._post(Paused(True))

    def resume(self) -> None:
        """Go on after a pause."""
        self._post(Paused(False))

    def head_announced(self, sseq: int) -> None:
        """Say that the log has grown; from the desk's socket."""
        self._post(HeadAnnounced(sseq))

    def members_changed(self) -> None:
        """Say that somebody was added or removed, here or elsewhere."""
        self._post(MembersChanged())

    def link_changed(self, *, up: bool) -> None:
        """Say that the desk's socket came up or went down."""
        self._post(LinkChanged(up))

    def _post(self, event: Event | None) -> None:
        if self._loop is None:
            self._early.append(event)
        else:
            self._loop.call_soon_threadsafe(self._arrived, event)

    def _arrived(self, event: Event | None) -> None:
        if event is None:
            if self._poked:
                return  # many changes in a burst are counted once
            self._poked = True
        self._events.put_nowait(event)

    async def _next_event(self, wake_ms: int | None) -> Event | None:
        wait_s = None if wake_ms is None else max(0.0, (wake_ms - self._clock()) / 1000)
        try:
            async with asyncio.timeout(wait_s):
                event = await self._events.get()
        except TimeoutError:
            return Tick()
        if event is None:
            self._poked = False
        return event

    def _call_news(self) -> list[Event]:
        """Notice that a call began or ended; its end is committed to the store, which wakes us."""
        if self._in_call() == self._held:
            return []
        self._held = not self._held
        return [OriginalsHeld(self._held)]

    async def _counted(self, hands: StoreHands) -> list[Event]:
        """Count what is pending; a store that cannot be read now will say so when we seal."""
        originals = self._originals
        try:
            events: list[Event] = [await self._stored(hands.count_pending)]
            if originals is not None:
                events.append(await self._stored(originals.waiting))
        except KnownError:
            return [OpsPending(1, 0)]
        return events

    def _start_all(
        self, effects: list[Effect], tasks: asyncio.TaskGroup, hands: StoreHands
    ) -> int | None:
        wake_ms: int | None = None
        for effect in effects:
            if isinstance(effect, WaitUntil):
                wake_ms = effect.at_ms
            else:
                tasks.create_task(self._perform(effect, hands))
        return wake_ms

    async def _perform(self, activity: Activity, hands: StoreHands) -> None:
        try:
            event = await self._outcome(activity, hands)
        except KnownError as error:
            event = failed(activity, error)
        self._events.put_nowait(event)

    async def _outcome(self, activity: Activity, hands: StoreHands) -> Event:
        match activity:
            case Seal():
                return await self._stored(lambda: hands.seal(activity))
            case Send(queued):
                receipt = await self._push(hands.segment(queued))
                return await self._stored(lambda: hands.take_receipt(queued, receipt))
            case Pull():
                return await self._pull(hands)
            case Refresh():
                known = await self._stored(hands.members_known)
                records = await self._client.members()
                wraps = await self._client.wraps()
                held = await self._client.held()
                return await self._stored(
                    lambda: hands.take_members(records, wraps, held, known=known)
                )
            case Announce() | SendPart():
                return await self._carry(activity)

    async def _pull(self, hands: StoreHands) -> Event:
        asked = await self._stored(hands.position)
        if await self._newest_first(hands, asked):
            return hands.came_ahead(asked)
        began = time.monotonic()
        page = await self._client.pull(asked.cursor.sseq, self._page_segments)
        if len(page.segments) >= PAGE_SEGMENTS:
            took_s = time.monotonic() - began
            if took_s < _SHORT_PAGE_S:
                self._page_segments = min(2 * self._page_segments, PULL_LIMIT)
            elif took_s > _LONG_PAGE_S:
                self._page_segments = max(self._page_segments // 2, PAGE_SEGMENTS)
        return await self._stored(lambda: hands.take_page(page, asked))

    async def _newest_first(self, hands: StoreHands, asked: Position) -> bool:
        """Read the log's end before its middle, if there is much; the next page comes meanwhile."""
        span = hands.first_ahead(asked)
        if span is None or hands.newest is None:
            return False
        cursor = asked.cursor.sseq
        page = await self._client.pull(span.after, PULL_LIMIT)
        while True:
            then = hands.newest.next_after(span, page, cursor)
            coming = self._coming(then)
            try:
                await self._stored(partial(hands.take_ahead, span, page))
                if hands.newest.done or then is None or coming is None:
                    return True
                span, page = then, await coming
            finally:
                if coming is not None:
                    coming.cancel()
                    await asyncio.gather(coming, return_exceptions=True)

    def _coming(self, span: Span | None) -> "asyncio.Task[PulledSegments] | None":
        if span is None:
            return None
        return asyncio.create_task(self._client.pull(span.after, PULL_LIMIT))

    async def _push(self, segment: SealedSegment) -> Receipt:
        if self._urgent is not None and segment.header.lane == LaneNumber.QUEUE:
            with contextlib.suppress(ServerUnreachable):  # whether it came, posting it will show
                return await self._urgent(segment)
        return await self._client.push(segment)

    async def _carry(self, activity: Announce | SendPart) -> Event:
        hands = self._originals
        if hands is None:
            raise BugError("a file without a store")
        photo = activity.original.entity
        if isinstance(activity, Announce):
            said = await self._stored(lambda: hands.announcement(activity))
            state = await self._client.announce_original(photo, said)
        else:
            data = await self._stored(lambda: hands.part(activity))
            state = await self._client.put_part(photo, activity.part, data)
        return await self._stored(lambda: hands.take(activity, state))

    async def _stored(self, call: Callable[[], R]) -> R:
        async with self._store_lock:
            return await asyncio.to_thread(call)

    def _publish(self, status: SyncStatus) -> None:
        if status != self.status:
            self.status = status
            self._on_status(status)
