"""SIGKILL of the storage process at random moments, of opening and of work; then a look at the vault.

One vault lives through all kills of a seed, so what a kill leaves behind meets the next one.
"""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final, Self

from tests.rigs.doctors_work import Said
from tests.rigs.power import ROOT, make_base
from tests.rigs.shortcomings import look

MOST_ACTIONS: Final = 12
WHILE_OPENING: Final = 0.1
"""Share of the kills that strike while the vault is being opened."""


@dataclass
class Kills:
    """How many, how many of them before the vault was open, and how many actions were done."""

    kills: int = 0
    while_opening: int = 0
    actions: int = 0
    wrong: list[str] = field(default_factory=list)


class StorageProcess:
    """The child that forks workers; used as a context."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rigs.kill_child", str(folder)],
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}"},
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._into.close()
        self._process.wait(60)
        self._out.close()

    @property
    def _into(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin

    @property
    def _out(self) -> IO[bytes]:
        assert self._process.stdout is not None
        return self._process.stdout

    def work_until_killed(self, rng: random.Random, said: Said) -> tuple[Said, int, bool]:
        """Let a worker work and kill it; return what it said, its actions, and whether it was open."""
        opening = rng.random() < WHILE_OPENING
        actions = 0 if opening else rng.randrange(1, MOST_ACTIONS)
        self._into.write(f"{rng.randrange(2**30)} ".encode() + said.to_json() + b"\n")
        self._into.flush()
        worker, killed, was_open, done = 0, False, False, 0
        while not (line := self._out.readline()).startswith(b"ended "):
            word, _, rest = line.rstrip().partition(b" ")
            if word == b"worker":
                worker = int(rest)
            elif word == b"open":
                was_open = True
            elif word == b"said":
                said, done = Said.from_json(rest.decode()), done + 1
            else:
                raise RuntimeError("the storage process ended by itself")
            if not killed and worker and (opening or done >= actions):
                # Somewhere in what comes next, not at its edge.
                time.sleep(rng.random() * (0.03 if opening else 0.006))
                os.kill(worker, signal.SIGKILL)
                killed = True
        if line.split()[1] != b"-9":
            raise RuntimeError(f"a worker ended with {line.decode().strip()}")
        return said, done, was_open


def kill_often(folder: Path, seed: int, kills: int) -> Kills:
    """Kill so often, with one vault; ``folder`` must not exist yet."""
    rng = random.Random(seed)
    make_base(folder)
    found, said = Kills(), Said()
    with StorageProcess(folder) as storage:
        for number in range(kills):
            said, done, was_open = storage.work_until_killed(rng, said)
            found.kills += 1
            found.actions += done
            found.while_opening += not was_open
            lines = look(folder, said, thorough=number % 10 == 0)
            found.wrong += [f"seed {seed}, kill {number}: {line}" for line in lines]
            if lines:
                break
    return found
