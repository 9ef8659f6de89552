"""SIGKILL of the whole desk while somebody types in its window; what its next start shows.

The acknowledged text, that is what the window called saved, must be there: always. Of the rest at
most the last second of typing may be missing; how late a loaded machine is, is counted.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from telemed_desk.vault import OpDraft
from tests.end_to_end.headless_desk import new_vault, running_server
from tests.rigs.power import ROOT

START_S: Final = 120.0
GONE_S: Final = 60.0
PROMISE_MS: Final = 1000
LEAST_S, MOST_S = 0.2, 4.0


@dataclass
class Windows:
    """How many desks were killed, keys typed, keys lost, and how often more than a second of them."""

    kills: int = 0
    typed: int = 0
    lost: int = 0
    late: int = 0
    wrong: list[str] = field(default_factory=list)


@dataclass
class _Run:
    """What one desk told until it was killed."""

    shown: int = -1
    prefix: bool = True
    keys: list[tuple[int, int]] = field(default_factory=list)
    saved: int = 0
    killed_ms: int = 0
    left_behind: bool = False


async def _set_up(folder: Path) -> None:
    async with running_server(folder / "clinic") as server:
        vault = await new_vault(folder / "desk" / "vault", server)
        consultation = min(c.entity for c, _ in vault.today(0, 2**50))
        state = {"state": "writing", "at_ms": 1}
        vault.commit(OpDraft("consult.state", consultation, {**state, "state": "in-call"})).result()
        vault.commit(OpDraft("consult.state", consultation, state)).result()
        await asyncio.to_thread(vault.lock)


def kill_windows(folder: Path, seed: int, kills: int) -> Windows:
    """Set a desk up in an empty folder, then type and kill, and start once more at the end."""
    asyncio.run(_set_up(folder))
    rng = random.Random(seed)
    found, before = Windows(), _Run()
    for number in range(kills + 1):
        last = number == kills
        run = _type_and_kill(folder, 0.0 if last else rng.uniform(LEAST_S, MOST_S))
        if number:
            lines = _compare(before, run, found)
            found.wrong += [f"seed {seed}, kill {number - 1}: {line}" for line in lines]
        if not last:
            found.kills += 1
            found.typed += len(run.keys)
            if run.left_behind:
                found.wrong.append(f"seed {seed}, kill {number}: a process stayed behind")
        before = run
    return found


def _compare(before: _Run, after: _Run, found: Windows) -> list[str]:
    wrong = []
    if not after.prefix:
        wrong.append("the text is not what was typed")
    if after.shown < before.saved:
        wrong.append(f"{before.saved} were called saved, {after.shown} are there")
    typed = before.keys[-1][1] if before.keys else before.shown
    found.lost += max(0, typed - after.shown)
    old = [count for at, count in before.keys if at <= before.killed_ms - PROMISE_MS]
    found.late += bool(old) and after.shown < old[-1]
    return wrong


def _type_and_kill(folder: Path, for_s: float) -> _Run:
    """Run the desk; kill it so long after the note was shown."""
    log = (folder / "stderr.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.rigs.typing_window", str(folder / "desk")],
        env={
            **os.environ,
            "QT_QPA_PLATFORM": "offscreen",
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
        },
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=log,
        start_new_session=True,
    )
    log.close()
    assert process.stdout is not None
    run = _Run()
    watch = _Watch(process.stdout)
    deadline = time.monotonic() + START_S
    try:
        while run.shown < 0:
            if time.monotonic() > deadline or process.poll() is not None:
                raise RuntimeError((folder / "stderr.log").read_text()[-2000:])
            watch.take(run, 0.2)
        end = time.monotonic() + for_s
        while (left := end - time.monotonic()) > 0:
            watch.take(run, left)
    finally:
        process.send_signal(signal.SIGKILL)
        run.killed_ms = time.time_ns() // 1_000_000
        watch.rest(run)
        process.wait(GONE_S)
        process.stdout.close()
    run.left_behind = not _all_gone(process.pid)
    return run


class _Watch:
    """Reads the desk's lines as they come."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out
        self._part = b""
        os.set_blocking(out.fileno(), False)

    def take(self, run: _Run, wait_s: float) -> None:
        data = self._out.read()
        if data:
            self._part += data
            *lines, self._part = self._part.split(b"\n")
            for line in lines:
                _note(run, line.decode().split())
        else:
            time.sleep(min(wait_s, 0.02))

    def rest(self, run: _Run) -> None:
        os.set_blocking(self._out.fileno(), True)
        self._part += self._out.read()
        for line in self._part.split(b"\n")[:-1]:
            _note(run, line.decode().split())


def _note(run: _Run, words: list[str]) -> None:
    match words:
        case ["shown", count, prefix]:
            run.shown, run.prefix = int(count), prefix == "True"
        case ["key", at_ms, count]:
            run.keys.append((int(at_ms), int(count)))
        case ["saved", count]:
            run.saved = max(run.saved, int(count))
        case _:
            pass


def _all_gone(group: int) -> bool:
    """Whether the media process of a killed desk ended by itself."""
    deadline = time.monotonic() + GONE_S
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False
