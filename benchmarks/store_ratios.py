"""The vault beside plain SQLite: bulk apply, search, durable save. Pairs are interleaved.

Ratios of medians; what the yardstick leaves out is in :mod:`benchmarks.store_plain`.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks.notes_text import HELD_OUT, note
from benchmarks.store_plain import PlainStore, RowTap, timed
from telemed_desk.clinical.notes import NoteText
from telemed_desk.clinical.people import Clinician
from telemed_desk.vault import OpDraft, Vault, VaultDirectory
from telemed_desk.vault.search import match_of
from telemed_desk.vault.searching import QUERY
from telemed_desk.workflow import practice_data
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id
from telemed_protocol.op import OP_VERSION, READER_VERSION, Op, pack_payload

BATCH: Final = 1_000
WORDS: Final = (
    *("cough", "fever", "para", "knee", "amox", "mfano", "pressure", "iron", "juma", "visit"),
    *("follow", "dizz", "pain in", "x-ray knee", "burn dry", "td-00", "swollen", "night"),
)


@dataclass(frozen=True)
class Pair:
    """Medians in ms of the vault and of plain SQLite, over so many interleaved pairs."""

    vault: list[float]
    plain: list[float]


@contextmanager
def empty_vault(folder: Path, name: str) -> Iterator[Vault]:
    """A new vault of one PC in a clinic."""
    directory = VaultDirectory(folder / name)
    vault, _ = directory.create(
        clinician=Clinician(new_id(), practice_data.CLINICIAN),
        passphrase=practice_data.PASSPHRASE,
        device=DeviceIdentity.generate(new_id()),
    )
    vault.set_clinic(new_id()).result()
    try:
        yield vault
    finally:
        vault.lock()


def foreign_ops(count: int, seed: int = 7) -> list[Op]:
    """What another PC recorded: patients, bookings, a state, a note each."""
    rng = random.Random(seed)
    device, actor = rng.randbytes(16), rng.randbytes(16)
    at_ms = time.time_ns() // 1_000_000 - 365 * 86_400_000
    ops: list[Op] = []

    def add(kind: str, entity: bytes, payload: dict[str, object]) -> None:
        number = len(ops) + 1
        ops.append(
            Op(
                *(OP_VERSION, device, number, (at_ms + number) << 16, actor),
                *(kind, READER_VERSION, entity, (), pack_payload(payload)),
            )
        )

    while len(ops) < count:
        patient, consultation = rng.randbytes(16), rng.randbytes(16)
        person: dict[str, object] = {
            "given_name": rng.choice(("Amina", "Juma", "Neema", "Baraka", "Grace", "Hassan")),
            "family_name": rng.choice(("Mfano", "Kielelezo", "Jaribio")),
            "number": f"TD-{len(ops):06}",
            "year_of_birth": rng.randint(1940, 2025),
        }
        booking: dict[str, object] = {
            "patient": patient,
            "programme": "pall",
            "way": "video",
            "booked_ms": at_ms + len(ops) * 60_000,
            "minutes": 20,
            "clinician": actor,
            "reason": "follow-up visit",
        }
        text: dict[str, object] = {
            "consultation": consultation,
            **note(rng, HELD_OUT),
            "at_ms": at_ms + len(ops),
        }
        add("patient.set", patient, person)
        add("consult.book", consultation, booking)
        add("note.revise", rng.randbytes(16), text)
    return ops[:count]


def as_of_another_pc(drafts: list[OpDraft], at_ms: int) -> list[Op]:
    """Return facts as another PC would have recorded them."""
    device, actor = bytes(new_id()), bytes(new_id())
    return [
        Op(
            *(OP_VERSION, device, number, (at_ms << 16) + number, actor, draft.kind),
            *(READER_VERSION, draft.entity, draft.parents, pack_payload(draft.payload)),
        )
        for number, draft in enumerate(drafts, 1)
    ]


def apply_and_search(count: int, folder: Path) -> dict[str, Pair]:
    """Apply ops in batches of 1,000, then ask for words; each time both, one after the other."""
    ops = foreign_ops(count)
    applied, put = list[float](), list[float]()
    found, asked = list[float](), list[float]()
    with empty_vault(folder, "vault") as vault:
        tap = RowTap(vault)
        plain = PlainStore(folder / "plain.db", tap.schema())
        tap.batch([])
        for at in range(0, len(ops), BATCH):
            some = ops[at : at + BATCH]
            with timed(applied):
                vault.apply_ops(some).result()
            batch = tap.batch(some)
            with timed(put):
                plain.add(batch)
        for number in range(10):
            for word in WORDS:
                match = match_of(word)
                with timed(found):
                    hits = vault.search(word)
                with timed(asked):
                    rows = plain.connection.execute(QUERY, (match, 20)).fetchall()
                    people = sorted({row[4] for row in rows if row[4] is not None})
                    places = ", ".join("?" * len(people))
                    plain.connection.execute(
                        f"SELECT * FROM patient WHERE entity IN ({places})", people
                    ).fetchall()
                assert [hit.entity for hit in hits] == [row[2] for row in rows], word
                if number == 0:
                    found.pop()  # the first time reads pages from the file
                    asked.pop()
        plain.close()
    return {"apply": Pair(applied, put), "search": Pair(found, asked)}


def durable_save(count: int, folder: Path) -> dict[str, Pair]:
    """Save a note's revision, and a keystroke's draft; beside the same rows, one transaction each."""
    rng = random.Random(3)
    saved, put = list[float](), list[float]()
    kept, written = list[float](), list[float]()
    with empty_vault(folder, "saving") as vault:
        tap = RowTap(vault)
        plain = PlainStore(folder / "saving.db", tap.schema())
        tap.batch([])
        draft_note, consultation = bytes(new_id()), bytes(new_id())
        for _ in range(count):
            text = note(rng, HELD_OUT)
            at_ms = time.time_ns() // 1_000_000
            payload = {"consultation": rng.randbytes(16), **text, "at_ms": at_ms}
            draft = OpDraft("note.revise", rng.randbytes(16), payload)
            with timed(saved):
                ops = vault.commit(draft).result()
            batch = tap.batch(ops)
            with timed(put):
                plain.add(batch)
            typed = NoteText(text["S"], text["O"], text["A"], text["P"])
            with timed(kept):
                vault.journal_draft(draft_note, consultation, typed, at_ms).result()
            row = (draft_note, consultation, bytes(16), at_ms, b"", *text.values())
            with timed(written):
                plain.connection.execute("BEGIN IMMEDIATE")
                plain.connection.execute(
                    "INSERT OR REPLACE INTO draft_journal VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row
                )
                plain.connection.execute("COMMIT")
        plain.close()
    return {"save": Pair(saved, put), "keystroke": Pair(kept, written)}


def in_a_folder(folder: Path | None = None) -> tempfile.TemporaryDirectory[str]:
    """A temporary folder on the disk to be measured."""
    return tempfile.TemporaryDirectory(dir=folder)
