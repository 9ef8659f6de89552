"""Histories from seeds keep every promise, and each planted bug is found by them."""

import os
import subprocess
import sys

import pytest

from tests.simulator.bugs import BUGS, Bug, find
from tests.simulator.history import play
from tests.simulator.shards import ROOT, load, replay_line, run, run_block

SEEDS = int(os.environ.get("TELEMED_SEEDS", "100"))
BLOCKS = 4


@pytest.mark.parametrize("block", range(BLOCKS))
def test_every_history_keeps_every_promise(block: int) -> None:
    for seed in range(block, SEEDS, BLOCKS):
        outcome = play(seed)
        assert not outcome.violation, replay_line(outcome)


def test_the_same_seed_gives_the_same_trace_in_another_process() -> None:
    program = (
        "from tests.simulator.history import play\n"
        "print(*[play(seed).trace_hash for seed in (3, 7, 11)])"
    )
    there = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "77", "PYTHONPATH": f"{ROOT}:{ROOT / 'src'}"},
        capture_output=True,
        text=True,
        check=True,
    )
    here = [play(seed).trace_hash for seed in (3, 7, 11)]
    assert there.stdout.split() == here
    assert len(set(here)) == 3


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_planted_bug_is_found_within_a_hundred_histories(bug: Bug) -> None:
    assert find(bug, range(100)) is not None


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_its_histories_are_clean_without_it(bug: Bug) -> None:
    for seed in range(3):
        outcome = play(seed, bug.plan)
        assert not outcome.violation, outcome.violation


def test_a_run_is_taken_up_where_it_was_stopped(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tmp_path_factory.mktemp("shards") / "state.json"
    played: list[int] = []

    def counted(first: int) -> object:
        played.append(first)
        return run_block(first)

    monkeypatch.setattr("tests.simulator.shards.BLOCK", 2)
    monkeypatch.setattr("tests.simulator.shards.run_block", counted)
    run(2, 0, 1, state, lambda _progress: None)
    progress = run(6, 0, 1, state, lambda _progress: None)
    assert played == [0, 2, 4]
    assert (progress.histories, progress.violations) == (6, [])
    assert load(state) == progress
