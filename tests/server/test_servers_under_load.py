"""Desks write and read through two server processes while one is killed and PostgreSQL crashes.

What each was answered is kept and checked for lost, doubled and reordered numbers; the checker itself
is shown histories that cannot be true.
"""

import copy
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

import pytest

from telemed_protocol.api import PulledSegment, Receipt
from telemed_protocol.segment import GENESIS_HASH, next_log_hash, parse_segment
from telemed_server import keeper
from tests.server.history import PATIENCE_S, History, Reader, Writer, faults_of
from tests.server.rig import WIDE, Desk, ServerProcess
from tests.support.postgres import Postgres

LANES = 5


class Load:
    """Five lanes of one desk, written through both processes, and two readers, until finished."""

    def __init__(self, a: ServerProcess, b: ServerProcess) -> None:
        self.seen = History()
        self.desk = Desk.founding(a)
        self._servers = [a, b]
        self._threads = ThreadPoolExecutor(LANES + 2)
        self._stop, self._stopped = threading.Event(), threading.Event()
        self._writers: list[Future[None]] = []
        self._readers: list[Future[None]] = []

    def go_on(self, count: int = 15) -> None:
        """Wait until so many more segments have their receipt."""
        goal = len(self.seen.receipts) + count
        until = time.monotonic() + PATIENCE_S
        while len(self.seen.receipts) < goal:
            for client in (*self._writers, *self._readers):
                if client.done():
                    client.result()
            assert time.monotonic() < until, f"{len(self.seen.receipts)} receipts"
            time.sleep(0.01)

    def finish(self) -> list[str]:
        """Wait for everybody; returns what is wrong with the history."""
        self.go_on()
        self._stop.set()
        for writer in self._writers:
            writer.result(PATIENCE_S)
        self._stopped.set()
        for reader in self._readers:
            reader.result(PATIENCE_S)
        return faults_of(self.seen)

    def __enter__(self) -> Self:
        for lane in range(LANES):
            servers = self._servers if lane % 2 else self._servers[::-1]
            writer = Writer(servers, self.desk, lane, self._stop, self.seen)
            self._writers.append(self._threads.submit(writer.run))
        for name, servers in (("reader a", self._servers), ("reader b", self._servers[::-1])):
            reader = Reader(name, servers, self.desk, self._stopped, self.seen)
            self._readers.append(self._threads.submit(reader.run))
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._stopped.set()
        self.seen.is_over = True
        self._threads.shutdown()
        self.desk.close()


def test_no_number_is_lost_doubled_or_reordered_when_servers_and_database_die(
    mortal_postgres: Postgres, tmp_path: Path
) -> None:
    own = mortal_postgres
    store = own.fresh()
    a = ServerProcess(tmp_path / "a", *WIDE, store=store)
    b = ServerProcess(tmp_path / "b", *WIDE, store=store)
    with a, b, Load(a, b) as load:
        load.go_on()
        a.kill()
        load.go_on()
        a.start()
        load.go_on()
        own.stop(crash=True)
        own.start()
        load.go_on()
        b.kill()
        own.stop()
        own.start()
        b.start()
        assert load.finish() == []
        for server in (a, b):
            assert server.stop() == 0
            assert b"Traceback" not in server.log.read_bytes()
    report = keeper.check(store)
    assert (report.faults, report.segments) == ([], len(load.seen.receipts))
    assert report.segments == len(load.seen.pulls["reader a"])


# ---- the checker is checked ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> History:
    with ServerProcess(tmp_path_factory.mktemp("honest") / "data", *WIDE) as server:
        desk = Desk.founding(server)
        seen, log, log_hash = History(), list[PulledSegment](), GENESIS_HASH
        prev = GENESIS_HASH
        for n in range(1, 6):
            segment = desk.seal(1, n, prev)
            prev = segment.hash
            log_hash = next_log_hash(log_hash, segment.hash)
            log.append(PulledSegment(n, log_hash, segment.wire))
            seen.note(segment.hash, Receipt(n, log_hash, 0.0))
        seen.pulls = {"a": log, "b": list(log)}
        desk.close()
    return seen


def lose(seen: History) -> None:
    del seen.pulls["a"][2]


def double(seen: History) -> None:
    seen.pulls["a"].insert(2, seen.pulls["a"][1])


def reorder(seen: History) -> None:
    log = seen.pulls["a"]
    log[1], log[2] = log[2], log[1]


def renumber(seen: History) -> None:
    for log in seen.pulls.values():
        log[2] = PulledSegment(3, log[2].log_hash, log[1].wire)


def lose_the_last(seen: History) -> None:
    for log in seen.pulls.values():
        log.pop()


def receive_twice(seen: History) -> None:
    segment_hash = parse_segment(seen.pulls["a"][0].wire).hash
    seen.note(segment_hash, Receipt(9, bytes(32), 0.0))


def disagree(seen: History) -> None:
    seen.pulls["b"][4] = PulledSegment(5, bytes(32), seen.pulls["b"][3].wire)


@pytest.mark.parametrize(
    "fault", [lose, double, reorder, renumber, lose_the_last, receive_twice, disagree]
)
def test_a_history_that_cannot_be_true_is_found(
    honest: History, fault: Callable[[History], None]
) -> None:
    assert faults_of(honest) == []
    spoilt = History(dict(honest.receipts), copy.deepcopy(honest.pulls), list(honest.odd))
    fault(spoilt)
    assert faults_of(spoilt)
