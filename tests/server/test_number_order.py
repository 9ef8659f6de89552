"""Numbers without a gap, visible in their order: over real PostgreSQL, with writers held half-way.

A reader goes on from the newest number it saw. If number 2 can be seen before number 1 is committed,
number 1 is never read. The last test builds exactly that fault and watches it be found.
"""

import hashlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from telemed_protocol.api import (
    FoundClinic,
    PulledSegment,
    PulledSegments,
    Receipt,
    TokenRequest,
)
from telemed_protocol.attachments import PART_BYTES, Announce
from telemed_protocol.errors import KnownError
from telemed_protocol.identity import DeviceIdentity, auth_message
from telemed_protocol.ids import new_id
from telemed_protocol.op import Op, pack_payload
from telemed_protocol.segment import (
    COMPRESSION_ZSTD,
    GENESIS_HASH,
    SealedSegment,
    SegmentHeader,
    next_log_hash,
    seal_segment,
)
from telemed_server import attachments, auth, clinics, room, schema, segments
from telemed_server.auth import Member
from telemed_server.errors import RequestRefused
from telemed_server.places import keepers_engine
from telemed_server.postgres import CONNECTIONS, open_postgres
from tests.server.history import History, faults_of
from tests.server.rig import founding_record
from tests.support.postgres import Postgres

WAIT_S = 60.0


class Clinic:
    """One clinic in a fresh database, with two devices, and connections to it."""

    def __init__(self, postgres: Postgres) -> None:
        self.address = postgres.fresh()
        self.id = new_id()
        self.identities = [DeviceIdentity.generate(new_id()) for _ in range(2)]
        with keepers_engine(self.address) as engine, engine.begin() as db:
            clinics.add_founding_code(db, 0.0, clinics.lookup_hash(b"l" * 16))
            db.execute(
                schema.clinics.insert().values(
                    clinic=self.id, created_at=0.0, head=0, log_hash=GENESIS_HASH
                )
            )
            for identity in self.identities:
                public = identity.public
                db.execute(
                    schema.devices.insert().values(
                        device=public.device,
                        clinic=self.id,
                        signing=public.signing,
                        receiving=public.receiving,
                        active=True,
                    )
                )
        self.engine = open_postgres(self.address, connections=CONNECTIONS)
        self.threads = ThreadPoolExecutor(CONNECTIONS)

    def member(self, which: int = 0) -> Member:
        return Member(self.identities[which].device, self.id)

    def segment(self, which: int) -> SealedSegment:
        who = self.identities[which]
        op = Op(1, who.device, 1, 0, who.device, "test.note", 1, new_id(), (), pack_payload({}))
        header = SegmentHeader(
            *(self.id, who.device, 1, 1, GENESIS_HASH, 0, COMPRESSION_ZSTD, 1, 0, 0, GENESIS_HASH)
        )
        return seal_segment(header, (op,), bytes(32), who)

    def do(self, work: Callable[[sa.Connection], Any]) -> Any:
        with self.engine.begin() as db:
            return work(db)

    def begin(self, work: Callable[[sa.Connection], Any]) -> "Held":
        """Run work in a transaction that stays open."""
        return Held(self, work)

    def waiting(self) -> int:
        """Count transactions that wait for another one."""
        with self.engine.begin() as db:
            return int(
                db.execute(
                    sa.text(
                        "SELECT count(*) FROM pg_stat_activity WHERE usename = current_user"
                        " AND cardinality(pg_blocking_pids(pid)) > 0"
                    )
                ).scalar_one()
            )

    def until_waiting(self, what: "Future[Any]") -> None:
        until = time.monotonic() + WAIT_S
        while not self.waiting():
            assert not what.done(), "it did not wait"
            assert time.monotonic() < until
            time.sleep(0.02)

    def close(self) -> None:
        self.threads.shutdown()
        self.engine.dispose()


class Held:
    """A transaction that did its work and is not committed yet."""

    def __init__(self, clinic: Clinic, work: Callable[[sa.Connection], Any]) -> None:
        self._go, self._done = threading.Event(), threading.Event()
        self.result = clinic.threads.submit(clinic.do, lambda db: self._run(db, work))
        assert self._done.wait(WAIT_S)

    def _run(self, db: sa.Connection, work: Callable[[sa.Connection], Any]) -> Any:
        try:
            result = work(db)
        finally:
            self._done.set()
        assert self._go.wait(WAIT_S)
        return result

    def commit(self) -> Any:
        self._go.set()
        return self.result.result(WAIT_S)


@pytest.fixture
def clinic(postgres: Postgres) -> Any:
    made = Clinic(postgres)
    yield made
    made.close()


def read_as_it_goes(clinic: Clinic, seen: list[PulledSegment]) -> None:
    """Pull what follows the newest number, as a desk does."""
    after = seen[-1].sseq if seen else 0
    page: PulledSegments = clinic.do(lambda db: segments.pull(db, clinic.id, after, 100))
    seen += page.segments


def test_a_second_writer_waits_for_the_first_and_readers_see_both_in_order(clinic: Clinic) -> None:
    seen: list[PulledSegment] = []
    wires = [clinic.segment(0), clinic.segment(1)]
    first = clinic.begin(lambda db: segments.append(db, 1.0, clinic.member(0), wires[0]))
    second = clinic.threads.submit(
        clinic.do, lambda db: segments.append(db, 2.0, clinic.member(1), wires[1])
    )
    clinic.until_waiting(second)
    read_as_it_goes(clinic, seen)
    assert seen == []  # nothing is promised yet, and nothing is shown
    receipts = [first.commit().receipt, second.result(WAIT_S).receipt]
    read_as_it_goes(clinic, seen)
    assert [receipt.sseq for receipt in receipts] == [item.sseq for item in seen] == [1, 2]
    noted = {wire.hash: receipt for wire, receipt in zip(wires, receipts, strict=True)}
    assert faults_of(History(noted, {"reader": seen})) == []


def test_a_number_that_was_rolled_back_is_given_again(clinic: Clinic) -> None:
    def fail(db: sa.Connection) -> None:
        segments.append(db, 1.0, clinic.member(0), clinic.segment(0))
        raise RequestRefused(503, "cut off")

    with pytest.raises(KnownError):
        clinic.do(fail)
    appended = clinic.do(lambda db: segments.append(db, 2.0, clinic.member(1), clinic.segment(1)))
    assert appended.receipt.sseq == 1


def append_by_sequence(db: sa.Connection, member: Member, segment: SealedSegment) -> Receipt:
    """The planted fault: a database's own sequence hands out numbers before they are committed."""
    sseq = int(db.execute(sa.text("SELECT nextval('planted')")).scalar_one())
    log_hash = next_log_hash(GENESIS_HASH, segment.hash)
    header = segment.header
    db.execute(
        schema.segments.insert().values(
            clinic=member.clinic,
            sseq=sseq,
            device=header.device,
            lane=header.lane,
            n=header.n,
            hash=segment.hash,
            log_hash=log_hash,
            stored_at=0.0,
            wire=segment.wire,
        )
    )
    return Receipt(sseq, log_hash, 0.0)


def test_planted_numbers_from_a_sequence_lose_one_and_it_is_found(clinic: Clinic) -> None:
    clinic.do(lambda db: db.execute(sa.text("CREATE SEQUENCE planted")))
    seen: list[PulledSegment] = []
    wires = [clinic.segment(0), clinic.segment(1)]
    first = clinic.begin(lambda db: append_by_sequence(db, clinic.member(0), wires[0]))
    other = clinic.do(lambda db: append_by_sequence(db, clinic.member(1), wires[1]))
    read_as_it_goes(clinic, seen)
    mine = first.commit()
    read_as_it_goes(clinic, seen)
    assert [item.sseq for item in seen] == [2]  # number 1 will never be read
    faults = faults_of(History({wires[0].hash: mine, wires[1].hash: other}, {"reader": seen}))
    assert "reader: number 2 came where 1 was due" in faults
    assert any("a receipt for number 1" in fault for fault in faults)


def test_what_a_removed_device_sends_at_that_moment_is_refused(clinic: Clinic) -> None:
    def remove(db: sa.Connection) -> None:
        db.execute(
            sa.select(schema.clinics.c.head)
            .where(schema.clinics.c.clinic == clinic.id)
            .with_for_update(key_share=True)
        )
        db.execute(
            schema.devices.update()
            .where(schema.devices.c.device == clinic.member(1).device)
            .values(active=False)
        )

    removal = clinic.begin(remove)
    pushed = clinic.threads.submit(
        clinic.do, lambda db: segments.append(db, 1.0, clinic.member(1), clinic.segment(1))
    )
    clinic.until_waiting(pushed)
    removal.commit()
    with pytest.raises(RequestRefused) as refused:
        pushed.result(WAIT_S)
    assert refused.value.status == 401


def test_two_last_parts_at_once_make_the_photo_whole(clinic: Clinic) -> None:
    data = os.urandom(2 * PART_BYTES)
    attachment, announced = new_id(), Announce(len(data), hashlib.sha256(data).digest())
    clinic.do(
        lambda db: attachments.announce(
            db, 1.0, clinic.member(), attachment, announced, quota=10**9
        )
    )

    def keep(part: int) -> Callable[[sa.Connection], Any]:
        piece = data[part * PART_BYTES : (part + 1) * PART_BYTES]
        return lambda db: attachments.keep_part(
            db, 2.0, clinic.id, attachment, part=part, data=piece
        )

    first = clinic.begin(keep(0))
    second = clinic.threads.submit(clinic.do, keep(1))
    clinic.until_waiting(second)
    assert not first.commit().whole
    assert second.result(WAIT_S).whole


def test_one_code_founds_one_clinic_though_two_ask_at_once(clinic: Clinic) -> None:
    asks = []
    for _ in range(2):
        identity = DeviceIdentity.generate(new_id())
        asks.append(FoundClinic(b"l" * 16, founding_record(identity, new_id())))
    first = clinic.begin(lambda db: clinics.found(db, 1.0, asks[0]))
    second = clinic.threads.submit(clinic.do, lambda db: clinics.found(db, 1.0, asks[1]))
    clinic.until_waiting(second)
    first.commit()
    with pytest.raises(RequestRefused, match="code_not_valid"):
        second.result(WAIT_S)


def test_boxes_of_a_seat_are_numbered_one_after_the_other(clinic: Clinic) -> None:
    seat, jti = "ab" * 16, b"j" * 32

    def prepare(db: sa.Connection) -> None:
        db.execute(
            schema.links.insert().values(
                jti_hash=jti,
                clinic=clinic.id,
                created_by=clinic.member().device,
                not_before=0.0,
                expires_at=1.0,
                card=b"",
            )
        )
        db.execute(
            schema.seats.insert().values(
                seat=seat,
                clinic=clinic.id,
                jti_hash=jti,
                state="waiting",
                arrived_at=0.0,
                heard_at=0.0,
            )
        )

    clinic.do(prepare)
    first = clinic.begin(lambda db: room.store_from_page(db, 1.0, seat, room.Sent("a", b"1")))
    second = clinic.threads.submit(
        clinic.do, lambda db: room.store_from_page(db, 1.0, seat, room.Sent("b", b"2"))
    )
    clinic.until_waiting(second)
    assert clinic.do(lambda db: room.boxes_after(db, seat, "to-desk", 0, 9)) == []
    first.commit()
    second.result(WAIT_S)
    found = clinic.do(lambda db: room.boxes_after(db, seat, "to-desk", 0, 9))
    assert found == [room.Box(1, b"1"), room.Box(2, b"2")]


def test_a_nonce_is_spent_once_though_two_processes_take_it_at_once(clinic: Clinic) -> None:
    who = clinic.identities[0]
    nonce = os.urandom(32)
    request = TokenRequest(who.device, nonce, who.sign(auth_message("h", who.device, nonce)))
    first = clinic.begin(lambda db: auth.issue_token(db, 1.0, "h", request))
    second = clinic.threads.submit(clinic.do, lambda db: auth.issue_token(db, 1.0, "h", request))
    clinic.until_waiting(second)
    first.commit()
    # The store does such a transaction again, and then the nonce is seen to be spent.
    with pytest.raises(sa.exc.IntegrityError):
        second.result(WAIT_S)
    with pytest.raises(RequestRefused, match="not_authorised"):
        clinic.do(lambda db: auth.issue_token(db, 1.0, "h", request))
