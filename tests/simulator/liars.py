"""Servers that lie, each about one thing, from some moment on; all hashes follow, as a liar's would.

A lie counts as told once a desk has looked at it: an answer that was lost, or cut short, told nothing.
"""

import hashlib
import random
from collections.abc import Callable

import msgspec

from telemed_protocol.api import PulledSegment, PulledSegments, Receipt, WrappedKey
from telemed_protocol.identity import wrap_for
from telemed_protocol.membership import MemberRecord, SignedRecord, sign_record, wrap_info
from telemed_protocol.op import OP_VERSION, READER_VERSION, Lane, Op, pack_payload
from telemed_protocol.segment import (
    COMPRESSION_ZSTD,
    GENESIS_HASH,
    SegmentHeader,
    next_log_hash,
    parse_segment,
    seal_segment,
)
from tests.simulator.cast import CLINIC, PUBLICS, STRANGER, epoch_key
from tests.simulator.server import SimServer

ABOUT_MEMBERS = ("rekey", "old-members")
"""Lies about who is a member and about the keys; the others are about the log."""

LIARS_KEY = b"the server's own key".ljust(32, b".")


class Liar:
    """Stands between an honest server and the desks, and shows some of them another log."""

    def __init__(self, honest: SimServer, kind: str, rng: random.Random) -> None:
        self.honest = honest
        self.kind = kind
        self.rng = rng
        self.lying = False
        self.lied_to: set[bytes] = set()
        self._apart: set[bytes] = set()
        self._other: SimServer | None = None
        self._given: dict[bytes, Receipt] = {}
        self._contradictions: list[PulledSegment] = []
        self.has_key: Callable[[bytes, int], bool] = lambda _device, _epoch: False

    def begin(self, victims: set[bytes], seen: int) -> None:
        """Begin to lie to these desks, one of which has read so far, if there is something to read."""
        if self.kind in ABOUT_MEMBERS:
            self._apart = self._apart or victims
            self.lying = True
            return
        wires = [entry.wire for entry in self.honest.log]
        if self.lying or len(wires) < 3:
            return
        changed = self._changed(wires, min(seen, len(wires) - 2))
        if changed is None:
            return
        self.lying = True
        self._apart = victims
        self._other = _rebuilt(self.honest, changed)

    def _changed(self, wires: list[bytes], seen: int) -> list[bytes] | None:
        """Return the log that the victims are shown, or None when nothing fits the lie yet."""
        fresh = self.kind in {"omit", "swap", "edit"}
        at = self.rng.randrange(seen if fresh else 0, len(wires) - 1)
        lanes = [(h.device, h.lane) for h in (parse_segment(w).header for w in wires)]
        shown: list[bytes] | None = wires
        match self.kind:
            case "omit":
                # A lane with something behind it, or nothing shows that it is missing.
                shown = wires[:at] + wires[at + 1 :] if lanes[at] in lanes[at + 1 :] else None
            case "swap":
                swapped = [*wires[:at], wires[at + 1], wires[at], *wires[at + 2 :]]
                shown = swapped if lanes[at] == lanes[at + 1] else None
            case "edit":
                wire = bytearray(wires[at])
                wire[self.rng.randrange(3, len(wire))] ^= 1 << self.rng.randrange(8)
                shown = [*wires[:at], bytes(wire), *wires[at + 1 :]]
            case "rollback":
                shown = wires[: at + 1]
            case "stranger":
                shown = [*wires, _forged(STRANGER.device, wires)]
            case "forge":
                shown = [*wires, _forged(lanes[at][0], wires)]
        return shown

    def __getattr__(self, name: str) -> object:
        return getattr(self.honest, name)

    def push(self, device: bytes, wire: bytes) -> Receipt:
        if wire in self._given:
            return self._given[wire]
        before = len(self.honest.log)
        receipt = self.honest.push(device, wire)
        if not self.lying or self._other is None or len(self.honest.log) == before:
            return receipt
        if self.kind == "receipt" and device in self._apart:
            return msgspec.structs.replace(receipt, log_hash=hashlib.sha256(wire).digest())
        if self.kind == "fork":
            # Two histories: each side sees its own at once, and of the other only what the liar
            # chooses: the newest, without what came before.
            if device in self._apart:
                self.honest.log.pop()
                self._given[wire] = self._other.append(wire)
                return self._given[wire]
            if self.rng.random() < 0.5:
                contradicts = _contradicts(self._other, wire)
                self._other.append(wire)
                if contradicts:
                    self._contradictions.append(self._other.log[-1])
        return receipt

    def taken(self, device: bytes, receipt: Receipt, cursor_sseq: int) -> None:
        """A desk looks at a receipt: can it see that the hash is made up?"""
        visible = self.kind == "receipt" and receipt.sseq <= cursor_sseq + 1
        if visible and receipt.log_hash != self.honest.log[receipt.sseq - 1].log_hash:
            self.lied_to.add(device)

    def page_taken(self, device: bytes, page: PulledSegments, after: int) -> None:
        """A desk looks at a page that it asked for with this number: does it give the lie away?"""
        if not self._is_lied_to(device):
            return
        match self.kind:
            case "old-members":
                # Nothing does before somebody seals under the epoch that is kept from them.
                epochs = [parse_segment(entry.wire).header.epoch for entry in page.segments]
                told = any(not self.has_key(device, epoch) for epoch in epochs)
            case "fork":
                told = any(entry in self._contradictions for entry in page.segments)
            case "rekey" | "receipt":
                told = False
            case _:
                # Only what differs from the truth, or is less than was shown before.
                told = page.head < after or any(self._is_made_up(e) for e in page.segments)
        if told:
            self.lied_to.add(device)

    def _is_made_up(self, entry: PulledSegment) -> bool:
        truth = self.honest.log
        return entry.sseq > len(truth) or truth[entry.sseq - 1] != entry

    def members_taken(self, device: bytes, records: list[SignedRecord]) -> None:
        """A desk looks at what it was told of the members."""
        if self.kind == "stranger" and any(r not in self.honest.records for r in records):
            self.lied_to.add(device)

    def pull(self, device: bytes, after: int, limit: int) -> PulledSegments:
        honest = self.honest.pull(device, after, limit)
        if self._other is None or device not in self._apart or self.kind == "receipt":
            return honest
        log = self._other.log
        return PulledSegments(log[after : after + limit], len(log))

    def members(self, device: bytes) -> tuple[list[SignedRecord], list[WrappedKey]]:
        records, wraps = self.honest.members(device)
        if self._is_lied_to(device):
            records, wraps = self._other_members(device, records, wraps)
        if self.kind == "stranger" and self.lying:
            public = PUBLICS[STRANGER.device]
            forged = MemberRecord(
                1,
                CLINIC,
                len(records) + 1,
                records[-1].hash,
                "add",
                public,
                0,
                parse_record_author(records[0]),
            )
            records = [*records, sign_record(forged, STRANGER)]
        return records, wraps

    def _is_lied_to(self, device: bytes) -> bool:
        return self.lying and device in self._apart

    def _other_members(
        self, device: bytes, records: list[SignedRecord], wraps: list[WrappedKey]
    ) -> tuple[list[SignedRecord], list[WrappedKey]]:
        match self.kind:
            case "rekey":
                # Whoever takes this key seals notes that the server can read.
                changed = []
                for wrap in wraps:
                    if self.has_key(device, wrap.epoch):
                        changed.append(wrap)
                        continue
                    info = wrap_info(CLINIC, wrap.epoch, device)
                    made = wrap_for(PUBLICS[device], LIARS_KEY, info)
                    # Who had its own key before this arrived notices nothing, and need not.
                    changed.append(WrappedKey(wrap.epoch, device, made))
                return records, changed
            case "old-members":
                while records and not self.has_key(device, records[-1].parse().epoch):
                    records = records[:-1]
                return records, [w for w in wraps if self.has_key(device, w.epoch)]
        return records, wraps


def _contradicts(other: SimServer, wire: bytes) -> bool:
    """Whether a segment's own words do not fit the log that it is put into."""
    header = parse_segment(wire).header
    if header.seen_sseq > len(other.log):
        return True
    known = other.log[header.seen_sseq - 1].log_hash if header.seen_sseq else GENESIS_HASH
    return known != header.seen_log_hash


def parse_record_author(record: SignedRecord) -> bytes:
    """Whose name the liar writes under its record."""
    return record.parse().by


def _rebuilt(honest: SimServer, wires: list[bytes]) -> SimServer:
    other = SimServer(honest.records, honest.active)
    log_hash = GENESIS_HASH
    for sseq, wire in enumerate(wires, 1):
        log_hash = next_log_hash(log_hash, hashlib.sha256(wire).digest())
        other.log.append(PulledSegment(sseq, log_hash, wire))
    return other


def _forged(device: bytes, wires: list[bytes]) -> bytes:
    """What an insider who knows the clinic's key, but not this device's, can make."""
    lane = Lane.PATIENTS
    n, prev, number = 0, GENESIS_HASH, 900
    for wire in wires:
        segment = parse_segment(wire)
        if (segment.header.device, segment.header.lane) == (device, lane):
            n, prev = segment.header.n, segment.hash
    op = Op(
        OP_VERSION,
        device,
        number,
        1,
        device,
        "device.set",
        READER_VERSION,
        device,
        (),
        pack_payload({"label": "forged"}),
    )
    header = SegmentHeader(
        CLINIC, device, lane, n + 1, prev, 0, COMPRESSION_ZSTD, 1, 0, 0, GENESIS_HASH
    )
    identity = msgspec.structs.replace(STRANGER, device=device)
    return seal_segment(header, (op,), epoch_key(0), identity).wire
