"""The child process of the disk rigs, started with the shim preloaded.

``record FOLDER LOG ACTIONS SEED [PLANT]`` works and writes down every change of the folder;
``refuse BASE PLACE ACTIONS SEED ERRNO MANY FIRST STEP`` repeats unlocking, work and locking with
call FIRST, FIRST+STEP... failing. A plant is a fault that the rig must find.
"""

import contextlib
import errno
import json
import os
import random
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemed_desk.vault import attachments, connection, journal
from telemed_protocol.errors import KnownError
from tests.rigs.doctors_work import Said, Work
from tests.rigs.shortcomings import look
from tests.support.disk.disk import Shim


class _NoSync:
    """``os`` for a module that is to forget its fsync."""

    def __getattr__(self, name: str) -> object:
        return getattr(os, name)

    def fsync(self, _handle: int) -> None:
        return


def _plant_normal() -> None:
    """What SQLite is often told to be faster."""
    connection._PRAGMAS = tuple(  # type: ignore[misc, assignment]
        p.replace("synchronous=FULL", "synchronous=NORMAL") for p in connection._PRAGMAS
    )


def _plant_photos() -> None:
    attachments.os = _NoSync()  # type: ignore[assignment]


def _plant_journal() -> None:
    journal.os = _NoSync()  # type: ignore[assignment]


PLANTS: Final[dict[str, Callable[[], None]]] = {
    "NORMAL": _plant_normal,
    "photos-not-synced": _plant_photos,
    "journal-not-synced": _plant_journal,
}


def record(folder: Path, log: Path, actions: int, seed: int) -> None:
    """Work, and have every change written down, with what was said between them."""
    shim = Shim(folder)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    shim.record(out)
    told = os.open(folder / "said", os.O_WRONLY | os.O_CREAT)

    def tell(said: Said) -> None:
        os.lseek(told, 0, os.SEEK_SET)
        os.write(told, said.to_json())

    work = Work(folder, random.Random(seed), tell=tell)
    for _ in range(actions):
        work.step()
        tell(work.said)
    shim.record(-1)
    os._exit(0)  # no orderly end: only what was recorded counts


@dataclass(frozen=True)
class Refusal:
    """Which calls fail: with what, how many in a row, from which on, and in which steps."""

    code: int
    many: int
    first: int
    step: int


def refuse(base: Path, place: Path, actions: int, seed: int, how: Refusal) -> None:
    """Unlock, work and lock again and again, a later call failing each time; print what was found."""
    shim = Shim(place)
    before = (base / "said").read_text()
    wrong: list[str] = []
    runs = refused = calls = 0
    at = how.first
    while True:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(base, place, ignore=shutil.ignore_patterns("said"))
        said = Said.from_json(before)
        work = Work(place, random.Random(seed), said)
        shim.fail(at, how.many, how.code)
        bug = _worked(work, actions)
        calls = shim.calls
        shim.fail(0, 0, 0)
        if calls < at:
            break  # it was over before anything failed
        found = [bug] if bug else []
        found += look(place, said, thorough=said.ops % 8 == 0)
        runs += 1
        refused += said.refused
        name = f"{errno.errorcode[how.code]} at {at} for {how.many}"
        wrong += [f"{name}: {line}" for line in found]
        at += how.step
    sys.stdout.write(json.dumps({"calls": calls, "runs": runs, "refused": refused, "wrong": wrong}))


def _worked(work: Work, actions: int) -> str:
    """Do the actions; return what escaped that is no known error."""
    try:
        for _ in range(actions):
            work.step()
        with contextlib.suppress(KnownError):
            work.close()
    except Exception as error:  # noqa: BLE001 - whatever escapes is what the rig looks for
        return f"escaped: {error!r}"
    finally:
        with contextlib.suppress(Exception):
            work.close()
    return ""


def main() -> None:
    what, *words = sys.argv[1:]
    if what == "record":
        at_work, log, count, drawn, *plants = words
        for plant in plants:
            PLANTS[plant]()
        record(Path(at_work), Path(log), int(count), int(drawn))
    else:
        base, place, *numbers = words
        actions, seed, code, many, first, step = map(int, numbers)
        refuse(Path(base), Path(place), actions, seed, Refusal(code, many, first, step))


if __name__ == "__main__":
    main()
