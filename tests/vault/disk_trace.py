"""A few seconds of a doctor's work on a vault, what was said to be saved, and what must then be there.

Also the child process of the disk rigs: run with the shim preloaded.
"""

import contextlib
import errno
import json
import os
import random
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from telemed_desk.clinical.notes import NoteText
from telemed_desk.vault import OpDraft, Vault, VaultDirectory, connection
from telemed_desk.vault.passphrase import TriesGuard
from telemed_protocol.errors import KnownError
from tests.support.disk.disk import Shim
from tests.vault.test_vault_segments import seal
from tests.vault.vault_kit import PASSPHRASE

CONSULTATION = b"c" * 16


@dataclass
class Said:
    """What the vault said was done."""

    ops: list[int] = field(default_factory=list)
    typed: dict[str, int] = field(default_factory=dict)
    heads: dict[str, list[Any]] = field(default_factory=dict)
    refused: int = 0

    def copy(self) -> "Said":
        return Said(**json.loads(json.dumps(asdict(self))))


def work(vault: Vault, rng: random.Random, said: Said) -> Iterator[None]:
    """Act for ever; yields after each action, with what was acknowledged in ``said``."""
    words: dict[str, str] = {}
    while True:
        note = rng.choice(["n", "m", "o"]) * 16
        try:
            match rng.choice(["type"] * 4 + ["patient", "roll", "seal", "receipt", "setting"]):
                case "type":
                    words[note] = words.get(note, "") + f"word{rng.randrange(1000)} "
                    text = NoteText(words[note])
                    vault.journal_draft(note.encode(), CONSULTATION, text, 1).result()
                    said.typed[note] = len(words[note])
                case "patient":
                    entity = rng.randbytes(16)
                    draft = OpDraft("patient.set", entity, {"remarks": "r" * rng.randrange(3000)})
                    said.ops += [op.number for op in vault.commit(draft).result()]
                case "roll":
                    op = vault.roll_draft(note.encode()).result()
                    said.ops += [op.number] if op is not None else []
                case "seal":
                    for batch in vault.pending_batches(8000)[:1]:
                        segment = seal(vault, batch.lane, batch.ops)
                        vault.keep_sealed(segment, batch.ops)
                        said.heads[str(batch.lane)] = [segment.header.n, segment.hash.hex()]
                case "receipt":
                    for segment in vault.unacknowledged()[:1]:
                        vault.acknowledge(segment.hash, rng.randrange(1, 2**40), 5)
                case _:
                    vault.set_setting("theme", rng.randbytes(40)).result()
        except KnownError:
            said.refused += 1
        yield


def shortcomings(vault: Vault, said: Said) -> list[str]:
    """Return what was said to be saved and is not there, or is there twice."""
    wrong = []
    with vault.reading() as reader:
        numbers = list(
            reader.exec_driver_sql("SELECT number FROM op WHERE own = 1 ORDER BY number").scalars()
        )
    lost = set(said.ops) - set(numbers)
    if lost:
        wrong.append(f"lost ops {sorted(lost)}")
    if numbers != list(range(1, len(numbers) + 1)):
        wrong.append("numbers with gaps")
    for note, length in said.typed.items():
        if len(vault.note_text(note.encode()).subjective) < length:
            wrong.append("lost typed text")
    for lane, (n, digest) in said.heads.items():
        head = vault.lane_head(int(lane))
        if head.n < n or (head.n == n and head.hash.hex() != digest):
            wrong.append(f"a number of lane {lane} is free again")
    wrong += [f"page: {fault}" for fault in vault.verify_file()]
    if vault.repair_report is not None:
        wrong.append("it had to be repaired")
    return wrong


def open_at(folder: Path) -> Vault:
    directory = VaultDirectory(folder, reserve_bytes=0, guard=TriesGuard(), wall_ms=lambda: 10**12)
    return directory.unlock(directory.clinicians()[0].entity, PASSPHRASE)


def record(folder: Path, log: Path, actions: int, seed: int) -> None:
    """Work, and have every change written down, with what was said between them."""
    shim = Shim(folder)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    said = Said()
    shim.record(out)
    told = os.open(folder / "said", os.O_WRONLY | os.O_CREAT)
    vault = open_at(folder)
    steps = work(vault, random.Random(seed), said)
    for _ in range(actions):
        next(steps)
        os.lseek(told, 0, os.SEEK_SET)
        os.write(told, json.dumps(asdict(said)).encode())
    shim.record(-1)
    os._exit(0)  # no orderly end: only what was recorded counts


def fail_each(base: Path, place: Path, actions: int, seed: int, every: int) -> None:
    """Run the same work again and again, with call 1, 2, 3... failing; print what was found."""
    shim = Shim(place)

    def run(at: int, many: int, code: int) -> tuple[int, Said, list[str]]:
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(base, place)
        vault = open_at(place)
        said = Said()
        steps = work(vault, random.Random(seed), said)
        shim.fail(at, many, code)
        for _ in range(actions):
            next(steps)
        calls = shim.calls
        with contextlib.suppress(KnownError):
            vault.lock()
        shim.fail(0, 0, 0)
        again = open_at(place)
        wrong = shortcomings(again, said)
        again.lock()
        return calls, said, wrong

    calls, _, wrong = run(0, 0, 0)
    wrong = list(wrong)
    runs = refused = 0
    for code in (errno.EIO, errno.ENOSPC):
        for many in (1, 3, 10**9):
            for at in range(1 + seed % every, calls + 1, every):
                _, said, found = run(at, many, code)
                runs += 1
                refused += said.refused
                name = f"{errno.errorcode[code]} at {at} for {many}"
                wrong += [f"{name}: {line}" for line in found]
    sys.stdout.write(json.dumps({"calls": calls, "runs": runs, "refused": refused, "wrong": wrong}))


def main() -> None:
    what, *words = sys.argv[1:]
    actions: dict[str, Callable[[], None]] = {
        "record": lambda: record(Path(words[0]), Path(words[1]), int(words[2]), int(words[3])),
        "fail": lambda: fail_each(
            Path(words[0]), Path(words[1]), int(words[2]), int(words[3]), int(words[4])
        ),
    }
    if "NORMAL" in words:
        # The control: what SQLite is often told to be faster, and what loses commits.
        connection._PRAGMAS = tuple(  # type: ignore[misc]
            p.replace("synchronous=FULL", "synchronous=NORMAL") for p in connection._PRAGMAS
        )
    actions[what]()


if __name__ == "__main__":
    main()
