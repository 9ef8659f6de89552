"""Calls side by side over emulated links: our engine, stock aiortc, Chromium. See README.md here.

python -m benchmarks.calls --conditions clean,rural,bad --pairs oc,ac,cc --seconds 25
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.conditions import CONDITIONS
from benchmarks.machine import describe
from tests.support.calls.endpoints import Endpoint, Film, browser_endpoint, program_endpoint
from tests.support.calls.pictures import PictureReport, compare_pictures
from tests.support.calls.recording import Recording
from tests.support.calls.run import CallRecord, run_call
from tests.support.link.emulated import Counters, EmulatedLink, End
from tests.support.media import speech_file
from tests.support.sound import SoundReport, compare

SETTLING_S = 5.0
"""Rates, freezes and delays are taken from here on; the first picture from the click."""
ENDS = {"o": "our engine", "a": "stock aiortc", "c": "Chromium"}


@dataclass(frozen=True)
class Direction:
    """One direction of one call."""

    pictures: PictureReport
    sound: SoundReport
    concealed: float | None
    wire_kbps: float
    sender_cores: float
    receiver_cores: float
    background_cores: float


def _endpoint(
    letter: str, end: End, film: Film, folder: Path
) -> AbstractAsyncContextManager[Endpoint]:
    if letter == "c":
        return browser_endpoint(end, film)
    files = (str(film.file()), str(speech_file()))
    if letter == "a":
        command = [sys.executable, "-m", "benchmarks.stock_aiortc", *files]
    else:
        command = [sys.executable, "-m", "telemed_desk.media.peer"]
        command += ["--camera", f"file:{files[0]}", "--microphone", f"file:{files[1]}"]
    return program_endpoint(end, ENDS[letter], command, folder)


def _direction(
    call: CallRecord, ends: tuple[Recording, Recording], names: str, wire: Counters
) -> Direction:
    sender, receiver = ends
    begin_ms = call.click_ms + SETTLING_S * 1000
    return Direction(
        pictures=compare_pictures(
            sender.taken, receiver.shown, call.click_ms, begin_ms, call.end_ms
        ),
        sound=compare(sender.said, receiver.heard, begin_ms, call.end_ms),
        concealed=receiver.concealed_share,
        wire_kbps=wire.out_bytes * 8 / (call.end_ms - call.click_ms),
        sender_cores=call.cpu_cores[names[0]],
        receiver_cores=call.cpu_cores[names[1]],
        background_cores=call.background_cores,
    )


async def measure(
    condition: str, pair: str, seconds: float, film: Film, seed: int
) -> tuple[dict[str, Direction], list[str]]:
    """Hold one call; return its two directions (``o→c``) and what went wrong in it."""
    chosen = CONDITIONS[condition]
    folder = Path(tempfile.mkdtemp(prefix="telemed-call-"))
    try:
        async with (
            EmulatedLink(chosen.link, seed=seed) as link,
            _endpoint(pair[0], link.a, film, folder / "a") as a,
            _endpoint(pair[1], link.b, film, folder / "b") as b,
        ):
            call = await run_call(link, a, b, seconds, chosen.changes(link, seconds))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    problems = call.errors()
    for who, letter in zip("ab", pair, strict=True):
        if {"closed", "failed"} & set(call.states(who)):
            problems.append(f"{ENDS[letter]} ended the call by itself")
    first = _direction(call, (call.a, call.b), "ab", call.link["ab"])
    second = _direction(call, (call.b, call.a), "ba", call.link["ba"])
    for name, direction in (("to b", first), ("to a", second)):
        heard_ms = direction.sound.delay_p50_ms
        if heard_ms is not None and heard_ms < chosen.link.delay_ms - chosen.link.jitter_ms:
            problems.append(f"sound {name} was heard sooner than the link carries: a clock slipped")
    # Between two of a kind both directions are the same measurement, made twice.
    return {f"{pair[0]}→{pair[1]} (1)": first, f"{pair[1]}→{pair[0]} (2)": second}, problems


# ---- the table

_Column = tuple[str, Callable[[Direction], float | None], str]
_COLUMNS: list[_Column] = [
    ("first picture s", lambda d: d.pictures.first_s, ".2f"),
    ("new pictures/s", lambda d: d.pictures.fps, ".1f"),
    ("frozen %", lambda d: 100 * d.pictures.frozen_share, ".1f"),
    ("longest gap s", lambda d: d.pictures.longest_gap_s, ".1f"),
    ("picture delay p50 ms", lambda d: d.pictures.delay_p50_ms, ".0f"),
    ("lines", lambda d: d.pictures.lines, ".0f"),
    ("sound delay p50 ms", lambda d: d.sound.delay_p50_ms, ".0f"),
    ("p95 ms", lambda d: d.sound.delay_p95_ms, ".0f"),
    ("speech recognised %", lambda d: 100 * d.sound.found_share, ".0f"),
    ("heard %", lambda d: 100 * d.sound.heard_share, ".0f"),
    ("concealed %", lambda d: None if d.concealed is None else 100 * d.concealed, ".1f"),
    ("kbit/s on the wire", lambda d: d.wire_kbps, ".0f"),
    ("cores sender", lambda d: d.sender_cores, ".2f"),
    ("cores receiver", lambda d: d.receiver_cores, ".2f"),
    ("other load", lambda d: d.background_cores, ".2f"),
]


def _cell(values: Sequence[float | None], form: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    text = format(median(known), form)
    if len(known) > 1:
        text += f" [{min(known):{form}}-{max(known):{form}}]"
    return text


def table(results: dict[tuple[str, str], list[Direction]]) -> list[str]:
    """Markdown lines: one row per condition and direction; median [range] over repeats."""
    heads = ["link", "sends→shows", *(name for name, _, _ in _COLUMNS)]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for (condition, arrow), directions in results.items():
        cells = [_cell([value(d) for d in directions], form) for _, value, form in _COLUMNS]
        lines.append("| " + " | ".join([condition, arrow, *cells]) + " |")
    return lines


async def run(chosen: argparse.Namespace) -> list[str]:
    """Hold all calls, pairs interleaved, and return the report."""
    width, height = (int(word) for word in chosen.film.split("x"))
    film = Film(width, height)
    results: dict[tuple[str, str], list[Direction]] = defaultdict(list)
    problems = []
    machine = await asyncio.to_thread(describe)
    for condition in chosen.conditions.split(","):
        for repeat in range(chosen.repeats):
            for pair in chosen.pairs.split(","):
                print(f"{condition} {pair} {repeat + 1}/{chosen.repeats}", file=sys.stderr)
                measured, wrong = await measure(condition, pair, chosen.seconds, film, repeat + 1)
                for arrow, direction in measured.items():
                    results[condition, arrow].append(direction)
                problems += [f"{condition} {pair} run {repeat + 1}: {text}" for text in wrong]
    links = [f"{name}: {CONDITIONS[name].about}" for name in chosen.conditions.split(",")]
    about = f"{chosen.seconds:.0f} s a call, {chosen.repeats} run(s), film {chosen.film} at 30/s"
    ends = ", ".join(f"{letter} = {name}" for letter, name in ENDS.items())
    return [
        "# Calls side by side",
        "",
        *(f"* {fact}" for fact in [*machine, about, *links, ends]),
        "",
        *table(results),
        "",
        "What went wrong: " + ("; ".join(problems) if problems else "nothing"),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print one table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calls")
    parser.add_argument("--conditions", default="clean,rural,bad", help=", ".join(CONDITIONS))
    parser.add_argument("--pairs", default="oc,ac,cc", help="offerer and answerer of o, a, c")
    parser.add_argument("--seconds", type=float, default=25.0)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--film", default="1280x720")
    parser.add_argument("--out", type=Path, help="also write the report here")
    chosen = parser.parse_args(arguments)
    report = "\n".join(asyncio.run(run(chosen))) + "\n"
    print(report)
    if chosen.out is not None:
        chosen.out.write_text(report)
    return 0


if __name__ == "__main__":
    sys.exit(main())
