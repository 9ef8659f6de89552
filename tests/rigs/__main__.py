"""``python -m tests.rigs``: the long proofs, in blocks that a later run takes up; counts to publish.

Each number is how many there shall be altogether; 0 leaves a rig out. The counts are of this
version of the code and no other.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.rigs.apps import kill_windows
from tests.rigs.kills import kill_often
from tests.rigs.ledger import ROOT, Ledger, Outcome, Page, as_table, fingerprint
from tests.rigs.mutations import Mutations
from tests.rigs.power import power_cuts
from tests.rigs.refusals import blocks as refusal_blocks
from tests.rigs.refusals import refuse_calls
from tests.simulator import shards as histories
from tests.support.disk.disk import build_shim

CUTS_IN_A_BLOCK: Final = 60
KILLS_IN_A_BLOCK: Final = 25
APPS_IN_A_BLOCK: Final = 5
MUTATIONS_IN_A_BLOCK: Final = 5_000


@contextmanager
def memory_folder() -> Iterator[Path]:
    """A folder in memory: the rigs look at what is asked of a disk, and need not wait for one."""
    there = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=there if there.is_dir() else None) as folder:
        yield Path(folder)


class Rigs:
    """Plays blocks by name; the number in the name is the seed."""

    def __init__(self, tools: Path) -> None:
        self._tools = tools
        self._shim: Path | None = None
        self._mutations: Mutations | None = None

    def power(self, block: str) -> Outcome:
        """Power cuts."""
        with memory_folder() as folder:
            found = power_cuts(self.shim, folder, int(block), cuts=CUTS_IN_A_BLOCK)
        counts = {
            "disks": found.states,
            "of them with the database destroyed": found.spoiled,
            "the same as one before": found.same,
            "recorded calls": found.events,
        }
        return Outcome(counts, found.wrong)

    def kills(self, block: str) -> Outcome:
        """SIGKILL of the storage process."""
        with memory_folder() as folder:
            found = kill_often(folder / "vault", int(block), KILLS_IN_A_BLOCK)
        counts = {
            "kills": found.kills,
            "while opening": found.while_opening,
            "actions before them": found.actions,
        }
        return Outcome(counts, found.wrong)

    def refusals(self, block: str) -> Outcome:
        """EIO and ENOSPC."""
        first, many, code, stretch = (int(part) for part in block.split("-"))
        with memory_folder() as folder:
            found = refuse_calls(self.shim, folder, (first, many, code, stretch))
        counts = {"failed calls": found.runs, "refused actions": found.refused}
        return Outcome(counts, found.wrong)

    def mutations(self, block: str) -> Outcome:
        """Altered answers of the server."""
        self._mutations = self._mutations or Mutations()
        first = int(block) * MUTATIONS_IN_A_BLOCK
        tally = self._mutations.play(range(first, first + MUTATIONS_IN_A_BLOCK))
        return Outcome(dict(tally.verdicts), tally.silent)

    def apps(self, block: str) -> Outcome:
        """SIGKILL of the whole desk with its window."""
        with tempfile.TemporaryDirectory() as folder:
            found = kill_windows(Path(folder), int(block), APPS_IN_A_BLOCK)
        counts = {
            "desks killed": found.kills,
            "keys typed": found.typed,
            "keys lost": found.lost,
            "losses older than a second": found.late,
        }
        return Outcome(counts, found.wrong)

    @property
    def shim(self) -> Path:
        """The library to preload, built once."""
        if self._shim is None:
            self._shim = build_shim(self._tools)
        return self._shim


def _at_least(what: str, many: int) -> Callable[[Page], bool]:
    return lambda page: page.counts.get(what, 0) >= many


def _tell(rig: str, page: Page) -> None:
    what, number = next(iter(page.counts.items()))
    wrong = len(page.wrong)
    sys.stdout.write(f"\r{rig}: {number} {what}, {wrong} wrong, {page.seconds / 60:.0f} min  ")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.rigs", description=__doc__)
    parser.add_argument("--states", type=int, default=300, help="disks after a power cut")
    parser.add_argument("--kills", type=int, default=50, help="SIGKILLs of the storage process")
    parser.add_argument("--calls", type=int, default=100, help="calls that the disk refuses")
    parser.add_argument("--mutations", type=int, default=5_000, help="altered server answers")
    parser.add_argument("--apps", type=int, default=0, help="SIGKILLs of a desk with its window")
    parser.add_argument("--histories", type=int, default=0, help="simulated histories")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "rigs.json")
    parser.add_argument("--publish", type=Path, help="write the counts as Markdown")
    return parser.parse_args()


def main() -> int:
    """Return 0 when nothing was found wrong."""
    options = _options()
    ledger = Ledger(options.state, fingerprint(), time.monotonic)
    with tempfile.TemporaryDirectory() as tools:
        rigs = Rigs(Path(tools))
        seeds = [str(n) for n in range(100_000)]
        calls = ["-".join(map(str, block)) for block in refusal_blocks()]
        for name, blocks, what, many in (
            ("mutations", seeds, "mutations", options.mutations),
            ("power", seeds, "disks", options.states),
            ("kills", seeds, "kills", options.kills),
            ("refusals", calls, "failed calls", options.calls),
            ("apps", seeds, "desks killed", options.apps),
        ):
            if many:
                ledger.run(name, blocks, getattr(rigs, name), _at_least(what, many), _tell)
                print()
    wrong = [line for page in ledger.pages.values() for line in page.wrong]
    table = as_table(ledger.pages)
    if options.histories:
        played = histories.run(
            options.histories, 0, 1, options.state.with_name("simulate.json"), lambda _page: None
        )
        wrong += played.violations
        table += (
            f"| histories | {played.histories:,} histories, {played.events:,} events "
            f"| {len(played.violations)} | {played.seconds / 60:.0f} |\n"
        )
    print(table)
    if options.publish:
        options.publish.write_text(table)
    print("\n".join(wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
