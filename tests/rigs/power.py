"""Power cuts: the real work recorded call by call, replayed up to any of them, and opened.

At each cut five disks are looked at: all that was not synced lost, all of it there, two random
mixtures, and one torn at 512 bytes (the model is in ``tests/support/disk/disk.py``).
"""

import hashlib
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from telemed_protocol.errors import KnownError
from tests.rigs.doctors_work import Said, enrol, open_at
from tests.rigs.shortcomings import look
from tests.support.disk.disk import Disk, Loss, read_events, write_files
from tests.vault.vault_kit import make_place

LOSSES: Final[tuple[Loss, ...]] = ("all", "none", "some", "some", "torn")
ACTIONS: Final = 60
THOROUGH_EVERY: Final = 8
"""So often the whole log is folded anew and each signature verified as well."""
SPOILED_EVERY: Final = 12
"""So often the database is spoiled as well: what is not sent must come from the second copy."""
ROOT: Final = Path(__file__).resolve().parents[2]


@dataclass
class Cuts:
    """What was looked at: distinct disks, and those that were the same as one before.

    ``spoiled`` counts those of which the database was destroyed, too.
    """

    states: int = 0
    same: int = 0
    events: int = 0
    spoiled: int = 0
    wrong: list[str] = field(default_factory=list)


def child(shim: Path, *words: object) -> str:
    """Run the child process with the shim; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.rigs.disk_child", *map(str, words)],
        env={
            **os.environ,
            "LD_PRELOAD": str(shim),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'src'}",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr[-3000:])
    return done.stdout


def make_base(folder: Path) -> None:
    """Lay down the vault of a clinic's desk in which nothing has happened yet."""
    place = make_place(folder)
    enrol(place.vault)
    place.close()


def power_cuts(
    shim: Path,
    folder: Path,
    seed: int,
    *,
    cuts: int,
    plant: str = "",
    actions: int = ACTIONS,
    until: str = "",
) -> Cuts:
    """Record some work, cut the power at moments of it.

    Args:
        shim: The library to preload.
        folder: An empty one, best in memory.
        seed: Of the work, the moments and the mixtures.
        cuts: At how many moments; those of the same seed are spread over the whole recording.
        plant: A fault to plant; empty = none.
        actions: How much is done.
        until: Stop once this is found wrong; empty = look at all.
    """
    base, at_work, after = folder / "base", folder / "work", folder / "after"
    make_base(base)
    shutil.copytree(base, at_work)
    child(shim, "record", at_work, folder / "log", actions, seed, *([plant] if plant else []))
    events = read_events(folder / "log")
    rng = random.Random(seed)
    chosen = set(rng.sample(range(len(events)), min(cuts, len(events))))
    found = Cuts(events=len(events))
    seen: set[bytes] = set()
    disk, said = Disk(at_work, base), Said()
    for i, event in enumerate(events):
        if event.path.endswith("/said"):
            if event.what == "write":
                said = Said.from_json(event.data)
            continue
        disk.happen(event)
        if i not in chosen:
            continue
        for loss in LOSSES:
            files = disk.after_power_cut(loss, rng)
            name = _name_of(files, said)
            if name in seen:
                found.same += 1
                continue
            seen.add(name)
            shutil.rmtree(after, ignore_errors=True)
            write_files(files, after)
            found.states += 1
            thorough = found.states % THOROUGH_EVERY == 0
            lines = look(after, said, thorough=thorough)
            if found.states % SPOILED_EVERY == 0 and not lines:
                lines = look_at_second_copy(files, after, said)
                found.spoiled += 1
            found.wrong += [f"seed {seed}, event {i}, {loss}: {line}" for line in lines]
        if until and any(until in line for line in found.wrong):
            break
    return found


def _name_of(files: dict[str, bytes], said: Said) -> bytes:
    digest = hashlib.sha256(said.to_json())
    for name in sorted(files):
        digest.update(name.encode() + b"\0" + hashlib.sha256(files[name]).digest())
    return digest.digest()


def look_at_second_copy(files: dict[str, bytes], folder: Path, said: Said) -> list[str]:
    """Destroy the database of a disk that opened well; what was not sent must be in the journal."""
    vault = open_at(folder, said)
    with vault.reading() as reader:
        unsent = set(reader.exec_driver_sql(_UNSENT_OPS).scalars())
    heads = [vault.lane_head(lane) for lane in range(5)]
    vault.lock()
    shutil.rmtree(folder)
    write_files(files, folder)
    database = folder / "vault.db"
    database.write_bytes(bytes(database.stat().st_size))
    (folder / "vault.db-wal").unlink(missing_ok=True)
    (folder / "suspect").touch()
    try:
        vault = open_at(folder, said)
    except KnownError as error:
        return [f"spoiled, and does not open: {error.code}"]
    try:
        with vault.reading() as reader:
            there = set(reader.exec_driver_sql("SELECT number FROM op WHERE own = 1").scalars())
        wrong = [f"spoiled, and lost unsent ops {sorted(unsent - there)}"] * (not unsent <= there)
        if vault.push_held is None and [vault.lane_head(lane) for lane in range(5)] != heads:
            wrong.append("spoiled, and a number is free again")
        return wrong
    finally:
        vault.lock()


_UNSENT_OPS: Final = """SELECT o.number FROM op o LEFT JOIN segment s
    ON s.device = o.device AND s.lane = o.lane AND s.n = o.segment_n
    WHERE o.own = 1 AND (o.segment_n IS NULL OR s.stored_ms IS NULL)"""
