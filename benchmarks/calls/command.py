"""The command: hold calls until the rounds or the minutes are over, then make the tables."""

import argparse
import asyncio
import sys
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path

from benchmarks.calls.cells import OVERHEAD_S, Cell, all_cells, fitting, next_call
from benchmarks.calls.conditions import CONDITIONS
from benchmarks.calls.ends import PAIRS
from benchmarks.calls.figures import CallFigures
from benchmarks.calls.folder import RunFolder
from benchmarks.calls.one_call import HeldCall, Task, hold, work_out
from benchmarks.calls.report import report
from benchmarks.machine import describe, source
from benchmarks.result_folder import packed_file
from tests.support.calls.endpoints import EndpointError
from tests.support.calls.voice import QualityToolMissing, require_quality_tool
from tests.support.conversation import BrowserError

ROUNDS = 7
FILMS = (720, 360)
RUNS = Path("build/calls")
_WORDS = "offerer and answerer: o our engine, a stock aiortc, c Chromium"


def _seed_of(seed: int, number: int) -> int:
    """The link's random numbers: the same for all pairs of a round."""
    return seed * 1000 + number


def _seconds(cell: Cell, chosen: argparse.Namespace) -> float:
    return float(chosen.seconds or CONDITIONS[cell.condition].seconds)


def _cell_of(call: CallFigures) -> Cell:
    return Cell(call.condition, call.pair, call.film)


def plan(chosen: argparse.Namespace) -> list[Cell]:
    """Return the cells that this run is about, most important first."""
    films = [int(word) for word in chosen.films.split(",")]
    cells = all_cells(chosen.conditions.split(","), chosen.pairs.split(","), films)
    if chosen.minutes is None:
        return cells
    # Too little time for even one link so often: then as often as there is time.
    some = fitting(cells, lambda c: _cost_s(c, chosen), chosen.minutes * 60, chosen.at_least)
    return some or cells


def _cost_s(cell: Cell, chosen: argparse.Namespace) -> float:
    return _seconds(cell, chosen) + OVERHEAD_S


async def hold_calls(chosen: argparse.Namespace, folder: RunFolder, cells: Sequence[Cell]) -> None:
    """Hold one call after the other, always one of the earliest round that is not complete."""
    ends_at = None if chosen.minutes is None else time.monotonic() + chosen.minutes * 60

    def fits(missing: Sequence[Cell]) -> Sequence[Cell]:
        if ends_at is None:
            return missing
        left_s = ends_at - time.monotonic()
        if left_s > sum(_cost_s(cell, chosen) for cell in missing):
            return missing
        # Not time enough for the whole round: what has been begun, then whole links in their order.
        return fitting(missing, lambda c: _cost_s(c, chosen), left_s, 1)

    unwritten: asyncio.Task[None] | None = None
    under_way: list[tuple[Cell, int, bool]] = []  # taken for good until it is known
    while True:
        calls = [(_cell_of(call), call.round, call.kept) for call in folder.calls()]
        upcoming = next_call(cells, calls + under_way, chosen.rounds, chosen.seed, fits)
        if upcoming is None and unwritten is not None:
            await unwritten  # if it was spoilt, there is another to hold
            unwritten, under_way = None, []
            continue
        if upcoming is None:
            return
        cell, number = upcoming
        seed = _seed_of(chosen.seed, number)
        task = Task(cell, number, seed, _seconds(cell, chosen), source(), chosen.count_busy)
        held = await _hold_or_tell(task, _nothing() if unwritten is None else unwritten)
        if unwritten is not None:
            await unwritten  # where the call could not even be begun
        # Worked out while the next call's ends start, and over before its click.
        unwritten = asyncio.create_task(_write(held, folder))
        under_way = [(cell, number, True)]


async def _nothing() -> None:
    """Nothing is to be waited for."""


async def _hold_or_tell(task: Task, before: Awaitable[None]) -> HeldCall | CallFigures:
    try:
        return await hold(task, before)
    except (EndpointError, BrowserError, TimeoutError) as error:
        return CallFigures.not_held(task.cell, task.number, repr(error)[:500], task.source)


async def _write(held: HeldCall | CallFigures, folder: RunFolder) -> None:
    figures = held
    if isinstance(figures, HeldCall):
        figures = await asyncio.to_thread(work_out, figures)
    folder.add(figures)
    verdict = "kept" if figures.kept else f"thrown away: {figures.why_not}"
    name = f"{figures.condition} {figures.pair} {figures.film}"
    now = time.strftime("%H:%M:%S")
    print(f"{now} round {figures.round} {name}: {verdict}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls", description=__doc__)
    parser.add_argument("--conditions", default=",".join(CONDITIONS), help="in order of importance")
    parser.add_argument("--pairs", default=",".join(PAIRS), help=_WORDS)
    parser.add_argument("--films", default=",".join(map(str, FILMS)), help="lines of the film")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="calls of each cell")
    parser.add_argument("--seconds", type=float, help="of each call, instead of each link's own")
    parser.add_argument("--seed", type=int, default=1, help="of links and order")
    parser.add_argument(
        "--minutes", type=float, help="stop after this; all cells then have equal counts"
    )
    parser.add_argument(
        "--at-least",
        type=int,
        default=3,
        help="with --minutes: take only as many links as so many rounds of fit",
    )
    parser.add_argument("--run", help="name of the run to begin or go on with; default: the commit")
    parser.add_argument("--report-only", action="store_true", help="hold no call")
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
    """Hold the calls and print the tables; returns the exit code."""
    chosen = _parser().parse_args(arguments)
    if chosen.publish and chosen.count_busy:
        print("runs of a busy machine are not published", file=sys.stderr)
        return 2
    try:
        require_quality_tool()
    except QualityToolMissing as missing:
        print(missing, file=sys.stderr)
        return 2
    facts = describe()
    run = chosen.run or source()
    folder, packed = RunFolder(RUNS / run), packed_file("calls", run)
    if packed.exists():
        folder.unpack(packed)
    cells = plan(chosen)
    if not chosen.report_only:
        asyncio.run(hold_calls(chosen, folder, cells))
    if chosen.pack:
        folder.pack(packed)
    text = report(folder.calls(), facts, chosen.about)
    print(text)
    written = [chosen.out] if chosen.out else []
    if chosen.publish:
        written.append(Path(f"benchmarks/results/{time.strftime('%Y-%m-%d')}-calls.md"))
    for path in written:
        path.write_text(text)
    return 0
