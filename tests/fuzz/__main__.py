"""``python -m tests.fuzz --seconds 60``: feeds every decoder, with atheris where it is installed.

Without it inputs are altered blindly. Atheris is no dependency of the project; with it one process
fuzzes one target, guided by coverage, and what it keeps goes to ``--work``.
"""

import argparse
import importlib.util
import os
import random
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Final

from tests.fuzz import corpus
from tests.fuzz.targets import TARGETS, feed, seeds
from tests.rigs.mutations import altered

ROOT: Final = Path(__file__).resolve().parents[2]


def blindly(name: str, inputs: list[bytes], seconds: float, seed: int) -> tuple[int, list[str]]:
    """Alter inputs for a time; return how many were fed, and what escaped."""
    rng, fed, wrong = random.Random(f"{name} {seed}"), 0, list[str]()
    end = time.monotonic() + seconds
    while time.monotonic() < end and not wrong:
        for _ in range(50):
            base = rng.choice(inputs) or b"\0"
            data = altered(base, rng)
            fed += 1
            try:
                feed(name, data)
            except Exception as error:  # noqa: BLE001 - that is what is looked for
                where = traceback.extract_tb(error.__traceback__)[-1]
                wrong.append(f"{name}: {error!r} at {where.filename}:{where.lineno}: {data.hex()}")
                break
    return fed, wrong


def guided(name: str, inputs: list[bytes], seconds: int, work: Path) -> tuple[int, list[str]]:
    """Let atheris fuzz one target in a process of its own."""
    folder = work / name
    folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(inputs):
        (folder / f"seed-{number}").write_bytes(data)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.fuzz.with_atheris", name, str(folder)),
            *(f"-max_total_time={seconds}", "-max_len=4096", "-timeout=20", "-rss_limit_mb=2048"),
            *("-print_final_stats=1", f"-artifact_prefix={folder}/broke-"),
        ],
        cwd=ROOT,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    fed = [
        int(line.split()[-1])
        for line in done.stderr.splitlines()
        if line.startswith("stat::number_of_executed_units")
    ]
    wrong = [] if done.returncode == 0 else [f"{name}: {done.stderr[-1500:]}"]
    return sum(fed), wrong


def main() -> int:
    """Return 0 when nothing escaped."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="altogether")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--keep", action="store_true", help="renew the corpus from --work")
    parser.add_argument("targets", nargs="*", default=[])
    options = parser.parse_args()
    names = options.targets or list(TARGETS)
    inputs: dict[str, list[bytes]] = {name: [] for name in TARGETS}
    for name, data in seeds():
        inputs[name].append(data)
    for name, kept in corpus.load().items():
        inputs[name] += kept
    with_atheris = importlib.util.find_spec("atheris") is not None
    print("guided by coverage" if with_atheris else "blindly: atheris is not installed")
    each, total, wrong = max(1, options.seconds // len(names)), 0, list[str]()
    for name in names:
        if with_atheris:
            fed, found = guided(name, inputs[name], each, options.work)
        else:
            fed, found = blindly(name, inputs[name], each, options.seed)
        total += fed
        wrong += found
        print(f"{name}: {fed} inputs, {len(found)} wrong", flush=True)
    print(f"{total} inputs in {each * len(names)} s, {len(wrong)} wrong\n" + "\n".join(wrong))
    if options.keep:
        corpus.store(_grown(options.work))
    return int(bool(wrong))


def _grown(work: Path) -> dict[str, list[bytes]]:
    kept = corpus.load()
    for folder in sorted(work.iterdir()):
        found = [p.read_bytes() for p in folder.iterdir() if not p.name.startswith("seed-")]
        kept[folder.name] = kept.get(folder.name, []) + found
    return kept


if __name__ == "__main__":
    sys.exit(main())
