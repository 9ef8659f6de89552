"""What the server sends, altered: every answer that a desk acts on, as bytes and as a liar would.

Each altered answer goes through the client's own decoder and the desk's own hands, and is judged by
what the desk then holds. Harmless is defined narrowly, see :func:`_judge_log` and its neighbours.
"""

import copy
import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import msgspec

from telemed_desk.sync.hands import StoreHands
from telemed_desk.sync.joining import open_grant
from telemed_desk.sync.server_client import _read
from telemed_desk.vault.attachments import open_chunks, seal_chunks
from telemed_protocol.api import (
    EnrolStatus,
    Held,
    HeldLane,
    PulledSegment,
    PulledSegments,
    Receipt,
    WrappedKey,
)
from telemed_protocol.codes import EnrolCode
from telemed_protocol.errors import KnownError
from telemed_protocol.identity import wrap_for
from telemed_protocol.membership import SignedRecord, wrap_info
from telemed_protocol.op import encode_op
from tests.sync.clinic_of_two import CHAIN, CLINIC, DESK_A, DESK_B, EPOCH_KEY, store_of
from tests.sync.memory_store import MemoryStore
from tests.sync.reference_server import ReferenceServer, rebuilt

T = TypeVar("T")
CODE: Final = EnrolCode("TMD", bytes(15))
PHOTO, PHOTO_KEY = b"p" * 16, b"q" * 32
JPEG: Final = random.Random(1).randbytes(70_000)
REFUSED, ASIDE, LATER, HARMLESS = "refused", "kept aside", "found at the next exchange", "harmless"


@dataclass
class Tally:
    """Verdicts by kind of answer, and what was silently accepted."""

    verdicts: Counter[str] = field(default_factory=Counter)
    silent: list[str] = field(default_factory=list)


class Desk:
    """Store and hands of one desk."""

    def __init__(self, store: MemoryStore, which: Any) -> None:
        self.store = store
        self.hands = StoreHands(store, which, lambda: 0, lambda _ops: None)

    def pull(self, answer: Callable[[int], PulledSegments]) -> None:
        for _ in range(2):
            asked = self.hands.position()
            taken = self.hands.take_page(answer(asked.cursor.sseq), asked)
            if not taken.need_members:
                return
            self.hands.take_members(list(CHAIN.records), [])


class Clinic:
    """An honest history: two desks, four lanes, nine segments; B knows the first four of them."""

    def __init__(self) -> None:
        self.server = ReferenceServer()
        self.a = Desk(store_of(DESK_A), DESK_A)
        self.b = Desk(store_of(DESK_B), DESK_B)
        honest = self.page
        self._write(self.a, 1, "one")
        self.b.pull(honest)
        self._write(self.b, 0, "two")
        self.a.pull(honest)
        self._write(self.a, 1, "three")
        self._write(self.a, 2, "four")
        self.b.pull(honest)
        self.b_before = copy.deepcopy(self.b.store)
        self._write(self.a, 0, "five")
        self._write(self.a, 1, "six " * 200)
        self._write(self.a, 3, "seven")
        self.b.store.record(1, "eight")
        (self.waiting,) = self.b.hands.seal().segments
        self.b_waiting = copy.deepcopy(self.b.store)
        self._write(self.a, 1, "nine")
        self.a.pull(honest)
        for _ in range(2):
            self.b.pull(honest)
        self.honest_ops = {encode_op(op) for op in self.b.store.ops.values()}
        self.hashes = {0: bytes(32)} | {e.sseq: e.log_hash for e in self.server.log}

    def page(self, after: int) -> PulledSegments:
        return self.server.pull(after, 100)

    def _write(self, desk: Desk, lane: int, text: str) -> None:
        desk.store.record(lane, text)
        for queued in desk.hands.seal().segments:
            desk.hands.take_receipt(queued, self.server.push(desk.hands.segment(queued).wire))


# ---- altering ----------------------------------------------------------------------------------


def _flip(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _put(data: bytearray, rng: random.Random) -> None:
    data[rng.randrange(len(data))] = rng.choice((0, 1, 0x7F, 0x80, 0xC0, 0xCB, 0xDF, 0xFF))


def _cut(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + rng.choice((1, 2, 8, 100))]


def _end(data: bytearray, rng: random.Random) -> None:
    del data[rng.randrange(len(data)) :]


def _double(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + rng.choice((1, 4, 16, 200))]


def _insert(data: bytearray, rng: random.Random) -> None:
    at = rng.randrange(len(data) + 1)
    data[at:at] = rng.randbytes(rng.choice((1, 3, 9)))


def _swap(data: bytearray, rng: random.Random) -> None:
    size = rng.choice((1, 4, 32))
    a, b = (rng.randrange(max(1, len(data) - size)) for _ in range(2))
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]


BYTES: Final = (_flip, _flip, _put, _cut, _end, _double, _insert, _swap)


def altered(data: bytes, rng: random.Random) -> bytes:
    """Return other bytes: one to three changes."""
    while True:
        out = bytearray(data)
        for _ in range(rng.choice((1, 1, 1, 2, 3))):
            if out:
                rng.choice(BYTES)(out, rng)
        if bytes(out) != data:
            return bytes(out)


def reordered(items: Sequence[T], rng: random.Random) -> list[T]:
    """Drop, double, swap, turn round or cut."""
    out = list(items)
    at, other = rng.randrange(len(out)), rng.randrange(len(out))
    match rng.randrange(5):
        case 0:
            del out[at]
        case 1:
            out.insert(other, out[at])
        case 2:
            out[at], out[other] = out[other], out[at]
        case 3:
            out.reverse()
        case _:
            del out[at:]
    return out


# ---- answers ------------------------------------------------------------------------------------


class Mutations:
    """Alters answers and judges what became of them; one instance for many."""

    def __init__(self) -> None:
        self.clinic = Clinic()
        self._sealed = seal_chunks(PHOTO_KEY, PHOTO, JPEG)
        self._grant = EnrolStatus(
            True,
            CLINIC,
            CODE.mac(b"approve", CLINIC + CHAIN.genesis + DESK_B.device),
            list(CHAIN.records),
            [self._wrap()],
        )
        self._kinds = (
            *([self.log_bytes, self.log_of_a_liar] * 3), self.receipt, self.receipt,
            self.members, self.held, self.grant, self.photo,
        )  # fmt: skip

    @staticmethod
    def _wrap() -> WrappedKey:
        sealed = wrap_for(DESK_B.public, EPOCH_KEY, wrap_info(CLINIC, 0, DESK_B.device))
        return WrappedKey(0, DESK_B.device, sealed)

    def play(self, seeds: range) -> Tally:
        """Alter one answer for each seed."""
        tally = Tally()
        for seed in seeds:
            rng = random.Random(f"mutation {seed}")
            kind = rng.choice(self._kinds)
            name = kind.__name__
            try:
                verdict = kind(rng)
            except Exception as error:  # noqa: BLE001 - anything but a clear refusal is a finding
                verdict = f"broke: {type(error).__name__}"
            if verdict in {REFUSED, ASIDE, LATER, HARMLESS}:
                tally.verdicts[verdict] += 1
            else:
                tally.silent.append(f"mutation {seed}, {name}: {verdict}")
            tally.verdicts["mutations"] += 1
        return tally

    # ---- the log

    def _b(self) -> Desk:
        return Desk(copy.deepcopy(self.clinic.b_before), DESK_B)

    def log_bytes(self, rng: random.Random) -> str:
        """The page as bytes."""
        desk = self._b()
        data = altered(msgspec.msgpack.encode(self.clinic.page(desk.store.at.sseq)), rng)
        return self._take_log(desk, lambda: _read(data, PulledSegments))

    def log_of_a_liar(self, rng: random.Random) -> str:
        """The log changed and its hashes computed anew, or its fields changed."""
        desk = self._b()
        wires = [entry.wire for entry in self.clinic.server.log]
        match rng.randrange(4):
            case 0:
                at = rng.randrange(len(wires))
                wires[at] = altered(wires[at], rng)
                liar = rebuilt(wires)
            case 1 | 2:
                liar = rebuilt(reordered(wires, rng))
            case _:
                liar = copy.deepcopy(self.clinic.server)
                at = rng.randrange(len(liar.log))
                entry = liar.log[at]
                liar.log[at] = rng.choice((
                    PulledSegment(rng.choice((0, -1, at, at + 2, 2**63)), entry.log_hash, entry.wire),
                    PulledSegment(entry.sseq, rng.randbytes(32), entry.wire),
                    PulledSegment(entry.sseq, entry.log_hash, rng.choice(wires)),
                ))  # fmt: skip
        return self._take_log(desk, lambda: liar.pull(desk.store.at.sseq, 100), liar)

    def _take_log(
        self,
        desk: Desk,
        answer: Callable[[], PulledSegments],
        liar: ReferenceServer | None = None,
    ) -> str:
        before = (dict(desk.store.ops), desk.store.at, list(desk.store.quarantined))
        try:
            desk.pull(lambda _after: answer())
        except KnownError:
            now = (desk.store.ops, desk.store.at, desk.store.quarantined)
            return REFUSED if now == before else self._judge_log(desk, REFUSED, liar)
        return self._judge_log(desk, HARMLESS, liar)

    def _judge_log(self, desk: Desk, verdict: str, liar: ReferenceServer | None) -> str:
        """Nothing is held that was not honestly written; the cursor lies on the honest log.

        Fewer segments than there are is harmless: a server may always be slow. A cursor on another
        log must be found out as soon as a desk that saw the honest one writes.
        """
        if not {encode_op(op) for op in desk.store.ops.values()} <= self.clinic.honest_ops:
            return "an op that nobody wrote is held"
        if len(desk.store.quarantined) > len(self.clinic.b_before.quarantined):
            return ASIDE
        if self.clinic.hashes.get(desk.store.at.sseq) == desk.store.at.log_hash:
            return verdict
        return self._next_exchange(desk, liar)

    def _next_exchange(self, desk: Desk, liar: ReferenceServer | None) -> str:
        writer = Desk(copy.deepcopy(self.clinic.a.store), DESK_A)
        writer.store.record(0, "written by who saw the honest log")
        (queued,) = writer.hands.seal().segments
        known = [e.wire for e in (liar or self.clinic.server).log]
        shown = rebuilt([*known, writer.hands.segment(queued).wire])
        try:
            for _ in range(2):
                desk.pull(lambda after: shown.pull(after, 100))
        except KnownError:
            return LATER
        return "another log is believed, and goes on being believed"

    # ---- the others

    def receipt(self, rng: random.Random) -> str:
        """Harmless: the same place in the log; the time in it is the server's word, and only shown."""
        desk = Desk(copy.deepcopy(self.clinic.b_waiting), DESK_B)
        (queued,) = desk.hands.waiting()
        wire = desk.hands.segment(queued).wire
        server = copy.deepcopy(self.clinic.server)
        honest = next(
            (Receipt(e.sseq, e.log_hash, 1.0) for e in server.log if e.wire == wire), None
        ) or server.push(wire)
        match rng.randrange(3):
            case 0:
                data = altered(msgspec.msgpack.encode(honest), rng)
            case 1:
                entry = rng.choice(server.log)
                data = msgspec.msgpack.encode(Receipt(entry.sseq, entry.log_hash, 1.0))
            case _:
                at = rng.choice((float("nan"), float("inf"), -1e300, 1e300, -5.0, 2.0**70))
                odd = rng.choice(({"stored_at": at}, {"sseq": 2**63}, {"sseq": 0}, {"sseq": -1}))
                data = msgspec.msgpack.encode(msgspec.structs.replace(honest, **odd))
        try:
            receipt = _read(data, Receipt)
            desk.hands.take_receipt(queued, receipt)
        except KnownError:
            clean = [s.wire for s in desk.store.unacknowledged()] == [wire]
            return REFUSED if clean else "refused, and noted all the same"
        if receipt.sseq >= 2**63:
            return "a number no store holds"
        if (receipt.sseq, receipt.log_hash) == (honest.sseq, honest.log_hash):
            kept = desk.store.kept[queued.hash].stored_ms
            return HARMLESS if kept is not None and 0 <= kept < 2**63 else "a time no store holds"
        without = rebuilt([entry.wire for entry in self.clinic.server.log if entry.wire != wire])
        try:
            desk.pull(lambda after: without.pull(after, 100))
        except KnownError:
            return LATER
        return "a receipt for what the server threw away"

    def members(self, rng: random.Random) -> str:
        """Harmless: the known chain, perhaps not all of it that is new; and only true keys."""
        store = store_of(DESK_B)
        store.records, store.keys = list(CHAIN.records[:1]), {}
        desk = Desk(store, DESK_B)
        records, wraps = list(CHAIN.records), [self._wrap()]
        if rng.random() < 0.3:
            records = reordered(records, rng)
        data = msgspec.msgpack.encode(records)
        wrapped = msgspec.msgpack.encode(wraps)
        if rng.random() < 0.5:
            data = altered(data, rng)
        else:
            wrapped = altered(wrapped, rng)
        try:
            desk.hands.take_members(
                _read(data, list[SignedRecord]), _read(wrapped, list[WrappedKey])
            )
        except KnownError:
            verdict = REFUSED
        else:
            verdict = HARMLESS
        if store.records != CHAIN.records[: len(store.records)] or not store.records:
            return "a chain that nobody signed"
        true = not store.keys or store.keys == {0: EPOCH_KEY}
        return verdict if true else "a key that nobody made"

    def held(self, rng: random.Random) -> str:
        """Harmless: at worst the desk reads the log to its end before it numbers anything."""
        desk = self._b()
        head = desk.store.lane_head(0)
        data = altered(msgspec.msgpack.encode(Held([HeldLane(0, head.n, head.hash)])), rng)
        before = copy.deepcopy(desk.store)
        try:
            desk.hands.take_members(list(CHAIN.records), [], _read(data, Held))
        except KnownError:
            return REFUSED
        same = (desk.store.ops, desk.store.at) == (before.ops, before.at)
        return HARMLESS if same else "the store was changed"

    def grant(self, rng: random.Random) -> str:
        """Harmless: the very clinic, chain and key."""
        data = altered(msgspec.msgpack.encode(self._grant), rng)
        try:
            status = _read(data, EnrolStatus)
            if not status.granted:
                return HARMLESS  # goes on waiting
            granted = open_grant(status, CODE, DESK_B)
        except KnownError:
            return REFUSED
        same = granted.clinic == CLINIC and granted.keys == {0: EPOCH_KEY}
        return HARMLESS if same else "a clinic that nobody founded"

    def photo(self, rng: random.Random) -> str:
        """Harmless: never; a photo is the one of the record or none."""
        try:
            plain = open_chunks(PHOTO_KEY, PHOTO, altered(self._sealed, rng))
        except KnownError:
            return REFUSED
        if hashlib.sha256(plain).digest() != hashlib.sha256(JPEG).digest():
            return REFUSED  # the record's own digest refuses it
        return "another sealed file is the same photo"
