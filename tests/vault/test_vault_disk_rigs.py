"""Power cuts at any moment and disks that refuse any call: what was called saved is there.

More with ``TELEMED_SEEDS``; 12 is the default and looks at 60 power cuts.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telemed_protocol.errors import KnownError
from tests.support.disk.disk import Disk, Loss, build_shim, read_events, write_files
from tests.vault.disk_trace import Said, open_at, shortcomings
from tests.vault.vault_kit import Place

SEEDS = int(os.environ.get("TELEMED_SEEDS", "12"))
STATES = 5 * SEEDS
ACTIONS = 60
LOSSES: tuple[Loss, ...] = ("all", "none", "some", "some", "torn")

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="LD_PRELOAD"),
    pytest.mark.timeout(0 if SEEDS > 12 else 400),
]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def memory() -> Iterator[Path]:
    """A folder in memory: the rigs look at what is asked of a disk, and need not wait for one."""
    there = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=there if there.is_dir() else None) as folder:
        yield Path(folder)


def child(shim: Path, *words: object) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "tests.vault.disk_trace", *map(str, words)],
        env={**os.environ, "LD_PRELOAD": str(shim)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def power_cuts(
    place: Place, shim: Path, folder: Path, seed: int, *, mode: str = "FULL"
) -> tuple[int, list[str]]:
    """Record some work, cut the power at moments of it; return states looked at, and what was lost."""
    place.vault.lock()
    base, at_work, after = folder / "base", folder / "work", folder / "after"
    shutil.copytree(place.directory.path, base)
    shutil.copytree(base, at_work)
    child(shim, "record", at_work, folder / "log", ACTIONS, seed, mode)
    events = read_events(folder / "log")
    assert len(events) > 200
    rng = random.Random(seed)
    cuts = {rng.randrange(len(events)) for _ in range(STATES // len(LOSSES))}
    disk, said, wrong, states = Disk(at_work, base), Said(), [], 0
    for i, event in enumerate(events):
        if event.path.endswith("/said"):
            if event.what == "write":
                said = Said(**json.loads(event.data))
            continue
        disk.happen(event)
        if i not in cuts:
            continue
        for loss in LOSSES:
            shutil.rmtree(after, ignore_errors=True)
            write_files(disk.after_power_cut(loss, rng), after)
            states += 1
            wrong += [f"event {i}, {loss}: {line}" for line in look(after, said)]
    return states, wrong


def look(folder: Path, said: Said) -> list[str]:
    try:
        vault = open_at(folder)
    except KnownError as error:
        return [error.code]
    try:
        return shortcomings(vault, said)
    finally:
        vault.lock()


def test_a_power_cut_at_any_moment_costs_nothing_that_was_called_saved(
    place: Place, shim: Path, memory: Path
) -> None:
    states, wrong = power_cuts(place, shim, memory, 20261123)
    assert wrong == []
    assert states >= STATES // 2, states


def test_the_rig_finds_what_a_laxer_setting_loses(place: Place, shim: Path, memory: Path) -> None:
    _, wrong = power_cuts(place, shim, memory, 20261123, mode="NORMAL")
    assert any("lost typed text" in line for line in wrong)
    # Ops are in the second copy as well: even so none of them is lost, and no number is used twice.
    assert not [line for line in wrong if "lost ops" in line or "free again" in line]


def test_a_disk_that_refuses_any_call_costs_nothing_that_was_called_saved(
    place: Place, shim: Path, memory: Path
) -> None:
    place.vault.lock()
    base = memory / "base"
    shutil.copytree(place.directory.path, base)
    every = max(1, 720 // SEEDS)
    found: dict[str, Any] = json.loads(
        child(shim, "fail", base, memory / "work", ACTIONS // 2, 7, every)
    )
    assert found["wrong"] == []
    assert found["calls"] > 50
    assert found["refused"] > 0, "some failures must have been told, or this test shows nothing"
