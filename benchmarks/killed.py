"""How long a call is gone when the doctor's media process is killed in it (SIGKILL), again and again.

A real server, a real desk without windows, a patient on our own engine, over loopback: so it tells what
the restart itself takes, to which a link adds a few round trips. The goal: back within 5 s.
"""

import argparse
import asyncio
import logging
import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from benchmarks.machine import describe
from tests.end_to_end.headless_desk import HeadlessDesk, new_vault, running_desk, running_server
from tests.end_to_end.headless_patient import HeadlessPatient, headless_patient_at
from tests.end_to_end.steps import visit

GOAL_S = 5.0
PATIENCE_S = 120.0
TALK_S = 3.0
LOOK_S = 0.01
STEPS = ("a new process is up", "connected", "patient sees the doctor", "patient hears the doctor")


async def _when(since: float, condition: Callable[[], object]) -> float:
    """Return the seconds until it holds."""
    while not condition():
        if time.monotonic() - since > PATIENCE_S:
            raise TimeoutError
        await asyncio.sleep(LOOK_S)
    return time.monotonic() - since


async def _kill_once(desk: HeadlessDesk, patient: HeadlessPatient) -> list[float]:
    """Kill, and say when each step was reached."""
    before, pid = visit(desk).call, desk.hub.process.pid
    assert pid is not None
    since = time.monotonic()
    os.kill(pid, signal.SIGKILL)

    def heard() -> bool:
        call = patient.call
        # a fiftieth of a second of tone in a second of silence: what is there has just begun
        return call is not None and call.id != before and call.senses.loudness_dbfs() > -45

    conditions = (
        lambda: desk.hub.process.pid not in (None, pid),
        lambda: visit(desk).call != before and visit(desk).phase == "connected",
        lambda: (
            patient.call is not None and patient.call.id != before and patient.call.senses.shown
        ),
        heard,
    )
    return list(await asyncio.gather(*(_when(since, condition) for condition in conditions)))


async def _visit_killed() -> list[float]:
    """Hold a visit, kill once in it; a second death within a minute would be waited for on purpose."""
    with tempfile.TemporaryDirectory() as folder:
        async with running_server(Path(folder)) as server:
            vault = await new_vault(Path(folder) / "a", server)
            async with running_desk(vault, server.origin) as desk:
                link = await desk.link()
                async with headless_patient_at(link.url) as patient:
                    await patient.join(1959)
                    await _when(time.monotonic(), lambda: desk.session.room.value.waiting)
                    desk.session.start_visit(desk.session.room.value.waiting[0].seat)
                    await patient.sees_the_doctor()
                    await asyncio.sleep(TALK_S)
                    return await _kill_once(desk, patient)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.killed", description=__doc__)
    parser.add_argument("--kills", type=int, default=7)
    chosen = parser.parse_args(arguments)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    machine = describe()
    rows = []
    for number in range(chosen.kills):
        rows.append(asyncio.run(_visit_killed()))
        said = ", ".join(f"{seconds:.2f}" for seconds in rows[-1])
        print(f"kill {number + 1}/{chosen.kills}: {said} s", file=sys.stderr)
    machine.append(f"load average at the end {os.getloadavg()[0]:.2f}")
    lines = [
        "# A media process that is killed in a call",
        "",
        *(f"* {fact}" for fact in machine),
        "",
    ]
    lines += ["| seconds after the kill | median | least | most |", "|---|---|---|---|"]
    for name, took in zip(STEPS, zip(*rows, strict=True), strict=True):
        lines.append(
            f"| {name} | {statistics.median(took):.2f} | {min(took):.2f} | {max(took):.2f} |"
        )
    late = sum(max(row) > GOAL_S for row in rows)
    lines += ["", f"{len(rows)} kills, {late} of them not back within {GOAL_S:.0f} s."]
    print("\n".join(lines))
    return 1 if late else 0


if __name__ == "__main__":
    sys.exit(main())
