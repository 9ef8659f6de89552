"""Many histories, in blocks that can be taken up again where a run was stopped."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.simulator.history import play
from tests.simulator.world import Outcome

ROOT = Path(__file__).resolve().parents[2]
BLOCK = 50
_SOURCES = (
    "src/telemed_protocol",
    "src/telemed_desk/sync",
    "src/telemed_desk/vault",
    "src/telemed_desk/clinical",
    "tests/simulator",
)


@dataclass
class Progress:
    """What was played of one version of the code. Times in seconds of work, all workers together."""

    code: str
    done: list[int] = field(default_factory=list)
    histories: int = 0
    events: int = 0
    seconds: float = 0.0
    violations: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Block:
    """The outcome of some seeds in a row."""

    first: int
    histories: int
    events: int
    seconds: float
    violations: tuple[str, ...]


def fingerprint() -> str:
    """Name the code under test: another version's histories do not count for this one."""
    digest = hashlib.sha256()
    for folder in _SOURCES:
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()[:16]


def load(state: Path) -> Progress:
    """Take up a state file, unless it is of other code."""
    code = fingerprint()
    if state.is_file():
        known = Progress(**json.loads(state.read_text()))
        if known.code == code:
            return known
    return Progress(code)


def replay_line(outcome: Outcome) -> str:
    """How to see a failure again."""
    again = f"python -m tests.simulator --replay {outcome.seed}"
    return f"seed {outcome.seed}: {outcome.violation}  ->  {again}"


def run_block(first: int) -> Block:
    """Play one block; runs in a worker process."""
    began = time.process_time()
    outcomes = [play(seed) for seed in range(first, first + BLOCK)]
    return Block(
        first,
        len(outcomes),
        sum(outcome.steps for outcome in outcomes),
        time.process_time() - began,
        tuple(replay_line(outcome) for outcome in outcomes if outcome.violation),
    )


def run(
    seeds: int, first: int, workers: int, state: Path, told: Callable[[Progress], None]
) -> Progress:
    """Play what is not played yet of some seeds; the state file grows with each block."""
    progress = load(state)
    state.parent.mkdir(parents=True, exist_ok=True)
    firsts = range(first - first % BLOCK, first + seeds, BLOCK)
    todo = [block for block in firsts if block not in set(progress.done)]
    for block in _blocks(todo, workers):
        progress.done.append(block.first)
        progress.histories += block.histories
        progress.events += block.events
        progress.seconds += block.seconds
        progress.violations += block.violations
        fresh = state.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(progress)))
        fresh.replace(state)
        told(progress)
    return progress


def _blocks(todo: list[int], workers: int) -> Iterator[Block]:
    if workers <= 1:
        yield from map(run_block, todo)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(run_block, todo)
