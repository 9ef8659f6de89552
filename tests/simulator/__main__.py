"""``python -m tests.simulator``: histories, violations, planted bugs found; one line to replay."""

import argparse
import sys
from pathlib import Path

from tests.simulator.bugs import BUGS, find
from tests.simulator.history import play
from tests.simulator.shards import ROOT, Progress, load, run
from tests.simulator.world import drawn

BUG_HISTORIES = 100


def main() -> int:
    """Return 0 when nothing was violated and every planted bug was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many histories")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--state", type=Path, default=ROOT / "build" / "simulate.json")
    parser.add_argument("--no-bugs", action="store_true", help="leave the planted bugs out")
    parser.add_argument("--replay", type=int, help="play one seed and print its end")
    options = parser.parse_args()
    if options.replay is not None:
        return _replay(options.replay)
    resumed = load(options.state).histories
    if resumed:
        print(f"taking up {options.state}: {resumed} histories were played")
    progress = run(options.seeds, options.first, options.workers, options.state, _tell)
    print(
        f"\n{progress.histories} histories, {progress.events} events, "
        f"{len(progress.violations)} violations, {progress.seconds:.0f} s of work"
    )
    for line in progress.violations:
        print(line)
    found = len(BUGS) if options.no_bugs else _bugs()
    return int(bool(progress.violations) or found < len(BUGS))


def _tell(progress: Progress) -> None:
    sys.stdout.write(f"\r{progress.histories} histories, {len(progress.violations)} violations ")
    sys.stdout.flush()


def _bugs() -> int:
    found = 0
    for bug in BUGS:
        hit = find(bug, range(BUG_HISTORIES))
        found += hit is not None
        words = f"after {hit[0]} by {hit[1]}" if hit else f"NOT FOUND in {BUG_HISTORIES}"
        print(f"  {bug.name:28} {words}")
    print(f"planted bugs found: {found} of {len(BUGS)}")
    return found


def _replay(seed: int) -> int:
    outcome = play(seed)
    print(drawn(seed))
    print("\n".join(outcome.tail[-120:]))
    print(f"{outcome.steps} events, trace {outcome.trace_hash}")
    print(outcome.violation or "nothing violated")
    return int(bool(outcome.violation))


if __name__ == "__main__":
    sys.exit(main())
