"""Hold one call and keep its figures as a file."""

import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.calls.cells import Cell
from benchmarks.calls.conditions import CONDITIONS
from benchmarks.calls.ends import ENDS
from benchmarks.calls.figures import CallFigures, direction_figures, lateness, spoilt_by
from tests.support.calls.endpoints import Endpoint, Film, browser_endpoint, program_endpoint
from tests.support.calls.run import CallRecord, run_call
from tests.support.link.emulated import EmulatedLink, End
from tests.support.media import speech_file

_SLIP_MS = 5.0


def film_of(cell: Cell) -> Film:
    """Return what the cameras see: 16:9, 30 pictures a second, a loop of ten seconds."""
    return Film(cell.film * 16 // 9, cell.film)


def _endpoint(
    letter: str, other: str, end: End, film: Film, folder: Path
) -> AbstractAsyncContextManager[Endpoint]:
    if letter == "c":
        return browser_endpoint(end, film, patients_page=other == "o")
    files = (str(film.file()), str(speech_file()))
    if letter == "a":
        command = [sys.executable, "-m", "benchmarks.stock_aiortc", *files]
    else:
        command = [sys.executable, "-m", "telemed_desk.media.peer", "--screen", "memory"]
        command += ["--camera", f"file:{files[0]}", "--microphone", f"file:{files[1]}"]
    return program_endpoint(end, ENDS[letter], command, folder)


@dataclass(frozen=True)
class Task:
    """A call to hold: of a cell, in round ``number``, and of which source our engine is."""

    cell: Cell
    number: int
    seed: int
    seconds: float
    source: str
    count_busy: bool = False


@dataclass(frozen=True)
class HeldCall:
    """A call that was held, and when it began."""

    task: Task
    call: CallRecord
    began: str


async def hold(task: Task, before: Awaitable[None]) -> HeldCall:
    """Hold a call.

    Args:
        task: Which.
        before: Awaited when both ends are ready, before the click: whatever would load the machine
            during the call must be over by then.
    """
    cell, seconds = task.cell, task.seconds
    condition = CONDITIONS[cell.condition]
    film = film_of(cell)
    began = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    folder = Path(tempfile.mkdtemp(prefix="telemed-call-"))
    try:
        async with AsyncExitStack() as stack:
            link = await stack.enter_async_context(EmulatedLink(condition.link, seed=task.seed))
            contexts = [
                _endpoint(letter, other, end, film, folder / who)
                for who, letter, other, end in zip(
                    "ab", cell.pair, reversed(cell.pair), (link.a, link.b), strict=True
                )
            ]
            # Both at once: starting takes longer than anything else beside the call.
            a, b = await asyncio.gather(*(stack.enter_async_context(one) for one in contexts))
            await before
            call = await run_call(
                link,
                a,
                b,
                seconds,
                condition.changes(link, seconds),
                answerer_restarts=cell.pair[0] == "a",
            )
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
    return HeldCall(task, call, began)


def work_out(held: HeldCall) -> CallFigures:
    """Work out the figures of a call: some seconds of one processor. Any thread."""
    task, call, cell = held.task, held.call, held.task.cell
    condition = CONDITIONS[cell.condition]
    film = film_of(cell).file()
    directions = [
        direction_figures(call, way, cell.pair, film, condition.back_from) for way in ("ab", "ba")
    ]
    problems = call.errors()
    floor_ms = condition.link.delay_ms - condition.link.jitter_ms - _SLIP_MS
    problems += [
        f"sound {figures.sender}→{figures.receiver} was heard sooner than the link carries it"
        for figures in directions
        if figures.ear_p50_ms is not None and figures.ear_p50_ms < floor_ms
    ]
    late_share, latest_ms = lateness(call)
    why_not = "" if task.count_busy else spoilt_by(call)
    if not why_not and len(problems) > len(call.errors()):
        why_not = "a clock slipped"
    return CallFigures(
        condition=cell.condition,
        pair=cell.pair,
        film=cell.film,
        round=task.number,
        seed=task.seed,
        seconds=task.seconds,
        began=held.began,
        source=task.source,
        kept=not why_not,
        why_not=why_not,
        ended_by=[
            letter for who, letter in zip("ab", cell.pair, strict=True) if call.ended_by(who)
        ],
        stayed_up=all(call.states(who)[-1:] == ["connected"] for who in "ab"),
        problems=problems,
        busy_share=call.busy_share,
        background_cores=call.background_cores,
        late_share=late_share,
        latest_ms=latest_ms,
        directions=directions,
    )
