"""The simulator's store and the real vault answer alike, whatever is done to both."""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from telemed_desk.sync.ports import Cursor, SegmentStore
from telemed_desk.vault import Vault
from telemed_desk.vault.values import OpDraft
from telemed_protocol.errors import BugError
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.membership import MemberChain, MemberRecord, sign_record
from telemed_protocol.op import OP_VERSION, READER_VERSION, Op, OpId, pack_payload
from telemed_protocol.segment import (
    COMPRESSION_ZSTD,
    SealedSegment,
    SegmentHeader,
    next_log_hash,
    seal_segment,
)
from tests.simulator.cast import CLINIC, IDENTITIES, epoch_key
from tests.simulator.disk import Disk
from tests.simulator.store import SimStore
from tests.vault.vault_kit import Place, make_place, patient_set

STEPS = 40
OTHER = IDENTITIES[1]
ENTITIES = [bytes([i]) * 16 for i in range(1, 5)]


class Both:
    """One of each, told the same."""

    def __init__(self, place: Place, seed: int) -> None:
        self.place = place
        self.rng = random.Random(seed)
        self.disk = Disk()
        self.double = SimStore(self.vault.identity.device, self.disk, place.clock)
        first = self.vault.op(OpId(self.vault.identity.device, 1))  # the clinician, when made
        assert first is not None
        self.double.commit("record", (first,))
        self.foreign: dict[int, SealedSegment] = {}
        self.foreign_ops = 0

    @property
    def vault(self) -> Vault:
        return self.place.vault

    @property
    def stores(self) -> tuple[SegmentStore, SegmentStore]:
        return self.vault, self.double

    def step(self) -> None:
        names = ("record", "record", "seal", "seal", "ack", "own", "foreign", "foreign", "garbage")
        extra = ("caught_up", "sealed_unknown", "reopen", "key", "restart", "clash")
        getattr(self, "_" + self.rng.choice(names + extra))()

    def _record(self) -> None:
        drafts = [patient_set(self.rng.choice(ENTITIES), phone=str(self.rng.random()))]
        if self.rng.random() < 0.5:
            payload = {"state": "waiting", "at_ms": 5}
            drafts.append(OpDraft("consult.state", self.rng.choice(ENTITIES), payload))
        if self.rng.random() < 0.5:
            drafts.append(OpDraft("consult.claim", self.rng.choice(ENTITIES), {"at_ms": 5}))
        self.double.commit("record", tuple(self.vault.commit(*drafts).result(30)))

    def _seal(self) -> None:
        for batch in self.vault.pending_batches(self.rng.choice((100, 3_000)))[:1]:
            segment = sealed(self.vault, self.vault.identity, batch.lane, batch.ops)
            for store in self.stores:
                store.keep_sealed(segment, batch.ops)
                with pytest.raises(BugError):
                    store.keep_sealed(segment, batch.ops)

    def _next(self, segment_hash: bytes) -> Cursor:
        cursor = self.vault.cursor()
        return Cursor(cursor.sseq + 1, next_log_hash(cursor.log_hash, segment_hash))

    def _ack(self) -> None:
        waiting = self.vault.unacknowledged()
        if waiting:
            segment = self.rng.choice(waiting)
            sseq = self.vault.cursor().sseq + self.rng.randint(1, 3)
            for store in self.stores:
                store.acknowledge(segment.hash, sseq, 7)
                store.acknowledge(segment.hash, sseq + 1, 8)  # the first counts

    def _own(self) -> None:
        waiting = self.vault.unacknowledged()
        if waiting:
            cursor = self._next(waiting[0].hash)
            for store in self.stores:
                store.apply_pulled(waiting[0], (), cursor)
                with pytest.raises(BugError):
                    store.apply_pulled(waiting[0], (), cursor)

    def _caught_up(self) -> None:
        """A segment that this PC sealed before an older copy of it was put back."""
        for batch in self.vault.pending_batches(300)[:1]:
            segment = sealed(self.vault, self.vault.identity, batch.lane, batch.ops)
            cursor = self._next(segment.hash)
            for store in self.stores:
                store.apply_pulled(segment, batch.ops, cursor)

    def _foreign(self, *, number: int | None = None) -> None:
        self.foreign_ops += 1
        kind = self.rng.choice(("patient.set", "consult.claim", "consult.claim", "future.thing"))
        op = Op(
            OP_VERSION,
            OTHER.device,
            number or self.foreign_ops,
            self.rng.randrange(2**40),
            OTHER.device,
            kind,
            READER_VERSION + (kind == "future.thing"),
            self.rng.choice(ENTITIES),
            (),
            pack_payload({"remarks": str(self.rng.random()), "at_ms": 5}),
        )
        lane = self.rng.choice((1, 2))
        head = self.vault.log_head_of(OTHER.device, lane)
        segment = sealed(self.vault, OTHER, lane, (op,), n=head.n, prev=head.hash)
        cursor = self._next(segment.hash)
        for store in self.stores:
            store.apply_pulled(segment, (op,), cursor)

    def _clash(self) -> None:
        if self.foreign_ops:
            self._foreign(number=self.rng.randint(1, self.foreign_ops))

    def _garbage(self) -> None:
        wire = self.rng.randbytes(40)
        cursor = self._next(wire)
        for store in self.stores:
            store.quarantine(wire, "format", cursor)

    def _sealed_unknown(self) -> None:
        head = self.vault.log_head_of(OTHER.device, 3)
        op = Op(
            1, OTHER.device, 900 + head.n, 4, OTHER.device, "device.set", 1, ENTITIES[0], (), b""
        )
        segment = sealed(self.vault, OTHER, 3, (op,), n=head.n, prev=head.hash, epoch=1)
        cursor = self._next(segment.hash)
        self.foreign[head.n + 1] = segment
        for store in self.stores:
            store.quarantine(segment.wire, "no-key", cursor)

    def _reopen(self) -> None:
        wires = {s.wire: s for s in self.foreign.values()}
        for store in self.stores:
            for held in store.held_back():
                if held.wire in wires:
                    segment = wires[held.wire]
                    op = Op(
                        1,
                        OTHER.device,
                        899 + segment.header.n,
                        4,
                        OTHER.device,
                        "device.set",
                        1,
                        ENTITIES[0],
                        (),
                        b"",
                    )
                    store.take_held(held, segment, (op,))

    def _key(self) -> None:
        epoch = self.rng.randrange(3)
        for store in self.stores:
            store.keep_epoch_key(epoch, epoch_key(epoch))
            with pytest.raises(BugError):
                store.keep_epoch_key(epoch, bytes(32))

    def _restart(self) -> None:
        self.vault.lock()
        self.place.unlock()
        self.disk.power_cut()
        self.double = SimStore(self.vault.identity.device, self.disk, self.place.clock)

    def compare(self) -> None:
        """Every question of the port, asked of both."""
        ours, theirs = (answers(store) for store in self.stores)
        assert ours == theirs
        for entity in ENTITIES:
            here = [(c.claim, c.number, c.outcome.value) for c in self.vault.claims_of(entity)]
            rows = self.double.folded(entity).get("claim", [])
            assert here == [((r["device"], r["number"]), r["sseq"], r["outcome"]) for r in rows]


def sealed(
    vault: Vault,
    who: DeviceIdentity,
    lane: int,
    ops: tuple[Op, ...],
    *,
    n: int | None = None,
    prev: bytes = b"",
    epoch: int = 0,
) -> SealedSegment:
    head = vault.lane_head(lane)
    cursor = vault.cursor()
    header = SegmentHeader(
        CLINIC,
        who.device,
        lane,
        (head.n if n is None else n) + 1,
        head.hash if n is None else prev,
        epoch,
        COMPRESSION_ZSTD,
        len(ops),
        0,
        cursor.sseq,
        cursor.log_hash,
    )
    return seal_segment(header, ops, epoch_key(epoch), who)


def answers(store: SegmentStore) -> list[object]:
    devices = [OTHER.device, store.identity.device if isinstance(store, Vault) else store.device]  # type: ignore[attr-defined]
    ids = [OpId(device, n) for device in devices for n in (*range(1, 40), 900, 901, 902)]
    return [
        store.cursor(),
        [store.pending_batches(size) for size in (50, 500, 10**6)],
        [store.lane_head(lane) for lane in range(5)],
        [segment.wire for segment in store.unacknowledged()],
        [(held.wire, held.reason) for held in store.held_back()],
        [store.first_of_epoch(epoch) for epoch in range(3)],
        [store.epoch_key(epoch) for epoch in range(3)],
        store.member_records(),
        [store.log_head_of(device, lane) for device in devices for lane in range(5)],
        [store.log_hash_at(sseq) for sseq in range(store.cursor().sseq + 2)],
        [store.receipts_after(sseq) for sseq in range(4)],
        [store.op(op_id) for op_id in ids],
    ]


@pytest.fixture
def new_place(tmp_path: Path) -> Iterator[Place]:
    made = make_place(tmp_path / "vault")
    yield made
    made.close()


@pytest.mark.parametrize("seed", range(3))
def test_the_double_answers_as_the_vault_does(new_place: Place, seed: int) -> None:
    both = Both(new_place, seed)
    chain = MemberChain()
    founder = both.vault.identity
    chain.extend(
        sign_record(
            MemberRecord(1, CLINIC, 1, chain.head, "found", founder.public, 0, founder.device),
            founder,
        )
    )
    for store in both.stores:
        store.keep_member_records(chain.records)
    for _ in range(STEPS):
        both.step()
        both.compare()


def test_the_double_shows_what_the_vault_shows(new_place: Place) -> None:
    both = Both(new_place, 99)
    for _ in range(STEPS):
        both.step()
    for entity in ENTITIES:
        rows = both.double.folded(entity).get("patient")
        patient = both.vault.patient(entity)
        assert (patient is None) == (rows is None)
        if rows and patient:
            assert (rows[0]["phone"], rows[0]["remarks"]) == (patient.phone, patient.remarks)


def test_what_was_not_flushed_is_gone_and_what_was_stays() -> None:
    disk = Disk()
    store = SimStore(b"d" * 16, disk, lambda: 1)
    store.record(("device.set", ENTITIES[0], (), {"label": "kept"}))
    disk.write(("record", ()))
    disk.power_cut()
    again = SimStore(b"d" * 16, disk, lambda: 1)
    assert msgspec.msgpack.encode(list(again.ops.values())) == msgspec.msgpack.encode(
        list(store.ops.values())
    )
