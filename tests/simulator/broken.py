"""Broken parts: what the planted bugs are made of."""

from typing import Any

from telemed_desk.clinical.notes import NoteText
from telemed_desk.sync import receiving, removal
from telemed_desk.sync.core import SyncCore
from telemed_desk.sync.enrolment import wrapped_key
from telemed_desk.sync.events import Pulled, Queued, Seal, Sealed, Sent
from telemed_desk.sync.hands import StoreHands
from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.ports import Cursor, LaneHead
from telemed_desk.vault.fold import fold
from telemed_desk.vault.problems import DiskFull
from telemed_desk.vault.rows import Rows
from telemed_protocol.api import AddMember, PulledSegments, Receipt
from telemed_protocol.clock import HybridClock
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import MemberChain, SignedRecord
from telemed_protocol.op import Op, OpId
from telemed_protocol.segment import SealedSegment, parse_segment
from tests.simulator.server import SimServer
from tests.simulator.store import SimStore

# ---- stores --------------------------------------------------------------------------------------


class SkipsFsync(SimStore):
    """What was written is not on the disk when the call returns."""

    def commit(self, *entry: Any) -> None:
        self.trouble("before")
        self.disk.write(entry)
        self.play(entry)
        self.trouble("after")
        if entry[0] in {"members", "key"}:
            self.disk.flush()


class NumberNotReserved(SimStore):
    """A number counts as taken only once the log shows it."""

    def lane_head(self, lane: int) -> LaneHead:
        return self.log_head_of(self.device, lane)

    def keep_sealed(self, segment: SealedSegment, ops: tuple[Op, ...]) -> None:
        self.commit("sealed", segment, tuple(op.op_id for op in ops))


class CursorFirst(SimStore):
    """The cursor is committed before the ops that it passed."""

    def apply_pulled(self, segment: SealedSegment, ops: tuple[Op, ...], cursor: Cursor) -> None:
        self.commit("pulled", segment, (), cursor)
        self.commit("late", segment, ops, cursor.sseq)

    def _play_late(self, segment: SealedSegment, ops: tuple[Op, ...], sseq: int) -> None:
        self._take(segment, ops, sseq)


class CursorLast(SimStore):
    """The ops are committed, the cursor only with the next segment's."""

    def cursor(self) -> Cursor:
        return self.log[-2][0] if len(self.log) > 1 else super().cursor()


class LosesOps(SimStore):
    """Sealing marks everything up to the newest op inside, in whatever lane."""

    def _play_sealed(self, segment: SealedSegment, ids: tuple[OpId, ...]) -> None:
        super()._play_sealed(segment, ids)
        newest = max(ids)
        self.unsealed = {k: lane for k, lane in self.unsealed.items() if k > newest}


class DropsFuture(SimStore):
    """Ops of a newer version are dropped."""

    def _apply(self, op: Op) -> None:
        if not op.kind.startswith("future."):
            super()._apply(op)


class LastOfOneName(SimStore):
    """Of two ops with one name the later one replaces the first."""

    def _apply(self, op: Op) -> None:
        there = self.ops.pop(op.op_id, None)
        if there is not None:
            self.by_entity[there.entity].remove(there)
        super()._apply(op)


class LastWriteWins(SimStore):
    """Of two versions of a note the newer one is shown and the other is not."""

    def folded(self, entity: bytes) -> Rows:
        rows = super().folded(entity)
        for row in rows.get("note", ()):
            for rev in rows["note_rev"]:
                newest = (row["head_device"], row["head_number"])
                rev["leaf"] = int((rev["device"], rev["number"]) == newest)
        return rows


class ArrivalOrder(SimStore):
    """Records depend on the order in which ops arrived."""

    def folded(self, entity: bytes) -> Rows:
        ops = self.by_entity.get(entity, [])
        rows = fold(entity, ops, self.numbers())
        for row in rows.get("patient", ()):
            row["remarks"] += str([op.number for op in ops])
        return rows


class EditsSigned(SimStore):
    """A signed note shows what was written later."""

    def folded(self, entity: bytes) -> Rows:
        ops = self.by_entity.get(entity, [])
        return fold(entity, [op for op in ops if op.kind != "note.sign"], self.numbers())


class WallClockOnly(HybridClock):
    """Stamps follow the wall clock, also back."""

    def now(self, wall_ms: int) -> int:
        self._last += 1
        return (wall_ms << 16) + self._last % 65_536


# ---- core and hands ------------------------------------------------------------------------------


class ClearsLane(SyncCore):
    """A receipt for one segment is taken for all of its lane."""

    def _sent(self, event: Sent, now_ms: int) -> None:
        super()._sent(event, now_ms)
        self._lanes[event.lane].waiting.clear()


class ForgetsOutbox(SyncCore):
    """What was sealed before a restart is not sent again."""

    def __init__(self, queued: tuple[Queued, ...], cursor_sseq: int) -> None:
        super().__init__(queued[:0], cursor_sseq)


class NeverAsksForKeys(SyncCore):
    """The need for new keys is not heard."""

    def _pulled(self, event: Pulled, now_ms: int) -> None:
        super()._pulled(event, now_ms)
        self._need_refresh = False


class WaitsForTheClock(SyncCore):
    """A clock that was set back makes it wait until the old time comes again."""

    def _clock_moved_back(self) -> None:
        return


class NumbersAtOnce(SyncCore):
    """An older copy numbers new segments before it has caught up."""

    def _seal(self) -> Any:
        self._met, self._behind = True, False
        return super()._seal()


class SealsAsBefore(StoreHands):
    """Goes on sealing with the key that it knew when it was started."""

    def seal(self, wanted: Seal | None = None) -> Sealed:
        self._first: int = getattr(self, "_first", self._chain.epoch)
        sealer, epoch = self._sealer, self._first

        class Older:
            def seal_pending(self, _epoch: int, *rest: Any) -> Any:
                return sealer.seal_pending(epoch, *rest)

        self._sealer = Older()  # type: ignore[assignment]
        try:
            return super().seal(wanted)
        finally:
            self._sealer = sealer


class LateIsALie(StoreHands):
    """Takes an answer from before this PC's own removal of a desk for a lie."""

    def members_known(self) -> int:
        super().members_known()
        return 10**6


class ForgetsSegments(StoreHands):
    """Notes a receipt before it was checked against the log."""

    def take_receipt(self, queued: Queued, receipt: Receipt) -> Sent:
        self._store.acknowledge(queued.hash, receipt.sseq, 0)
        del self._segments[queued.hash]
        return Sent(queued.hash, queued.lane, receipt.sseq, self._store.cursor().sseq)


# ---- servers -------------------------------------------------------------------------------------


class NoDedup(SimServer):
    """A repeated push is stored again."""

    def repeated(self, _wire: bytes, receipt: Receipt) -> Receipt:
        again = self.append(_wire)
        return again if again.sseq > receipt.sseq else receipt


class EarlyReceipt(SimServer):
    """Every fourth segment gets a receipt and is not stored."""

    def append(self, wire: bytes) -> Receipt:
        receipt = super().append(wire)
        if len(self.kept) % 4 == 0:
            self.log.pop()
        return receipt


class LateNumber(SimServer):
    """A number can be seen before the one below it is."""

    def pull(self, device: bytes, after: int, limit: int) -> PulledSegments:
        page = super().pull(device, after, limit)
        if len(page.segments) > 1 and page.segments[0].sseq % 3 == 0:
            return PulledSegments(page.segments[1:], page.head)
        return page


class TakesFromRemoved(SimServer):
    """A removed desk may go on."""

    def out(self, _device: bytes) -> None:
        return


# ---- functions -----------------------------------------------------------------------------------


def nothing(*_args: object, **_keywords: object) -> None:
    return


def one_side(_base: NoteText, one: NoteText, _other: NoteText) -> NoteText:
    """Merges by taking one of two."""
    return one


_removal_of = removal.removal_of


def keys_for_all(
    chain: MemberChain, device: bytes, identity: DeviceIdentity, key: bytes, now_ms: int
) -> AddMember:
    """Seals the new key for everybody who was a member, the removed one too."""
    change = _removal_of(chain, device, identity, key, now_ms)
    extra = wrapped_key(chain, chain.epoch + 1, chain.members[device], key)
    return AddMember(change.record, [*change.wraps, extra])


def forgets_one(
    chain: MemberChain, device: bytes, identity: DeviceIdentity, key: bytes, now_ms: int
) -> AddMember:
    """Seals the new key for all but one of those who stay."""
    change = _removal_of(chain, device, identity, key, now_ms)
    return AddMember(change.record, change.wraps[:-1])


def believes_keys(_self: MemberChain, _epoch: int, _key: bytes) -> bool:
    return True


def believes_members(known: MemberChain, records: list[SignedRecord]) -> MemberChain:
    """Takes the server's word for who is a member."""
    chain = verified_chain(known.records)
    for signed in records[len(known.records) :]:
        chain._apply(signed.parse())
        chain.records.append(signed)
    return chain


def believes_page(
    page: PulledSegments, _asked: Cursor, cursor: Cursor, _hash_at: object
) -> tuple[Any, ...]:
    return tuple(p for p in page.segments if p.sseq > cursor.sseq)


def only_chains(check: str) -> Any:
    """Leave out one of the comparisons of the log reader."""
    original = receiving.LogReader._check_chains

    def checked(self: Any, segment: Any, sseq: int, page: Any) -> None:
        try:
            original(self, segment, sseq, page)
        except receiving.ServerInconsistent as error:
            if error.reason != check:
                raise

    return checked


_take = receiving.LogReader.take


def believes_heads(self: Any, page: PulledSegments, asked: Any, chain: Any) -> Any:
    """Takes an old log for the newest."""
    head = max(page.head, asked.known_head)
    if page.head < asked.known_head:
        page = PulledSegments([], asked.cursor.sseq)
        asked = receiving.Position(asked.cursor, asked.cursor.sseq)
    else:
        page = PulledSegments(page.segments, head)
    return _take(self, page, asked, chain)


def remembers_refused(self: Any, page: PulledSegments, asked: Any, chain: Any) -> Any:
    """Notes that members were asked for, also when the store refused the page and nobody was told."""
    try:
        return _take(self, page, asked, chain)
    except DiskFull:
        headers = [(entry.sseq, parse_segment(entry.wire).header) for entry in page.segments]
        self._asked_at = next((at for at, header in headers if header.epoch > chain.epoch), 0)
        raise
