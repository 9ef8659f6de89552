"""The command: measure part by part, then one table of goals, measured, met or not.

A part that was measured is a file in ``build/sync/<run>/``; a killed run goes on where it was.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.machine import describe, source
from benchmarks.result_folder import ResultFolder
from benchmarks.sync.goals import table
from benchmarks.sync.parts import PARTS
from benchmarks.sync.results import PartResult, figures_of, name_of, remarks_of

RUNS = Path("build/sync")
RESULTS = Path(__file__).parent.parent / "results"
_SHARED = (
    """Other work used the same cores at the time: read ratios and shares, not milliseconds."""
)


def report(results: Sequence[PartResult], machine: Sequence[str], about: str) -> list[str]:
    """Return the whole report."""
    lines = ["# Store and sync against their goals", "", about, "", "```", *machine, "```", ""]
    for full, words in ((True, "In full"), (False, "Quick")):
        of_kind = [result for result in results if result.full is full]
        if of_kind:
            lines += [f"## {words}", ""]
            lines += table(figures_of(of_kind), remarks_of(of_kind))
            lines += ["", *_rounds(of_kind), ""]
    return lines


def _rounds(results: Sequence[PartResult]) -> list[str]:
    lines = ["| part | round | began | load | |", "|---|---|---|---|---|"]
    lines += [
        f"| {one.part} | {one.round} | {one.began} | {one.load:.1f} | {one.words} |"
        for one in results
    ]
    return lines


def measure(part: str, number: int, *, full: bool) -> PartResult:
    """Measure one part once."""
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    result = PartResult(part, number, full, began, source(), os.getloadavg()[0])
    PARTS[part](result)
    return result


def main(arguments: Sequence[str]) -> int:
    """Run; return the exit status: 0, whatever the goals say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sync", description=__doc__)
    parser.add_argument("--full", action="store_true", help="10,000 notes, everything in full")
    parser.add_argument("--quick", action="store_true", help="a tenth of it; the default")
    parser.add_argument("--parts", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--run", default="", help="same name, same run; the commit if not said")
    parser.add_argument("--report-only", action="store_true")
    parser.add_argument(
        "--publish", action="store_true", help="write benchmarks/results/<date>-sync.md"
    )
    parser.add_argument("--about", default=_SHARED, help="what else ran")
    chosen = parser.parse_args(arguments)
    full = chosen.full and not chosen.quick
    folder = ResultFolder(RUNS / (chosen.run or source().rstrip("+")), PartResult, name_of)
    there = {name_of(result) for result in folder.results()}
    for number in range(1, chosen.rounds + 1):
        for part in chosen.parts.split(","):
            wanted = PartResult(part, number, full, "", "", 0.0)
            if chosen.report_only or name_of(wanted) in there:
                continue
            result = measure(part, number, full=full)
            folder.add(result)
            print(f"{part} {number}: {result.words}", flush=True)
    lines = report(folder.results(), describe(), chosen.about)
    print("\n".join(lines))
    if chosen.publish:
        path = RESULTS / f"{time.strftime('%Y-%m-%d')}-sync.md"
        path.write_text("\n".join(lines) + "\n")
        print(f"written: {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
