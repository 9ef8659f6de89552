"""The command: measure links until the rounds or the minutes are over, then write the report."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.calls.cells import Cell, fitting, next_call
from benchmarks.machine import describe, source
from benchmarks.prediction.links import LINKS, Link
from benchmarks.prediction.one_link import Task, measure
from benchmarks.prediction.report import report
from benchmarks.prediction.results import LinkResult, result_folder
from benchmarks.result_folder import ResultFolder, packed_file
from telemed_desk.workflow.check_plan import CheckMode

RUNS = Path("build/prediction")
SECONDS = 120.0
OVERHEAD_S = 57.0
"""Beside the call: server, relay and media processes start, two checks, two yardsticks."""
SLOW_OVERHEAD_S = 75.0
_MODES = (CheckMode.QUICK.value, CheckMode.STANDARD.value)


def cell_of(link: str) -> Cell:
    """Return a link as the rounds of calls know it: our engine at both ends, a film of 720 lines."""
    return Cell(link, "oo", 720)


def cost_s(link: Link, seconds: float) -> float:
    """Return about how long a link takes."""
    return seconds + (SLOW_OVERHEAD_S if link.slow else OVERHEAD_S)


async def measure_links(chosen: argparse.Namespace, folder: ResultFolder[LinkResult]) -> None:
    """Measure one link after the other, always one of the earliest round that is not complete."""
    cells = [cell_of(name) for name in chosen.links.split(",")]
    ends_at = None if chosen.minutes is None else time.monotonic() + chosen.minutes * 60

    def fits(missing: Sequence[Cell]) -> Sequence[Cell]:
        if ends_at is None:
            return missing
        left_s = ends_at - time.monotonic()
        return fitting(missing, lambda c: cost_s(LINKS[c.condition], chosen.seconds), left_s, 1)

    while True:
        done = [(cell_of(r.link), r.round, r.kept) for r in folder.results()]
        upcoming = next_call(cells, done, chosen.rounds, chosen.seed, fits)
        if upcoming is None:
            return
        cell, number = upcoming
        result = await measure(
            Task(
                cell,
                number,
                chosen.seed * 1000 + number,
                chosen.seconds,
                source(),
                [CheckMode(mode) for mode in chosen.modes.split(",")],
                chosen.count_busy,
            )
        )
        folder.add(result)
        _tell(result)


def _tell(result: LinkResult) -> None:
    verdicts = ", ".join(f"{check.seen.mode} {check.seen.rung}" for check in result.checks)
    call = "none" if result.call is None else str(result.call.rung)
    said = "kept" if result.kept else f"thrown away: {result.why_not}"
    now = time.strftime("%H:%M:%S")
    print(
        f"{now} round {result.round} {result.link}: check {verdicts or 'none'}; call {call}: {said}",
        file=sys.stderr,
        flush=True,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.prediction", description=__doc__)
    parser.add_argument("--links", default=",".join(LINKS), help="in order of importance")
    parser.add_argument("--modes", default=",".join(_MODES), help="checks of each link, in order")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each call")
    parser.add_argument("--rounds", type=int, default=1, help="measurements of each link")
    parser.add_argument("--seed", type=int, default=1, help="of links and order")
    parser.add_argument("--minutes", type=float, help="begin no link that would end later")
    parser.add_argument("--run", help="name of the run to begin or go on with; default: the commit")
    parser.add_argument("--report-only", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, help="also write the report here")
    parser.add_argument(
        "--publish", action="store_true", help="write the report to benchmarks/results/"
    )
    parser.add_argument(
        "--count-busy",
        action="store_true",
        help="count runs of a busy machine; not to be published",
    )
    parser.add_argument(
        "--pack", action="store_true", help="pack the run's files into benchmarks/runs/ at the end"
    )
    parser.add_argument("--about", default="", help="what else ran on the machine, for the report")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the report; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    unknown = [name for name in chosen.links.split(",") if name not in LINKS]
    if unknown:
        print(f"no such link: {', '.join(unknown)}", file=sys.stderr)
        return 2
    if chosen.publish and chosen.count_busy:
        print("runs of a busy machine are not published", file=sys.stderr)
        return 2
    facts = describe()
    run = chosen.run or source()
    folder, packed = result_folder(RUNS / run), packed_file("prediction", run)
    if packed.exists():
        folder.unpack(packed)
    if not chosen.report_only:
        asyncio.run(measure_links(chosen, folder))
    if chosen.pack:
        folder.pack(packed)
    text = report(folder.results(), facts, chosen.about)
    print(text)
    written = [chosen.out] if chosen.out else []
    if chosen.publish:
        written.append(Path(f"benchmarks/results/{time.strftime('%Y-%m-%d')}-prediction.md"))
    for path in written:
        path.write_text(text)
    return 0
