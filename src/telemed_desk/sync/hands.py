"""Does with store and server what the core asked for, and says what came of it as an event.

The store's half of every activity is here too, as plain functions, so that the simulation runs the
very same code as the desk.
"""

from collections.abc import Callable
from typing import Final

from telemed_desk.sync.ahead import NewestFirst, Span
from telemed_desk.sync.events import (
    Activity,
    Failed,
    Failure,
    OpsPending,
    Pulled,
    Queued,
    Refreshed,
    Seal,
    Sealed,
    Send,
    Sent,
)
from telemed_desk.sync.membership import grown_chain, verified_chain
from telemed_desk.sync.ports import BulkStore, SegmentStore
from telemed_desk.sync.problems import (
    DeskRemoved,
    DeviceTwin,
    NotAuthorised,
    Refused,
    ServerBusy,
    ServerInconsistent,
    ServerUnreachable,
)
from telemed_desk.sync.receiving import LogReader, Position, Taken
from telemed_desk.sync.sealing import TARGET_WIRE_BYTES, Sealer
from telemed_protocol.api import Held, PulledSegments, Receipt, WrappedKey
from telemed_protocol.errors import ForgeryError, FormatError, KnownError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import SignedRecord, wrap_info
from telemed_protocol.op import Op, encode_op
from telemed_protocol.segment import SealedSegment

_EVERYTHING: Final = 2**40
_OTHER_BYTES: Final = frozenset({"segment_conflict", "segment_fork"})
"""The server has something else under our number, or before it: sending again cannot help."""


class StoreHands:
    """The store's side of sync. Blocks; one caller at a time.

    Args:
        store: The vault.
        identity: This PC.
        wall_ms: Unix ms.
        on_applied: Told which foreign ops were taken in, on the calling thread.
        bulk: The store again, for much at once; None = segment by segment, oldest first.
    """

    def __init__(
        self,
        store: SegmentStore,
        identity: DeviceIdentity,
        wall_ms: Callable[[], int],
        on_applied: Callable[[tuple[Op, ...]], None],
        bulk: BulkStore | None = None,
    ) -> None:
        self._wall_ms = wall_ms
        self._head = 0
        self.newest = NewestFirst(store, bulk, identity.device) if bulk is not None else None
        self._store = store
        self._identity = identity
        self._on_applied = on_applied
        self._chain = verified_chain(store.member_records())
        self._sealer = Sealer(store, identity, self._chain.clinic)
        self._reader = LogReader(store, identity.device, wall_ms, bulk)
        self._segments: dict[bytes, SealedSegment] = {}

    def waiting(self) -> tuple[Queued, ...]:
        """Return what was sealed earlier and has no receipt yet."""
        return tuple(self._queued(s) for s in self._store.unacknowledged())

    def cursor_sseq(self) -> int:
        """Return how far the log is verified."""
        return self._store.cursor().sseq

    def count_pending(self) -> OpsPending:
        """Return how much is recorded and not sealed."""
        batches = self._store.pending_batches(_EVERYTHING)
        ops = [op for batch in batches for op in batch.ops]
        lanes = tuple(dict.fromkeys(batch.lane for batch in batches))
        return OpsPending(len(ops), sum(len(encode_op(op)) for op in ops), lanes)

    def seal(self, wanted: Seal | None = None) -> Sealed:
        """Seal what is pending, or what is wanted of it.

        Raises:
            KeyMissing: The current epoch's key is not here.
        """
        wanted = wanted or Seal(TARGET_WIRE_BYTES)
        self._look_at_own_chain()
        outcome = self._sealer.seal_pending(self._chain.epoch, wanted.target_bytes, wanted.lanes)
        left = self.count_pending()
        queued = tuple(self._queued(s) for s in outcome.segments)
        return Sealed(queued, left.ops, left.size, left.lanes, outcome.stuck_lanes)

    def _look_at_own_chain(self) -> None:
        """Take over what another part of this desk kept: who was removed here reads no more from now."""
        records = self._store.member_records()
        if len(records) > len(self._chain.records):
            self._chain = grown_chain(self._chain, records)

    def segment(self, queued: Queued) -> SealedSegment:
        """Return the bytes to send."""
        return self._segments[queued.hash]

    def take_receipt(self, queued: Queued, receipt: Receipt) -> Sent:
        """Check and note a receipt.

        Raises:
            ServerInconsistent: It contradicts the log.
        """
        cursor = self._reader.take_receipt(self._segments[queued.hash], receipt)
        del self._segments[queued.hash]
        return Sent(queued.hash, queued.lane, receipt.sseq, cursor.sseq)

    def position(self) -> Position:
        """Return where to pull from."""
        return self._reader.position()

    def take_page(self, page: PulledSegments, asked: Position) -> Pulled:
        """Verify and take in a page.

        Raises:
            ServerInconsistent: It contradicts what is known; nothing was applied.
        """
        taken: Taken = self._reader.take(page, asked, self._chain)
        self._head = taken.head
        if taken.ops:
            self._on_applied(taken.ops)
        return Pulled(
            taken.cursor.sseq, taken.head, taken.own, taken.quarantined, taken.need_members
        )

    def first_ahead(self, asked: Position) -> Span | None:
        """Return what to fetch before the log's next page, if its end is to come first."""
        return self.newest.first(asked.cursor.sseq, self._head) if self.newest else None

    def take_ahead(self, span: Span, page: PulledSegments) -> None:
        """Take in what can be believed of a page beyond the cursor."""
        if self.newest is not None:
            ops = self.newest.take(span, page, self._chain, self._wall_ms())
            if ops:
                self._on_applied(ops)

    def came_ahead(self, asked: Position) -> Pulled:
        """Say that the log's end was read; the cursor has not moved."""
        if self.newest is not None:
            self.newest.done = True
        return Pulled(asked.cursor.sseq, self._head)

    def members_known(self) -> int:
        """Return how many member records this PC knows; take it before asking the server."""
        self._look_at_own_chain()
        return len(self._chain.records)

    def take_members(
        self,
        records: list[SignedRecord],
        wraps: list[WrappedKey],
        held: Held | None = None,
        *,
        known: int | None = None,
    ) -> Refreshed:
        """Verify and keep the member chain, then the keys that were wrapped for this PC.

        Args:
            records: The chain as the server tells it.
            wraps: Keys for this PC.
            held: What the server has of this PC; None = not asked.
            known: How many records were known when the server was asked: an answer may be older than
                what this PC itself added since, and no older. None = as many as now.

        Raises:
            ServerInconsistent: The chain is not ours, grown; or a wrap does not open, or holds
                another key than the members say.
            DeviceTwin: The server has other bytes under a number of ours.
            DeskRemoved: A member's record says so.
        """
        chain = self._chain
        told = len(records)
        if known is None or told < known or records != chain.records[:told]:
            chain = grown_chain(chain, records)
        # The store may be ahead of this answer: a grant on this PC keeps its record there at once.
        if len(chain.records) > len(self._store.member_records()):
            self._store.keep_member_records(chain.records)
        new_keys = 0
        for wrapped in wraps:
            if 0 <= wrapped.epoch <= chain.epoch and self._store.epoch_key(wrapped.epoch) is None:
                info = wrap_info(chain.clinic, wrapped.epoch, self._identity.device)
                try:
                    key = self._identity.open_wrap(wrapped.wrap, info)
                except (ForgeryError, FormatError) as error:
                    raise ServerInconsistent("members", len(chain.records)) from error
                if not chain.vouches_for(wrapped.epoch, key):
                    # Anyone can seal a key for us. Sealing with this one would tell it our notes.
                    raise ServerInconsistent("keys", wrapped.epoch)
                self._store.keep_epoch_key(wrapped.epoch, key)
                new_keys += 1
        if len(chain.records) >= len(self._chain.records):
            self._chain = chain
        self._look_at_own_chain()
        if self._chain.removed_at(self._identity.device) is not None:
            raise DeskRemoved
        keyless = self._store.epoch_key(self._chain.epoch) is None
        return Refreshed(self.take_held(), self._is_behind(held), new_keys, keyless)

    def _is_behind(self, held: Held | None) -> bool:
        """Say whether the server has segments of ours that we do not know: we are an older copy."""
        behind = False
        for lane in held.lanes if held else ():
            head = self._store.lane_head(lane.lane)
            if lane.n == head.n and lane.hash != head.hash:
                raise DeviceTwin("server", lane.n)
            behind = behind or lane.n > head.n
        return behind

    def take_held(self) -> int:
        """Read what was kept aside and can be read by now; return how many segments that was."""
        taken, ops = self._reader.take_held(self._chain)
        if ops:
            self._on_applied(ops)
        return taken

    def _queued(self, segment: SealedSegment) -> Queued:
        self._segments[segment.hash] = segment
        header = segment.header
        return Queued(segment.hash, header.lane, header.n, header.ops, len(segment.wire))


def failed(during: Activity, error: KnownError) -> Failed:
    """Say what kind of failure a known error is."""
    retry_after_ms = 0
    match error:
        case ServerInconsistent() | DeviceTwin():
            failure = Failure.INCONSISTENT
        case Refused() if error.reason in _OTHER_BYTES:
            error, failure = DeviceTwin("server", _number_of(during)), Failure.INCONSISTENT
        case ServerBusy():
            failure = Failure.BUSY
            retry_after_ms = int((error.retry_after_s or 0.0) * 1000)
        case NotAuthorised():
            failure = Failure.AUTH
        case Refused() if error.reason == "segment_gap":
            failure = Failure.EARLY
        case Refused():
            failure = Failure.REFUSED
        case ServerUnreachable():
            failure = Failure.LINK
        case _ if error.code.startswith("TD-NET-"):
            failure = Failure.LINK
        case _:
            failure = Failure.STORE
    return Failed(during, failure, error.code, error.detail, retry_after_ms)


def _number_of(during: Activity) -> int:
    return during.segment.n if isinstance(during, Send) else 0
