"""A visit, from the doctor's click on Admit to pictures on both sides, and the start of the desk.

python -m benchmarks.visit --repeats 5 --out benchmarks/results/visit.md
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import structlog

from benchmarks.desk_start import desk_starts
from benchmarks.machine import describe
from telemed_desk.clinical.consultations import Consultation
from telemed_desk.clinical.people import Patient
from telemed_desk.clinical.queue import Waiting
from telemed_desk.media import control
from telemed_desk.media.client import MediaProcess
from telemed_desk.media.frames import FrameReader
from telemed_desk.workflow.booking import make_link
from telemed_desk.workflow.clock import wall_ms
from telemed_desk.workflow.day import DAY_MS, start_of_day_ms
from tests.end_to_end.headless_desk import (
    TEST_DEVICES,
    HeadlessDesk,
    new_vault,
    running_desk,
    running_server,
    until,
)
from tests.end_to_end.patient import patient_at

LOOK_EVERY_S = 0.002
WAIT_S = 60.0
ECHOES = 200
MOST_VISITS = 12
"""The practice clinic has so many bookings."""
# Every video element that the page makes is watched; the first new picture on one of them counts.
WATCH_REMOTE = """
(() => {
  const seen = new WeakSet();
  let told = false;
  const look = setInterval(() => {
    const video = document.querySelector('#remote');
    if (!video || seen.has(video)) return;
    seen.add(video);
    video.requestVideoFrameCallback(() => {
      clearInterval(look);
      if (!told) telemedEmit(JSON.stringify({ firstPicture: Date.now() }));
      told = true;
    });
  }, 5);
})();
"""
STEPS = (
    ("admit → media process asked for an offer", "admit", "asked"),
    ("→ offer made and handed to the line", "asked", "offered"),
    ("→ answer of the page arrives", "offered", "answered"),
    ("→ connected (ICE and DTLS), as the desk sees it", "answered", "connected"),
    ("→ first picture of the patient at the desk", "connected", "desk"),
    ("→ first picture of the doctor at the page", "connected", "page"),
    ("**admit → first picture at the desk**", "admit", "desk"),
    ("**admit → first picture at the page**", "admit", "page"),
)


class Moments:
    """When things happened in one visit, Unix ms; noted on the core thread, first of each counts."""

    def __init__(self, desk: HeadlessDesk) -> None:
        self.at: dict[str, float] = {}
        self.memory = ""
        self.offers = 0
        self._hub = desk.hub
        self._send = desk.hub.send
        self._stop = desk.hub.listen(self._heard)
        desk.hub.send = self._sent  # type: ignore[method-assign]  # looked at on its way, unchanged

    def note(self, name: str, wall: float | None = None) -> None:
        """Keep the time of now, or another."""
        self.at.setdefault(name, time.time() * 1000 if wall is None else wall)

    def close(self) -> None:
        """Look no more."""
        self._stop()
        self._hub.send = self._send  # type: ignore[method-assign]

    def _sent(self, message: control.ToMedia) -> None:
        match message:
            case control.StartCall():
                self.note("asked")
                self.offers += 1
            case control.RemoteDescription(kind="answer"):
                self.note("answered")
        self._send(message)

    def _heard(self, message: control.FromMedia) -> None:
        match message:
            case control.LocalDescription(kind="offer"):
                self.note("offered")
            case control.CallState(phase="connected"):
                self.note("connected")
            case control.VideoStream(stream="remote"):
                self.memory = message.memory


def _first_picture(memory: str) -> float:
    """Return when the first picture was put into the window's memory, Unix ms. Blocks."""
    deadline = time.monotonic() + WAIT_S
    reader = FrameReader(memory)
    try:
        while (frame := reader.newest()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError("no picture of the patient")
            time.sleep(LOOK_EVERY_S)
        return frame.wall_us / 1000
    finally:
        reader.close()


def _next_booking(desk: HeadlessDesk) -> tuple[Consultation, Patient]:
    today = start_of_day_ms(wall_ms())
    booked = desk.vault.today(today - DAY_MS, today + 2 * DAY_MS)
    return next((c, p) for c, p in booked if c.state.value == "booked")


def _waiting(desk: HeadlessDesk, consultation: bytes) -> Waiting | None:
    room = desk.session.room.value.waiting
    return next((w for w in room if w.consultation.entity == consultation and w.identity_ok), None)


async def _hold_visit(desk: HeadlessDesk) -> tuple[dict[str, float], int]:
    """Hold one visit; return its moments and how many offers it took."""
    consultation, person = _next_booking(desk)
    client = desk.session.client
    making = desk.core.submit(make_link(desk.vault, client, consultation, wall_ms()))
    link = await asyncio.wrap_future(making)
    async with patient_at(link.url, script=WATCH_REMOTE) as patient:
        await patient.join(person.year_of_birth or 0)
        entity = consultation.entity
        await until(lambda: _waiting(desk, entity), "the patient arrives", WAIT_S)
        waiting = _waiting(desk, entity)
        if waiting is None:
            raise LookupError("the patient left again")
        moments = await desk.on_core(lambda: Moments(desk))
        moments.note("admit")
        desk.session.start_visit(waiting.seat)
        await until(lambda: moments.memory, "the window's memory", WAIT_S)
        moments.note("desk", await asyncio.to_thread(_first_picture, moments.memory))
        async with asyncio.timeout(WAIT_S):
            told: dict[str, Any] = json.loads(await patient.page.emitted.get())
        moments.note("page", float(told["firstPicture"]))
        await until(lambda: "connected" in moments.at, "connected", WAIT_S)
        await desk.on_core(moments.close)
        desk.session.end_visit([])
        await patient.page.wait_for("document.body.innerText.includes('has ended')", WAIT_S)
    desk.session.leave_visit()
    await until(lambda: desk.session.visit.value is None, "the visit is left", WAIT_S)
    return moments.at, moments.offers


# ---- yardsticks


async def _echoes() -> list[float]:
    """Send 64 bytes to an echo on loopback and back; ms each."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(64):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    times = []
    for _ in range(ECHOES):
        begun = time.perf_counter()
        writer.write(b"x" * 64)
        await reader.readexactly(64)
        times.append((time.perf_counter() - begun) * 1000)
    writer.close()
    await writer.wait_closed()
    server.close()
    return times


async def _answers(origin: str, repeats: int) -> list[float]:
    """Ask the server whether it is well, over one connection; ms each."""
    times = []
    async with httpx.AsyncClient() as http:
        await http.get(f"{origin}/healthz")
        for _ in range(repeats * 4):
            begun = time.perf_counter()
            await http.get(f"{origin}/healthz")
            times.append((time.perf_counter() - begun) * 1000)
    return times


async def _offers(repeats: int) -> list[float]:
    """Have a media process of its own make offers, nothing else around; ms each."""
    offers: asyncio.Queue[float] = asyncio.Queue()

    def heard(message: control.FromMedia) -> None:
        if isinstance(message, control.LocalDescription):
            offers.put_nowait(time.perf_counter())

    process = MediaProcess(heard)
    await process.start()
    times = []
    try:
        process.send(TEST_DEVICES)
        for number in range(repeats):
            begun = time.perf_counter()
            process.send(control.StartCall(f"yardstick-{number}", offer=True))
            async with asyncio.timeout(WAIT_S):
                made = await offers.get()
            times.append((made - begun) * 1000)
            process.send(control.EndCall(f"yardstick-{number}"))
    finally:
        await process.stop()
    return times


# ---- the report


def _row(name: str, times: Sequence[float]) -> str:
    return (
        f"| {name} | {statistics.median(times):.1f} | {min(times):.1f} | {max(times):.1f} "
        f"| {len(times)} |"
    )


HEAD = ["| | median ms | least | most | times |", "|---|---|---|---|---|"]


async def visits(repeats: int) -> list[str]:
    """Hold visits one after the other with one desk and one server; Markdown lines."""
    rows: list[dict[str, float]] = []
    again = 0
    with tempfile.TemporaryDirectory(prefix="telemed-visit-") as name:
        folder = Path(name)
        async with running_server(folder) as server:
            vault = await new_vault(folder / "a", server)
            echoes, alone = await _echoes(), await _offers(repeats)
            async with running_desk(vault, server.origin) as desk:
                for number in range(repeats):
                    print(f"visit {number + 1}/{repeats}", file=sys.stderr)
                    at, offers = await _hold_visit(desk)
                    rows.append(at)
                    again += offers - 1
                answers = await _answers(server.origin, repeats)
    lines = ["## From admit to pictures", "", *HEAD]
    lines += [_row(name, [at[to] - at[since] for at in rows]) for name, since, to in STEPS]
    lines.append(_row("yardstick: media process alone, call → offer", alone))
    lines.append(_row("yardstick: the server answers `/healthz`", answers))
    lines.append(_row("yardstick: 64 bytes over loopback TCP and back", echoes))
    each = ", ".join(
        f"{at['desk'] - at['admit']:.0f}/{at['page'] - at['admit']:.0f}" for at in rows
    )
    return [
        *lines,
        "",
        f"Each visit in order, ms to the first picture at desk/page: {each}.",
        f"Offers that had to be made again: {again}.",
    ]


def starts(repeats: int) -> list[str]:
    """Start the desk again and again; Markdown lines."""
    rows = desk_starts(repeats)
    desk, empty = (
        statistics.median(rows[name])
        for name in (
            "desk: unlock screen painted, keys taken",
            "yardstick: empty widget painted",
        )
    )
    return [
        "## From process start to a usable window",
        "",
        *HEAD,
        *(_row(name, times) for name, times in rows.items()),
        "",
        f"The desk beside the empty widget: x{desk / empty:.1f}.",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.visit")
    parser.add_argument("--repeats", type=int, default=5, choices=range(1, MOST_VISITS + 1))
    parser.add_argument("--out", type=Path, help="also write the report here")
    parser.add_argument("--about", default="", help="what else ran; goes into the report")
    chosen = parser.parse_args(arguments)
    quiet = structlog.make_filtering_bound_logger(logging.ERROR)
    structlog.configure(wrapper_class=quiet)  # the table is on standard output
    machine = describe()
    body = [*asyncio.run(visits(chosen.repeats)), "", *starts(chosen.repeats)]
    machine.append(f"load average at the end {os.getloadavg()[0]:.2f}")
    if chosen.about:
        machine.append(chosen.about)
    report = "\n".join(
        ["# A visit and the desk's start", "", *(f"* {f}" for f in machine), "", *body]
    )
    print(report)
    if chosen.out is not None:
        chosen.out.write_text(report + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
