"""A long call over a link that changes all the time: does anything grow, does anything stall?

python -m benchmarks.soak --minutes 60

Two headless peers with our engine (film, speech, the whole path of a call but devices and window).
Each minute the link is disturbed in one way, drawn by seed, for 35 s, and then mild for 25 s; the
last 12 s are measured, so that what is left of each disturbance shows, and the same link is
compared with itself. Slopes are Theil and Sen's, with their 95 % interval (Sen, "Estimates of the
Regression Coefficient Based on Kendall's Tau", 1968). Each minute is a line in build/soak/: a
killed run has told all it knew.
"""

import argparse
import asyncio
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from scipy.stats import theilslopes

from benchmarks.machine import describe, source
from tests.support.calls.endpoints import Film, ProgramEndpoint, program_endpoint
from tests.support.calls.pictures import compare_pictures
from tests.support.calls.processor import machine_busy_s, session_memory_mb
from tests.support.calls.recording import Recording, from_files
from tests.support.calls.run import Signalling
from tests.support.calls.voice import compare_voice
from tests.support.link import spec
from tests.support.link.emulated import EmulatedLink
from tests.support.media import speech_file
from tests.support.waiting import until

DISTURBED_S = 35.0
MINUTE_S = 60.0
MEASURED_S = 12.0
WARM_UP_MINUTES = 5
"""Code, buffers and codecs are still being loaded: no slope is taken of them."""
STALL_S = 1.0
FILM = Film(640, 360, 300, 15)
FOLDER = Path("build/soak")
_OTHER_ADDRESS = "10.78.0.99"
Disturb = Callable[[EmulatedLink], Awaitable[None]]


class Minute(msgspec.Struct, frozen=True):
    """What was seen in the last 12 s of a minute, of both directions; None = nothing to measure.

    Attributes:
        memory_mb: Of each peer, without mapped files, right after it forgot what it had recorded.
        ear_ms: Mouth to ear p50, measured by correlation.
        picture_ms: From taken to decoded, p50.
        playout_ms: What the peer's own figures say its voice buffer holds.
        longest_gap_s: Between two new pictures.
        heard_share: Of what was said.
        restarts: New offers for a new path so far.
        busy_share: Of the whole machine, in this minute.
        sends: Rung of the ladder that each peer is on at the end, and what limits it.
    """

    minute: int
    disturbance: str
    memory_mb: list[float]
    ear_ms: list[float | None]
    picture_ms: list[float | None]
    playout_ms: list[float | None]
    longest_gap_s: list[float]
    heard_share: list[float]
    up: bool
    restarts: int
    busy_share: float
    sends: list[str] = []


def _becomes(link_spec: spec.LinkSpec) -> Disturb:
    return lambda link: link.change(link_spec)


async def _outage(link: EmulatedLink) -> None:
    await link.change(replace(spec.MOBILE, down=True))
    await asyncio.sleep(5)
    await link.change(spec.MOBILE)


async def _move(link: EmulatedLink) -> None:
    here = link.b.address
    await link.move_b("10.77.0.2" if here == _OTHER_ADDRESS else _OTHER_ADDRESS)


DISTURBANCES: dict[str, Disturb] = {
    "nothing": _becomes(spec.MOBILE),
    "rural": _becomes(spec.RURAL),
    "burst": _becomes(spec.BURST),
    "bad": _becomes(spec.BAD),
    "very bad": _becomes(spec.VERY_BAD),
    "narrow": _becomes(replace(spec.MOBILE, rate_kbps=300)),
    "outage of 5 s": _outage,
    "other address": _move,
}


def schedule(minutes: int, seed: int) -> list[str]:
    """Return what disturbs each minute: each kind equally often, in an order of the seed's."""
    order = random.Random(seed)
    chosen: list[str] = []
    while len(chosen) < minutes:
        kinds = list(DISTURBANCES)
        order.shuffle(kinds)
        chosen += kinds
    return chosen[:minutes]


def _rung(stats: Sequence[dict[str, Any]]) -> str:
    return f"rung {stats[-1]['rung']} ({stats[-1]['reason'] or 'nothing limits'})" if stats else ""


def _measured(sender: Recording, receiver: Recording, end_ms: float) -> list[float | None]:
    """Mouth to ear, picture delay, playout, longest gap, heard share of the minute's end."""
    begin_ms = end_ms - MEASURED_S * 1000
    voice = compare_voice(sender.said, receiver.heard, begin_ms, end_ms, quality=False)
    pictures = compare_pictures(sender.taken, receiver.shown, begin_ms, begin_ms, end_ms)
    held = [
        line["playout_delay_ms"]
        for line in receiver.stats
        if line["wall"] >= begin_ms and line.get("playout_delay_ms") is not None
    ]
    playout_ms = float(np.median(held)) if held else None
    gap_s = pictures.longest_gap_s
    return [voice.delay_p50_ms, pictures.delay_p50_ms, playout_ms, gap_s, voice.heard_share]


@dataclass(frozen=True)
class _Call:
    link: EmulatedLink
    ends: dict[str, ProgramEndpoint]
    signalling: Signalling
    folder: Path

    async def minute(self, number: int, kind: str) -> Minute:
        """Disturb, let it be mild, and measure."""
        began, busy_s = time.monotonic(), machine_busy_s()
        await DISTURBANCES[kind](self.link)
        await asyncio.sleep(max(0.0, began + DISTURBED_S - time.monotonic()))
        await self.link.change(spec.MOBILE)
        await asyncio.sleep(max(0.0, began + MINUTE_S - time.monotonic()))
        end_ms = time.time() * 1000
        took_s, busy_s = time.monotonic() - began, machine_busy_s() - busy_s
        a, b = await asyncio.gather(*(self._flush(who, number) for who in self.ends))
        memory_mb = [session_memory_mb(end.session_pid, "Pss_Anon") for end in self.ends.values()]
        ways = await asyncio.gather(
            asyncio.to_thread(_measured, a, b, end_ms), asyncio.to_thread(_measured, b, a, end_ms)
        )
        ear, picture, playout, gaps, heard = ([way[i] for way in ways] for i in range(5))
        return Minute(
            minute=number,
            disturbance=kind,
            memory_mb=memory_mb,
            ear_ms=ear,
            picture_ms=picture,
            playout_ms=playout,
            longest_gap_s=[gap for gap in gaps if gap is not None],
            heard_share=[share for share in heard if share is not None],
            up=all(self._states(who)[-1:] == ["connected"] for who in self.ends),
            restarts=sum(e["ev"] == "reoffer" for e in self.signalling.events),
            busy_share=busy_s / (took_s * (os.cpu_count() or 1)),
            sends=[_rung(end.stats) for end in (a, b)],
        )

    async def _flush(self, who: str, number: int) -> Recording:
        folder = self.folder / f"{who}{number}"
        await self.ends[who].send({"cmd": "flush", "out": str(folder)})

        def flushed() -> bool:
            events = self.signalling.events
            return any(e["ev"] == "flushed" and e["out"] == str(folder) for e in events)

        await until(flushed, "the peer wrote its record", 60)
        try:
            return await asyncio.to_thread(from_files, folder)
        finally:
            shutil.rmtree(folder)

    def _states(self, who: str) -> list[str]:
        events = self.signalling.events
        return [e["v"] for e in events if e["ev"] == "connectionState" and e["who"] == who]


async def soak(minutes: int, seed: int, journal: Path) -> list[Minute]:
    """Hold the call and write a line a minute."""
    film, speech = str(FILM.file()), str(speech_file())
    command = [sys.executable, "-m", "telemed_desk.media.peer"]
    command += ["--camera", f"file:{film}", "--microphone", f"file:{speech}"]
    folder = Path(tempfile.mkdtemp(prefix="telemed-soak-"))
    told: list[Minute] = []
    try:
        async with (
            EmulatedLink(spec.MOBILE, seed=seed) as link,
            program_endpoint(link.a, "ours", command, folder / "a") as a,
            program_endpoint(link.b, "ours", command, folder / "b") as b,
        ):
            ends = {"a": a, "b": b}
            signalling = Signalling(dict(ends), link, {"a": True, "b": False})
            call = _Call(link, ends, signalling, folder)
            try:
                await a.send({"cmd": "offer", "cfg": {"iceServers": []}})
                for number, kind in enumerate(schedule(minutes, seed), 1):
                    minute = await call.minute(number, kind)
                    told.append(minute)
                    with journal.open("ab") as file:
                        file.write(msgspec.json.encode(minute) + b"\n")
                    print(minute, file=sys.stderr, flush=True)
            finally:
                await signalling.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return told


# ---- the report


def slope_an_hour(minutes: Sequence[int], values: Sequence[float]) -> tuple[float, float, float]:
    """Return Theil and Sen's slope and its 95 % interval, in units an hour; of three values or more."""
    found = theilslopes(values, minutes, alpha=0.95)
    return 60 * float(found.slope), 60 * float(found.low_slope), 60 * float(found.high_slope)


def _slope_row(
    name: str, unit: str, told: Sequence[Minute], all_values: Sequence[float | None]
) -> str:
    steady = [
        (m.minute, value)
        for m, value in zip(told, all_values, strict=True)
        if m.minute > WARM_UP_MINUTES
    ]
    known = [(minute, value) for minute, value in steady if value is not None]
    if len(known) < 3:
        return f"| {name} | - | too short a call for a slope | - |"
    values = [value for _, value in known]
    slope, low, high = slope_an_hour([minute for minute, _ in known], values)
    grows = "grows" if low > 0 else "no growth shown"
    middle = f"{np.median(values):.0f} {unit} ({min(values):.0f}-{max(values):.0f})"
    return f"| {name} | {middle} | {slope:+.1f} [{low:+.1f}, {high:+.1f}] {unit} | {grows} |"


def stalls(told: Sequence[Minute]) -> list[str]:
    """Return what stood still at the end of a minute, when the link had been mild for 13 s."""
    found = []
    for m in told:
        for way, gap_s, heard in zip("ab", m.longest_gap_s, m.heard_share, strict=False):
            if gap_s > STALL_S:
                rung = f", {m.sends['ab'.index(way)]}" if m.sends else ""
                found.append(
                    f"minute {m.minute} ({m.disturbance}): {way} sent no picture for {gap_s:.1f} s{rung}"
                )
            if heard < 0.9:
                found.append(
                    f"minute {m.minute} ({m.disturbance}): {heard:.0%} of {way}'s voice was heard"
                )
        if not m.up:
            found.append(f"minute {m.minute} ({m.disturbance}): the call was not up")
    return found


def report(told: Sequence[Minute], facts: Sequence[str], about: str) -> list[str]:
    """Markdown lines."""
    lines = ["# A long call over a link that changes", "", *(f"* {fact}" for fact in facts)]
    if about:
        lines.append(f"* beside it: {about}")
    busy = float(np.mean([m.busy_share for m in told]))
    lines += [
        (
            f"* {len(told)} minutes, our engine at both ends, film {FILM.width}x{FILM.height} at "
            f"{FILM.fps}/s; processors {busy:.0%} busy on average; {told[-1].restarts} new paths "
            f"looked for"
        ),
        (
            f"* each minute {DISTURBED_S:.0f} s of one disturbance, then the mild link (40 ms ± 5, "
            f"3 Mbit/s); measured in the last {MEASURED_S:.0f} s; slopes from minute "
            f"{WARM_UP_MINUTES + 1} on"
        ),
        "",
        "| what | median (range) | slope an hour [95 %] | |",
        "|---|---|---|---|",
    ]
    for i, who in enumerate("ab"):
        lines += [
            _slope_row(f"own memory of {who}", "MB", told, [m.memory_mb[i] for m in told]),
            _slope_row(f"mouth to ear, {who} speaks", "ms", told, [m.ear_ms[i] for m in told]),
            _slope_row(f"voice buffer, {who} speaks", "ms", told, [m.playout_ms[i] for m in told]),
            _slope_row(f"picture delay, {who} sends", "ms", told, [m.picture_ms[i] for m in told]),
        ]
    found = stalls(told)
    lines += ["", f"Stalls on the mild link: {len(found)}.", *(f"* {text}" for text in found)]
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Hold the call and print the report; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak")
    parser.add_argument("--minutes", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--name", default="", help="of the journal in build/soak/")
    parser.add_argument("--out", type=Path, help="also write the report here")
    parser.add_argument("--about", default="", help="what else ran on the machine, for the report")
    parser.add_argument("--report-only", action="store_true", help="of the journal; hold no call")
    chosen = parser.parse_args(arguments)
    facts = describe()
    FOLDER.mkdir(parents=True, exist_ok=True)
    journal = FOLDER / f"{chosen.name or source()}.jsonl"
    if not chosen.report_only:
        journal.unlink(missing_ok=True)
        asyncio.run(soak(chosen.minutes, chosen.seed, journal))
    decoder = msgspec.json.Decoder(Minute)
    told = [decoder.decode(line) for line in journal.read_bytes().splitlines()]
    text = "\n".join(report(told, facts, chosen.about)) + "\n"
    print(text)
    if chosen.out is not None:
        chosen.out.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
