"""EIO and ENOSPC at every n-th call that changes a file, over 200 actions.

The 200 actions are ten stretches of twenty, each begun from what the ones before left behind: so
every call of all of them fails once without playing everything before it each time. Within a stretch
unlocking and locking are part of it.
"""

import errno
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.rigs.doctors_work import Work
from tests.rigs.power import child, make_base

STRETCHES: Final = 10
ACTIONS: Final = 20
CODES: Final = (errno.EIO, errno.ENOSPC)
MANY: Final = (1, 3, 10**9)
"""Calls that fail in a row: a glitch, a bad moment, a disk that is gone."""
SEED: Final = 20261123


@dataclass
class Refusals:
    """How often a call was made to fail, how many actions that refused, and calls in a stretch."""

    runs: int = 0
    refused: int = 0
    calls: int = 0
    wrong: list[str] = field(default_factory=list)


STEP: Final = 10
"""A block fails every tenth call; ten blocks together every one."""

Block = tuple[int, int, int, int]


def blocks() -> list[Block]:
    """Every first call, length of the failure, error and stretch; the first few are spread widely."""
    return [
        (first, many, code, stretch)
        for first in range(1, STEP + 1)
        for many in MANY
        for code in CODES
        for stretch in range(STRETCHES)
    ]


def refuse_calls(
    shim: Path, folder: Path, block: Block, *, step: int = STEP, actions: int = ACTIONS
) -> Refusals:
    """Let every ``step``-th call of one stretch fail; ``folder`` is an empty one."""
    first, many, code, stretch = block
    base = folder / "base"
    make_base(base)
    before = Work(base, random.Random(SEED))
    for _ in range(stretch * ACTIONS):
        before.step()
    before.close()
    said = before.said
    said.refused = 0
    (base / "said").write_bytes(said.to_json())
    told: dict[str, Any] = json.loads(
        child(
            shim, "refuse", base, folder / "place", actions, SEED + stretch, code, many, first, step
        )
    )
    name = f"stretch {stretch}"
    wrong = [f"{name}: {line}" for line in told["wrong"]]
    return Refusals(told["runs"], told["refused"], told["calls"], wrong)
