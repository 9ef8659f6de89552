"""The storage process of the kill rig: forks workers without importing everything again each time.

Reads a seed per line; forks a worker that unlocks the vault and works without end. Prints the
worker's number, then what was said to be done after each action, then how the worker ended.
``python -m tests.rigs.kill_child FOLDER``
"""

import os
import random
import sys
from pathlib import Path

from tests.rigs.doctors_work import Said, Work


def _say(line: bytes) -> None:
    os.write(1, line + b"\n")  # at once and whole: a pipe takes so much in one piece


def _work(folder: Path, seed: int, said: Said) -> None:
    work = Work(folder, random.Random(seed), said, lambda s: _say(b"said " + s.to_json()))
    work.open()
    _say(b"open")
    while True:
        work.step()
        _say(b"said " + work.said.to_json())


def main() -> None:
    folder = Path(sys.argv[1])
    for line in sys.stdin:
        seed, _, told = line.partition(" ")
        worker = os.fork()
        if not worker:
            try:
                _work(folder, int(seed), Said.from_json(told))
            finally:
                os._exit(3)  # only a kill ends it in order
        _say(b"worker %d" % worker)
        _, status = os.waitpid(worker, 0)
        _say(b"ended %d" % os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
