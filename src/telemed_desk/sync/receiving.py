"""Whether to believe what the server says: its log, its receipts, and every segment in them.

The log's hash chain shows that a log only ever grew. It cannot show that it was honest from the
start, so three more things are compared: each device's own chain of segments, which the server
cannot forge; what the writers say they had seen of the log (two histories shown to two desks do not
agree); and the receipts that this desk holds.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeGuard

from telemed_desk.sync.ports import BulkStore, Cursor, LaneHead, SegmentStore
from telemed_desk.sync.problems import BadAnswer, DeviceTwin, ServerInconsistent
from telemed_protocol.api import PulledSegment, PulledSegments, Receipt
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.membership import MemberChain
from telemed_protocol.op import Op
from telemed_protocol.segment import (
    GENESIS_HASH,
    MAX_NUMBER,
    SealedSegment,
    next_log_hash,
    open_segment,
    parse_segment,
    verify_segment,
)


@dataclass(frozen=True, slots=True)
class Position:
    """What this desk knew when it asked for a page: its cursor, and the highest number it saw."""

    cursor: Cursor
    known_head: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a page.

    Attributes:
        cursor: How far the log is verified now.
        head: Where the server says its log ends.
        ops: Ops of other desks that were handed to the store.
        own: Hashes of our own segments that stood in the page.
        quarantined: How many segments were kept unread.
        need_members: A segment names a device or an epoch that we do not know yet.
    """

    cursor: Cursor
    head: int
    ops: tuple[Op, ...] = ()
    own: tuple[bytes, ...] = ()
    quarantined: int = 0
    need_members: bool = False


@dataclass(frozen=True, slots=True)
class _Step:
    """One verified step along the log: apply a segment, or keep its bytes unread."""

    cursor: Cursor
    wire: bytes
    segment: SealedSegment | None = None
    ops: tuple[Op, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class _Page:
    """What was learned from the page's earlier segments before they are applied."""

    receipts: dict[int, bytes]
    heads: dict[tuple[bytes, int], LaneHead] = field(default_factory=dict)
    log_hashes: dict[int, bytes] = field(default_factory=dict)
    newest_epoch: int = 0


_TRY_MEMBERS: Final = "try-members"
_LAST_SECOND: Final = 253_402_300_799.0
"""The end of the year 9999: no clock is later, and no calendar counts on."""


class LogReader:
    """Verifies and takes in what the server sends.

    Not thread-safe; every method blocks on the store. ``own_device`` is this PC, ``wall_ms`` the
    clock for receipts that were lost on the way. ``bulk`` takes many segments at once; None = one
    by one.
    """

    def __init__(
        self,
        store: SegmentStore,
        own_device: bytes,
        wall_ms: Callable[[], int],
        bulk: BulkStore | None = None,
    ) -> None:
        self._store = store
        self._bulk = bulk
        self._own_device = own_device
        self._wall_ms = wall_ms
        self._asked_at = 0  # the number for which the members are being asked for

    def take_held(self, chain: MemberChain) -> tuple[int, tuple[Op, ...]]:
        """Try again what was kept unread: a key may have come, or a newer version of this program.

        Returns:
            How many can be read now, and the ops of other desks in them.
        """
        taken, ops = 0, list[Op]()
        for held in self._store.held_back():
            try:
                segment = parse_segment(held.wire)
                public = chain.public_of(segment.header.device)
                key = self._store.epoch_key(segment.header.epoch)
                if public is None or key is None:
                    continue
                verify_segment(segment, public.signing)
                opened = open_segment(segment, key)
            except (ForgeryError, FormatError):
                continue  # still unreadable: it stays where it is
            self._store.take_held(held, segment, opened)
            taken += 1
            if segment.header.device != self._own_device:
                ops += opened
        return taken, tuple(ops)

    def position(self) -> Position:
        """Return where to pull from; take it before asking the server."""
        cursor = self._store.cursor()
        receipts = self._store.receipts_after(cursor.sseq)
        return Position(cursor, max([cursor.sseq, *(sseq for sseq, _ in receipts)]))

    def take_receipt(self, segment: SealedSegment, receipt: Receipt) -> Cursor:
        """Check a receipt against the log and note it; return the cursor.

        When the segment is the next in the log, the cursor passes over it: what we sent need not
        be fetched again.

        Raises:
            ServerInconsistent: The receipt contradicts the log. Nothing was noted.
            BadAnswer: It names a time or a number that there cannot be. Nothing was noted.
        """
        cursor = self._store.cursor()
        if receipt.sseq > MAX_NUMBER or not 0 <= receipt.stored_at <= _LAST_SECOND:
            raise BadAnswer("receipt")
        if receipt.sseq < 1:
            raise ServerInconsistent("fork", receipt.sseq)
        # It must be this segment's place: the receipt of another would pass for that of one thrown away.
        before = self._store.log_hash_at(receipt.sseq - 1)
        if before is not None and next_log_hash(before, segment.hash) != receipt.log_hash:
            raise ServerInconsistent("fork", receipt.sseq)
        advanced: Cursor | None = None
        if receipt.sseq <= cursor.sseq:
            known = self._store.log_hash_at(receipt.sseq)
            if known is not None and known != receipt.log_hash:
                raise ServerInconsistent("fork", receipt.sseq)
        elif receipt.sseq == cursor.sseq + 1:
            advanced = Cursor(receipt.sseq, receipt.log_hash)
        self._store.acknowledge(segment.hash, receipt.sseq, int(receipt.stored_at * 1000))
        key = self._store.epoch_key(segment.header.epoch) if advanced is not None else None
        if advanced is not None and key is not None:
            self._store.apply_pulled(segment, open_segment(segment, key), advanced)
            return advanced
        return cursor

    def take(self, page: PulledSegments, asked: Position, chain: MemberChain) -> Taken:
        """Verify a whole page, then take it in; all of it is believed or nothing.

        Raises:
            ServerInconsistent: The page contradicts what is known. Nothing was applied.
            DeviceTwin: It holds other things under this PC's own numbers. Nothing was applied.
        """
        cursor = self._store.cursor()
        if page.head < asked.known_head:
            raise ServerInconsistent("rollback", page.head)
        if page.head > asked.cursor.sseq and not page.segments:
            raise ServerInconsistent("withheld", page.head)
        fresh = check_log_chain(page, asked.cursor, cursor, self._store.log_hash_at)
        steps: list[_Step] = []
        seen = _Page(receipts=dict(self._store.receipts_after(cursor.sseq)))
        unknown: int | None = None
        for pulled in fresh:
            step = self._verify(pulled, chain, seen)
            if step.reason == _TRY_MEMBERS:
                unknown = pulled.sseq
                break
            steps.append(step)
        taken = self._apply(steps, cursor, page.head, need_members=unknown is not None)
        if unknown is not None:
            # Only now: a page that the store refused says to nobody that the members must be asked
            # for, and an honest server would be blamed for not having told us.
            self._asked_at = unknown
        return taken

    def _verify(self, pulled: PulledSegment, chain: MemberChain, page: _Page) -> _Step:
        cursor = Cursor(pulled.sseq, pulled.log_hash)
        page.log_hashes[pulled.sseq] = pulled.log_hash
        try:
            segment = parse_segment(pulled.wire)
        except FormatError:
            _check_receipt(pulled.sseq, _hash_of(pulled.wire), page)
            return _Step(cursor, pulled.wire, reason="format")
        header = segment.header
        if header.clinic != chain.clinic:
            raise ServerInconsistent("clinic", pulled.sseq)
        asked_before = self._asked_at == pulled.sseq
        public = chain.public_of(header.device)
        if public is None:
            if asked_before:
                raise ServerInconsistent("stranger", pulled.sseq)
            return _Step(cursor, pulled.wire, reason=_TRY_MEMBERS)
        try:
            verify_segment(segment, public.signing)
        except ForgeryError as error:
            # An honest server checks signatures before it stores; this one did not, or changed it.
            raise ServerInconsistent("signature", pulled.sseq) from error
        self._check_removal(segment, pulled.sseq, chain, page)
        self._check_chains(segment, pulled.sseq, page)
        key = self._store.epoch_key(header.epoch)
        if asked_before and header.epoch > chain.epoch:
            # Its writer had a member's record of that epoch, so the server has it too.
            raise ServerInconsistent("members", pulled.sseq)
        if key is None:
            reason = "no-key" if asked_before else _TRY_MEMBERS
            return _Step(cursor, pulled.wire, reason=reason)
        page.heads[header.device, header.lane] = LaneHead(header.n, segment.hash)
        page.newest_epoch = max(page.newest_epoch, header.epoch)
        try:
            ops = open_segment(segment, key)
        except (ForgeryError, FormatError) as error:
            return _Step(cursor, pulled.wire, reason=error.code)
        if header.device == self._own_device:
            self._check_twin(segment, ops)
        return _Step(cursor, pulled.wire, segment, ops)

    def _check_removal(
        self, segment: SealedSegment, sseq: int, chain: MemberChain, page: _Page
    ) -> None:
        """Refuse what a removed device wrote behind its removal.

        The log says where that is, the same for every desk: at the first segment sealed with the
        key that the removed device was not given. An honest server takes nothing of it after that.
        """
        removed_at = chain.removed_at(segment.header.device)
        if removed_at is None or removed_at == 0:
            return
        first = self._store.first_of_epoch(removed_at)
        # Our own receipts may be further down the log than this.
        behind = page.newest_epoch >= removed_at or (first is not None and first < sseq)
        if behind or segment.header.epoch >= removed_at:
            raise ServerInconsistent("removed", sseq)

    def _check_twin(self, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        """Notice that this PC's name is used elsewhere too: a copied disk, a restored backup.

        An older copy of ourselves that has not written anything since simply catches up.
        """
        header = segment.header
        waiting = self._store.unacknowledged()
        if any(segment.hash == mine.hash for mine in waiting):
            return
        for mine in waiting:
            if (mine.header.lane, mine.header.n) == (header.lane, header.n):
                raise DeviceTwin("segment", header.n)
        if header.n <= self._store.lane_head(header.lane).n:
            return
        for op in ops:
            known = self._store.op(op.op_id)
            if known is not None and known != op:
                raise DeviceTwin("entry", op.number)

    def _check_chains(self, segment: SealedSegment, sseq: int, page: _Page) -> None:
        header = segment.header
        lane = (header.device, header.lane)
        head = page.heads.get(lane) or self._store.log_head_of(*lane)
        if header.n != head.n + 1 or header.prev_hash != head.hash:
            raise ServerInconsistent("lane-chain", sseq)
        if header.seen_sseq >= sseq:
            raise ServerInconsistent("seen", sseq)
        if header.seen_sseq == 0:
            known: bytes | None = GENESIS_HASH
        else:
            known = page.log_hashes.get(header.seen_sseq) or self._store.log_hash_at(
                header.seen_sseq
            )
        if known is not None and known != header.seen_log_hash:
            raise ServerInconsistent("seen", sseq)
        _check_receipt(sseq, segment.hash, page)

    def _apply(
        self, steps: Sequence[_Step], cursor: Cursor, head: int, *, need_members: bool
    ) -> Taken:
        ops: list[Op] = []
        own: list[bytes] = []
        quarantined = 0
        together: list[tuple[SealedSegment, tuple[Op, ...], Cursor]] = []
        for step in steps:
            cursor = step.cursor
            if self._bulk is not None and self._is_foreign(step.segment):
                together.append((step.segment, step.ops, step.cursor))
                ops += step.ops
                continue
            self._apply_together(together)
            if step.segment is None:
                self._store.quarantine(step.wire, step.reason, cursor)
                quarantined += 1
                continue
            self._store.apply_pulled(step.segment, step.ops, cursor)
            if step.segment.header.device == self._own_device:
                self._store.acknowledge(step.segment.hash, cursor.sseq, self._wall_ms())
                own.append(step.segment.hash)
            else:
                ops += step.ops
        self._apply_together(together)
        return Taken(cursor, head, tuple(ops), tuple(own), quarantined, need_members)

    def _is_foreign(self, segment: SealedSegment | None) -> TypeGuard[SealedSegment]:
        return segment is not None and segment.header.device != self._own_device

    def _apply_together(self, together: list[tuple[SealedSegment, tuple[Op, ...], Cursor]]) -> None:
        if self._bulk is not None and together:
            self._bulk.apply_page(tuple(together))
            together.clear()


def check_log_chain(
    page: PulledSegments, asked: Cursor, cursor: Cursor, hash_at: Callable[[int], bytes | None]
) -> tuple[PulledSegment, ...]:
    """Check that a page continues the log without gap; return what lies behind the cursor.

    ``asked`` is the cursor that the page was asked with; ``cursor`` may have moved on since, by
    receipts. What they overtook is not taken again, and is compared with ``hash_at``, the log as it
    is known here: a page may end before the cursor, and could show another log there unnoticed.

    Raises:
        ServerInconsistent: A number is missing or repeated, or the hashes do not follow.
    """
    sseq, log_hash = asked.sseq, asked.log_hash
    for pulled in page.segments:
        sseq += 1
        if pulled.sseq != sseq or sseq > page.head:
            raise ServerInconsistent("gap", pulled.sseq)
        log_hash = next_log_hash(log_hash, _hash_of(pulled.wire))
        if pulled.log_hash != log_hash:
            raise ServerInconsistent("fork", sseq)
        if sseq <= cursor.sseq and hash_at(sseq) not in {None, log_hash}:
            raise ServerInconsistent("fork", sseq)
    return tuple(p for p in page.segments if p.sseq > cursor.sseq)


def _check_receipt(sseq: int, segment_hash: bytes, page: _Page) -> None:
    """Refuse anything else in a place for which we hold a receipt."""
    if page.receipts.get(sseq, segment_hash) != segment_hash:
        raise ServerInconsistent("fork", sseq)


def _hash_of(wire: bytes) -> bytes:
    return hashlib.sha256(wire).digest()
