"""A log's end read before its middle, and pages taken in whole: the records come out the same."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.sync.history import ClinicHistory
from telemed_desk.sync.ahead import WINDOW, WORTH_IT, NewestFirst, Span
from telemed_desk.sync.ports import BulkStore
from telemed_desk.sync.problems import ServerInconsistent
from telemed_desk.sync.receiving import LogReader
from telemed_desk.vault import Vault
from telemed_desk.vault.log_gap import unread
from telemed_protocol.api import PulledSegment, PulledSegments
from telemed_protocol.errors import BugError
from telemed_protocol.membership import MemberRecord, SignedRecord, sign_record
from telemed_protocol.op import Op
from telemed_protocol.progress import Cursor
from telemed_protocol.segment import (
    GENESIS_HASH,
    SealedSegment,
    next_log_hash,
    open_segment,
    parse_segment,
)
from tests.sync.clinic_of_two import CHAIN, CLINIC, DESK_A, DESK_B, EPOCH_KEY, store_of
from tests.sync.real_desk import RealDesk, wall_ms

QUERIES = {
    **{name: f"SELECT * FROM {name}" for name in ("log", "patient", "consult", "note", "link")},
    "note_rev": "SELECT * FROM note_rev",
    "op": "SELECT * FROM op WHERE own = 0",
    "segment": "SELECT device, lane, n, hash, epoch, size, own, sseq FROM segment",
    # What came in the same millisecond is numbered in the order of arrival.
    "search_doc": "SELECT id / 1048576, kind, entity FROM search_doc",
}
DAY_MS = 86_400_000


def log_of(visits: int, end_ms: int) -> list[PulledSegment]:
    """What desk A recorded, as the server shows it."""
    history = ClinicHistory(DESK_A, CLINIC, EPOCH_KEY, b"c" * 16)
    log_hash, log = GENESIS_HASH, []
    for sseq, wire in enumerate(history.wires(visits, end_ms), 1):
        log_hash = next_log_hash(log_hash, parse_segment(wire).hash)
        log.append(PulledSegment(sseq, log_hash, wire))
    return log


def page(log: Sequence[PulledSegment], after: int, limit: int) -> PulledSegments:
    return PulledSegments(list(log[after : after + limit]), len(log))


@contextmanager
def vault_of(folder: Path, name: str) -> Iterator[Vault]:
    desk = RealDesk(folder / name, "Dr Brian Mfano", "http://127.0.0.1:1")
    desk.vault.set_clinic(CLINIC).result()
    desk.vault.keep_epoch_key(0, EPOCH_KEY)
    try:
        yield desk.vault
    finally:
        desk.vault.lock()


def read_all(vault: Vault, log: Sequence[PulledSegment], bulk: BulkStore | None) -> None:
    reader = LogReader(vault, DESK_B.device, lambda: 0, bulk)
    while (at := vault.cursor().sseq) < len(log):
        reader.take(page(log, at, 60), reader.position(), CHAIN)


def left_to_read(vault: Vault) -> int:
    with vault.reading() as connection:
        return unread(connection)


def dump(vault: Vault) -> dict[str, list[tuple[object, ...]]]:
    with vault.reading() as connection:
        return {
            table: sorted((tuple(row) for row in connection.exec_driver_sql(query)), key=repr)
            for table, query in QUERIES.items()
        }


def test_the_same_records_come_of_any_way_to_read_the_log(tmp_path: Path) -> None:
    log = log_of(40, wall_ms())
    with vault_of(tmp_path, "one-by-one") as plain, vault_of(tmp_path, "bulk") as vault:
        read_all(plain, log, None)
        newest = NewestFirst(vault, vault, DESK_B.device)
        for before in (len(log) + 1, len(log) - 50):
            span = Span(before - 61, before, before - 61)
            newest.take(span, page(log, span.after, 60), CHAIN, wall_ms())
        assert vault.cursor().sseq == 0
        assert dump(vault)["consult"]
        assert left_to_read(vault) == len(log)
        ((_, patient), *_) = vault.today(0, wall_ms() + DAY_MS)
        assert patient.incomplete
        before = vault.patient(patient.entity)
        assert before is None or before.incomplete
        read_all(vault, log, vault)
        assert left_to_read(vault) == 0
        after = vault.patient(patient.entity)
        assert after is not None
        assert not after.incomplete
        assert not any(who.incomplete for _, who in vault.today(0, wall_ms() + DAY_MS))
        assert dump(vault) == dump(plain)
        assert vault.search("mfano") == plain.search("mfano")


def test_a_page_with_a_gap_changes_nothing(tmp_path: Path) -> None:
    log = log_of(2, wall_ms())
    steps = []
    for pulled in (log[0], log[2]):
        segment = parse_segment(pulled.wire)
        cursor = Cursor(pulled.sseq, pulled.log_hash)
        steps.append((segment, open_segment(segment, EPOCH_KEY), cursor))
    with vault_of(tmp_path, "b") as vault:
        before = dump(vault)
        with pytest.raises(BugError):
            vault.apply_page(steps)
        assert dump(vault) == before


class Kept:
    """Takes what it is given."""

    def __init__(self) -> None:
        self.segments: list[SealedSegment] = []

    def apply_page(self, pulled: Sequence[tuple[SealedSegment, tuple[Op, ...], Cursor]]) -> None:
        raise AssertionError(len(pulled))

    def apply_ahead(
        self, found: Sequence[tuple[SealedSegment, tuple[Op, ...]]], up_to: int
    ) -> None:
        self.up_to = up_to
        self.segments += [segment for segment, _ in found]


def records(*more: SignedRecord) -> list[SignedRecord]:
    return [*CHAIN.records, *more]


def test_only_what_a_member_signed_is_believed_ahead() -> None:
    log = log_of(1, wall_ms())
    forged = log[1].wire[:-1] + bytes([log[1].wire[-1] ^ 1])
    altered = PulledSegment(log[1].sseq, log[1].log_hash, forged)
    bulk = Kept()
    newest = NewestFirst(store_of(DESK_B), bulk, DESK_B.device)
    whole = Span(0, len(log) + 1, 0)
    shown = [log[0], altered, *log[2:]]
    newest.take(whole, page(shown, 0, 100), CHAIN, wall_ms())
    assert [s.wire for s in bulk.segments] == [log[0].wire, *(one.wire for one in log[2:])]
    removed = type(CHAIN)()
    gone = MemberRecord(1, CLINIC, 3, CHAIN.head, "revoke", DESK_A.public, 1, DESK_B.device)
    for record in records(sign_record(gone, DESK_B)):
        removed.extend(record)
    bulk.segments.clear()
    newest.take(whole, page(log, 0, 100), removed, wall_ms())
    assert not bulk.segments
    reader = LogReader(store_of(DESK_B), DESK_B.device, lambda: 0)
    with pytest.raises(ServerInconsistent):  # when the cursor comes there, it is judged
        reader.take(page(shown, 0, 100), reader.position(), CHAIN)


def test_it_ends_behind_the_newest_thirty_days() -> None:
    newest = NewestFirst(store_of(DESK_B), Kept(), DESK_B.device)
    assert newest.first(0, WORTH_IT - 1) is None
    recent, old = log_of(1, wall_ms()), log_of(1, wall_ms() - 31 * DAY_MS)
    span = Span(0, 100, 0)
    newest.take(span, page(recent, 0, 100), CHAIN, wall_ms())
    assert not newest.done
    newest.take(span, page(old, 0, 100), CHAIN, wall_ms())
    assert newest.done
    assert newest.first(0, 10 * WORTH_IT) is None


@given(st.integers(0, 3_000), st.integers(WORTH_IT, 9_000), st.integers(1, WINDOW))
def test_every_number_beyond_the_cursor_is_asked_for_once(
    cursor: int, more: int, limit: int
) -> None:
    head = cursor + more
    span = NewestFirst(store_of(DESK_B), Kept(), DESK_B.device).first(cursor, head)
    seen: list[int] = []
    while span is not None:
        numbers = list(range(span.after + 1, min(span.after + limit + 1, span.before)))
        seen += numbers
        got = [PulledSegment(sseq, b"", b"") for sseq in numbers]
        span = NewestFirst.next_after(span, PulledSegments(got, head), cursor)
    assert sorted(seen) == list(range(cursor + 1, head + 1))
    assert seen[:1] == [max(cursor, head - WINDOW) + 1]
