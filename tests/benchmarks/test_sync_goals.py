"""The table of store and sync: what is met, what is not, and what was not measured."""

import math
import sqlite3
from pathlib import Path

import pytest

from benchmarks.store_ratios import apply_and_search, durable_save
from benchmarks.sync.far_end import fill, write_wires
from benchmarks.sync.goals import GOALS, MET, MISSED, NOT_MEASURED, percentile, table
from benchmarks.sync.history import ClinicHistory
from benchmarks.sync.results import PartResult, figures_of, name_of
from telemed_protocol.segment import GENESIS_HASH, next_log_hash, open_segment, parse_segment
from tests.sync.clinic_of_two import CLINIC, DESK_A, EPOCH_KEY


def result(part: str, number: int = 1, **figures: float) -> PartResult:
    return PartResult(part, number, False, "2026-01-01", "abc", 0.0, dict(figures))


def test_each_goal_is_met_on_its_own_side_only() -> None:
    for goal in GOALS:
        better = 1.0 if goal.sense == "at least" else -1.0
        assert goal.verdict(goal.limit) == MET
        assert goal.verdict(goal.limit + better) == MET
        assert goal.verdict(goal.limit - better / 1000) == MISSED
        assert goal.verdict(None) == goal.verdict(math.nan) == NOT_MEASURED


def test_what_was_not_measured_is_never_called_met() -> None:
    lines = table({"goodput": 0.5}, {})
    assert sum(f"| {NOT_MEASURED} |" in line for line in lines) == len(GOALS) - 1
    assert sum(f"| {MISSED} |" in line for line in lines) == 1
    assert not any(f"| {MET} |" in line for line in lines)


def test_a_percentile_is_a_value_that_occurred() -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], 0.95) == 4.0
    assert percentile([float(n) for n in range(1, 101)], 0.95) == 95.0
    assert math.isnan(percentile([], 0.95))


def test_losses_count_by_the_worst_round_and_speeds_by_the_middle_one() -> None:
    figures = figures_of(
        [
            result("thin", 1, goodput=0.8, lost=0),
            result("thin", 2, goodput=0.9, lost=1),
            result("thin", 3, goodput=0.95, lost=0),
            result("cut", 1, cut_extra=0.2, cut_lost=2, cut_doubled=0),
        ]
    )
    assert (figures["goodput"], figures["lost"], figures["doubled"]) == (0.9, 2, 0)


def test_queue_changes_of_all_rounds_are_pooled() -> None:
    rounds = [result("urgent", n) for n in (1, 2)]
    rounds[0].lists["urgent_s"] = [1.0] * 18
    rounds[1].lists["urgent_s"] = [9.0] * 2
    assert figures_of(rounds)["urgent_p95_s"] == 9.0
    assert name_of(rounds[0]) != name_of(rounds[1])


def test_a_made_up_history_is_a_real_log(tmp_path: Path) -> None:
    wires = list(ClinicHistory(DESK_A, CLINIC, EPOCH_KEY, b"c" * 16).wires(3, 10**12))
    write_wires(tmp_path / "wires", wires)
    database = tmp_path / "server.sqlite"
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE clinics (clinic BLOB, head INTEGER, log_hash BLOB)")
    connection.execute(
        "CREATE TABLE segments (clinic, sseq, device, lane, n, hash, log_hash, stored_at, wire)"
    )
    connection.execute("INSERT INTO clinics VALUES (?, 0, ?)", (CLINIC, GENESIS_HASH))
    connection.commit()
    assert fill(database, wires) == len(wires)
    log_hash = GENESIS_HASH
    for row in connection.execute("SELECT wire, log_hash FROM segments ORDER BY sseq"):
        segment = parse_segment(row[0])
        assert open_segment(segment, EPOCH_KEY)
        log_hash = next_log_hash(log_hash, segment.hash)
        assert row[1] == log_hash
    connection.close()


@pytest.mark.timeout(120)
def test_the_yardstick_holds_the_very_rows(tmp_path: Path) -> None:
    """It asserts by itself that both find the same; here it runs on a little."""
    pairs = apply_and_search(300, tmp_path) | durable_save(3, tmp_path)
    assert set(pairs) == {"apply", "search", "save", "keystroke"}
    assert all(len(pair.vault) == len(pair.plain) > 0 for pair in pairs.values())
