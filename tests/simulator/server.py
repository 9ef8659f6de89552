"""The small server: an honest double, the real log's logic, and servers that lie.

``test_server_contract.py`` holds the double against the real logic.
"""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import sqlalchemy as sa
import sqlcipher3.dbapi2 as driver

from telemed_desk.sync.membership import verified_chain
from telemed_desk.sync.problems import NotAuthorised, Refused
from telemed_protocol.api import (
    AddMember,
    Held,
    HeldLane,
    PulledSegment,
    PulledSegments,
    Receipt,
    WrappedKey,
)
from telemed_protocol.errors import ForgeryError, FormatError
from telemed_protocol.membership import SignedRecord
from telemed_protocol.segment import GENESIS_HASH, next_log_hash, parse_segment, verify_segment
from telemed_server import schema, segments
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from tests.simulator.cast import CLINIC, PUBLICS, epoch_key

T = TypeVar("T")


@dataclass
class SimServer:
    """Keeps the clinic's log and its members. ``count`` desks of the cast belong to it."""

    records: list[SignedRecord]
    active: set[bytes]
    wraps: dict[bytes, list[WrappedKey]] = field(default_factory=dict)
    log: list[PulledSegment] = field(default_factory=list)
    kept: dict[tuple[bytes, int, int], tuple[bytes, Receipt]] = field(default_factory=dict)
    newest: dict[tuple[bytes, int], tuple[int, bytes]] = field(default_factory=dict)
    removed: dict[bytes, int] = field(default_factory=dict)
    keys: dict[int, bytes] = field(default_factory=lambda: {0: epoch_key(0)})

    def push(self, device: bytes, wire: bytes) -> Receipt:
        self.admit(device)
        try:
            segment = parse_segment(wire)
        except FormatError as error:
            raise Refused("segment_format", 422) from error
        header = segment.header
        if header.device != device:
            raise Refused("segment_other_device", 422)
        if header.clinic != CLINIC:
            raise Refused("segment_other_clinic", 422)
        try:
            verify_segment(segment, PUBLICS[device].signing)
        except ForgeryError as error:
            raise Refused("segment_forged", 422) from error
        last_n, last_hash = self.newest.get((device, header.lane), (0, GENESIS_HASH))
        if header.n <= last_n:
            known, receipt = self.kept[device, header.lane, header.n]
            if known != wire:
                raise Refused("segment_conflict", 409)
            return self.repeated(wire, receipt)
        if header.n != last_n + 1:
            raise Refused("segment_gap", 409)
        if header.prev_hash != last_hash:
            raise Refused("segment_fork", 409)
        return self.append(wire)

    def repeated(self, _wire: bytes, receipt: Receipt) -> Receipt:
        return receipt

    def append(self, wire: bytes) -> Receipt:
        segment = parse_segment(wire)
        header = segment.header
        before = self.log[-1].log_hash if self.log else GENESIS_HASH
        receipt = Receipt(len(self.log) + 1, next_log_hash(before, segment.hash), 0.0)
        self.log.append(PulledSegment(receipt.sseq, receipt.log_hash, wire))
        self.kept[header.device, header.lane, header.n] = (wire, receipt)
        self.newest[header.device, header.lane] = (header.n, segment.hash)
        return receipt

    def admit(self, device: bytes) -> None:
        if device not in self.active:
            raise NotAuthorised("not_authorised")

    def pull(self, device: bytes, after: int, limit: int) -> PulledSegments:
        self.admit(device)
        return PulledSegments(self.log[after : after + limit], len(self.log))

    def members(self, device: bytes) -> tuple[list[SignedRecord], list[WrappedKey]]:
        self.admit(device)
        return list(self.records), list(self.wraps.get(device, ()))

    def held(self, device: bytes) -> Held:
        self.admit(device)
        mine = sorted((lane, *at) for (who, lane), at in self.newest.items() if who == device)
        return Held([HeldLane(lane, n, known) for lane, n, known in mine])

    def add_member(self, device: bytes, change: AddMember, key: bytes) -> None:
        """A member desk removes another; the simulation, not the server, is told the key."""
        self.admit(device)
        record = change.record.parse()
        if record.n != len(self.records) + 1 or record.prev_hash != self.records[-1].hash:
            raise Refused("chain_moved_on", 409)
        verified_chain([*self.records, change.record])
        self.records.append(change.record)
        self.out(record.member.device)
        self.removed[record.member.device] = record.epoch
        self.keys[record.epoch] = key
        for wrap in change.wraps:
            self.wraps.setdefault(wrap.device, []).append(wrap)

    def out(self, device: bytes) -> None:
        self.active.discard(device)


def in_memory() -> sa.Engine:
    return sa.create_engine(
        "sqlite://",
        creator=lambda: driver.connect(":memory:", check_same_thread=False),
        module=driver,
        poolclass=sa.pool.StaticPool,
    )


@dataclass
class RealLog(SimServer):
    """The same, with the log kept by the real server's own code, in SQLite or in an empty PostgreSQL."""

    engine: sa.Engine = field(default_factory=in_memory)

    def __post_init__(self) -> None:
        schema.metadata.create_all(self.engine)
        with self.engine.begin() as db:
            db.execute(
                schema.clinics.insert().values(
                    clinic=CLINIC, created_at=0.0, head=0, log_hash=GENESIS_HASH
                )
            )
            for device in sorted(self.active):
                public = PUBLICS[device]
                db.execute(
                    schema.devices.insert().values(
                        device=device,
                        clinic=CLINIC,
                        signing=public.signing,
                        receiving=public.receiving,
                        active=True,
                    )
                )

    def close(self) -> None:
        self.engine.dispose()

    def push(self, device: bytes, wire: bytes) -> Receipt:
        self.admit(device)
        member = Member(device, CLINIC)
        with translated():
            segment = segments.parse_pushed(wire, member)
            return self._do(lambda db: segments.append(db, 0.0, member, segment)).receipt

    def pull(self, device: bytes, after: int, limit: int) -> PulledSegments:
        self.admit(device)
        return self._do(lambda db: segments.pull(db, CLINIC, after, limit))

    def held(self, device: bytes) -> Held:
        self.admit(device)
        return self._do(lambda db: segments.held(db, Member(device, CLINIC)))

    def _do(self, work: Callable[[sa.Connection], T]) -> T:
        with self.engine.begin() as db:
            return work(db)


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn the server's refusals into what the desk's client makes of them."""
    try:
        yield
    except RequestRefused as error:
        if error.status == 401:
            raise NotAuthorised(error.problem) from error
        raise Refused(error.problem, error.status) from error
