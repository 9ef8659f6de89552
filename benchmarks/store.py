"""What the encrypted store costs: unlock to Today with 10,000 consultations, and keystroke to disk.

Yardsticks in the same run: the same commits into a plain, unencrypted SQLite file with the same
settings, and the machine's own ``fsync``.
"""

import argparse
import os
import secrets
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlcipher3.dbapi2 as sqlite

from benchmarks.machine import describe
from telemed_desk.clinical.notes import NoteText
from telemed_desk.clinical.people import Clinician
from telemed_desk.vault import OpDraft, Vault, VaultDirectory
from telemed_desk.workflow import practice_data
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id

CONSULTATIONS = 10_000
PATIENTS = 2_000
DAY_MS = 86_400_000
STROKES = 200
REPEATS = 7
BATCH = 1_000


def bookings(clinician: bytes, now_ms: int, consultations: int) -> list[OpDraft]:
    """Make patients and bookings, 40 a day, half of them in the past."""
    patients = [bytes(new_id()) for _ in range(PATIENTS)]
    drafts = [
        OpDraft(
            "patient.set",
            entity,
            {
                "given_name": f"Jaribio{n}",
                "family_name": "Mfano",
                "number": f"TD-{n:06d}",
                "year_of_birth": 1940 + n % 80,
            },
        )
        for n, entity in enumerate(patients)
    ]
    for n in range(consultations):
        day = n // 40 - consultations // 80
        drafts.append(
            OpDraft(
                "consult.book",
                bytes(new_id()),
                {
                    "patient": patients[n % PATIENTS],
                    "programme": "pall",
                    "way": "video",
                    "booked_ms": now_ms + day * DAY_MS + (n % 40) * 600_000,
                    "minutes": 20,
                    "clinician": clinician,
                    "reason": "benchmark",
                },
            )
        )
    return drafts


def fill(vault: Vault, now_ms: int) -> float:
    """Book 10,000 consultations; return seconds."""
    drafts = bookings(vault.clinician.entity, now_ms, CONSULTATIONS)
    started = time.perf_counter()
    for at in range(0, len(drafts), BATCH):
        vault.commit(*drafts[at : at + BATCH]).result()
    return time.perf_counter() - started


def timed_ms(action: Callable[[], object]) -> float:
    """Return how long an action took."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1000


def quantiles(values: list[float]) -> str:
    """Return median, 99th percentile (or maximum of few) in words."""
    ordered = sorted(values)
    high = ordered[min(len(ordered) - 1, round(len(ordered) * 0.99))]
    return f"{statistics.median(ordered):8.2f} {high:8.2f}"


def plain_commits(folder: Path) -> list[float]:
    """Commit as many rows into a file without encryption, with the same durability."""
    connection = sqlite.connect(str(folder / "plain.db"), isolation_level=None)
    for pragma in ("journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE journal (note BLOB PRIMARY KEY, body BLOB, at INTEGER)")
    note = secrets.token_bytes(16)

    def commit(n: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(
            "INSERT OR REPLACE INTO journal VALUES (?, ?, ?)", (note, b"x" * (400 + n), n)
        )
        connection.execute("COMMIT")

    times = [timed_ms(lambda n=n: commit(n)) for n in range(STROKES)]
    connection.close()
    return times


def bare_fsyncs(folder: Path) -> list[float]:
    """Append 500 bytes and fsync: what the disk itself takes."""
    with (folder / "bare").open("ab", buffering=0) as file:

        def once() -> None:
            file.write(b"x" * 500)
            os.fsync(file.fileno())

        return [timed_ms(once) for _ in range(STROKES)]


def main(arguments: list[str]) -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store", description=__doc__)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    options = parser.parse_args(arguments)
    print("\n".join(describe()))
    now_ms = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        directory = VaultDirectory(folder / "vault")
        clinician = Clinician(new_id(), practice_data.CLINICIAN)
        vault, _ = directory.create(
            clinician=clinician,
            passphrase=practice_data.PASSPHRASE,
            device=DeviceIdentity.generate(new_id()),
        )
        vault.set_clinic(new_id()).result()
        seconds = fill(vault, now_ms)
        print(f"\nbooked {CONSULTATIONS + PATIENTS} facts in {seconds:.1f} s, batches of {BATCH}")
        vault.lock()
        unlocks, todays = [], []
        for _ in range(REPEATS):
            opened: list[Vault] = []
            unlocks.append(
                timed_ms(
                    lambda opened=opened: opened.append(
                        directory.unlock(clinician.entity, practice_data.PASSPHRASE)
                    )
                )
            )
            vault = opened[0]
            todays.append(
                timed_ms(
                    lambda vault=vault: vault.today(now_ms - DAY_MS // 2, now_ms + DAY_MS // 2)
                )
            )
            if len(unlocks) < REPEATS:
                vault.lock()
        note, consultation = bytes(new_id()), vault.today(0, now_ms * 2)[0][0].entity
        strokes = [
            timed_ms(
                lambda n=n: vault.journal_draft(
                    note, consultation, NoteText("x" * (400 + n)), now_ms + n
                ).result()
            )
            for n in range(STROKES)
        ]
        vault.lock()
        plain, bare = plain_commits(folder), bare_fsyncs(folder)
    print(f"\n{'milliseconds':<46} {'median':>8} {'p99/max':>8}")
    print(f"{'unlock: Argon2id, open, check (10,000 booked)':<46} {quantiles(unlocks)}")
    print(f"{'today: first query after unlock':<46} {quantiles(todays)}")
    print(f"{'keystroke to disk: draft journal, encrypted':<46} {quantiles(strokes)}")
    print(f"{'yardstick: same commit, plain SQLite':<46} {quantiles(plain)}")
    print(f"{'yardstick: append and fsync':<46} {quantiles(bare)}")
    ratio = statistics.median(strokes) / statistics.median(plain)
    print(f"\nkeystroke to disk beside plain SQLite: x{ratio:.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
