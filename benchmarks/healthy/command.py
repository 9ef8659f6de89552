"""The command: check the healthy bench until rounds or minutes are over, then write the report."""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.healthy.bench import bench
from benchmarks.healthy.rounds import Round, cries, report
from benchmarks.machine import describe, source
from benchmarks.result_folder import ResultFolder, packed_file

RUNS = Path("build/healthy")
ROUND_S = 20.0
OPENING_S = 40.0


def _name(one: Round) -> str:
    return f"round-{one.number:03}"


def _folder(run: str) -> ResultFolder[Round]:
    return ResultFolder(RUNS / run, Round, _name)


async def _measure(folder: ResultFolder[Round], wanted: int, minutes: float | None) -> None:
    ends_at = float("inf") if minutes is None else time.monotonic() + 60 * minutes
    if not _missing(folder, wanted) or time.monotonic() + OPENING_S + ROUND_S > ends_at:
        return
    async with bench() as made:
        while (left := _missing(folder, wanted)) and time.monotonic() + ROUND_S < ends_at:
            one = await made.round(left[0], source())
            folder.add(one)
            _tell(one)


def _missing(folder: ResultFolder[Round], wanted: int) -> list[int]:
    done = {one.number for one in folder.results() if one.kept}
    return [number for number in range(1, wanted + 1) if number not in done]


def _tell(one: Round) -> None:
    cried = ", ".join(f"{found.check} {found.outcome}" for found in cries(one.check.seen.findings))
    said = f"round {one.number}: rung {one.check.seen.rung}, {cried or 'all green'}"
    print(f"{said}; {one.why_busy or 'counted'}", file=sys.stderr, flush=True)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the report; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.healthy", description=__doc__)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--minutes", type=float, help="begin no round that would end later")
    parser.add_argument("--run", help="name of the run to begin or go on with; default: the commit")
    parser.add_argument("--report-only", action="store_true", help="measure nothing")
    parser.add_argument("--out", type=Path, help="also write the report here")
    parser.add_argument(
        "--publish", action="store_true", help="write the report to benchmarks/results/"
    )
    parser.add_argument(
        "--pack", action="store_true", help="pack the run's files into benchmarks/runs/ at the end"
    )
    parser.add_argument("--about", default="", help="what else ran on the machine, for the report")
    chosen = parser.parse_args(arguments)
    facts = describe()
    run = chosen.run or source()
    folder, packed = _folder(run), packed_file("healthy", run)
    if packed.exists():
        folder.unpack(packed)
    if not chosen.report_only:
        asyncio.run(_measure(folder, chosen.rounds, chosen.minutes))
    if chosen.pack:
        folder.pack(packed)
    text = report(folder.results(), facts, chosen.rounds, chosen.about)
    print(text)
    written = [chosen.out] if chosen.out else []
    if chosen.publish:
        written.append(Path(f"benchmarks/results/{time.strftime('%Y-%m-%d')}-healthy.md"))
    for path in written:
        path.write_text(text)
    return 0
