"""The parts of the benchmark: each measures some of the goals' figures and may be run alone."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import store
from benchmarks.store_ratios import Pair, apply_and_search, as_of_another_pc, durable_save
from benchmarks.sync import links, pouch
from benchmarks.sync.results import PartResult
from telemed_desk.clinical.people import Clinician
from telemed_desk.vault import VaultDirectory
from telemed_desk.workflow import practice_data
from telemed_protocol.identity import DeviceIdentity
from telemed_protocol.ids import new_id

POUCH_FOLDER: Final = Path("build/pouch")
THIN_BYTES_PER_S: Final = 8_000


def _beside(name: str, pair: Pair) -> dict[str, float]:
    return {f"{name}_ms": median(pair.vault), f"{name}_plain_ms": median(pair.plain)}


def plain_sqlite(result: PartResult) -> None:
    """Bulk apply, search and durable save beside plain SQLite."""
    with tempfile.TemporaryDirectory() as name:
        both = apply_and_search(30_000 if result.full else 8_000, Path(name))
        both |= durable_save(1_000 if result.full else 150, Path(name))
    for kind, pair in both.items():
        result.figures |= _beside(kind, pair)
    figures = result.figures
    result.figures |= {
        "apply_ratio": figures["apply_plain_ms"] / figures["apply_ms"],
        "search_ratio": figures["search_plain_ms"] / figures["search_ms"],
        "save_ratio": figures["save_ms"] / figures["save_plain_ms"],
        "keystroke_ratio": figures["keystroke_ms"] / figures["keystroke_plain_ms"],
    }
    result.words = (
        f"1,000 ops {figures['apply_ms']:.0f} to {figures['apply_plain_ms']:.0f} ms; search "
        f"{figures['search_ms']:.2f} to {figures['search_plain_ms']:.2f} ms; save "
        f"{figures['save_ms']:.2f} to {figures['save_plain_ms']:.2f} ms; keystroke "
        f"{figures['keystroke_ms']:.2f} to {figures['keystroke_plain_ms']:.2f} ms"
    )


def unlock(result: PartResult) -> None:
    """From the passphrase to Today's list, with 100,000 consultations booked."""
    now_ms = time.time_ns() // 1_000_000
    with tempfile.TemporaryDirectory() as name:
        directory = VaultDirectory(Path(name) / "vault")
        clinician = Clinician(new_id(), practice_data.CLINICIAN)
        vault, _ = directory.create(
            clinician=clinician,
            passphrase=practice_data.PASSPHRASE,
            device=DeviceIdentity.generate(new_id()),
        )
        vault.set_clinic(new_id()).result()
        # As it came from the clinic's other PCs: what waits to be sent lies in the journal as well.
        ops = as_of_another_pc(store.bookings(clinician.entity, now_ms, 100_000), now_ms)
        for at in range(0, len(ops), 1_000):
            vault.apply_ops(ops[at : at + 1_000]).result()
        vault.lock()
        seconds = []
        for _ in range(7 if result.full else 3):
            began = time.perf_counter()
            vault = directory.unlock(clinician.entity, practice_data.PASSPHRASE)
            today = vault.today(now_ms - store.DAY_MS // 2, now_ms + store.DAY_MS // 2)
            vault.open_consultations()
            seconds.append(time.perf_counter() - began)
            if not today:
                raise ValueError("nobody today")
            vault.lock()
    result.figures["unlock_s"] = median(seconds)
    result.lists["unlock_s"] = seconds
    result.words = f"{min(seconds):.2f} to {max(seconds):.2f} s, files in the page cache"


def bytes_a_note(result: PartResult) -> None:
    """Beside PouchDB's replication of the same notes."""
    notes = 2_000 if result.full else 1_000
    ours = asyncio.run(pouch.ours(notes, result.round))
    result.figures["bytes_a_note"] = ours["carried"] / notes
    try:
        theirs = pouch.pouch(pouch.obtain(POUCH_FOLDER), notes, result.round)
    except pouch.NoPouch as error:
        result.words = f"{result.figures['bytes_a_note']:.0f} B; no PouchDB here: {error}"
        return
    result.figures["pouch_bytes"] = (theirs["up"] + theirs["down"]) / notes
    result.figures["bytes_ratio"] = result.figures["bytes_a_note"] / result.figures["pouch_bytes"]
    result.words = (
        f"{result.figures['bytes_a_note']:.0f} to {result.figures['pouch_bytes']:.0f} B, both ways, "
        f"PouchDB {theirs['pouchdb']}, express-pouchdb {theirs['server']}, {theirs['there']} notes"
    )


def thin_link(result: PartResult) -> None:
    """Notes over 64 kbit/s and 600 ms."""
    notes = 10_000 if result.full else 3_000
    seen = asyncio.run(links.upload(notes, seed=result.round))
    result.figures |= {
        "goodput": seen["payload"] / seen["seconds"] / THIN_BYTES_PER_S,
        "upload_s": seen["seconds"],
        "sealed_bytes_a_note": seen["payload"] / notes,
        f"carried_{notes}": seen["carried"],
        "lost": seen["lost"],
        "doubled": seen["doubled"],
    }
    result.words = (
        f"{notes:,} notes in {seen['seconds']:.0f} s, {seen['payload'] / notes:.0f} B each sealed, "
        f"{seen['segments']} segments, {seen['up'] / notes:.0f} B up and {seen['down'] / notes:.0f} B "
        f"down each of IP packets, {seen['overflowed']} packets dropped, longest queue "
        f"{seen['queue_ms']:.0f} ms"
    )


def cut_link(result: PartResult) -> None:
    """The same with every connection broken each 10 s, beside a run without in the same round."""
    notes = 3_000 if result.full else 1_000
    whole = asyncio.run(links.upload(notes, seed=result.round))
    cut = asyncio.run(links.upload(notes, seed=result.round, cut=True))
    result.figures |= {
        "cut_extra": cut["carried"] / whole["carried"] - 1,
        "cut_s": cut["seconds"],
        "cut_lost": cut["lost"],
        "cut_doubled": cut["doubled"],
    }
    result.words = (
        f"{notes:,} notes, {cut['cuts']} cuts, {cut['seconds']:.0f} s instead of "
        f"{whole['seconds']:.0f} s, {cut['carried']:,} B instead of {whole['carried']:,}"
    )


def urgent(result: PartResult) -> None:
    """A queue change every few seconds while notes fill the line."""
    seen = asyncio.run(
        links.upload(10_000 if result.full else 2_000, seed=result.round, changes=True)
    )
    result.lists["urgent_s"] = seen["changes_s"]
    result.figures["urgent_median_s"] = seen["median_s"]
    result.words = f"{len(seen['changes_s'])} changes, median {seen['median_s']:.2f} s"


def new_pc(result: PartResult) -> None:
    """A clinic's years over 2 Mbit/s."""
    visits = 10_000 if result.full else 2_000
    seen = asyncio.run(links.new_pc(visits, seed=result.round))
    result.figures |= {
        "new_pc_s": seen["newest"],
        "new_pc_all_s": seen["all"],
        "new_pc_names": seen["names_at_newest"],
    }
    result.words = (
        f"of {visits:,} visits in {seen['segments']:,} segments ({seen['bytes'] / 1e6:.1f} MB); "
        f"{seen['names_at_newest']:.0%} of the names by then, all names after {seen['names']:.0f} s, "
        f"everything after {seen['all']:.0f} s"
    )


PARTS: Final[Mapping[str, Callable[[PartResult], None]]] = {
    "store": plain_sqlite,
    "unlock": unlock,
    "bytes": bytes_a_note,
    "new-pc": new_pc,
    "thin": thin_link,
    "cut": cut_link,
    "urgent": urgent,
}
